"""The line as it must not be read: by sorting all of it for each job."""

from __future__ import annotations

from typing import Any


def line() -> None:
    """The next job is looked for over all queues at once, an order that no index holds."""
    from django.db import connection

    from jobs import brokers

    def first(self: Any, queues: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE background_jobs SET dispatched_at = now() WHERE id = (SELECT id FROM background_jobs"
                " WHERE state = 'queued' AND dispatched_at IS NULL AND queue = ANY(%s)"
                " ORDER BY priority DESC, turn, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id",
                [list(queues)],
            )
            row = cursor.fetchone()
        return row[0] if row else None

    brokers.LedgerBroker._first = first
