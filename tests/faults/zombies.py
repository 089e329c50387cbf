"""Fault 4: a worker that was taken for dead comes back and wants to write."""

from __future__ import annotations

import os
import signal
import time

from tests.faults.check import check
from tests.faults.waiting import TooLate, wait
from tests.faults.world import World


def _thawed(world: World, jobs: int) -> None:
    """Workers are frozen first, so that their sandboxes leave results in the pipe; then everything is.

    After the lease another host works on the jobs, when the zombies wake with the old results."""
    web = world.web()
    doomed = world.cluster("doomed", FAULTS_HOST="doomed")
    held = world.submit(web, times=jobs, seconds=2.5)
    for job in held:
        world.started(job)
    for worker in doomed.workers():
        os.kill(worker, signal.SIGSTOP)
    wait(lambda: all(_said(world, job, 1) for job in held), 30, "the sandboxes to finish")
    doomed.stop(signal.SIGSTOP)
    at = time.monotonic()
    world.cluster("other", FAULTS_HOST="other")
    world.submit(web, times=3, seconds=0.1)
    for job in held:
        world.started(job, 2)
    world.outcome.recoveries.append(time.monotonic() - at)
    doomed.stop(signal.SIGCONT)
    world.settle()
    for job in held:
        row = world.ledger.job(job)
        attempts = row["attempt"], (row["result"] or {}).get("attempt")
        world.expect(
            attempts == (2, 2), "committed_twice", f"attempt {attempts[0]} has the result of {attempts[1]}"
        )
    scratch = world.data / "scratch"
    try:
        wait(
            lambda: not any(p.is_file() for p in scratch.rglob("*")),
            90,
            "the zombies' files to be collected",
            every=0.5,
        )
    except TooLate as late:
        world.expect(False, "files", str(late))


@check("frozen past its lease, then thawed", without="fence", breaks="committed_twice", short=True)
def thawed(world: World) -> None:
    _thawed(world, 3)


def _said(world: World, job: str, attempt: int) -> bool:
    return any(word == "end" for word, _ in world.effects.read().said.get((job, attempt), ()))
