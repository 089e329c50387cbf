"""Steering a job: cancel, retry, and handing out the right to look at it."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import local_tokens, transitions
from jobs.serializers import JobSerializer
from jobs.views.base import actor, find_job, show


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=500)


class RetrySerializer(ReasonSerializer):
    only = serializers.ChoiceField(
        choices=["failed"], required=False, help_text="For a parent: just its failed children."
    )


class JobTokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    jobId = serializers.UUIDField()
    expiresIn = serializers.IntegerField(help_text="seconds")


class CancelView(APIView):
    @extend_schema(
        operation_id="cancelJob",
        summary="Cancel a job, also while it runs",
        request=ReasonSerializer,
        responses={200: JobSerializer},
        tags=["Jobs"],
    )
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        asked = _read(ReasonSerializer, request)
        transitions.cancel(find_job(request, job_id), actor=actor(request), reason=asked.get("reason", ""))
        return show(request, job_id)


class RetryView(APIView):
    @extend_schema(
        operation_id="retryJob",
        summary="Run a failed or cancelled job again, keeping its history",
        request=RetrySerializer,
        responses={202: JobSerializer},
        tags=["Jobs"],
    )
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        asked = _read(RetrySerializer, request)
        job = find_job(request, job_id)
        again = transitions.retry_failed_children if asked.get("only") else transitions.retry
        again(job, actor=actor(request), reason=asked.get("reason", ""))
        return show(request, job_id, 202)


class JobTokenView(APIView):
    @extend_schema(
        operation_id="createJobToken",
        summary="A read-only token for one job, to hand to a browser",
        request=None,
        responses={201: JobTokenSerializer},
        tags=["Jobs"],
    )
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        job = find_job(request, job_id)
        token = local_tokens.issue_for_job(request.user, job.id)
        seconds = int(local_tokens.JOB_TOKEN_LIFETIME.total_seconds())
        return Response({"token": token, "jobId": job.id, "expiresIn": seconds}, status=201)


def _read(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    body = kind(data=request.data if request.data is not None else {})
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)
