"""Failures and events across all jobs, newest first."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from jobs.admin.bounded import BoundedAdmin, job_link, pretty, state_label, uuid_of
from jobs.admin.filters import CategoryFilter, CauseFilter, KindFilter
from jobs.models import JobEvent, JobFailure


class _HistoryAdmin(BoundedAdmin):
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).order_by("-id")

    @admin.display(description="job")
    def job_shown(self, row: Any) -> SafeString | str:
        return job_link(row.job_id)


@admin.register(JobFailure)
class JobFailureAdmin(_HistoryAdmin):
    list_display = (
        "at", "kind", "code", "category", "cause", "attempt", "stage", "summary", "job_shown", "retry_at",
    )  # fmt: skip
    list_filter = (CategoryFilter, CauseFilter, KindFilter)
    search_fields = ("job",)
    search_help_text = "A job's whole id, or a fingerprint"
    fields = (
        "job_shown", "attempt", "kind", "queue", "cause", "category", "code", "error_class", "message",
        "stage", "fingerprint", "peak_memory", "worker", "release", "at", "retry_at", "traceback_shown",
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self.fields)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        listing = request.resolver_match and request.resolver_match.url_name == "jobs_jobfailure_changelist"
        failures = super().get_queryset(request)
        return failures.defer("traceback") if listing else failures

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        job_id = uuid_of(search_term)
        if job_id:
            return queryset.filter(job_id=job_id), False
        return queryset.filter(fingerprint=search_term.strip()), False

    @admin.display(description="message")
    def summary(self, failure: JobFailure) -> str:
        return failure.message if len(failure.message) <= 120 else f"{failure.message[:119]}…"

    @admin.display(description="peak memory")
    def peak_memory(self, failure: JobFailure) -> str:
        return f"{failure.peak_rss / 2**20:,.0f} MiB" if failure.peak_rss else "-"

    @admin.display(description="traceback")
    def traceback_shown(self, failure: JobFailure) -> SafeString | str:
        return format_html('<pre class="json">{}</pre>', failure.traceback) if failure.traceback else "-"


@admin.register(JobEvent)
class JobEventAdmin(_HistoryAdmin):
    list_display = ("at", "job_shown", "seq", "type", "state_shown", "attempt", "actor", "reason")
    search_fields = ("job",)
    search_help_text = "A job's whole id"
    fields = ("job_shown", "seq", "type", "state_shown", "attempt", "reason", "actor", "at", "data_shown")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self.fields)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        job_id = uuid_of(search_term)
        return (queryset.filter(job_id=job_id) if job_id else queryset.none()), False

    @admin.display(description="state")
    def state_shown(self, event: JobEvent) -> SafeString:
        return state_label(event.state)

    @admin.display(description="data")
    def data_shown(self, event: JobEvent) -> SafeString | str:
        return pretty(event.data)
