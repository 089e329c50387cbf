"""What the attempts of a job do to its state: claimed by a worker, and ended in one of many ways."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from jobs import conf, ledger
from jobs.ledger import SQL, Fence
from jobs.models import Job, JobFailure
from jobs.retry import Judgement, RetryPolicy, next_delay
from jobs.states import Category, Cause, Event, State
from jobs.transitions.ends import LET_GO, announce_end, consequences, end_cancelled, with_consequences


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
    with with_consequences(job):
        ended = ledger.move(
            job.id,
            to=State.COMPLETED,
            sources=(State.RUNNING,),
            fence=fence,
            where=(SQL("cancel_requested_at IS NULL"),),
            values={
                **LET_GO,
                "result": result,
                "error": None,
                "checkpoint": None,
                "finished_at": SQL(ledger.now()),
            },
            event=Event.COMPLETED,
        )
        consequences(ended)
    return announce_end(ended)


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
    values = {**LET_GO, "error": error, "crash_count": crashes, "uncharged": uncharged}
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
        consequences(ended)
    return announce_end(ended)


def record_failure(job: Job, failure: Failure, judgement: Judgement, retried: Job | None) -> None:
    """Keep one `JobFailure` for this attempt; a second report of the same attempt changes nothing."""
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
            **LET_GO,
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
                **LET_GO,
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
    return end_cancelled(job, (State.RUNNING,), fence, reason, actor)


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
