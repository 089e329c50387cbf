"""Candidates, proposals and papers as the API shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from enrichment.handlers.ai_analysis import compared
from enrichment.models import Candidate, CompetenceFile, Enrichment, Paper
from jobs.models import Job
from jobs.serializers import instant, progress_of
from jobs.states import State

STATUS = {
    State.QUEUED: "pending",
    State.RETRYING: "pending",
    State.RUNNING: "in_progress",
    State.WAITING: "in_progress",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}


class EnrichmentProgressSerializer(serializers.Serializer[Any]):
    percentage = serializers.FloatField()
    message = serializers.CharField()
    stage = serializers.CharField()


class EnrichmentStatusSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=sorted(set(STATUS.values())))
    progress = EnrichmentProgressSerializer()
    result = serializers.JSONField(allow_null=True)
    error = serializers.JSONField(allow_null=True)
    retryCount = serializers.IntegerField()
    maxRetries = serializers.IntegerField()


class ChangeSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="Such as headline or experience.0.bullets.2.")
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    why = serializers.CharField()


class ProposalSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    version = serializers.IntegerField()
    jobId = serializers.UUIDField(allow_null=True)
    provider = serializers.CharField()
    model = serializers.CharField()
    decision = serializers.ChoiceField(choices=["pending", "accepted", "rejected"])
    decidedAt = serializers.DateTimeField(allow_null=True)
    decidedBy = serializers.CharField()
    before = serializers.DictField()
    after = serializers.DictField()
    diff = ChangeSerializer(many=True)
    data = serializers.DictField()  # type: ignore[assignment]
    createdAt = serializers.DateTimeField()


class CandidateSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    profile = serializers.DictField(help_text="What was read or sent, with every correction in its place.")
    original = serializers.DictField(help_text="What was read or sent; never overwritten.")
    corrections = serializers.DictField()
    documentId = serializers.UUIDField(allow_null=True)
    competenceFiles = serializers.ListField(child=serializers.DictField())
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()


class PaperSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    jobId = serializers.UUIDField(allow_null=True)
    status = serializers.CharField(allow_null=True)
    documentId = serializers.UUIDField(allow_null=True)
    analyses = serializers.DictField(help_text="The newest of each provider, side by side.")
    agreement = serializers.DictField(allow_null=True)
    createdAt = serializers.DateTimeField()


def show_status(job: Job) -> dict[str, Any]:
    """A job of enrichment in the shape that clients of this route know."""
    shown = progress_of(job)
    return {
        "status": STATUS[State(job.state)],
        "progress": {
            "percentage": shown["percent"],
            "message": shown["message"],
            "stage": shown["stage"],
        },
        "result": job.result if job.state == State.COMPLETED else None,
        "error": job.error,
        "retryCount": max(0, job.attempts_charged - 1),
        "maxRetries": max(0, job.max_attempts - 1),
    }


def show_candidate(candidate: Candidate) -> dict[str, Any]:
    files = candidate.competence_files.order_by("-version")[:20]
    return {
        **show_candidate_line(candidate),
        "profile": candidate.shown(),
        "original": candidate.profile,
        "corrections": candidate.corrections,
        "competenceFiles": [show_competence_file(one) for one in files],
    }


def show_candidate_line(candidate: Candidate) -> dict[str, Any]:
    """A candidate in a list."""
    return {
        "id": str(candidate.pk),
        "name": candidate.name,
        "documentId": str(candidate.document_id) if candidate.document_id else None,
        "createdAt": instant(candidate.created_at),
        "updatedAt": instant(candidate.updated_at),
    }


def show_competence_file(one: CompetenceFile) -> dict[str, Any]:
    return {
        "version": one.version,
        "formats": [name for name, key in (("docx", one.docx_key), ("pdf", one.pdf_key)) if key],
        "provider": one.provider,
        "createdAt": instant(one.created_at),
    }


def show_proposal(one: Enrichment) -> dict[str, Any]:
    return {
        "id": str(one.pk),
        "kind": one.kind,
        "version": one.version,
        "jobId": str(one.job_id) if one.job_id else None,
        "provider": one.provider,
        "model": one.model,
        "decision": one.decision,
        "decidedAt": instant(one.decided_at),
        "decidedBy": one.decided_by,
        "before": one.before,
        "after": one.after,
        "diff": one.diff,
        "data": one.data,
        "createdAt": instant(one.created_at),
    }


def show_paper(paper: Paper) -> dict[str, Any]:
    newest: dict[str, Any] = {}
    for one in paper.analyses.order_by("-created_at")[:50]:
        newest.setdefault(
            one.provider,
            {
                "id": str(one.pk),
                "jobId": str(one.job_id) if one.job_id else None,
                "model": one.model,
                "data": one.data,
                "inputTokens": one.input_tokens,
                "outputTokens": one.output_tokens,
                "costUsd": str(one.cost_usd),
                "createdAt": instant(one.created_at),
            },
        )
    return {
        "id": str(paper.pk),
        "title": paper.title,
        "jobId": str(paper.job_id) if paper.job_id else None,
        "status": paper.job.state if paper.job else None,
        "documentId": str(paper.document_id) if paper.document_id else None,
        "analyses": newest,
        "agreement": compared({name: one["data"] for name, one in newest.items()}),
        "createdAt": instant(paper.created_at),
    }
