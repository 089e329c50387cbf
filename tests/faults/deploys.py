"""Fault 5: a changed secret, a deploy under load, a signal to everybody."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from tests.faults.check import check
from tests.faults.processes import Cluster
from tests.faults.world import World


@check("SECRET_KEY changed with 100 jobs queued", without="unsigned_line", breaks="stuck")
def secret(world: World) -> None:
    """Lines hold job ids and nothing signed, so what was queued under the old key runs under the new one."""
    world.submit(world.web(), times=100, seconds=0)
    at = time.monotonic()
    world.cluster(SECRET_KEY="another-secret-than-the-one-the-jobs-were-created-under")
    world.settle()
    world.outcome.recoveries.append(time.monotonic() - at)


def _deployed(world: World, group: bool) -> None:
    """Attempts that end within the drain complete; the others are handed back and charged nothing."""
    web, old = world.web(), world.cluster("old", RELEASE="old")
    short = world.submit(web, seconds=3)
    long = world.submit(web, times=2, seconds=16)
    for job in (*short, *long):
        world.started(job)
    old.tree()
    at = time.monotonic()
    if group:
        os.killpg(old.pid, signal.SIGTERM)
    else:
        old.term()
    world.submit(web, times=10, seconds=0.1)
    ended = _ended(old, 40)
    took = time.monotonic() - at
    world.no_orphans()
    world.within(took, 8 + 5, "drained in")
    world.expect(ended == 0, "drain", f"exit code {ended}")
    failures = world.ledger.rows("SELECT cause FROM job_failures")
    world.expect(not failures, "charged", f"{len(failures)} attempts were charged")
    for job in long:
        row = world.ledger.job(job)
        charged = row["attempt"] - row["uncharged"]
        world.expect(
            (row["state"], charged) == ("queued", 0), "charged", f"{row['state']}, {charged} charged"
        )
    if not world.without:
        world.expect(
            world.ledger.job(short[0])["state"] == "completed", "drain", "a short attempt was cut off"
        )
    at = time.monotonic()
    world.cluster("new", RELEASE="new")
    for job in long:
        world.started(job, 2)
    world.outcome.recoveries.append(time.monotonic() - at)
    world.settle()


def _ended(cluster: Cluster, seconds: float) -> int | None:
    try:
        return cluster.process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


@check("deploy under load", without="drain", breaks="charged", short=True)
def deployed(world: World) -> None:
    _deployed(world, group=False)


@check("SIGTERM to the process group", without="drain", breaks="charged")
def group(world: World) -> None:
    _deployed(world, group=True)


@check("deploy under load (SQLite)", without="drain", breaks="charged", embedded=True)
def deployed_embedded(world: World) -> None:
    _deployed(world, group=False)
