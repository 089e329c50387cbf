"""Fault 9: cancelled at a random moment: before, while and after it runs."""

from __future__ import annotations

import time

from tests.faults.check import check
from tests.faults.waiting import wait
from tests.faults.web import Refused
from tests.faults.world import World


def _cancelled(world: World, times: int) -> None:
    """Each job ends once, as cancelled or completed, and a cancelled one does nothing afterwards."""
    world.web()
    world.cluster(workers=4)
    world.warm(world.webs[0])
    due: list[tuple[float, str]] = []
    asked: dict[str, float] = {}
    wait(lambda: _turn(world, due, asked, times), 60 + times, "every cancel to be asked for", every=0.002)
    world.settle()
    effects = world.effects.read()
    ends = world.ledger.rows("SELECT job, state, extract(epoch FROM at)::float AS at FROM faults_ends")
    slowest = 0.0
    for job, when in asked.items():
        found = [(end["state"], end["at"]) for end in ends if end["job"] == job]
        states = [state for state, _ in found]
        once = len(states) == 1 and states[0] in ("cancelled", "completed")
        world.expect(once, "committed_twice", f"a cancelled job ended as {states}")
        if states == ["cancelled"]:
            late = effects.last(job) - found[0][1]
            world.expect(late <= 0, "after_cancel", f"an effect {late:.2f} s after cancelled")
            slowest = max(slowest, found[0][1] - when)
    world.within(slowest, 2, "slowest cancel")


def _turn(world: World, due: list[tuple[float, str]], asked: dict[str, float], times: int) -> bool:
    """Keep a few jobs in flight, and cancel each at its moment."""
    now = time.monotonic()
    if len(asked) + len(due) < times and len(due) < 12:
        (job,) = world.submit(world.webs[0], seconds=0.25)
        due.append((now + world.random.uniform(0, 1.6), job))
    for moment, job in [pair for pair in due if pair[0] <= now]:
        due.remove((moment, job))
        asked[job] = time.time()
        try:
            world.webs[0].cancel(job)
        except Refused as error:
            world.expect(error.status == 409, "refused", str(error))
    return len(asked) >= times


@check("cancelled at a random moment, 500 times", without="guards", breaks="committed_twice")
def cancelled(world: World) -> None:
    _cancelled(world, 60 if world.without else 500)


@check("cancelled at a random moment", without="guards", breaks="committed_twice", short=True)
def cancelled_some(world: World) -> None:
    _cancelled(world, 25)
