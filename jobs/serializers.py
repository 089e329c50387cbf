"""A job as the API shows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import prefetch_related_objects
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from jobs import estimates, registry
from jobs.estimates import Outlook
from jobs.models import Job
from jobs.states import ACTIVE, Category, State


class InstantField(serializers.DateTimeField):
    """ISO 8601 in UTC with a Z, whatever zone is active."""

    def to_representation(self, value: Any) -> str:
        return instant(value) or ""


def instant(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None


class ProgressSerializer(serializers.Serializer[Any]):
    percent = serializers.FloatField()
    stage = serializers.CharField()
    message = serializers.CharField()
    current = serializers.IntegerField(allow_null=True)
    total = serializers.IntegerField(allow_null=True)
    metadata = serializers.DictField()


class JobErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    category = serializers.ChoiceField(choices=Category.choices)
    retryable = serializers.BooleanField()


class ChildrenSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()


class WaitingForSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(
        help_text="paused, scheduled, backoff, rate_limit, budget, no_worker, ahead, busy, starting, "
        "children or cancelling"
    )
    message = serializers.CharField()
    until = serializers.DateTimeField(required=False)
    ahead = serializers.IntegerField(required=False)
    outstanding = serializers.IntegerField(required=False)


class LinksSerializer(serializers.Serializer[Any]):
    self = serializers.CharField()
    events = serializers.CharField()
    socket = serializers.CharField()
    cancel = serializers.CharField(required=False)
    retry = serializers.CharField(required=False)
    parent = serializers.CharField(required=False)  # type: ignore[assignment]


@extend_schema_serializer(component_name="Job")
class JobSerializer(serializers.Serializer[Job]):
    """Every field is always there; null where it has no value. Read only.

    Its context needs `outlooks`, by job id: make it with `job_payload`.
    """

    jobId = serializers.UUIDField(source="id")
    type = serializers.SerializerMethodField()
    queue = serializers.CharField()
    status = serializers.ChoiceField(source="state", choices=State.choices)
    priority = serializers.IntegerField()
    progress = serializers.SerializerMethodField()
    attempt = serializers.IntegerField(source="attempts_charged")
    maxAttempts = serializers.IntegerField(source="max_attempts")
    createdAt = InstantField(source="created_at")
    runAt = InstantField(source="run_at")
    startedAt = InstantField(source="started_at", allow_null=True)
    finishedAt = InstantField(source="finished_at", allow_null=True)
    queuePosition = serializers.SerializerMethodField()
    estimatedWaitMs = serializers.SerializerMethodField()
    estimatedRemainingMs = serializers.SerializerMethodField()
    waitingFor = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField()
    partial = serializers.JSONField()  # type: ignore[assignment]
    error = serializers.SerializerMethodField()
    parentId = serializers.UUIDField(source="parent_id", allow_null=True)
    children = serializers.SerializerMethodField()
    links = serializers.SerializerMethodField()

    def _outlook(self, job: Job) -> Outlook:
        return self.context["outlooks"][job.id]

    def get_type(self, job: Job) -> str:
        return registry.type_of(job.kind)

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, job: Job) -> dict[str, Any]:
        return progress_of(job)

    def get_queuePosition(self, job: Job) -> int | None:
        return self._outlook(job).queue_position

    def get_estimatedWaitMs(self, job: Job) -> int | None:
        return self._outlook(job).estimated_wait_ms

    def get_estimatedRemainingMs(self, job: Job) -> int | None:
        return self._outlook(job).estimated_remaining_ms

    @extend_schema_field(WaitingForSerializer(allow_null=True))
    def get_waitingFor(self, job: Job) -> dict[str, Any] | None:
        return self._outlook(job).waiting_for

    @extend_schema_field(serializers.JSONField(allow_null=True))
    def get_result(self, job: Job) -> Any:
        # Before that, a parent keeps here what its first phase handed to its last.
        return job.result if job.state == State.COMPLETED else None

    @extend_schema_field(JobErrorSerializer(allow_null=True))
    def get_error(self, job: Job) -> dict[str, Any] | None:
        return job.error

    @extend_schema_field(ChildrenSerializer)
    def get_children(self, job: Job) -> dict[str, int]:
        return {
            "total": job.children_total,
            "completed": job.children_completed,
            "failed": job.children_failed,
        }

    @extend_schema_field(LinksSerializer)
    def get_links(self, job: Job) -> dict[str, str]:
        own = f"/api/jobs/{job.id}"
        links = {"self": own, "events": f"{own}/events", "socket": "/ws/jobs"}
        if job.state in ACTIVE:
            links["cancel"] = f"{own}/cancel"
        if job.state in (State.FAILED, State.CANCELLED) or (job.is_terminal and job.children_failed):
            links["retry"] = f"{own}/retry"
        if job.parent_id:
            links["parent"] = f"/api/jobs/{job.parent_id}"
        return links


def progress_of(job: Job) -> dict[str, Any]:
    """How far `job` is, as the API shows it; a completed job is at 100 whatever was last reported."""
    # A job that was never claimed has none, so nobody need ask the database.
    shown = getattr(job, "progress", None) if job.attempt else None
    done = 100.0 if job.state == State.COMPLETED else 0.0
    return {
        "percent": max(done, shown.percent) if shown else done,
        "stage": shown.stage if shown else "",
        "message": shown.message if shown else "",
        "current": shown.current if shown else None,
        "total": shown.total if shown else None,
        "metadata": shown.metadata if shown else {},
    }


def job_payload(job: Job) -> dict[str, Any]:
    """`job` as the API shows it. Select its `progress` along to save a query."""
    return job_payloads([job])[0]


def job_payloads(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """Several jobs as the API shows them: two queries for all, a third when `progress` was not selected."""
    prefetch_related_objects([job for job in jobs if job.attempt], "progress")
    context = {"outlooks": estimates.describe_many(jobs)}
    return [dict(JobSerializer(job, context=context).data) for job in jobs]
