"""The monitoring's routes: who may ask, and what is answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from jobs.models import Job, JobFailure, QueueState
from jobs.states import State
from monitoring import health, metrics
from monitoring.health import Finding
from tests.factories import JobFactory, WorkerFactory

pytestmark = pytest.mark.django_db

STAFF_GETS = ("/api/jobs/queue-stats", "/api/queue/dashboard", "/api/queue/scale", "/api/errors")
STAFF_POSTS = ("/api/queue/ai/pause", "/api/queue/ai/resume", "/api/queue/cleanup")
OPEN = ("/livez", "/api/jobs/health", "/metrics")


@pytest.fixture(autouse=True)
def _fresh_metrics() -> None:
    metrics.forget()


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replace checks by what they find."""

    def replace(**found: Finding) -> None:
        checks = {name.replace("_", "-"): (lambda f=finding: f) for name, finding in found.items()}
        monkeypatch.setattr(
            health, "CHECKS", {**dict.fromkeys(health.CHECKS, lambda: Finding("up")), **checks}
        )

    return replace


def fail(kind: str = "tests.echo", fingerprint: str = "f", ago: float = 60, **values: Any) -> JobFailure:
    return JobFailure.objects.create(
        job=values.pop("job", None) or JobFactory(failed=True), attempt=1, kind=kind, queue="ai",
        cause="error",
        category=values.pop("category", "transient"), code="boom", fingerprint=fingerprint,
        at=timezone.now() - timedelta(seconds=ago), **values,
    )  # fmt: skip


@pytest.mark.parametrize("route", OPEN)
def test_machines_need_no_account(api_for: Callable[..., APIClient], route: str) -> None:
    assert api_for().get(route).status_code == 200


@pytest.mark.parametrize("route", STAFF_GETS)
def test_statistics_are_for_operators(
    api_for: Callable[..., APIClient], api: APIClient, staff_api: APIClient, route: str
) -> None:
    assert api_for().get(route).status_code == 401
    assert api.get(route).status_code == 403
    assert staff_api.get(route).status_code == 200


@pytest.mark.parametrize("route", STAFF_POSTS)
def test_switches_are_for_operators(
    api_for: Callable[..., APIClient], api: APIClient, staff_api: APIClient, route: str
) -> None:
    assert api_for().post(route).status_code == 401
    assert api.post(route).status_code == 403
    assert staff_api.post(route).status_code == 200


def test_refusals_of_queue_stats_are_wrapped(api: APIClient) -> None:
    body = api.get("/api/jobs/queue-stats").json()
    assert body["success"] is False
    assert body["error"]["status"] == 403


def test_queue_stats_have_every_number_of_the_contract(staff_api: APIClient) -> None:
    JobFactory(completed=True)
    body = staff_api.get("/api/jobs/queue-stats").json()
    assert body["success"] is True
    queue = body["data"]["queues"]["ai"]
    assert {
        "waiting", "active", "delayed", "completed", "failed", "paused", "workers", "oldestWaitingMs",
        "throughput", "wait", "run",
    } <= set(queue)  # fmt: skip
    assert set(queue["wait"]) == set(queue["run"]) == {"p50", "p95", "p99"}
    assert queue["completed"] == 1
    assert body["data"]["queues"]["video"]["run"]["p50"] is None


def test_job_health_tells_of_a_missing_worker_and_of_a_live_one(api: APIClient) -> None:
    JobFactory()
    body = api.get("/api/jobs/health").json()
    assert body["healthy"] is False
    assert body["queueStatus"] == {"waiting": 1, "active": 0, "completed": 0, "failed": 0}
    WorkerFactory()
    body = api.get("/api/jobs/health").json()
    assert (body["healthy"], body["workers"]["live"]) == (True, 1)


def test_health_is_200_when_only_redis_is_away(
    api_for: Callable[..., APIClient], findings: Callable[..., None]
) -> None:
    findings(broker=Finding("degraded", "ConnectionError"))
    answer = api_for().get("/api/health")
    assert answer.status_code == 200
    assert answer.json()["data"]["status"] == "degraded"
    assert set(answer.json()["data"]["checks"]) == {
        "database", "broker", "channel-layer", "storage", "workers", "background-jobs", "memory",
    }  # fmt: skip


@pytest.mark.parametrize("part", ["database", "storage"])
def test_health_is_503_when_jobs_cannot_be_stored(
    api_for: Callable[..., APIClient], findings: Callable[..., None], part: str
) -> None:
    findings(**{part: Finding("down", "OperationalError")})
    answer = api_for().get("/api/health")
    assert answer.status_code == 503
    body = answer.json()
    assert (body["success"], body["error"]["code"]) == (False, "not_ready")
    assert body["data"]["checks"][part]["status"] == "down"
    assert api_for().get("/readyz").status_code == 503
    assert api_for().get("/livez").status_code == 200


def test_metrics_can_be_parsed_and_ask_for_a_token_when_one_is_set(
    api_for: Callable[..., APIClient], settings: Any
) -> None:
    JobFactory()
    text = api_for().get("/metrics").content.decode()
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["millrace_jobs", "ai", "waiting"] == 1
    assert samples["millrace_queue_verdict", "ai", "stalled"] == 1
    assert samples[("millrace_web_resident_memory_bytes",)] > 0
    settings.METRICS_TOKEN = "s3cret"
    assert api_for().get("/metrics").status_code == 401
    assert api_for().get("/metrics", HTTP_AUTHORIZATION="Bearer s3cret").status_code == 200


def test_a_queue_is_paused_with_a_reason_and_resumed(staff_api: APIClient) -> None:
    body = staff_api.post("/api/queue/ai/pause", {"reason": "provider down"}, format="json").json()
    assert (body["queue"], body["paused"], body["pausedBy"]) == ("ai", True, "operator")
    assert QueueState.objects.get(name="ai").reason == "provider down"
    assert staff_api.post("/api/queue/ai/resume").json()["paused"] is False


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_an_unknown_queue_is_404(staff_api: APIClient, verb: str) -> None:
    answer = staff_api.post(f"/api/queue/nonsense/{verb}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_queue")


def test_cleanup_deletes_what_is_old_and_never_what_is_within_retention(
    staff_api: APIClient, settings: Any
) -> None:
    settings.RETENTION_DAYS = 7
    now = timezone.now()
    for days in (3, 8):
        JobFactory(state=State.CANCELLED, finished_at=now - timedelta(days=days))
    body = staff_api.post("/api/queue/cleanup", {"olderThanDays": 1}, format="json").json()
    assert body == {"deletedJobs": 1, "deletedProgress": 0, "olderThanDays": 7, "finished": True}
    assert Job.objects.count() == 1


@pytest.mark.parametrize("value", [-1, "soon", None, [], 1e9])
def test_cleanup_refuses_what_is_no_number_of_days(staff_api: APIClient, value: Any) -> None:
    answer = staff_api.post("/api/queue/cleanup", {"olderThanDays": value}, format="json")
    assert answer.status_code == 400
    assert "olderThanDays" in answer.json()["errors"]


def test_errors_are_grouped_by_fingerprint_with_a_trend(staff_api: APIClient) -> None:
    for ago in (60, 120, 7200):
        fail(ago=ago)
    fail(fingerprint="g", kind="tests.private", category="timeout")
    fail(fingerprint="old", ago=90_000)
    body = staff_api.get("/api/errors").json()
    assert (body["total"], body["truncated"]) == (4, False)
    assert body["byKind"] == {"tests.echo": 3, "tests.private": 1}
    assert body["byCategory"] == {"transient": 3, "timeout": 1}
    first = body["groups"][0]
    assert (first["fingerprint"], first["count"], first["jobs"]) == ("f", 3, 3)
    assert sum(first["trend"]) == 3
    assert sum(body["trend"]) == 4


@pytest.mark.parametrize(
    "query",
    ["from=nonsense", "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from=2020-01-01T00:00:00Z"],
)
def test_a_period_that_makes_no_sense_is_refused(staff_api: APIClient, query: str) -> None:
    answer = staff_api.get(f"/api/errors?{query}")
    assert answer.status_code == 400
    assert "from" in answer.json()["errors"]


def test_the_dashboard_has_all_that_its_page_shows(staff_api: APIClient) -> None:
    WorkerFactory()
    fail()
    body = staff_api.get("/api/queue/dashboard").json()
    assert len(body["hour"]["arrived"]) == 60
    assert body["workers"][0]["pool"] == "ai"
    assert body["failures"][0]["fingerprint"] == "f"
    assert body["queues"]["ai"]["verdict"]["text"]


def test_scale_states_its_formula_and_source(staff_api: APIClient) -> None:
    body = staff_api.get("/api/queue/scale").json()
    assert "Little" in body["source"]
    assert {pool["pool"] for pool in body["pools"]} >= {"document", "ai", "video"}
