"""What an end brings with it: a parent counts its child and is woken by the last, a callback is owed."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

from django.db import transaction
from django.db.models import F

from jobs import ledger, preferences, signals
from jobs.ledger import SQL, Fence
from jobs.models import Job
from jobs.states import TERMINAL, Category, Event, State, sources

# The kind that tells a callback address of a job's end (`jobs.webhooks`): eight tries over some hours.
WEBHOOK = "jobs.webhook"
# The kind that mails the owner who asked for it (`jobs.mail`).
EMAIL = "jobs.email"
TELLING_ATTEMPTS = 8

LET_GO: dict[str, Any] = {"claim": None, "lease_until": None}
_TERMINAL_COUNTERS = {
    State.COMPLETED: "children_completed",
    State.FAILED: "children_failed",
    State.CANCELLED: "children_cancelled",
}


def end_cancelled(
    job: Job, sources_: Iterable[State], fence: Fence | None, reason: str, actor: str
) -> Job | None:
    with with_consequences(job):
        ended = ledger.move(
            job.id,
            to=State.CANCELLED,
            sources=tuple(sources_),
            fence=fence,
            values={
                **LET_GO,
                "finished_at": SQL(ledger.now()),
                "checkpoint": None,
                "cancel_requested_at": SQL(f"COALESCE(cancel_requested_at, {ledger.now()})"),
                "error": {
                    "code": "cancelled",
                    "message": reason or "Cancelled.",
                    "category": str(Category.CANCELLED),
                    "retryable": True,
                },
            },
            event=Event.CANCELLED,
            reason=reason,
            actor=actor,
        )
        consequences(ended)
    if ended:
        signals.withdrawn.send(sender=Job, jobs=[ended])
    return announce_end(ended)


def with_consequences(job: Job) -> Any:
    """A transaction where something must change with the job's end; else the one statement is enough."""
    more = job.parent_id or job.callback_url or preferences.mail_owed(job)
    return transaction.atomic() if more else nullcontext()


def consequences(ended: Job | None) -> None:
    """What must be true when an end is: its parent counts it, and whoever asked to be told is owed that."""
    _tell_parent(ended)
    if ended is None or ended.state not in TERMINAL:
        return
    owed = [WEBHOOK] if ended.callback_url else []
    if preferences.mail_owed(ended, ended.state):
        owed.append(EMAIL)
    if owed:
        ledger.insert([_telling(kind, ended) for kind in owed])


def _telling(kind: str, ended: Job) -> Job:
    return Job(
        kind=kind,
        queue="system",
        owner_id=ended.owner_id,
        priority=ended.priority,
        args={"job_id": str(ended.id)},
        max_attempts=TELLING_ATTEMPTS,
        run_at=None,  # type: ignore[misc]
    )


def _tell_parent(ended: Job | None) -> None:
    """Count an ended child in its parent, and wake the parent when it was the last one."""
    if ended is None or not ended.parent_id or ended.state not in TERMINAL:
        return
    counter = _TERMINAL_COUNTERS[State(ended.state)]
    parent = ledger.note(
        ended.parent_id,
        Event.CHILD_ENDED,
        values={counter: SQL(f"{counter} + 1")},
        data={"child": str(ended.id), "kind": ended.kind, "state": str(ended.state)},
    )
    if parent:
        _wake(parent)


def wake_parents(limit: int) -> int:
    """Wake waiting parents whose children have all ended, if a crash kept them asleep; returns how many."""
    waiting = Job.objects.filter(
        state=State.WAITING,
        children_total__lte=F("children_completed") + F("children_failed") + F("children_cancelled"),
    )
    return sum(_wake(parent) for parent in waiting[:limit])


def _wake(parent: Job) -> bool:
    """Put a parent in line for its finish, when it waits and its last child has ended."""
    if parent.state != State.WAITING or parent.children_ended < parent.children_total:
        return False
    woken = ledger.move(
        parent.id,
        to=State.QUEUED,
        sources=(State.WAITING,),
        where=(SQL("children_completed + children_failed + children_cancelled >= children_total"),),
        values={"run_at": SQL(ledger.now()), "dispatched_at": None},
        event=Event.CHILDREN_ENDED,
        data={
            "completed": parent.children_completed,
            "failed": parent.children_failed,
            "cancelled": parent.children_cancelled,
        },
    )
    if woken:
        transaction.on_commit(lambda: signals.queued.send(sender=Job, jobs=[woken]))
    return woken is not None


def reopen_parent(child: Job, was: State) -> None:
    """A retried child is outstanding again: its parent's count goes down, and an ended parent waits again."""
    if not child.parent_id:
        return
    counter = _TERMINAL_COUNTERS[was]
    parent = ledger.note(
        child.parent_id,
        Event.LOG,
        values={counter: SQL(f"{counter} - 1")},
        data={"level": "info", "message": f"Child {child.id} is run again"},
    )
    if parent and parent.state in TERMINAL:
        reopened = ledger.move(
            parent.id,
            to=State.WAITING,
            sources=sources(State.WAITING),
            where=(SQL("state <> 'running'"),),
            values={
                "finished_at": None,
                "finishing": True,
                "error": None,
                "cancel_requested_at": None,
                "uncharged": SQL("attempt"),
                "crash_count": 0,
            },
            event=Event.WAITING,
            data={"reopened": True},
        )
        if reopened:
            reopen_parent(reopened, State(parent.state))


def announce_end(ended: Job | None) -> Job | None:
    if ended is not None and ended.state in TERMINAL:
        transaction.on_commit(lambda: signals.job_ended.send(sender=Job, job=ended))
    return ended
