"""The list of jobs and the page of one."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from jobs import clock
from jobs.admin import actions
from jobs.admin.bounded import BoundedAdmin, duration, job_link, pretty, state_label, uuid_of
from jobs.admin.filters import KindFilter, QueueFilter, StateFilter
from jobs.admin.timeline import MOVING, timeline
from jobs.models import Job, JobEvent, JobFailure, JobProgress
from jobs.states import ACTIVE, State, priority_band

HISTORY: Final = 200
_HEAVY: Final = ("args", "result", "partial", "error", "checkpoint", "hold_reason")


@admin.register(Job)
class JobAdmin(BoundedAdmin):
    list_display = (
        "short_id", "state_shown", "kind", "percent", "queue", "priority_shown", "attempts", "owner",
        "created", "waited", "ran",
    )  # fmt: skip
    list_filter = (StateFilter, QueueFilter, KindFilter)
    search_fields = ("id",)
    search_help_text = "A job's whole id, or its owner's user name"
    actions = [
        actions.retry, actions.cancel, *actions.reprioritise, actions.pause_queues, actions.resume_queues,
    ]  # fmt: skip
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("state_shown", "progress_shown"), ("kind", "queue"), ("priority_shown", "owner"),
                    ("attempts", "crash_count"), ("worker", "lease_until"),
                )
            },
        ),
        (
            "Times",
            {
                "fields": (
                    ("created_at", "run_at"), ("started_at", "finished_at"),
                    ("dispatched_at", "cancel_requested_at"),
                )
            },
        ),
        ("Family", {"fields": (("parent_link", "children_shown"), "batch")}),
        ("Result", {"fields": ("hold_shown", "error_shown", "result_shown", "partial_shown")}),
        ("Input", {"fields": ("args_shown", "checkpoint_shown", "callback_url"), "classes": ("collapse",)}),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [str(name) for name in flatten_fieldsets(self.fieldsets)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        jobs: QuerySet[Job] = super().get_queryset(request).select_related("owner", "progress")
        listing = request.resolver_match and request.resolver_match.url_name == "jobs_job_changelist"
        return jobs.defer(*_HEAVY, "progress__metadata") if listing else jobs

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        """Exact answers only: nothing here reads the table from end to end."""
        if not search_term.strip():
            return queryset, False
        job_id = uuid_of(search_term)
        if job_id:
            return queryset.filter(pk=job_id), False
        users = get_user_model()._default_manager.filter(
            **{get_user_model().USERNAME_FIELD: search_term.strip()}
        )
        return queryset.filter(owner_id__in=list(users.values_list("pk", flat=True))), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), "can_act": self.has_act_permission(request)}
        if uuid_of(object_id) and self.has_view_permission(request):
            job = Job.objects.defer(*_HEAVY).filter(pk=object_id).first()
            if job:
                context |= _history(job)
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description="job")
    def short_id(self, job: Job) -> str:
        # The end of a UUIDv7 is its random part; jobs of one second share the beginning.
        return str(job.pk)[-8:]

    @admin.display(description="created")
    def created(self, job: Job) -> str:
        return job.created_at.strftime("%Y-%m-%d %H:%M:%S")

    @admin.display(description="state")
    def state_shown(self, job: Job) -> SafeString:
        return state_label(job.state)

    @admin.display(description="done")
    def percent(self, job: Job) -> str:
        progress = _progress(job)
        return f"{progress.percent:.0f} %" if progress and job.state in ACTIVE else ""

    @admin.display(description="progress")
    def progress_shown(self, job: Job) -> str:
        progress = _progress(job)
        if progress is None:
            return "-"
        parts = [f"{progress.percent:.0f} %", progress.stage, progress.message]
        return " · ".join(part for part in parts if part)

    @admin.display(description="priority")
    def priority_shown(self, job: Job) -> str:
        return f"{job.priority} {priority_band(job.priority)}"

    @admin.display(description="attempts")
    def attempts(self, job: Job) -> str:
        free = f" ({job.uncharged} not charged)" if job.uncharged else ""
        return f"{job.attempts_charged} of {job.max_attempts}{free}"

    @admin.display(description="waited")
    def waited(self, job: Job) -> str:
        if job.started_at is None:
            return ""
        # A retry moves `run_at`; a first attempt waits from when it was due.
        ready = max(job.created_at, job.run_at) if job.run_at <= job.started_at else job.created_at
        return duration((job.started_at - ready).total_seconds())

    @admin.display(description="start to end")
    def ran(self, job: Job) -> str:
        if job.started_at is None or job.finished_at is None:
            return ""
        return duration((job.finished_at - job.started_at).total_seconds())

    @admin.display(description="parent")
    def parent_link(self, job: Job) -> SafeString | str:
        return job_link(job.parent_id)

    @admin.display(description="children")
    def children_shown(self, job: Job) -> str:
        if not job.children_total:
            return "-"
        return (
            f"{job.children_total}: {job.children_completed} completed, {job.children_failed} failed, "
            f"{job.children_cancelled} cancelled"
        )

    @admin.display(description="held because")
    def hold_shown(self, job: Job) -> SafeString | str:
        return pretty(job.hold_reason)

    @admin.display(description="error")
    def error_shown(self, job: Job) -> SafeString | str:
        return pretty(job.error)

    @admin.display(description="result")
    def result_shown(self, job: Job) -> SafeString | str:
        return pretty(job.result)

    @admin.display(description="partial results")
    def partial_shown(self, job: Job) -> SafeString | str:
        return pretty(job.partial)

    @admin.display(description="arguments")
    def args_shown(self, job: Job) -> SafeString | str:
        return pretty(job.args)

    @admin.display(description="checkpoint")
    def checkpoint_shown(self, job: Job) -> SafeString | str:
        return pretty(job.checkpoint)


def _progress(job: Job) -> JobProgress | None:
    try:
        return job.progress
    except ObjectDoesNotExist:
        return None


def _history(job: Job) -> dict[str, Any]:
    """What stands below the fields: the timeline, and the newest of events, failures and children."""
    events = list(JobEvent.objects.filter(job=job).order_by("-seq")[:HISTORY])
    failures = list(JobFailure.objects.filter(job=job).order_by("-attempt")[:HISTORY])
    moving = list(JobEvent.objects.filter(job=job, type__in=MOVING).order_by("-seq")[:HISTORY])[::-1]
    line = timeline(job, moving, failures, clock.now())
    children = Job.objects.filter(parent=job).defer(*_HEAVY).order_by("id")[:HISTORY]
    return {
        "timeline": line,
        "totals": [
            (phase, label, duration(line.sum(phase)))
            for phase, label in (
                ("wait", "in line"), ("run", "running"), ("backoff", "backing off"),
                ("children", "waiting for children"),
            )
            if line.sum(phase)
        ],
        "attempt_rows": [
            (attempt, *(duration(value) if value else "" for value in _times(attempt)))
            for attempt in line.attempts
        ],
        "events": events,
        "failures": failures,
        "children": list(children) if job.children_total else [],
        "history_limit": HISTORY,
        "can_retry": job.state in (State.FAILED, State.CANCELLED),
        "can_cancel": job.state in ACTIVE,
        "can_reprioritise": job.state in (State.QUEUED, State.RETRYING, State.WAITING),
    }  # fmt: skip


def _times(attempt: Any) -> tuple[float, ...]:
    return attempt.wait, attempt.run, attempt.backoff, attempt.children
