"""Candidates, proposals, papers and spending for operators: to look at, never to edit."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from enrichment.models import Analysis, Candidate, CompetenceFile, Enrichment, Paper, ProviderState, Spend
from jobs.admin.bounded import BoundedAdmin, job_link


class _OfJob(BoundedAdmin):
    @admin.display(description="job")
    def job_shown(self, row: Any) -> SafeString | str:
        return job_link(row.job_id)


@admin.register(Candidate)
class CandidateAdmin(BoundedAdmin):
    list_display = ("id", "name", "owner", "updated_at")
    list_select_related = ("owner",)


@admin.register(Enrichment)
class EnrichmentAdmin(_OfJob):
    list_display = ("id", "kind", "version", "candidate", "provider", "decision", "decided_by", "job_shown")
    list_select_related = ("candidate",)


@admin.register(CompetenceFile)
class CompetenceFileAdmin(_OfJob):
    list_display = ("id", "candidate", "version", "provider", "job_shown", "created_at")
    list_select_related = ("candidate",)


@admin.register(Paper)
class PaperAdmin(_OfJob):
    list_display = ("id", "title", "owner", "job_shown", "created_at")
    list_select_related = ("owner",)


@admin.register(Analysis)
class AnalysisAdmin(_OfJob):
    list_display = ("id", "provider", "model", "input_tokens", "output_tokens", "cost_usd", "job_shown")


@admin.register(Spend)
class SpendAdmin(_OfJob):
    list_display = (
        "id", "at", "owner", "provider", "model", "task", "outcome", "estimated_usd", "cost_usd",
        "input_tokens", "output_tokens", "job_shown",
    )  # fmt: skip
    list_select_related = ("owner",)


@admin.register(ProviderState)
class ProviderStateAdmin(BoundedAdmin):
    list_display = ("name", "requests", "tokens", "failures", "open_until")
    ordering = ("name",)
