"""Queues as operators see them: which there are, which are paused, and who serves them."""

from __future__ import annotations

import logging
from typing import Final

from django.db import connection
from django.utils import timezone

from jobs import conf, registry, workers
from jobs.exceptions import MillraceError
from jobs.models import Job, QueueState, WorkerState
from jobs.states import State

logger = logging.getLogger(__name__)

LIVE_SECONDS: Final = workers.STALE_SECONDS
_RESUME_BATCH: Final = 2000

# A loose index scan: one probe of the (queue, state, finished_at) index for each queue, however many jobs.
_DISTINCT: Final = """
WITH RECURSIVE names(queue) AS (
  SELECT min(queue) FROM background_jobs
  UNION ALL
  SELECT (SELECT min(j.queue) FROM background_jobs j WHERE j.queue > names.queue)
  FROM names WHERE names.queue IS NOT NULL
)
SELECT queue FROM names WHERE queue IS NOT NULL
"""


class UnknownQueue(MillraceError):
    """There is no queue of this name."""


def known() -> list[str]:
    """Every queue: those of the pools, of the handlers, and of jobs in the ledger whose handler is gone."""
    with connection.cursor() as cursor:
        cursor.execute(_DISTINCT, ())
        used = [row[0] for row in cursor.fetchall()]
    return list(dict.fromkeys([*declared(), *used]))


def declared() -> list[str]:
    """The queues that the pools and the handlers name, without a query."""
    return list(dict.fromkeys([*conf.QUEUES, *sorted(handler.queue for handler in registry.handlers())]))


def paused() -> dict[str, QueueState]:
    """The paused queues by name."""
    return {state.name: state for state in QueueState.objects.filter(paused_at__isnull=False)}


def pause(name: str, *, actor: str, reason: str = "") -> QueueState:
    """Let no worker take another job of this queue; what runs goes on. Pausing twice keeps the first time.

    Raises UnknownQueue.
    """
    _check(name)
    QueueState.objects.bulk_create([QueueState(name=name)], ignore_conflicts=True)
    changed = QueueState.objects.filter(name=name, paused_at=None).update(
        paused_at=timezone.now(), paused_by=actor[:200], reason=reason[:500]
    )
    if changed:
        logger.warning("queue %s paused by %s: %s", name, actor, reason or "no reason given")
    return QueueState.objects.get(name=name)


def resume(name: str, *, actor: str) -> QueueState:
    """Let workers take jobs of this queue again. Raises UnknownQueue.

    A worker that met a job of the paused queue has used its message up, so every job that still waits
    is marked as not dispatched: the scheduler puts it in its line again (adding it twice is harmless).
    """
    _check(name)
    QueueState.objects.bulk_create([QueueState(name=name)], ignore_conflicts=True)
    changed = QueueState.objects.filter(name=name, paused_at__isnull=False).update(
        paused_at=None, paused_by="", reason=""
    )
    if changed:
        logger.warning("queue %s resumed by %s", name, actor)
    _forget_dispatches(name)
    return QueueState.objects.get(name=name)


def ensure_rows() -> None:
    """Give every known queue its row, so that it can be listed and paused."""
    have = set(QueueState.objects.values_list("name", flat=True))
    missing = [QueueState(name=name) for name in known() if name not in have]
    if missing:
        QueueState.objects.bulk_create(missing, ignore_conflicts=True)


def live_workers() -> list[WorkerState]:
    """The workers whose cluster has been heard of lately."""
    return list(workers.live().order_by("pool", "id"))


def queue_after(job: Job, priority: int) -> str | None:
    """The queue a job belongs in at another priority, or None when it stays where it is."""
    try:
        handler = registry.get(job.kind)
        if handler.route is None:
            return None
        queue = handler.queue_for(handler.validate(job.args), priority)
    except MillraceError:
        return None
    return queue if queue != job.queue else None


def _check(name: str) -> None:
    if name not in declared() and name not in known():
        raise UnknownQueue(f"There is no queue {name!r}. Choose one of: {', '.join(known())}.")


def _forget_dispatches(name: str) -> None:
    stale = Job.objects.filter(queue=name, state=State.QUEUED, dispatched_at__isnull=False)
    while True:
        ids = list(stale.order_by().values_list("pk", flat=True)[:_RESUME_BATCH])
        Job.objects.filter(pk__in=ids, state=State.QUEUED).update(dispatched_at=None)
        if len(ids) < _RESUME_BATCH:
            return
