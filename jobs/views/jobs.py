"""Creating, listing and looking at jobs."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import bodies, enqueue, listing, transitions
from jobs.idempotency import fingerprint, idempotent
from jobs.listing import Cursor, Filter
from jobs.models import Job
from jobs.openapi import IDEMPOTENCY_KEY
from jobs.problems import Problem
from jobs.serializers import JobSerializer, job_payload, job_payloads
from jobs.states import State
from jobs.views.base import CREATE_THROTTLES, actor, find_job, location, show

JOB_REQUEST = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "description": "The public name of a kind of job."},
        "priority": {
            "description": "1 to 20, higher is sooner; or a name.",
            "oneOf": [
                {"type": "integer", "minimum": 1, "maximum": 20},
                {"type": "string", "enum": ["low", "normal", "high", "critical"]},
            ],
        },
        "runAt": {"type": "string", "format": "date-time", "description": "Not before this time."},
        "callbackUrl": {"type": "string", "format": "uri", "description": "https; told when the job ends."},
        "maxAttempts": {"type": "integer", "minimum": 1, "maximum": bodies.MAX_ATTEMPTS},
    },
    "additionalProperties": {"description": "The arguments of the kind."},
}


class StatusList(serializers.Field[Any, Any, Any, Any]):
    """States, separated by commas."""

    def to_internal_value(self, data: Any) -> tuple[str, ...]:
        names = tuple(part.strip() for part in str(data).split(",") if part.strip())
        unknown = [name for name in names if name not in State.values]
        if unknown:
            raise serializers.ValidationError(
                f"Not a status: {unknown[0][:40]!r}. One of: {', '.join(State.values)}."
            )
        return names

    def to_representation(self, value: Any) -> str:
        return ",".join(value)


class ListQuery(serializers.Serializer[Any]):
    """The query of the list. Unknown parameters are ignored."""

    status = StatusList(required=False)
    type = serializers.CharField(required=False, max_length=100)
    queue = serializers.CharField(required=False, max_length=64)
    createdAfter = serializers.DateTimeField(required=False)
    q = serializers.CharField(required=False, max_length=200)
    parentId = serializers.UUIDField(required=False)
    batchId = serializers.UUIDField(required=False)
    limit = serializers.IntegerField(required=False, default=50, min_value=1, max_value=listing.MAX_PAGE)
    cursor = serializers.CharField(required=False, max_length=300)

    def validate_cursor(self, value: str) -> Cursor:
        try:
            return Cursor.decode(value)
        except listing.BadCursor as error:
            raise serializers.ValidationError(str(error)) from None


class JobCountsSerializer(serializers.Serializer[Any]):
    waiting = serializers.IntegerField()
    active = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()


class JobListSerializer(serializers.Serializer[Any]):
    jobs = JobSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="The address of the next page; null at the end.")
    queueStatus = JobCountsSerializer()


class JobsView(APIView):
    """All of the caller's jobs."""

    def get_throttles(self) -> list[Any]:
        return (
            [throttle() for throttle in CREATE_THROTTLES]
            if self.request.method == "POST"
            else super().get_throttles()
        )

    @extend_schema(
        operation_id="listJobs",
        summary="The caller's jobs, active ones first",
        description="Children of a job are listed when `parentId`, `type`, `batchId` or `q` asks for them. "
        "`queueStatus` counts at most the newest 10,000 jobs.",
        parameters=[
            OpenApiParameter("status", str, description="One or more states, separated by commas."),
            OpenApiParameter("type", str),
            OpenApiParameter("queue", str),
            OpenApiParameter("createdAfter", str, description="ISO 8601."),
            OpenApiParameter(
                "q", str, description="An id, or text in the type, arguments, error or progress."
            ),
            OpenApiParameter("parentId", uuid.UUID),
            OpenApiParameter("batchId", uuid.UUID),
            OpenApiParameter("limit", int, description="1 to 100, by default 50."),
            OpenApiParameter("cursor", str, description="From `next` of the page before."),
        ],
        responses=JobListSerializer,
        tags=["Jobs"],
    )
    def get(self, request: Request) -> Response:
        query = ListQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked: dict[str, Any] = query.validated_data
        wanted = Filter(
            status=asked.get("status", ()),
            type=asked.get("type", ""),
            queue=asked.get("queue", ""),
            created_after=asked.get("createdAfter"),
            q=asked.get("q", ""),
            batch=asked.get("batchId"),
            parent=asked.get("parentId"),
        )
        mine = Job.objects.visible_to(request.user)
        top = mine.filter(parent=None)
        everyone = bool(request.user.is_staff)
        narrowed = wanted.parent or wanted.batch or wanted.q or wanted.type
        jobs, behind = listing.page(
            wanted.apply(mine if narrowed else top), asked.get("cursor"), asked["limit"], everyone=everyone
        )
        return Response(
            {
                "jobs": job_payloads(jobs),
                "next": _address(request, behind) if behind else None,
                "queueStatus": listing.queue_status(top, everyone=everyone),
            }
        )

    @extend_schema(
        operation_id="createJob",
        summary="Create a job of any public kind",
        parameters=[IDEMPOTENCY_KEY],
        request={"application/json": JOB_REQUEST},
        examples=[
            OpenApiExample(
                "Résumé",
                value={"type": "resume-optimization", "resumeText": "…", "targetRole": "…"},
                request_only=True,
            ),
        ],
        responses={202: JobSerializer},
        tags=["Jobs"],
    )
    def post(self, request: Request) -> Response:
        spec = bodies.read_job(request)

        def create() -> tuple[int, dict[str, Any]]:
            job = enqueue.create_many([spec], owner=request.user, actor=actor(request))[0]
            return 202, job_payload(job)

        return idempotent(request, fingerprint(request), create, headers=location)


def _address(request: Request, cursor: Cursor) -> str:
    query = request.query_params.copy()
    query["cursor"] = cursor.encode()
    return f"{request.path}?{query.urlencode()}"


class JobView(APIView):
    """One job."""

    @extend_schema(operation_id="getJob", summary="One job", responses=JobSerializer, tags=["Jobs"])
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        return show(request, job_id)

    @extend_schema(
        operation_id="deleteJob",
        summary="Cancel a job, also while it runs",
        responses={200: JobSerializer},
        tags=["Jobs"],
    )
    def delete(self, request: Request, job_id: uuid.UUID) -> Response:
        transitions.cancel(find_job(request, job_id), actor=actor(request))
        return show(request, job_id)


class JobStatusView(APIView):
    """The same job under another address."""

    @extend_schema(operation_id="getJobStatus", summary="One job", responses=JobSerializer, tags=["Jobs"])
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        return show(request, job_id)


class StatusQuery(serializers.Serializer[Any]):
    jobId = serializers.UUIDField()
    queue = serializers.CharField(required=False, allow_blank=True, max_length=64)


class StatusDataSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=State.choices)
    progress = serializers.FloatField()
    data = serializers.JSONField(allow_null=True)  # type: ignore[assignment]
    createdAt = serializers.DateTimeField()
    finishedAt = serializers.DateTimeField(allow_null=True)
    error = serializers.JSONField(required=False)


class WrappedStatusSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    data = StatusDataSerializer()  # type: ignore[assignment]


class WrappedStatusView(APIView):
    """One job in the wrapped shape."""

    envelope = True
    job_id_parameter = "jobId"

    @extend_schema(
        operation_id="getWrappedJobStatus",
        summary="One job, wrapped",
        parameters=[
            OpenApiParameter("jobId", uuid.UUID, required=True),
            OpenApiParameter("queue", str, description="When given, the job must be of this queue."),
        ],
        responses=OpenApiResponse(WrappedStatusSerializer),
        tags=["Jobs"],
    )
    def get(self, request: Request) -> Response:
        query = StatusQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        job = find_job(request, query.validated_data["jobId"])
        queue = query.validated_data.get("queue")
        if queue and job.queue != queue:
            raise Problem(404, "not_found", f"There is no such job in the queue {queue!r}.")
        shown = job_payload(job)
        percent = shown["progress"]["percent"]
        data = {
            "id": shown["jobId"],
            "status": shown["status"],
            "progress": int(percent) if percent == int(percent) else percent,
            "data": shown["result"],
            "createdAt": shown["createdAt"],
            "finishedAt": shown["finishedAt"],
            **({"error": shown["error"]} if shown["error"] else {}),
        }
        return Response({"success": True, "data": data})
