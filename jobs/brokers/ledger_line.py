"""The embedded default: the line is the ledger's own index."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from django.db import connection
from django_q.brokers.orm import ORM

from jobs import ledger
from jobs.brokers.line import BLOCK_SECONDS, GUEST_HEADS, LOST_SECONDS, JobBroker, Message, message
from jobs.models import Job
from jobs.states import State

# Nobody wakes the embedded default, so it looks this often, in seconds: half of it is the mean delay.
POLL_SECONDS = 0.04
_TASK_LOOK_SECONDS = 0.5
# So many pushers may look at the head of one queue at once, and each still finds a job nobody else holds.
_HEADS = 8


class LedgerBroker(JobBroker, ORM):
    """Reads the line from the database."""

    _tasks_read = 0.0

    def _next(self) -> list[Message] | None:
        deadline = time.monotonic() + BLOCK_SECONDS
        while True:
            job_id = self.take()
            if job_id:
                return [message(job_id)]
            tasks = self._task()
            if tasks:
                return tasks
            if time.monotonic() >= deadline or (self.board and self.board.draining):
                return None
            time.sleep(POLL_SECONDS)

    def _task(self) -> list[Message] | None:
        if not self._serves_tasks or time.monotonic() - self._tasks_read < _TASK_LOOK_SECONDS:
            return None
        self._tasks_read = time.monotonic()
        due = self.get_connection().filter(key=self.list_key).extra(where=[f"lock < {ledger.now()}"])
        for task in due[:1]:
            if self.get_connection().filter(pk=task.pk, lock=task.lock).update(lock=self.timeout(task)):
                return [(task.pk, task.payload)]
        return None

    def _first(self, queues: Sequence[str]) -> uuid.UUID | None:
        return self._take(queues, _HEADS)

    def _first_guest(self, queues: Sequence[str]) -> uuid.UUID | None:
        served = self._served
        stranger = (
            "AND NOT EXISTS (SELECT 1 FROM background_jobs AS other WHERE other.state = 'running'"
            " AND other.owner_id = background_jobs.owner_id"
            f" AND other.queue IN ({', '.join(['%s'] * len(served))}))"
        )
        return self._take(queues, GUEST_HEADS, stranger, served)

    def _take(
        self, queues: Sequence[str], number: int, condition: str = "", more: Sequence[str] = ()
    ) -> uuid.UUID | None:
        """Take the first job for which `condition` holds, among the first `number` of each queue."""
        # The head of each queue by itself: over several queues at once no index holds the order.
        due = f"state = 'queued' AND dispatched_at IS NULL AND run_at <= {ledger.now()}"
        order = "ORDER BY priority DESC, turn, id LIMIT"
        head = f"SELECT id FROM background_jobs WHERE {due} AND queue = %s {order} {number}"
        heads = " UNION ALL ".join(f"SELECT id FROM ({head}) AS q{place}" for place in range(len(queues)))
        first = f"SELECT id FROM background_jobs WHERE id IN ({heads}) AND {due} {condition} {order} 1"
        params = [*queues, *more]
        if connection.vendor == "postgresql":
            first += " FOR UPDATE SKIP LOCKED"
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                # Looking costs nothing in WAL mode; only who has found something takes the write lock.
                cursor.execute(first, params)
                if cursor.fetchone() is None:
                    return None
            cursor.execute(
                f"UPDATE background_jobs SET dispatched_at = {ledger.now()} WHERE id = ({first})"
                " AND state = 'queued' AND dispatched_at IS NULL RETURNING id",
                params,
            )
            row = cursor.fetchone()
        if row is None:
            return None
        return row[0] if isinstance(row[0], uuid.UUID) else uuid.UUID(row[0])

    def reconcile(self) -> int:
        return (
            Job.objects.filter(state=State.QUEUED, dispatched_at__isnull=False)
            .extra(where=[f"dispatched_at < {ledger.now(-LOST_SECONDS)}"])
            .update(dispatched_at=None)
        )

    def queue_size(self) -> int:
        return Job.objects.queued().count() + super().queue_size()
