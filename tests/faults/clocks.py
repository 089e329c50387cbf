"""Fault 7: hosts that disagree about the time, and janitors that meet."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.check import Impossible, check
from tests.faults.waiting import for_a_while
from tests.faults.web import Web
from tests.faults.world import LEASE, World

_LIAR = Path(__file__).with_name("liar.c")


class WrongClock:
    """The wall clock of a host, to be set wrong. libfaketime would do, if Python could sleep under it."""

    def __init__(self, world: World) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise Impossible("there is no C compiler (package gcc)")
        library, self.file = world.directory / "liar.so", world.directory / "offset"
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_LIAR), "-ldl"], check=True
        )
        self.set(0)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(self.file)}

    def set(self, seconds: int) -> None:
        """How far the clock is off from now on."""
        with open(self.file, "r+b" if self.file.exists() else "w+b") as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))

    def off(self, world: World) -> float:
        """How far a process of that host really is off, in seconds."""
        return float(world.python("import time; print(time.time())", **self.environment)) - time.time()


def _two_hosts(world: World, jumps: list[int], clock: WrongClock | None = None) -> None:
    """Two clusters, two of every janitor; the clock of one jumps while jobs hold leases."""
    web = world.web()
    world.no_second_start = True
    world.cluster("true", FAULTS_HOST="true")
    world.cluster("jumping", FAULTS_HOST="jumping", **(clock.environment if clock else {}))
    held = world.submit(web, times=6, seconds=len(jumps) * LEASE * 0.8 + 1)
    for job in held:
        world.started(job)
    for jump in jumps:
        if clock:
            clock.set(jump)
            off = clock.off(world)
            world.expect(abs(off - jump) < 5, "staging", f"the clock is off by {off:.0f} s, not by {jump} s")
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
    _two_hosts(world, [+3600, -3600, 0], WrongClock(world))


@check(
    "two hosts, two of every janitor, messages doubled",
    without="claim_guard",
    breaks="started_twice",
)
def quiet(world: World) -> None:
    _two_hosts(world, [0])
