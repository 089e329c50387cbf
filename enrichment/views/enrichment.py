"""`/api/enrichment`: starting, watching and steering enrichment."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from enrichment import standing, statistics
from enrichment.models import Candidate
from enrichment.serializers import EnrichmentStatusSerializer, show_status
from jobs import bodies, enqueue, queues, registry, transitions
from jobs.enqueue import Spec
from jobs.exceptions import InvalidArgs
from jobs.idempotency import fingerprint, idempotent
from jobs.models import Job
from jobs.openapi import IDEMPOTENCY_KEY
from jobs.priorities import parse_priority
from jobs.problems import Problem, unknown_type
from jobs.serializers import JobSerializer, job_payload
from jobs.views.base import CREATE_THROTTLES, actor, find_job, location, show

_JOB_ID = OpenApiParameter("jobId", uuid.UUID)
_REQUEST = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "enum": list(statistics.TYPES)},
        "candidateData": {"type": "object", "description": "A profile; it is stored as a candidate."},
        "candidateId": {"type": "string", "format": "uuid"},
        "candidates": {"type": "array", "items": {"type": "object"}, "description": "For the bulk type."},
        "candidateIds": {"type": "array", "items": {"type": "string", "format": "uuid"}},
        "kinds": {"type": "array", "items": {"type": "string"}, "description": "For the bulk type."},
        "batchSize": {"type": "integer", "minimum": 1},
        "provider": {"type": "string", "enum": ["builtin", "openai", "anthropic"]},
        "formats": {"type": "array", "items": {"type": "string", "enum": ["docx", "pdf"]}},
        "priority": {"description": "1 to 20, or low, normal, high, critical."},
    },
}


class EnrichmentView(APIView):
    """One address for all five types, as its clients know it."""

    job_id_parameter = "jobId"

    def get_throttles(self) -> list[Any]:
        if self.request.method == "POST":
            return [throttle() for throttle in CREATE_THROTTLES]
        return super().get_throttles()

    @extend_schema(
        operation_id="createEnrichment",
        summary="Enrich a candidate, or many",
        parameters=[IDEMPOTENCY_KEY],
        request={"application/json": _REQUEST},
        responses={202: JobSerializer},
        tags=["enrichment"],
    )
    def post(self, request: Request) -> Response:
        name = request.data.get("type") if isinstance(request.data, dict) else None
        if name not in statistics.TYPES:
            raise _no_such_type(name)
        spec = bodies.read_job(request)
        check_candidates(request, spec)

        def create() -> tuple[int, dict[str, Any]]:
            job = enqueue.create_many([spec], owner=request.user, actor=actor(request))[0]
            return 202, job_payload(job)

        return idempotent(request, fingerprint(request), create, headers=location)

    @extend_schema(
        operation_id="getEnrichment",
        summary="One job (`jobId`), `action=stats` or `action=health`",
        parameters=[_JOB_ID, OpenApiParameter("action", str, enum=["stats", "health"])],
        responses=OpenApiResponse(EnrichmentStatusSerializer),
        tags=["enrichment"],
    )
    def get(self, request: Request) -> Response:
        action = request.query_params.get("action", "")
        if action == "stats":
            return Response(statistics.collect(request.user))
        if action == "health":
            return Response(standing.health())
        if action:
            raise InvalidArgs({"action": ["stats or health; without it, one job by `jobId`."]})
        return Response(show_status(_job(request)))

    @extend_schema(
        operation_id="deleteEnrichment",
        summary="Cancel a job, or with `action=retry` run it again",
        parameters=[_JOB_ID, OpenApiParameter("action", str, enum=["retry", "cancel"])],
        responses={200: JobSerializer},
        tags=["enrichment"],
    )
    def delete(self, request: Request) -> Response:
        action = request.query_params.get("action", "cancel")
        if action not in ("cancel", "retry"):
            raise InvalidArgs({"action": ["retry; without it the job is cancelled."]})
        job = _job(request)
        if action == "retry":
            transitions.retry(job, actor=actor(request))
            return show(request, job.pk, 202)
        transitions.cancel(job, actor=actor(request))
        return show(request, job.pk)

    @extend_schema(
        operation_id="reprioritiseEnrichment",
        summary="Move a waiting job to another priority, and so to another queue",
        parameters=[_JOB_ID],
        request={"application/json": {"type": "object", "properties": {"priority": {}}}},
        responses={200: JobSerializer},
        tags=["enrichment"],
    )
    def patch(self, request: Request) -> Response:
        job = _job(request)
        try:
            priority = parse_priority(
                request.data.get("priority") if isinstance(request.data, dict) else None
            )
        except ValueError as error:
            raise InvalidArgs({"priority": [str(error)]}) from None
        whole = Job.objects.get(pk=job.pk)
        queue = queues.queue_after(whole, priority)
        transitions.reprioritise(whole, priority, queue=queue, actor=actor(request))
        return show(request, job.pk)


def check_candidates(request: Request, spec: Spec) -> None:
    """Every candidate named in a new job is the caller's. Raises Problem 404, and InvalidArgs."""
    args = registry.get(spec.kind).validate(spec.args)
    wanted = {one for one in [getattr(args, "candidate_id", None)] if one}
    wanted.update(getattr(args, "candidate_ids", []))
    if not wanted:
        return
    known = set(Candidate.objects.filter(pk__in=wanted, owner=request.user.pk).values_list("pk", flat=True))
    missing = sorted(str(one) for one in wanted - known)
    if missing:
        raise Problem(
            404,
            "not_found",
            f"There is no such candidate among yours: {', '.join(missing[:5])}"
            + (f" and {len(missing) - 5} more." if len(missing) > 5 else "."),
        )


def _no_such_type(name: Any) -> Problem:
    text = "An enrichment needs a `type`." if not name else f"There is no enrichment {str(name)[:100]!r}."
    problem = unknown_type(text)
    choice = f"{text} Choose one of: {', '.join(statistics.TYPES)}."
    problem.detail, problem.errors = choice, {"type": [choice]}
    problem.extra["known"] = list(statistics.TYPES)
    return problem


class _JobQuery(serializers.Serializer[Any]):
    jobId = serializers.UUIDField()


def _job(request: Request) -> Job:
    query = _JobQuery(data=request.query_params)
    query.is_valid(raise_exception=True)
    job = find_job(request, query.validated_data["jobId"])
    if job.kind not in statistics.kinds():
        raise Problem(404, "not_found", "There is no such enrichment among yours.")
    return job
