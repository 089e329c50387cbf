"""Why a job is not moving, and how long it will take: measured, or null.

Nothing here is a constant made to look like a measurement. Run times come from the last completed jobs of
the same kind, workers from their heartbeats, places from the line in the ledger.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from jobs import floor
from jobs.floor import MAX_COUNTED, Facts, RunTimes
from jobs.models import Job
from jobs.states import State

# Below this, the rate of progress so far says nothing about the rest.
_MIN_PERCENT: Final = 2.0


@dataclass(frozen=True)
class Outlook:
    """What can be said of a job's future; times in milliseconds, None when not known.

    `queue_position` is 1 for the next in line. `waiting_for` is `{"reason", "message", …}`, None for a job
    that runs or has ended.
    """

    queue_position: int | None = None
    estimated_wait_ms: int | None = None
    estimated_remaining_ms: int | None = None
    waiting_for: dict[str, Any] | None = None


def describe(job: Job) -> Outlook:
    """The outlook of one job: at most two queries, one when asked again within a second."""
    return describe_many([job])[job.id]


def describe_many(jobs: Sequence[Job]) -> dict[uuid.UUID, Outlook]:
    """The outlook of each job by id, in at most two queries however many they are."""
    moving = [job for job in jobs if not job.is_terminal]
    if not moving:
        return {job.id: Outlook() for job in jobs}
    facts = floor.known(sorted({job.kind for job in moving}))
    now = timezone.now()
    in_line = [job for job in moving if job.state == State.QUEUED and job.run_at <= now]
    ahead = floor.ahead(in_line) if in_line else {}
    return {
        job.id: Outlook() if job.is_terminal else _outlook(job, facts, ahead.get(job.id), now) for job in jobs
    }


def expected_wait_ms(job: Job) -> int | None:
    """How long a new job is expected to wait for a worker; None when it is not known."""
    return describe(job).estimated_wait_ms


def _outlook(job: Job, facts: Facts, ahead: int | None, now: datetime) -> Outlook:
    run = facts.run_times(job.kind)
    if job.state in (State.RUNNING, State.WAITING):
        return Outlook(
            estimated_remaining_ms=_milliseconds(_remaining(job, run, now)), waiting_for=_held(job)
        )
    wait = _wait(job, facts, run, ahead, now)
    remaining = wait + run.median if wait is not None and run else None
    counted = ahead is not None and ahead < MAX_COUNTED
    return Outlook(
        queue_position=ahead + 1 if counted and ahead is not None else None,
        estimated_wait_ms=_milliseconds(wait),
        estimated_remaining_ms=_milliseconds(remaining),
        waiting_for=_waiting_for(job, facts, ahead, now),
    )


def _wait(job: Job, facts: Facts, run: RunTimes | None, ahead: int | None, now: datetime) -> float | None:
    workers = facts.workers.get(job.queue, 0)
    if job.queue in facts.paused or not workers:
        return None
    if job.run_at > now:
        return (job.run_at - now).total_seconds()
    if ahead is None or ahead >= MAX_COUNTED:
        return None
    # So many must end before this one starts; those that run now are half done on average.
    endings = ahead + facts.busy.get(job.queue, 0) - workers + 1
    if endings <= 0:
        return 0.0
    return (endings - 0.5) * run.mean / workers if run else None


def _remaining(job: Job, run: RunTimes | None, now: datetime) -> float | None:
    """From the pace so far and from history, trusting the pace more the further the job is."""
    if job.started_at is None:
        return None
    elapsed = max(0.0, (now - job.started_at).total_seconds())
    progress = getattr(job, "progress", None)
    percent = min(progress.percent, 100.0) if progress else 0.0
    by_history = max(0.0, run.median - elapsed) if run else None
    # `started_at` is the first start, so an earlier attempt and its backoff would spoil the pace.
    if percent < _MIN_PERCENT or job.attempt > 1:
        return by_history
    by_pace = elapsed * (100.0 - percent) / percent
    if by_history is None:
        return by_pace
    trust = percent / 100.0
    return trust * by_pace + (1.0 - trust) * by_history


def _held(job: Job) -> dict[str, Any] | None:
    if job.cancel_requested_at is not None:
        return {"reason": "cancelling", "message": "It was asked to end and is being stopped."}
    if job.state == State.RUNNING:
        return None
    left = max(0, job.children_total - job.children_ended)
    return {
        "reason": "children",
        "message": f"Waits for {left} of its {job.children_total} parts.",
        "outstanding": left,
    }


def _waiting_for(job: Job, facts: Facts, ahead: int | None, now: datetime) -> dict[str, Any]:
    if job.queue in facts.paused:
        why = facts.paused[job.queue]
        return {"reason": "paused", "message": f"The queue {job.queue} is paused{f': {why}' if why else ''}."}
    if job.run_at > now:
        return {**_later(job), "until": job.run_at.isoformat().replace("+00:00", "Z")}
    if not facts.workers.get(job.queue):
        return {"reason": "no_worker", "message": f"No live worker serves the queue {job.queue}."}
    if job.state == State.RETRYING:
        return {"reason": "backoff", "message": "Its backoff is over: it goes back in line now."}
    if ahead is not None and ahead >= MAX_COUNTED:
        return {"reason": "ahead", "message": f"At least {MAX_COUNTED} jobs are ahead.", "ahead": ahead}
    if ahead:
        text = "1 job is ahead." if ahead == 1 else f"{ahead} jobs are ahead."
        return {"reason": "ahead", "message": text, "ahead": ahead}
    if facts.busy.get(job.queue, 0) >= facts.workers[job.queue]:
        return {"reason": "busy", "message": "It is next: every worker of its queue is busy.", "ahead": 0}
    return {"reason": "starting", "message": "It is next and a worker is free.", "ahead": 0}


def _later(job: Job) -> dict[str, Any]:
    hold = job.hold_reason if isinstance(job.hold_reason, dict) else None
    if hold:
        code = str(hold.get("reason", ""))
        reason = "budget" if "budget" in code else "rate_limit" if "rate" in code else code or "held"
        texts = {
            "budget": "The budget for this is used up for now.",
            "rate_limit": "Another service asked to be called less often.",
        }
        return {
            "reason": reason,
            "message": str(hold.get("message") or texts.get(reason) or "It was handed back for now."),
        }
    if job.state == State.RETRYING:
        return {"reason": "backoff", "message": f"Attempt {job.attempt} did not succeed; it is tried again."}
    return {"reason": "scheduled", "message": "It was asked to start later."}


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else max(0, round(seconds * 1000))
