"""The rounds of the janitors. Every live cluster makes them; each step is safe to be made twice at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import connection

from jobs import signals, workers
from jobs.brokers import JobBroker
from jobs.maintenance import cleaner, rescuer, scheduler

_TICK_SIGNAL_SECONDS = 10.0
_CLEAN_SECONDS = 300.0
_STALE_SECONDS = 30.0
# For work that must not be done by two hosts at once only because it would be done twice (alerts, cleaning).
_LOCK = 0x6D696C6C


class Janitors:
    """The janitors of one parent process."""

    def __init__(self) -> None:
        now = time.monotonic()
        self._due: list[tuple[float, float, Callable[[], Any]]] = [
            (now + 2.0, _STALE_SECONDS, workers.remove_stale),
            (now + 2.0, _STALE_SECONDS, rescuer.remove_scratch),
            (now + 5.0, _TICK_SIGNAL_SECONDS, lambda: alone(lambda: signals.tick.send(sender=Janitors))),
            (now + 60.0, _CLEAN_SECONDS, lambda: alone(cleaner.clean)),
        ]

    def round(self, broker: JobBroker) -> None:
        """What is due every second or so, then what is due less often."""
        rescuer.rescue_local()
        rescuer.rescue_expired()
        try:
            scheduler.schedule(broker)
        finally:
            # Redis being away keeps jobs from their lines, but neither alerts nor cleaning.
            self._seldom()

    def _seldom(self) -> None:
        now = time.monotonic()
        for number, (when, every, do) in enumerate(self._due):
            if now >= when:
                self._due[number] = (now + every, every, do)
                do()

    def rescue_local(self) -> None:
        rescuer.rescue_local()


def alone(do: Callable[[], Any]) -> None:
    """Do it unless another host is doing it now. SQLite has one host, and its write lock."""
    if connection.vendor != "postgresql":
        do()
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return
        try:
            do()
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
