"""Many jobs in one request: creating them, and steering all that a filter matches."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import bodies, conf, enqueue
from jobs.exceptions import InvalidArgs
from jobs.handlers import BULK_ACTION
from jobs.idempotency import fingerprint, idempotent
from jobs.models import uuid7
from jobs.openapi import IDEMPOTENCY_KEY
from jobs.permissions import IsOperator
from jobs.serializers import JobSerializer, job_payload, job_payloads
from jobs.states import State
from jobs.views.base import CREATE_THROTTLES, actor, location
from jobs.views.jobs import JOB_REQUEST

_ACTION_REQUEST = {
    "type": "object",
    "required": ["action", "filter"],
    "properties": {
        "action": {"type": "string", "enum": ["retry", "cancel", "reprioritise"]},
        "filter": {
            "type": "object",
            "description": "At least one field; those given must all match.",
            "properties": {
                "status": {"type": "array", "items": {"type": "string", "enum": State.values}},
                "type": {"type": "string"},
                "queue": {"type": "string"},
                "createdAfter": {"type": "string", "format": "date-time"},
                "createdBefore": {"type": "string", "format": "date-time"},
                "q": {"type": "string"},
                "batchId": {"type": "string", "format": "uuid"},
                "parentId": {"type": "string", "format": "uuid"},
                "errorCode": {"type": "string"},
                "jobIds": {"type": "array", "maxItems": 1000, "items": {"type": "string", "format": "uuid"}},
            },
        },
        "priority": {"type": "integer", "minimum": 1, "maximum": 20, "description": "For reprioritise."},
        "reason": {"type": "string", "maxLength": 500},
    },
}


class BulkAnswerSerializer(serializers.Serializer[Any]):
    jobs = JobSerializer(many=True)
    batchId = serializers.UUIDField()


class BulkView(APIView):
    body_limit = 8 * 1024 * 1024
    throttle_classes = CREATE_THROTTLES

    @extend_schema(
        operation_id="createJobs",
        summary=f"Create up to {conf.MAX_BULK} jobs, all or none",
        parameters=[IDEMPOTENCY_KEY],
        request={
            "application/json": {
                "type": "object",
                "required": ["jobs"],
                "properties": {
                    "jobs": {"type": "array", "minItems": 1, "maxItems": conf.MAX_BULK, "items": JOB_REQUEST}
                },
            }
        },
        responses={202: BulkAnswerSerializer},
        tags=["Jobs"],
    )
    def post(self, request: Request) -> Response:
        specs = bodies.read_jobs(request)
        batch = uuid7()

        def create() -> tuple[int, dict[str, Any]]:
            try:
                jobs = enqueue.create_many(specs, owner=request.user, batch=batch, actor=actor(request))
            except InvalidArgs as error:
                if len(specs) > 1:
                    raise
                raise InvalidArgs({f"jobs.0.{name}": texts for name, texts in error.errors.items()}) from None
            return 202, {"jobs": job_payloads(jobs), "batchId": str(batch)}

        return idempotent(request, fingerprint(request), create)


class ActionsView(APIView):
    permission_classes = [IsOperator]
    throttle_classes = CREATE_THROTTLES

    @extend_schema(
        operation_id="actOnJobs",
        summary="Retry, cancel or reprioritise everything a filter matches (staff)",
        description="It is itself a job, with progress; its result says how many jobs it changed.",
        parameters=[IDEMPOTENCY_KEY],
        request={"application/json": _ACTION_REQUEST},
        responses={202: JobSerializer},
        tags=["Jobs"],
    )
    def post(self, request: Request) -> Response:
        if not isinstance(request.data, dict):
            raise InvalidArgs({"body": ["A JSON object with `action` and `filter`."]})
        body = dict(request.data)

        def create() -> tuple[int, dict[str, Any]]:
            job = enqueue.create(BULK_ACTION, body, owner=request.user, actor=actor(request))
            return 202, job_payload(job)

        return idempotent(request, fingerprint(request), create, headers=location)
