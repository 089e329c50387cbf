"""Fault 3: PostgreSQL crashes, restarts, and ends its sessions. Every answered creation has its row."""

from __future__ import annotations

import time

from tests.faults.check import check
from tests.faults.waiting import for_a_while, wait
from tests.faults.world import World


def _restarted(world: World, times: int) -> None:
    """Created under full load up to the very crash: what was answered must have been on the disk."""
    more = {"PGOPTIONS": "-c synchronous_commit=off"} if "durable" in world.without else {}
    web = world.web(**more)
    world.cluster()
    for _ in range(times):
        batch = world.submit(web, times=6, seconds=1)
        world.started(batch[0])
        with world.load(web, every=0.005, seconds=0.01):
            wait(lambda: len(world.accepted) % 50 > 40, 30, "some load")
            at = time.monotonic()
            world.postgres.restart_immediately()
            _accepts_again(world)
            world.outcome.recoveries.append(time.monotonic() - at)
    at = time.monotonic()
    world.settle()
    world.outcome.recoveries.append(time.monotonic() - at)
    _refused_politely(world)


def _accepts_again(world: World) -> None:
    enough = len(world.accepted) + 20
    wait(lambda: len(world.accepted) >= enough, 60, "creations to be accepted again")


def _refused_politely(world: World) -> None:
    """With the database away the web answers 503: come back later."""
    world.outcome.notes.append(f"{len(world.refused)} creations refused")
    rude = [str(error) for error in world.refused if error.status != 503]
    world.expect(not rude, "rude", f"{len(rude)} answers such as {rude[:1]}")


@check("PostgreSQL crashes 3 times", without="durable", breaks="lost")
def restarted(world: World) -> None:
    _restarted(world, 3)


@check("PostgreSQL crashes", without="durable", breaks="lost", short=True)
def restarted_once(world: World) -> None:
    _restarted(world, 1)


def _sessions(world: World, seconds: float) -> None:
    web = world.web()
    world.cluster()
    first = world.submit(web, times=30, seconds=1)
    world.started(first[0])

    def hurt() -> None:
        world.postgres.end_sessions()
        world.submit(web, times=3, seconds=0.5)

    for_a_while(seconds, hurt, every=2)
    at = time.monotonic()
    world.settle()
    world.outcome.recoveries.append(time.monotonic() - at)
    _refused_politely(world)


@check(
    "every PostgreSQL session ended every 2 s for 30 s",
    without="persistence,rescuer",
    breaks="stuck",
    proof=lambda world: _sessions(world, 6),
)
def sessions(world: World) -> None:
    _sessions(world, 30)


@check("PostgreSQL sessions ended", without="persistence,rescuer", breaks="stuck")
def sessions_shortly(world: World) -> None:
    _sessions(world, 6)
