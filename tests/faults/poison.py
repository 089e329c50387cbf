"""Fault 6: jobs that take their process with them, eat its memory, or will not be stopped."""

from __future__ import annotations

import time

import psutil

from tests.faults.check import check
from tests.faults.processes import kill, lives
from tests.faults.waiting import TooLate, wait
from tests.faults.world import World


def _all_completed(world: World, jobs: list[str]) -> None:
    states = {world.ledger.job(job)["state"] for job in jobs}
    world.expect(states == {"completed"}, "honest", f"honest jobs beside it are {states}")


def _poison(world: World, honest: int, poisoned: int) -> None:
    web, cluster = world.web(), world.cluster()
    pids = set(cluster.workers())
    bad: list[str] = []
    good: list[str] = []
    every = honest // poisoned
    for _ in range(poisoned):
        bad += world.submit(web, "work.bad", mode="kill", maxAttempts=5)
        good += world.submit(web, times=every, seconds=0.01)
    world.settle()
    world.effects.read()
    _all_completed(world, good)
    for job in bad:
        row = world.ledger.job(job)
        code = (row["error"] or {}).get("code")
        tried = row["attempt"], world.effects.attempts(job)
        world.expect(
            (row["state"], code, tried) == ("failed", "poisoned", (3, [1, 2, 3])),
            "poisoned",
            f"{row['state']} {code} after attempts {tried}",
        )
    world.expect(pids == set(cluster.workers()), "workers", "a worker was replaced")


@check(
    "10 poisoned among 190 honest",
    without="poison",
    breaks="poisoned",
    proof=lambda world: _poison(world, 4, 1),
)
def poison(world: World) -> None:
    _poison(world, 190, 10)


@check(
    "poisoned among honest", without="poison", breaks="poisoned", short=True, proof=lambda w: _poison(w, 4, 1)
)
def little_poison(world: World) -> None:
    _poison(world, 20, 2)


def _ended_by_limit(world: World, mode: str, cause: str, limit: float) -> None:
    """One attempt of a kind with a limit of 2 s and 300 MiB; honest jobs go on beside it."""
    web, cluster = world.web(), world.cluster()
    pids = set(cluster.workers())
    (job,) = world.submit(web, "work.bad", mode=mode, maxAttempts=1)
    good = world.submit(web, times=10, seconds=0.1)
    world.started(job)
    took = world.noticed(job, 1, time.monotonic(), limit + 10)
    world.settle()
    _all_completed(world, good)
    row = world.ledger.job(job)
    causes = [row["cause"] for row in world.ledger.rows("SELECT cause FROM job_failures")]
    world.within(took, limit, f"{mode} ended after")
    world.expect(row["state"] == "failed", "stuck", f"{mode} is {row['state']}")
    world.expect(causes == [cause], "cause", f"{mode} has causes {causes}, not {cause}")
    world.expect(pids == set(cluster.workers()), "workers", "a worker was replaced")


@check("loop in native code", without="sandbox", breaks="cause", short=True)
def native(world: World) -> None:
    _ended_by_limit(world, "native", "timeout", 4)


@check("except: pass around everything", without="sandbox", breaks="cause")
def swallow(world: World) -> None:
    _ended_by_limit(world, "swallow", "timeout", 4)


@check("out of memory", without="memory", breaks="cause")
def memory(world: World) -> None:
    _ended_by_limit(world, "memory", "memory", 4)


@check("loop in native code (SQLite)", without="sandbox", breaks="cause", embedded=True)
def native_embedded(world: World) -> None:
    _ended_by_limit(world, "native", "timeout", 4)


@check("an heir keeps the dead sandbox's pipe open", without="liveness,kinship", breaks="late")
def heir(world: World) -> None:
    """A grandchild that outlives the sandbox holds its end of the pipe: no end of file tells of the death."""
    web = world.web()
    world.cluster()
    (job,) = world.submit(web, "faults.odd", mode="heir", maxAttempts=1)
    world.started(job)
    world.within(world.noticed(job, 1, time.monotonic(), 30), 1, "sandbox death noticed in")
    world.settle()


@check("what a dead sandbox started", without="kinship", breaks="orphans")
def escape(world: World) -> None:
    """A grandchild in its own session escapes the kill of the group; the parent process ends it."""
    web = world.web()
    world.cluster()
    (job,) = world.submit(web, "faults.odd", mode="escape", maxAttempts=1)
    world.started(job)
    world.settle()
    words = [word for word, _ in world.effects.read().said[job, 1]]
    (pid,) = (int(word[6:]) for word in words if word.startswith("child:"))
    try:
        wait(
            lambda: not psutil.pid_exists(pid) or not lives(psutil.Process(pid)), 10, "the grandchild to end"
        )
    except TooLate:
        world.expect(False, "orphans", f"process {pid} lives on")
        kill(pid)


@check("what the database cannot store", without="last_word", breaks="foreign")
def unstorable(world: World) -> None:
    """A part of a result that PostgreSQL refuses ends its own job, and no later one in that worker."""
    web = world.web()
    world.cluster(workers=1)
    bad = world.submit(web, "faults.odd", mode="unstorable_partial", maxAttempts=1)
    bad += world.submit(web, "faults.odd", mode="unstorable_progress", maxAttempts=1)
    good = world.submit(web, times=4, seconds=1.5)
    world.settle()
    for job in bad:
        row = world.ledger.job(job)
        world.expect(row["state"] == "failed", "foreign", f"{row['state']} {row['error']}")
        took = row["finished_at"] - row["started_at"]
        world.expect(took.total_seconds() < 4, "foreign", f"ended after {took.total_seconds():.1f} s")
    for job in good:
        words = [word for word, _ in world.effects.read().said.get((job, 1), ())]
        completed = world.ledger.job(job)["state"] == "completed"
        world.expect(completed and words.count("end") == 1, "foreign", f"{completed=} after {words[-1:]}")
