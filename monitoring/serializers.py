"""The shapes of the monitoring answers. Durations in milliseconds where the name ends in `Ms`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from monitoring import verdicts
from monitoring.analytics import DRAIN_SECONDS, FORMULA, SOURCE, TARGET_UTILISATION
from monitoring.queues import Queue


class PercentilesSerializer(serializers.Serializer[Any]):
    """Of the newest 1,000 within 24 hours, in milliseconds; null when nothing was measured."""

    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class VerdictSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(
        choices=[
            verdicts.HEALTHY, verdicts.DRAINING, verdicts.FALLING_BEHIND, verdicts.STALLED, verdicts.PAUSED,
        ]
    )  # fmt: skip
    text = serializers.CharField()
    drainSeconds = serializers.FloatField(source="drain_seconds", allow_null=True)


class QueueSerializer(serializers.Serializer[Any]):
    """One queue. `completed` and `failed` are of the last 24 hours; counts stop at 10,000 (`capped`)."""

    waiting = serializers.IntegerField(help_text="due and waiting for a worker")
    active = serializers.IntegerField(help_text="running now")
    delayed = serializers.IntegerField(help_text="due later: scheduled, or backing off")
    waitingForChildren = serializers.IntegerField(source="waiting_for_children")
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    paused = serializers.BooleanField(source="is_paused")
    workers = serializers.IntegerField(help_text="live workers that serve it")
    oldestWaitingMs = serializers.FloatField(source="oldest_waiting_ms", allow_null=True)
    throughput = serializers.FloatField(help_text="jobs that ended per minute, over five minutes")
    wait = PercentilesSerializer()
    run = PercentilesSerializer()
    capped = serializers.BooleanField()
    verdict = serializers.SerializerMethodField()

    @extend_schema_field(VerdictSerializer)
    def get_verdict(self, queue: Queue) -> Any:
        return VerdictSerializer(verdicts.judge(queue)).data


class QueueStatsSerializer(serializers.Serializer[Any]):
    queues = serializers.DictField(child=QueueSerializer())
    generatedAt = serializers.DateTimeField()


class QueueStatusSerializer(serializers.Serializer[Any]):
    waiting = serializers.IntegerField()
    active = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()


class WorkerCountsSerializer(serializers.Serializer[Any]):
    live = serializers.IntegerField()
    busy = serializers.IntegerField()
    draining = serializers.IntegerField()


class JobsHealthSerializer(serializers.Serializer[Any]):
    healthy = serializers.BooleanField(help_text="no queue is stalled or falling behind, and workers live")
    queueStatus = QueueStatusSerializer()
    workers = WorkerCountsSerializer()
    queues = serializers.DictField(child=serializers.CharField(), help_text="the verdict on each")
    problems = serializers.ListField(child=serializers.CharField())


class FindingSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["up", "degraded", "down"])
    detail = serializers.CharField()
    ms = serializers.FloatField(allow_null=True, help_text="how long the check took")
    data = serializers.DictField()  # type: ignore[assignment]  # the contract's name


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["healthy", "degraded", "unhealthy"])
    ready = serializers.BooleanField()
    release = serializers.CharField()
    checks = serializers.DictField(child=FindingSerializer())


class LiveSerializer(serializers.Serializer[Any]):
    status = serializers.CharField()


class PoolSerializer(serializers.Serializer[Any]):
    pool = serializers.CharField()
    queues = serializers.ListField(child=serializers.CharField())
    workers = serializers.IntegerField()
    busy = serializers.IntegerField()
    configured = serializers.IntegerField(help_text="workers of one cluster of this pool, as configured")
    desired = serializers.IntegerField(allow_null=True, help_text="null: no service time was ever measured")
    backlog = serializers.IntegerField()
    arrivalsPerSecond = serializers.FloatField(source="arrival_rate")
    serviceSeconds = serializers.FloatField(source="service_seconds", allow_null=True)


class ScaleSerializer(serializers.Serializer[Any]):
    pools = PoolSerializer(many=True)
    formula = serializers.CharField(default=FORMULA)
    source = serializers.CharField(default=SOURCE)  # type: ignore[assignment]  # likewise
    drainSeconds = serializers.FloatField(default=DRAIN_SECONDS)
    targetUtilisation = serializers.FloatField(default=TARGET_UTILISATION)


class ErrorGroupSerializer(serializers.Serializer[Any]):
    fingerprint = serializers.CharField()
    kind = serializers.CharField()
    queue = serializers.CharField()
    category = serializers.CharField()
    code = serializers.CharField()
    errorClass = serializers.CharField(source="error_class")
    message = serializers.CharField()
    count = serializers.IntegerField()
    jobs = serializers.IntegerField(source="jobs_hit", help_text="how many jobs it hit")
    firstSeen = serializers.DateTimeField(source="first_seen")
    lastSeen = serializers.DateTimeField(source="last_seen")
    lastJobId = serializers.UUIDField(source="last_job")
    releases = serializers.ListField(child=serializers.CharField())
    trend = serializers.ListField(child=serializers.IntegerField())


class ErrorsSerializer(serializers.Serializer[Any]):
    """`trend` counts failures in stretches of `bucketSeconds`, oldest first."""

    total = serializers.IntegerField()
    truncated = serializers.BooleanField(help_text="there were more; the newest 20,000 were read")
    bucketSeconds = serializers.FloatField()
    trend = serializers.ListField(child=serializers.IntegerField())
    byCategory = serializers.DictField(child=serializers.IntegerField())
    byKind = serializers.DictField(child=serializers.IntegerField())
    groups = ErrorGroupSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's, so these two can not be written as attributes.
        return {
            "from": serializers.DateTimeField(),
            "to": serializers.DateTimeField(),
            **super().get_fields(),
        }


class PeriodSerializer(serializers.Serializer[Any]):
    """A stretch of time; by default the last 24 hours."""

    def get_fields(self) -> dict[str, Any]:
        return {
            "from": serializers.DateTimeField(required=False),
            "to": serializers.DateTimeField(required=False),
        }


class WorkerSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    host = serializers.CharField()
    pid = serializers.IntegerField()
    pool = serializers.CharField()
    queues = serializers.ListField(child=serializers.CharField())
    jobId = serializers.UUIDField(source="job", allow_null=True)
    busySince = serializers.DateTimeField(source="busy_since", allow_null=True)
    jobsDone = serializers.IntegerField(source="jobs_done")
    rssBytes = serializers.IntegerField(source="rss")
    draining = serializers.BooleanField()
    release = serializers.CharField()
    startedAt = serializers.DateTimeField(source="started_at")
    heartbeatAt = serializers.DateTimeField(source="heartbeat_at")


class HourSerializer(serializers.Serializer[Any]):
    """Jobs per minute, oldest first; the last minute is not over. null: too many to look back so far."""

    start = serializers.DateTimeField()
    arrived = serializers.ListField(child=serializers.IntegerField(allow_null=True))
    completed = serializers.ListField(child=serializers.IntegerField(allow_null=True))
    failed = serializers.ListField(child=serializers.IntegerField(allow_null=True))


class AlertSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    message = serializers.CharField()
    openedAt = serializers.DateTimeField(source="opened_at", allow_null=True)


class DashboardSerializer(QueueStatsSerializer):
    workers = WorkerSerializer(many=True)
    hour = HourSerializer()
    failures = ErrorGroupSerializer(many=True, help_text="the 20 most frequent of the last 24 hours")
    alerts = AlertSerializer(many=True, help_text="those that are open")


class PauseSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")


class QueuePauseSerializer(serializers.Serializer[Any]):
    queue = serializers.CharField(source="name")
    paused = serializers.SerializerMethodField()
    pausedAt = serializers.DateTimeField(source="paused_at", allow_null=True)
    pausedBy = serializers.CharField(source="paused_by")
    reason = serializers.CharField()

    def get_paused(self, state: Any) -> bool:
        return state.paused_at is not None


class CleanupSerializer(serializers.Serializer[Any]):
    olderThanDays = serializers.FloatField(min_value=0, max_value=36_500, required=False)


class CleanedSerializer(serializers.Serializer[Any]):
    """`olderThanDays` is what was used: never less than the site's retention period."""

    deletedJobs = serializers.IntegerField()
    deletedProgress = serializers.IntegerField()
    olderThanDays = serializers.FloatField()
    finished = serializers.BooleanField(help_text="false: time ran out, ask again for the rest")
