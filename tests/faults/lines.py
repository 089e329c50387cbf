"""Fault 2: Redis is emptied, killed, frozen. It only ever held hints."""

from __future__ import annotations

import signal
import time

from tests.faults.check import check
from tests.faults.waiting import for_a_while, wait
from tests.faults.world import World


def _in_line(world: World) -> int:
    rows = world.ledger.rows(
        "SELECT id FROM background_jobs WHERE state = 'queued' AND dispatched_at IS NOT NULL"
    )
    return len(rows)


def _flushed(world: World, times: int, jobs: int) -> None:
    web = world.web()
    world.cluster()
    slowest = 0.0
    for _ in range(times):
        batch = world.submit(web, times=jobs, seconds=0.2)
        world.started(batch[0])
        wait(lambda: _in_line(world) > 5, 30, "the scheduler to have seen them")
        world.redis.client.flushall()
        at = time.monotonic()
        world.settle()
        slowest = max(slowest, time.monotonic() - at)
    world.outcome.recoveries.append(slowest)


@check("Redis FLUSHALL 5 times", without="reconcile", breaks="stuck", proof=lambda w: _flushed(w, 1, 40))
def flushed(world: World) -> None:
    _flushed(world, 5, 60)


@check("Redis FLUSHALL", without="reconcile", breaks="stuck", short=True, proof=lambda w: _flushed(w, 1, 40))
def flushed_once(world: World) -> None:
    _flushed(world, 1, 40)


def _away(world: World, seconds: float) -> None:
    """Redis is killed and comes back empty; every job created meanwhile is accepted."""
    web = world.web()
    world.cluster()
    first = world.submit(web, times=20, seconds=0.3)
    world.started(first[0])
    world.redis.end(signal.SIGKILL)
    for_a_while(seconds, lambda: world.submit(web, seconds=0.01), every=0.2)
    world.redis.start()
    at = time.monotonic()
    world.settle()
    world.outcome.recoveries.append(time.monotonic() - at)
    world.outcome.notes.append(f"slowest creation {web.slowest:.2f} s")
    world.expect(not world.refused, "refused", f"{len(world.refused)} creations: {world.refused[:1]}")


@check(
    "Redis killed for 15 s, back empty", without="forgiveness", breaks="refused", proof=lambda w: _away(w, 2)
)
def away(world: World) -> None:
    _away(world, 15)


@check("Redis killed for 4 s", without="forgiveness", breaks="refused", proof=lambda w: _away(w, 2))
def away_shortly(world: World) -> None:
    _away(world, 4)


def _frozen(world: World, seconds: float) -> None:
    """Redis accepts connections and answers nothing: every call to it has to give up by itself."""
    web, cluster = world.web(), world.cluster()
    running = world.submit(web, times=3, seconds=seconds + 2)
    for job in running:
        world.started(job)
    world.redis.freeze()
    for_a_while(seconds, lambda: world.submit(web, seconds=0.01), every=0.5)
    world.redis.thaw()
    at = time.monotonic()
    world.settle()
    world.outcome.recoveries.append(time.monotonic() - at)
    world.within(web.slowest, 2, "slowest creation")
    world.expect(not world.refused, "refused", f"{len(world.refused)} creations: {world.refused[:1]}")
    world.expect(cluster.process.poll() is None, "workers", "the cluster ended")
    twice = [job for job in running if len(world.effects.read().attempts(job)) > 1]
    world.expect(not twice, "lease", f"{len(twice)} running jobs lost their lease while Redis hung")


@check("Redis frozen for 20 s", without="forgiveness", breaks="refused", proof=lambda w: _frozen(w, 8))
def frozen(world: World) -> None:
    _frozen(world, 20)
