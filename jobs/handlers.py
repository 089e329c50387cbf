"""The kinds of job that the job system itself has."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from django.contrib.auth import get_user_model
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from jobs import queues, transitions
from jobs.context import JobContext
from jobs.exceptions import InvalidTransition, PermanentError
from jobs.listing import Filter
from jobs.models import Job, JobQuerySet
from jobs.registry import job_handler
from jobs.states import ACTIVE, MAX_PRIORITY, MIN_PRIORITY, State

BULK_ACTION: Final = "jobs.bulk_action"
_BATCH: Final = 200
_POSSIBLE: Final = {
    "retry": (State.FAILED, State.CANCELLED),
    "cancel": ACTIVE,
    "reprioritise": (State.QUEUED, State.RETRYING, State.WAITING),
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class BulkFilter(_Body):
    """Which jobs; at least one field."""

    status: list[State] = Field(default=[], max_length=7)
    type: str = Field(default="", max_length=100)
    queue: str = Field(default="", max_length=64)
    created_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None
    q: str = Field(default="", max_length=200)
    batch_id: UUID | None = None
    parent_id: UUID | None = None
    error_code: str = Field(default="", max_length=64)
    job_ids: list[UUID] = Field(default=[], max_length=1000)

    @model_validator(mode="after")
    def _not_empty(self) -> BulkFilter:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError("Say which jobs: at least one field of the filter.")
        return self


class BulkActionArgs(_Body):
    """What to do with which jobs. `priority` goes with reprioritise."""

    action: Literal["retry", "cancel", "reprioritise"]
    filter: BulkFilter
    priority: int | None = Field(default=None, ge=MIN_PRIORITY, le=MAX_PRIORITY)
    reason: str = Field(default="", max_length=500)

    @model_validator(mode="after")
    def _priority_goes_with_reprioritise(self) -> BulkActionArgs:
        if (self.action == "reprioritise") != (self.priority is not None):
            raise ValueError("`priority` is needed for reprioritise, and for nothing else.")
        return self


@job_handler(BULK_ACTION, queue="system", args=BulkActionArgs, type="bulk-action", timeout=3600)
def bulk_action(context: JobContext, args: BulkActionArgs) -> dict[str, Any]:
    """Do `action` to every job that matched when this job was created, newest last.

    Doing it twice to a job changes nothing, so a new attempt goes on from the last checkpoint.
    """
    operator = (
        get_user_model()._default_manager.filter(pk=context.owner_id, is_active=True, is_staff=True).first()
    )
    if operator is None:
        raise PermanentError("Only operators may act on other people's jobs.", code="forbidden")
    kept = context.last_checkpoint or {}
    counts = {"matched": 0, "changed": 0, "skipped": 0, **kept.get("counts", {})}
    last = UUID(kept["last"]) if kept else None
    found = matching(args, before=Job.objects.values_list("created_at", flat=True).get(pk=context.job_id))
    total = counts["matched"] + (found.filter(pk__gt=last) if last else found).count()
    while True:
        batch = list((found.filter(pk__gt=last) if last else found).order_by("pk")[:_BATCH])
        if not batch:
            break
        for job in batch:
            counts["matched"] += 1
            counts["changed" if _act(args, job, operator.get_username()) else "skipped"] += 1
        last = batch[-1].pk
        context.checkpoint({"last": str(last), "counts": counts})
        context.progress(counts["matched"], max(total, counts["matched"]), stage=args.action)
    return counts


def matching(args: BulkActionArgs, *, before: datetime) -> JobQuerySet:
    """The jobs to act on: those of the filter in a state the action is for, never a bulk action itself."""
    wanted = args.filter
    states = tuple(s for s in _POSSIBLE[args.action] if not wanted.status or s in wanted.status)
    jobs = Filter(
        type=wanted.type,
        queue=wanted.queue,
        created_after=wanted.created_after,
        created_before=wanted.created_before,
        q=wanted.q,
        batch=wanted.batch_id,
        parent=wanted.parent_id,
        error_code=wanted.error_code,
        ids=tuple(wanted.job_ids),
    ).apply(Job.objects.filter(created_at__lte=before).exclude(kind=BULK_ACTION))
    return jobs.filter(state__in=states)


def _act(args: BulkActionArgs, job: Job, actor: str) -> bool:
    """Whether it could be done; a job that has moved on meanwhile is left alone."""
    reason = args.reason or "Bulk action"
    try:
        if args.action == "retry":
            transitions.retry(job, actor=actor, reason=reason)
        elif args.action == "cancel":
            transitions.cancel(job, actor=actor, reason=reason)
        elif args.priority is not None:
            queue = queues.queue_after(job, args.priority)
            transitions.reprioritise(job, args.priority, queue=queue, actor=actor)
    except InvalidTransition:
        return False
    return True
