"""What a check is, and how it is run: once as it is, and once without the protection it tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.outcome import Outcome
from tests.faults.waiting import TooLate
from tests.faults.world import World


class Impossible(Exception):
    """This check cannot be made on this machine; the text says why."""


Body = Callable[[World], None]


@dataclass(frozen=True)
class Check:
    """`short` checks are part of continuous integration. `without` is what the proof takes away, `breaks` the
    promise that must then not hold."""

    name: str
    body: Body
    without: str
    breaks: str
    embedded: bool
    short: bool
    proof: Body


CHECKS: dict[str, Check] = {}


def check(
    name: str,
    *,
    without: str,
    breaks: str,
    embedded: bool = False,
    short: bool = False,
    proof: Body | None = None,
) -> Callable[[Body], Body]:
    """Register a check. `proof` is a shorter body for the run without protection, where the whole is long."""

    def register(body: Body) -> Body:
        CHECKS[name] = Check(name, body, without, breaks, embedded, short, proof or body)
        return body

    return register


def run(chosen: Check, seed: int) -> Outcome:
    """The check as it is: no promise may break."""
    return _judged(chosen, chosen.body, seed, "")


def prove(chosen: Check, seed: int) -> Outcome:
    """The check without its protection: the promise it names must break."""
    return _judged(chosen, chosen.proof, seed, chosen.without)


def _judged(chosen: Check, body: Body, seed: int, without: str) -> Outcome:
    with World(chosen.name, seed=seed, embedded=chosen.embedded, without=without) as world:
        begun = time.monotonic()
        try:
            body(world)
        except TooLate as late:
            world.expect(False, "deadline", str(late))
        outcome = world.judge()
        outcome.notes.append(f"took {time.monotonic() - begun:.0f} s")
        return outcome


def holds(outcome: Outcome) -> str:
    """Which promises broke, each with the first thing seen of it; empty when all held."""
    seen = {fault.promise: fault.seen for fault in reversed(outcome.faults)}
    return "; ".join(f"{promise}: {text}" for promise, text in reversed(seen.items()))


def can_fail(chosen: Check, outcome: Outcome) -> bool:
    return any(fault.promise == chosen.breaks for fault in outcome.faults)
