"""`make soak MINUTES=30`: a steady load, a random fault every 20 s; memory and open files must stay flat."""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Callable

import psutil

from tests.faults.outcome import Outcome
from tests.faults.processes import Cluster, kill, leave_nothing_behind, send
from tests.faults.servers import missing
from tests.faults.waiting import wait
from tests.faults.world import LEASE, World

EVERY = 20.0
# What a process may gain from its first quarter to its last: in bytes, and in open files.
ROOM_BYTES = 40 * 1024 * 1024
ROOM_FILES = 12


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("MINUTES", "30")))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    if missing():
        print(missing())
        return 1
    leave_nothing_behind()
    print(f"SEED={options.seed}", flush=True)
    with World("soak", seed=options.seed) as world:
        outcome = soak(world, options.minutes * 60)
    print(outcome.count, "; ".join(outcome.notes))
    for fault in outcome.faults:
        print(f"BROKEN {fault.promise}: {fault.seen}")
    return 1 if outcome.faults else 0


def soak(world: World, seconds: float) -> Outcome:
    """Hurt what lives, for so long; then let everything end, and count."""
    web, clusters = world.web(), [world.cluster(name, FAULTS_HOST=name) for name in ("one", "two")]
    end = time.monotonic() + seconds
    measured: dict[str, list[tuple[int, int]]] = {"web": [], "one": [], "two": []}
    faults = _faults(world, clusters)
    with world.load(web, every=0.2, seconds=0.3):
        while time.monotonic() < end:
            done = len(world.accepted)
            wait(lambda done=done: len(world.accepted) > done, 60, "creations to be accepted")  # type: ignore[misc]
            name = world.random.choice(sorted(faults))
            print(f"{end - time.monotonic():6.0f} s left: {name}", flush=True)
            faults[name]()
            until = min(end, time.monotonic() + EVERY)
            wait(lambda until=until: time.monotonic() >= until, EVERY + 5, "the next fault")  # type: ignore[misc]
            for place, pid in (("web", web.process.pid), ("one", clusters[0].pid), ("two", clusters[1].pid)):
                process = psutil.Process(pid)
                measured[place].append((process.memory_info().rss, process.num_fds()))
    world.settle(180)
    for place, samples in measured.items():
        _flat(world, place, samples)
    return world.judge()


def _faults(world: World, clusters: list[Cluster]) -> dict[str, Callable[[], object]]:
    """Everything that may happen to a site, by name. Each leaves the site able to recover by itself."""

    def some() -> Cluster:
        whole = [cluster for cluster in clusters if cluster.ready()]
        return world.random.choice(whole or wait(lambda: [c for c in clusters if c.ready()], 60, "a cluster"))

    def frozen() -> None:
        worker = world.random.choice(some().workers())
        send(worker, signal.SIGSTOP)
        thaw = time.monotonic() + LEASE + 2
        wait(lambda: time.monotonic() > thaw, LEASE + 5, "the lease to pass")
        send(worker, signal.SIGCONT)

    def redis_away() -> None:
        world.redis.end(signal.SIGKILL)
        back = time.monotonic() + 5
        wait(lambda: time.monotonic() > back, 10, "Redis to have been away for a while")
        world.redis.start()

    return {
        "a sandbox is killed": lambda: kill(world.some_running(set())[3]),
        "a busy worker is killed": lambda: kill(world.some_running(set())[2]),
        "any worker is killed": lambda: kill(world.random.choice(some().workers())),
        "a pusher is killed": lambda: kill(some().pusher()),
        "a monitor is killed": lambda: kill(some().monitor()),
        "a sentinel is killed": lambda: kill(some().sentinel()),
        "a worker is frozen past its lease": frozen,
        "Redis is emptied": lambda: world.redis.client.flushall(),
        "Redis is killed for 5 s": redis_away,
        "PostgreSQL crashes": world.postgres.restart_immediately,
        "PostgreSQL ends every session": world.postgres.end_sessions,
    }


def _flat(world: World, place: str, samples: list[tuple[int, int]]) -> None:
    quarter = max(1, len(samples) // 4)
    early, late = samples[:quarter], samples[-quarter:]
    grown = statistics.median(rss for rss, _ in late) - statistics.median(rss for rss, _ in early)
    files = statistics.median(fds for _, fds in late) - statistics.median(fds for _, fds in early)
    world.outcome.notes.append(f"{place}: {grown / 1e6:+.1f} MB, {files:+.0f} files")
    world.expect(grown < ROOM_BYTES, "memory", f"{place} grew by {grown / 1e6:.0f} MB")
    world.expect(files < ROOM_FILES, "files", f"{place} has {files:.0f} more open files")


if __name__ == "__main__":
    sys.exit(main())
