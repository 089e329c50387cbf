"""Fault 7: hosts that disagree about the time, and janitors that meet."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.check import Impossible, check
from tests.faults.waiting import for_a_while
from tests.faults.web import Web
from tests.faults.world import LEASE, World


def faketime() -> str:
    """The library that lies about the time, or an empty string."""
    for path in Path("/usr/lib").glob("*/faketime/libfaketime.so.1"):
        return str(path)
    return ""


def _lie(stamp: Path) -> dict[str, str]:
    """The environment of a process whose wall clock follows `stamp`; its monotonic clock stays true."""
    return {
        "LD_PRELOAD": faketime(),
        "FAKETIME_TIMESTAMP_FILE": str(stamp),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }


def _sleepless(world: World) -> bool:
    """Whether Python cannot even sleep under the lie: its sleep is absolute, on the monotonic clock."""
    stamp = world.directory / "probe"
    stamp.write_text("-3600\n")
    probe = [sys.executable, "-c", "import time; [time.sleep(0.01) for _ in range(20)]"]
    return subprocess.run(probe, env={**os.environ, **_lie(stamp)}, capture_output=True).returncode != 0


def _two_hosts(world: World, jumps: list[str]) -> None:
    """Two clusters, two of every janitor; the clock of one jumps while jobs hold leases."""
    web = world.web()
    world.no_second_start = True
    stamp = world.directory / "jump"
    stamp.write_text("+0\n")
    lie = _lie(stamp)
    world.cluster("true", FAULTS_HOST="true")
    world.cluster("jumping", FAULTS_HOST="jumping", **(lie if jumps else {}))
    held = world.submit(web, times=6, seconds=len(jumps or "x") * LEASE * 0.8 + 1)
    for job in held:
        world.started(job)
    for jump in jumps or [""]:
        if jump:
            stamp.write_text(f"{jump}\n")
        for_a_while(LEASE * 0.8, lambda: _doubled(world, web), every=0.25)
    at = time.monotonic()
    world.settle()
    world.outcome.recoveries.append(time.monotonic() - at)


def _doubled(world: World, web: Web) -> None:
    """New jobs, and another message for each of the latest: none may start twice."""
    world.submit(web, times=3, seconds=0.02)
    again = dict.fromkeys(world.accepted[-12:], 0.0)
    world.redis.client.zadd("{millrace}:line:document", again)


@check("clock of one host jumps ±1 h", without="database_clock", breaks="started_twice")
def jumping(world: World) -> None:
    if not faketime():
        raise Impossible("libfaketime is not installed (package faketime)")
    if _sleepless(world):
        raise Impossible("under this libfaketime time.sleep itself fails, so nothing would be learned")
    _two_hosts(world, ["+3600", "-3600", "+0"])


@check(
    "two hosts, two of every janitor, messages doubled",
    without="claim_guard",
    breaks="started_twice",
)
def quiet(world: World) -> None:
    _two_hosts(world, [])
