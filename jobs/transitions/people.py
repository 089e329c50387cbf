"""What people do to jobs: cancel, run again, move in the line."""

from __future__ import annotations

import uuid

from django.db import transaction

from jobs import ledger, signals
from jobs.exceptions import InvalidTransition
from jobs.ledger import SQL
from jobs.models import Job
from jobs.states import ACTIVE, Event, State
from jobs.transitions.ends import end_cancelled, reopen_parent


def cancel(job: Job, *, actor: str = "", reason: str = "") -> Job:
    """Cancel a job for a person. One that runs is only asked to end: its worker does it within two seconds.

    Its children are cancelled too. Raises InvalidTransition when the job has already ended.
    """
    ended = end_cancelled(job, (State.QUEUED, State.RETRYING, State.WAITING), None, reason, actor)
    if ended is None:
        ended = ledger.note(
            job.id,
            Event.CANCEL_REQUESTED,
            values={"cancel_requested_at": SQL(f"COALESCE(cancel_requested_at, {ledger.now()})")},
            where=(SQL("state = 'running'"),),
            reason=reason,
            actor=actor,
        )
        if ended is None:
            # It moved between the two guarded writes (say, its backoff ran out): the ledger decides again.
            fresh = Job.objects.get(pk=job.pk)
            if fresh.state in ACTIVE:
                return cancel(fresh, actor=actor, reason=reason)
            raise InvalidTransition(f"The job has already ended as {fresh.state}.", state=fresh.state)
        signals.cancel_requested.send(sender=Job, job=ended)
    if ended.children_total:
        cancel_children(ended.id, actor=actor, reason=reason or "Its parent was cancelled")
    return ended


def cancel_children(parent_id: uuid.UUID, *, actor: str = "", reason: str = "") -> int:
    """Cancel what is left of a parent's children; returns how many. Each in its own transaction."""
    count = 0
    for child in Job.objects.filter(
        parent_id=parent_id, state__in=ACTIVE, cancel_requested_at=None
    ).iterator():
        try:
            cancel(child, actor=actor, reason=reason)
        except InvalidTransition:
            continue
        count += 1
    return count


def retry(job: Job, *, actor: str = "", reason: str = "") -> Job:
    """Run a failed or cancelled job again for a person, keeping its history.

    Raises InvalidTransition when the job is in no such state.
    """
    with transaction.atomic():
        moved = ledger.move(
            job.id,
            to=State.QUEUED,
            sources=(State.FAILED, State.CANCELLED),
            values={
                "uncharged": SQL("attempt"),
                "crash_count": 0,
                "error": None,
                "finished_at": None,
                "cancel_requested_at": None,
                "run_at": SQL(ledger.now()),
                "dispatched_at": None,
                "hold_reason": None,
            },
            event=Event.RETRIED,
            reason=reason,
            actor=actor,
        )
        if moved is None:
            fresh = Job.objects.get(pk=job.pk)
            raise InvalidTransition(
                f"Only a failed or cancelled job can be retried; this one is {fresh.state}.",
                state=fresh.state,
            )
        reopen_parent(moved, State(job.state))
    signals.queued.send(sender=Job, jobs=[moved])
    return moved


def retry_failed_children(parent: Job, *, actor: str = "", reason: str = "") -> Job:
    """Run just the failed and cancelled children of an ended parent again; the parent waits for them.

    Raises InvalidTransition when there is none, or the parent has not ended.
    """
    again: list[Job] = []
    for child in Job.objects.filter(parent=parent, state__in=(State.FAILED, State.CANCELLED)):
        try:
            again.append(retry(child, actor=actor, reason=reason))
        except InvalidTransition:
            continue
    if not again:
        raise InvalidTransition("None of its children has failed.", state=parent.state)
    return Job.objects.get(pk=parent.pk)


def reprioritise(job: Job, priority: int, *, queue: str | None = None, actor: str = "") -> Job:
    """Move a job that still waits to another priority (1..20), and to `queue` where given.

    Raises InvalidTransition when the job is running or has ended.
    """
    moved = ledger.note(
        job.id,
        Event.REPRIORITISED,
        values={"priority": priority, "dispatched_at": None, **({"queue": queue} if queue else {})},
        where=(SQL("state IN ('queued', 'retrying', 'waiting')"),),
        data={"from": job.priority, "to": priority},
        actor=actor,
    )
    if moved is None:
        fresh = Job.objects.get(pk=job.pk)
        raise InvalidTransition(
            f"Only a job that waits can be moved in its line; this one is {fresh.state}.", state=fresh.state
        )
    signals.withdrawn.send(sender=Job, jobs=[job])
    if moved.state == State.QUEUED:
        signals.queued.send(sender=Job, jobs=[moved])
    return moved
