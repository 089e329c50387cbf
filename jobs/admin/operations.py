"""Queues, to pause and resume, and the workers that serve them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from jobs import queues
from jobs.admin.bounded import BoundedAdmin, duration, job_link, state_label
from jobs.admin.filters import LivenessFilter
from jobs.models import QueueState, WorkerState


@admin.register(QueueState)
class QueueStateAdmin(BoundedAdmin):
    list_display = ("name", "open_or_paused", "paused_at", "paused_by", "reason")
    ordering: ClassVar[Any] = ("name",)
    actions = ["pause", "resume"]
    fields = ("name", "open_or_paused", "paused_at", "paused_by", "reason")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self.fields)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if self.has_view_permission(request):
            # A queue that was never paused has no row, and what has no row could not be ticked.
            queues.ensure_rows()
        return super().changelist_view(request, extra_context)

    @admin.display(description="state")
    def open_or_paused(self, queue: QueueState) -> SafeString:
        return state_label("paused" if queue.paused_at else "open")

    @admin.action(description="Pause: no worker takes another job", permissions=["act"])
    def pause(self, request: HttpRequest, queryset: QuerySet[QueueState]) -> None:
        names = list(queryset.values_list("name", flat=True))
        for name in names:
            queues.pause(name, actor=request.user.get_username(), reason="Paused in the admin")
        messages.success(request, f"Paused: {', '.join(names)}.")

    @admin.action(description="Resume", permissions=["act"])
    def resume(self, request: HttpRequest, queryset: QuerySet[QueueState]) -> None:
        names = list(queryset.values_list("name", flat=True))
        for name in names:
            queues.resume(name, actor=request.user.get_username())
        messages.success(request, f"Resumed: {', '.join(names)}.")


@admin.register(WorkerState)
class WorkerStateAdmin(BoundedAdmin):
    list_display = (
        "host", "pid", "pool", "doing", "job_link", "busy_for", "jobs_done", "memory", "release",
        "heartbeat_at",
    )  # fmt: skip
    list_filter = (LivenessFilter,)
    ordering: ClassVar[Any] = ("-heartbeat_at", "id")
    fields = (
        "id", "host", "pid", "cluster_pid", "pool", "serves", "doing", "job_link", "busy_since", "jobs_done",
        "memory", "release", "started_at", "heartbeat_at",
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self.fields)

    @admin.display(description="state")
    def doing(self, worker: WorkerState) -> SafeString:
        if (silence := (timezone.now() - worker.heartbeat_at).total_seconds()) > queues.LIVE_SECONDS:
            return state_label("lost" if silence > 3 * queues.LIVE_SECONDS else "silent")
        if worker.draining:
            return state_label("draining")
        return state_label("busy" if worker.job else "idle")

    @admin.display(description="job")
    def job_link(self, worker: WorkerState) -> SafeString | str:
        return job_link(worker.job)

    @admin.display(description="busy for")
    def busy_for(self, worker: WorkerState) -> str:
        if not worker.busy_since or not worker.job:
            return ""
        return duration((timezone.now() - worker.busy_since).total_seconds())

    @admin.display(description="memory")
    def memory(self, worker: WorkerState) -> str:
        return f"{worker.rss / 2**20:,.0f} MiB"

    @admin.display(description="serves")
    def serves(self, worker: WorkerState) -> str:
        return ", ".join(worker.queues)
