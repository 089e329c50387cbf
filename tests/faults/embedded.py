"""Fault 11: SQLite, one file, and everybody writes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.faults.check import check
from tests.faults.web import Refused
from tests.faults.world import World

WRITERS = 20


def _crowd(world: World, seconds: float) -> None:
    """20 clients create and cancel at once, beside web, workers and janitors."""
    first = world.web()
    world.cluster(workers=3)

    def write(number: int) -> tuple[list[str], list[str], float]:
        client = first.another_client()
        created: list[str] = []
        errors: list[str] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                created.append(client.create("faults.work", effects=str(world.effects.path)))
                if len(created) % 4 == 0:
                    client.cancel(created[-1])
            except Refused as error:
                if error.status != 409:
                    errors.append(str(error))
        client.close()
        return created, errors, client.slowest

    with ThreadPoolExecutor(WRITERS) as crowd:
        written = list(crowd.map(write, range(WRITERS)))
    for created, _, _ in written:
        world.accepted += created
    errors = [error for _, wrong, _ in written for error in wrong]
    world.outcome.notes.append(f"slowest creation {max(slowest for _, _, slowest in written):.2f} s")
    world.expect(not errors, "locked", f"{len(errors)} errors such as {errors[:1]}")
    world.settle(180)


@check("SQLite with 20 writers for 20 s", without="busy_timeout", breaks="locked", embedded=True)
def crowd(world: World) -> None:
    _crowd(world, 4 if world.without else 20)


@check("SQLite with 20 writers", without="busy_timeout", breaks="locked", embedded=True, short=True)
def little_crowd(world: World) -> None:
    _crowd(world, 3)
