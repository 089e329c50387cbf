"""Puts in line what is due, and what a line has lost."""

from __future__ import annotations

import time

from django.db.models.functions import Now

from jobs import ledger, transitions
from jobs.brokers import JobBroker
from jobs.exceptions import InvalidTransition
from jobs.models import Job
from jobs.states import ACTIVE, State

_RECONCILE_SECONDS = 2.0
_TREES_SECONDS = 5.0
_BATCH = 1000
_last: dict[str, float] = {}


def schedule(broker: JobBroker) -> None:
    """One round: due retries, lost messages, and everything due that is in no line."""
    transitions.requeue_due()
    if _is_time("reconcile", _RECONCILE_SECONDS):
        broker.reconcile()
    if broker.puts:
        while _put_due(broker) == _BATCH:
            pass
    if _is_time("trees", _TREES_SECONDS):
        mend_trees()


def _put_due(broker: JobBroker) -> int:
    """Put jobs that are due and in no line into theirs; marks them once the line has them."""
    due = list(
        Job.objects.in_line()
        .filter(dispatched_at=None)
        .extra(where=[f"run_at <= {ledger.now()}"])
        .only("id", "queue", "owner_id", "priority", "turn")[:_BATCH]
    )
    if due:
        broker.put(due)
        with ledger.hint():
            Job.objects.filter(pk__in=[job.pk for job in due], state=State.QUEUED).update(dispatched_at=Now())
    return len(due)


def mend_trees() -> int:
    """Finish what a crash between two transactions left of a parent and its children; returns how many.

    A cancelled parent's children that go on, and a waiting parent whose children have all ended.
    """
    mended = 0
    orphans = Job.objects.filter(
        state__in=ACTIVE, parent__state=State.CANCELLED, cancel_requested_at=None
    ).select_related(None)[:_BATCH]
    for child in orphans:
        try:
            transitions.cancel(child, reason="Its parent was cancelled")
            mended += 1
        except InvalidTransition:
            continue
    return mended + transitions.wake_parents(limit=_BATCH)


def _is_time(what: str, every: float) -> bool:
    if time.monotonic() - _last.get(what, -every) < every:
        return False
    _last[what] = time.monotonic()
    return True
