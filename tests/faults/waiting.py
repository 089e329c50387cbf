"""Waiting for a condition with a deadline: the only sleep of the suite."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class TooLate(AssertionError):
    """What was waited for did not come in time."""


def wait(condition: Callable[[], T], seconds: float, what: str, *, every: float = 0.05) -> T:
    """The first true value of `condition`, asked again and again; raises TooLate after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TooLate(f"waited {seconds:g} s for {what}")
        time.sleep(every)


def for_a_while(seconds: float, do: Callable[[], object], *, every: float) -> None:
    """Do something again and again for `seconds`: the load or the injury of a check."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        do()
        time.sleep(max(0.0, min(every - (time.monotonic() - begun), end - time.monotonic())))
