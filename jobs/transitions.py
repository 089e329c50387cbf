"""The only writer of `Job.state`.

Every transition is one guarded write that names where it comes from, and commits together with its
`JobEvent`. No row means somebody else was faster; the caller then leaves the job alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F

from jobs import conf, ledger, signals
from jobs.exceptions import InvalidTransition
from jobs.ledger import SQL, Fence
from jobs.models import Job, JobFailure
from jobs.retry import Judgement, RetryPolicy, next_delay
from jobs.states import ACTIVE, TERMINAL, Category, Cause, Event, State, sources

# The kind that tells a callback address of a job's end (`jobs.webhooks`): eight tries over some hours.
WEBHOOK = "jobs.webhook"
WEBHOOK_ATTEMPTS = 8

_LET_GO: dict[str, Any] = {"claim": None, "lease_until": None}
_TERMINAL_COUNTERS = {
    State.COMPLETED: "children_completed",
    State.FAILED: "children_failed",
    State.CANCELLED: "children_cancelled",
}


@dataclass(frozen=True)
class Failure:
    """What ended an attempt: the judgement, the observed cause, and what is worth keeping of it."""

    judgement: Judgement
    cause: Cause = Cause.ERROR
    error_class: str = ""
    traceback: str = ""
    fingerprint: str = ""
    stage: str = ""
    peak_rss: int | None = None


def claim(job_id: uuid.UUID, *, worker: str, lease: float) -> Job | None:
    """Take a queued job whose time has come, for `lease` seconds; None when it is not to be had.

    The attempt is counted here, so a worker that dies at once has used it up.
    """
    return ledger.move(
        job_id,
        to=State.RUNNING,
        sources=(State.QUEUED,),
        where=(
            SQL(f"run_at <= {ledger.now()}"),
            SQL("NOT EXISTS (SELECT 1 FROM queue_states q WHERE q.name = queue AND q.paused_at IS NOT NULL)"),
        ),
        values={
            "attempt": SQL("attempt + 1"),
            "claim": uuid.uuid4(),
            "worker": worker,
            "lease_until": SQL(ledger.now(lease)),
            "started_at": SQL(f"COALESCE(started_at, {ledger.now()})"),
            "hold_reason": None,
        },
        event=Event.STARTED,
        reason=worker,
        durable=False,
        whole=True,
    )


def renew(fence: Fence, *, lease: float) -> bool:
    """Extend the lease by `lease` seconds from now. False when the attempt has lost its job."""
    return ledger.touch(fence, {"lease_until": SQL(ledger.now(lease))}) is not None


def complete(job: Job, fence: Fence, result: Any) -> Job | None:
    """Commit the result of an attempt. None when it lost the job, or a cancel came first."""
    with _with_consequences(job):
        ended = ledger.move(
            job.id,
            to=State.COMPLETED,
            sources=(State.RUNNING,),
            fence=fence,
            where=(SQL("cancel_requested_at IS NULL"),),
            values={
                **_LET_GO,
                "result": result,
                "error": None,
                "checkpoint": None,
                "finished_at": SQL(ledger.now()),
            },
            event=Event.COMPLETED,
        )
        _consequences(ended)
    return _announce_end(ended)


def fail(job: Job, fence: Fence | None, failure: Failure, policy: RetryPolicy) -> Job | None:
    """Record an attempt that did not succeed and decide what comes next: retry, failed or cancelled.

    `fence` None is the rescuer's: then the attempt is fenced by the claim the row shows.
    """
    fence = fence or Fence(job.id, job.attempt, job.claim)
    judgement = failure.judgement
    crashed = failure.cause in {Cause.SANDBOX_DIED, Cause.WORKER_DIED, Cause.LEASE_EXPIRED}
    crashes = job.crash_count + crashed
    uncharged = job.uncharged + (not judgement.charged)
    delay = next_delay(judgement, policy, charged=job.attempt - uncharged, max_attempts=job.max_attempts)
    if crashed and crashes >= conf.POISON_CRASHES:
        judgement = Judgement(
            Category.WORKER_LOST,
            "poisoned",
            f"The process that ran this job died {crashes} times, so it is not tried again by itself. "
            "Look at its failures before you retry it.",
        )
        delay = None
    error = {
        "code": judgement.code,
        "message": judgement.message[:1000],
        "category": str(judgement.category),
        "retryable": judgement.category not in (Category.INVALID_INPUT, Category.PERMANENT),
    }
    values = {**_LET_GO, "error": error, "crash_count": crashes, "uncharged": uncharged}
    retrying = delay is not None
    with transaction.atomic():
        ended = ledger.move(
            job.id,
            to=State.RETRYING if retrying else State.FAILED,
            sources=(State.RUNNING,),
            fence=fence,
            where=(SQL("cancel_requested_at IS NULL"),),
            values={
                **values,
                **(
                    {
                        "run_at": SQL(ledger.now(delay or 0)),
                        "dispatched_at": None,
                        "hold_reason": None if judgement.charged else {"reason": judgement.code},
                    }
                    if retrying
                    else {"finished_at": SQL(ledger.now())}
                ),
            },
            event=Event.RETRYING if retrying else Event.FAILED,
            data={
                "error": error,
                "cause": str(failure.cause),
                **({"delay": round(delay, 3)} if retrying and delay is not None else {}),
            },
        )
        if ended is None:
            return None
        record_failure(job, failure, judgement, ended if retrying else None)
        _consequences(ended)
    return _announce_end(ended)


def record_failure(job: Job, failure: Failure, judgement: Judgement, retried: Job | None) -> None:
    """Keep one `JobFailure` for this attempt; a second report of the same attempt changes nothing."""
    from django.conf import settings

    JobFailure.objects.bulk_create(
        [
            JobFailure(
                job_id=job.id,
                attempt=job.attempt,
                kind=job.kind,
                queue=job.queue,
                cause=failure.cause,
                category=judgement.category,
                code=judgement.code[:64],
                error_class=failure.error_class[:200],
                message=judgement.message[:1000],
                traceback=failure.traceback[:50_000],
                fingerprint=failure.fingerprint or f"{job.kind}:{judgement.code}"[:64],
                stage=failure.stage[:100],
                peak_rss=failure.peak_rss,
                worker=job.worker,
                release=settings.RELEASE[:64],
                retry_at=retried.run_at if retried else None,
            )
        ],
        ignore_conflicts=True,
    )


def release(
    job: Job, fence: Fence | None, *, reason: str, delay: float = 0.0, hold: dict[str, Any] | None = None
) -> Job | None:
    """Hand a running job back uncharged, to be taken again after `delay` seconds.

    `hold` is shown to the owner as the reason why the job is not moving.
    """
    fence = fence or Fence(job.id, job.attempt, job.claim)
    return ledger.move(
        job.id,
        to=State.QUEUED,
        sources=(State.RUNNING,),
        fence=fence,
        where=(SQL("cancel_requested_at IS NULL"),),
        values={
            **_LET_GO,
            "uncharged": SQL("uncharged + 1"),
            "run_at": SQL(ledger.now(delay)),
            "dispatched_at": None,
            "hold_reason": hold,
        },
        event=Event.RELEASED,
        reason=reason,
    )


def wait_for_children(job: Job, fence: Fence, children: list[Job], result: Any) -> Job | None:
    """Insert `children` and let the parent wait for them, in one transaction: all or nothing.

    `result` is what the first phase returned; `finish` is given it. Nothing of an attempt that fails later
    starts, and a repeated attempt cannot start anything twice.
    """
    with transaction.atomic():
        moved = ledger.move(
            job.id,
            to=State.WAITING,
            sources=(State.RUNNING,),
            fence=fence,
            where=(SQL("cancel_requested_at IS NULL"),),
            values={
                **_LET_GO,
                "result": result,
                "checkpoint": None,
                "finishing": True,
                "error": None,
                "children_total": SQL(f"children_total + {len(children)}"),
                "uncharged": SQL("attempt"),
                "crash_count": 0,
            },
            event=Event.WAITING,
            data={"children": len(children)},
        )
        if moved is None:
            return None
        ledger.insert(children)
    return moved


def cancelled(job: Job, fence: Fence | None = None, *, reason: str = "", actor: str = "") -> Job | None:
    """End a running attempt whose cancel was asked for (by its worker, or by the rescuer without a fence)."""
    fence = fence or Fence(job.id, job.attempt, job.claim)
    return _end_cancelled(job, (State.RUNNING,), fence, reason, actor)


def cancel(job: Job, *, actor: str = "", reason: str = "") -> Job:
    """Cancel a job for a person. One that runs is only asked to end: its worker does it within two seconds.

    Its children are cancelled too. Raises InvalidTransition when the job has already ended.
    """
    ended = _end_cancelled(job, (State.QUEUED, State.RETRYING, State.WAITING), None, reason, actor)
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
        _reopen_parent(moved, State(job.state))
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


def requeue_due(limit: int = 500) -> list[Job]:
    """Put retries whose backoff has run out back in their line; returns them."""
    due = list(
        Job.objects.filter(state=State.RETRYING)
        .extra(where=[f"run_at <= {ledger.now()}"])
        .order_by("run_at")
        .values_list("pk", flat=True)[:limit]
    )
    moved = [
        ledger.move(
            pk,
            to=State.QUEUED,
            sources=(State.RETRYING,),
            where=(SQL(f"run_at <= {ledger.now()}"),),
            values={"dispatched_at": None},
            event=Event.REQUEUED,
            durable=False,
        )
        for pk in due
    ]
    return [job for job in moved if job]


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


def _end_cancelled(
    job: Job, sources_: Iterable[State], fence: Fence | None, reason: str, actor: str
) -> Job | None:
    with _with_consequences(job):
        ended = ledger.move(
            job.id,
            to=State.CANCELLED,
            sources=tuple(sources_),
            fence=fence,
            values={
                **_LET_GO,
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
        _consequences(ended)
    if ended:
        signals.withdrawn.send(sender=Job, jobs=[ended])
    return _announce_end(ended)


def _with_consequences(job: Job) -> Any:
    """A transaction where something must change with the job's end; else the one statement is enough."""
    from contextlib import nullcontext

    return transaction.atomic() if job.parent_id or job.callback_url else nullcontext()


def _consequences(ended: Job | None) -> None:
    """What must be true when an end is: its parent counts it, and whoever asked to be told is owed that."""
    _tell_parent(ended)
    if ended is not None and ended.state in TERMINAL and ended.callback_url:
        owed = Job(
            kind=WEBHOOK,
            queue="system",
            owner_id=ended.owner_id,
            priority=ended.priority,
            args={"job_id": str(ended.id)},
            max_attempts=WEBHOOK_ATTEMPTS,
            run_at=None,  # type: ignore[misc]
        )
        ledger.insert([owed])


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


def _reopen_parent(child: Job, was: State) -> None:
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
            _reopen_parent(reopened, State(parent.state))


def _announce_end(ended: Job | None) -> Job | None:
    if ended is not None and ended.state in TERMINAL:
        transaction.on_commit(lambda: signals.job_ended.send(sender=Job, job=ended))
    return ended
