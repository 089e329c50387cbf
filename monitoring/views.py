"""The doors of the monitoring: probes for machines, statistics and switches for operators."""

from __future__ import annotations

import hmac
import time
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import clock, queues
from jobs.maintenance import cleaner
from jobs.openapi import wrapped
from jobs.permissions import IsOperator
from jobs.problems import CONTENT_TYPE, Problem
from monitoring import analytics, health, metrics, verdicts
from monitoring import queues as ledger
from monitoring import serializers as shapes
from monitoring.models import Alert

CLEANUP_SECONDS: Final = 20.0
_LONGEST: Final = timedelta(days=90)
_TAGS: Final = ["monitoring"]


class Probe(APIView):
    """A question a load balancer asks: nobody signs in, and nobody is throttled for asking."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes: Any = ()


class Live(Probe):
    @extend_schema(tags=_TAGS, responses=shapes.LiveSerializer, summary="This process answers")
    def get(self, request: Request) -> Response:
        return Response({"status": "alive"})


class Ready(Probe):
    @extend_schema(tags=_TAGS, responses=shapes.HealthSerializer, summary="Jobs can be stored: 200, else 503")
    def get(self, request: Request) -> Response:
        found = health.check(("database", "storage"))
        return Response(_health(found), status=200 if found.ready else 503)


class Health(Probe):
    envelope = True

    @extend_schema(
        tags=_TAGS,
        responses={
            200: wrapped("HealthAnswer", shapes.HealthSerializer()),
            503: OpenApiResponse(description="Not ready: `error` says why, `data` has every check."),
        },
        summary="Every part: up, degraded or down",
    )
    def get(self, request: Request) -> Response:
        found = health.check()
        data = _health(found)
        if found.ready:
            return Response({"success": True, "data": data})
        down = [name for name, finding in found.findings.items() if finding.status == health.DOWN]
        problem = Problem(503, "not_ready", f"Down: {', '.join(down)}. Try again shortly.")
        return Response(
            {"success": False, "error": problem.body(), "data": data},
            status=503,
            headers={"Retry-After": "5"},
            content_type=CONTENT_TYPE,
        )


class JobsHealth(Probe):
    throttle_classes = APIView.throttle_classes

    @extend_schema(tags=_TAGS, responses=shapes.JobsHealthSerializer, summary="Whether jobs are being done")
    def get(self, request: Request) -> Response:
        read = ledger.read(durations=False)
        judged = {name: verdicts.judge(queue) for name, queue in read.items()}
        live = queues.live_workers()
        problems = [
            f"{name}: {verdict.text}"
            for name, verdict in judged.items()
            if verdict.state in (verdicts.STALLED, verdicts.FALLING_BEHIND)
        ]
        if not live:
            problems.append("No live worker: jobs are accepted and wait.")
        data = {
            "healthy": not problems,
            "queueStatus": {
                name: sum(getattr(queue, name) for queue in read.values())
                for name in ("waiting", "active", "completed", "failed")
            },
            "workers": {
                "live": len(live),
                "busy": sum(worker.job is not None for worker in live),
                "draining": sum(worker.draining for worker in live),
            },
            "queues": {name: verdict.state for name, verdict in judged.items()},
            "problems": problems,
        }
        return Response(shapes.JobsHealthSerializer(data).data)


class QueueStats(APIView):
    permission_classes = (IsOperator,)
    envelope = True

    @extend_schema(
        tags=_TAGS,
        responses=wrapped("QueueStatsAnswer", shapes.QueueStatsSerializer()),
        summary="Each queue in numbers",
    )
    def get(self, request: Request) -> Response:
        data = {"queues": ledger.read(), "generatedAt": clock.now()}
        return Response({"success": True, "data": shapes.QueueStatsSerializer(data).data})


class Dashboard(APIView):
    permission_classes = (IsOperator,)

    @extend_schema(tags=_TAGS, responses=shapes.DashboardSerializer, summary="All that the dashboard shows")
    def get(self, request: Request) -> Response:
        now = clock.now()
        data = {
            "queues": ledger.read(),
            "generatedAt": now,
            "workers": queues.live_workers(),
            "hour": analytics.last_hour(),
            "failures": analytics.errors(now - timedelta(hours=24), now).groups[:20],
            "alerts": Alert.objects.filter(open=True)[:50],
        }
        return Response(shapes.DashboardSerializer(data).data)


class Scale(APIView):
    permission_classes = (IsOperator,)

    @extend_schema(tags=_TAGS, responses=shapes.ScaleSerializer, summary="How many workers each pool needs")
    def get(self, request: Request) -> Response:
        plans = analytics.plan(ledger.read(), queues.live_workers())
        return Response(
            {
                "pools": shapes.PoolSerializer(plans, many=True).data,
                "formula": analytics.FORMULA,
                "source": analytics.SOURCE,
                "drainSeconds": analytics.DRAIN_SECONDS,
                "targetUtilisation": analytics.TARGET_UTILISATION,
            }
        )


class Errors(APIView):
    permission_classes = (IsOperator,)

    @extend_schema(
        tags=_TAGS,
        parameters=[
            OpenApiParameter(name, OpenApiTypes.DATETIME, description="Default: the last 24 hours.")
            for name in ("from", "to")
        ],
        responses=shapes.ErrorsSerializer,
        summary="What failed, by fingerprint",
    )
    def get(self, request: Request) -> Response:
        start, end = _period(request)
        found = analytics.errors(start, end)
        data = {
            "from": start,
            "to": end,
            "total": found.total,
            "truncated": found.truncated,
            "bucketSeconds": found.bucket.total_seconds(),
            "trend": found.trend,
            "byCategory": found.by_category,
            "byKind": found.by_kind,
            "groups": found.groups[:200],
        }
        return Response(shapes.ErrorsSerializer(data).data)


class Pause(APIView):
    permission_classes = (IsOperator,)

    @extend_schema(
        tags=_TAGS,
        request=shapes.PauseSerializer,
        responses=shapes.QueuePauseSerializer,
        summary="Let no worker take another job of a queue",
    )
    def post(self, request: Request, queue: str) -> Response:
        asked = shapes.PauseSerializer(data=request.data or {})
        asked.is_valid(raise_exception=True)
        try:
            state = queues.pause(
                queue, actor=request.user.get_username(), reason=asked.validated_data["reason"]
            )
        except queues.UnknownQueue as error:
            raise Problem(404, "unknown_queue", str(error)) from None
        return Response(shapes.QueuePauseSerializer(state).data)


class Resume(APIView):
    permission_classes = (IsOperator,)

    @extend_schema(
        tags=_TAGS, request=None, responses=shapes.QueuePauseSerializer, summary="Let workers take jobs again"
    )
    def post(self, request: Request, queue: str) -> Response:
        try:
            state = queues.resume(queue, actor=request.user.get_username())
        except queues.UnknownQueue as error:
            raise Problem(404, "unknown_queue", str(error)) from None
        return Response(shapes.QueuePauseSerializer(state).data)


class Cleanup(APIView):
    permission_classes = (IsOperator,)

    @extend_schema(
        tags=_TAGS,
        request=shapes.CleanupSerializer,
        responses=shapes.CleanedSerializer,
        summary="Delete what ended long ago",
    )
    def post(self, request: Request) -> Response:
        asked = shapes.CleanupSerializer(data=request.data or {})
        asked.is_valid(raise_exception=True)
        days = max(asked.validated_data.get("olderThanDays", 0), settings.RETENTION_DAYS)
        deadline = time.monotonic() + CLEANUP_SECONDS
        cleaned = cleaner.clean(days, stop=lambda: time.monotonic() >= deadline)
        return Response(
            {
                "deletedJobs": cleaned.deleted_jobs,
                "deletedProgress": cleaned.deleted_progress,
                "olderThanDays": days,
                "finished": time.monotonic() < deadline,
            }
        )


class _Exposition(BaseRenderer):
    media_type = "text/plain"
    format = "txt"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        return data


class Metrics(Probe):
    """Open where `METRICS_TOKEN` is not set: it holds numbers only. Keep it off the public address anyway."""

    renderer_classes = (_Exposition, JSONRenderer)

    @extend_schema(
        tags=_TAGS,
        responses={(200, "text/plain"): OpenApiTypes.STR},
        summary="For Prometheus",
    )
    def get(self, request: Request) -> HttpResponse:
        token = getattr(settings, "METRICS_TOKEN", "")
        given = request.META.get("HTTP_AUTHORIZATION", "")
        if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise Problem(401, "not_authenticated", "Send the metrics token as a bearer token.")
        return HttpResponse(metrics.text(), content_type=metrics.CONTENT_TYPE)


def _health(found: health.Health) -> dict[str, Any]:
    return {
        "status": found.status,
        "ready": found.ready,
        "release": settings.RELEASE,
        "checks": {name: shapes.FindingSerializer(finding).data for name, finding in found.findings.items()},
    }


def _period(request: Request) -> tuple[Any, Any]:
    asked = shapes.PeriodSerializer(data=request.query_params)
    asked.is_valid(raise_exception=True)
    end = asked.validated_data.get("to") or timezone.now()
    start = asked.validated_data.get("from") or end - timedelta(hours=24)
    if start >= end:
        raise ValidationError({"from": ["This must be before `to`."]})
    if end - start > _LONGEST:
        raise ValidationError({"from": [f"At most {_LONGEST.days} days at once."]})
    return start, end
