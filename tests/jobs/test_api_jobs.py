"""Creating, looking at and steering one job over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from jobs import local_tokens, transitions
from jobs.models import Job
from jobs.states import State
from tests.factories import JobFactory, ProgressFactory, WorkerFactory

pytestmark = pytest.mark.django_db

FIELDS = [
    "jobId", "type", "queue", "status", "priority", "progress", "attempt", "maxAttempts", "createdAt",
    "runAt", "startedAt", "finishedAt", "queuePosition", "estimatedWaitMs", "estimatedRemainingMs",
    "waitingFor", "result", "partial", "error", "parentId", "children", "links",
]  # fmt: skip


def problem(response: Any, status: int, code: str | None = None) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = json.loads(response.content)
    assert {"type", "title", "status", "detail", "code"} <= set(body)
    assert body["status"] == status
    if code:
        assert body["code"] == code
    return body


def test_a_created_job_is_stored_and_answered_with_every_field_of_the_contract(
    api: APIClient, user: Any
) -> None:
    response = api.post("/api/jobs", {"type": "echo", "text": "hi", "repeatCount": 2, "priority": "high"})
    assert response.status_code == 202
    body = response.json()
    assert list(body) == FIELDS
    assert response["Location"] == f"/api/jobs/{body['jobId']}" == body["links"]["self"]
    assert (body["type"], body["queue"], body["status"], body["priority"]) == ("echo", "ai", "queued", 10)
    assert body["progress"] == {
        "percent": 0.0, "stage": "", "message": "", "current": None, "total": None, "metadata": {},
    }  # fmt: skip
    assert body["children"] == {"total": 0, "completed": 0, "failed": 0}
    assert body["createdAt"].endswith("Z")
    assert (body["result"], body["error"], body["parentId"], body["partial"]) == (None, None, None, {})
    job = Job.objects.get()
    assert (str(job.id), job.owner, job.args) == (body["jobId"], user, {"text": "hi", "repeat_count": 2})
    assert job.events.get().actor == user.username


@pytest.mark.parametrize(
    ("given", "priority"), [(1, 1), (20, 20), ("low", 1), ("NORMAL", 5), ("critical", 20), ("7", 7)]
)
def test_a_priority_is_a_number_or_a_name(api: APIClient, given: Any, priority: int) -> None:
    response = api.post("/api/jobs", {"type": "echo", "priority": given})
    assert response.json()["priority"] == priority


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "type"),
        ({"type": None}, "type"),
        ({"type": 5}, "type"),
        ({"type": "no-such-type"}, "type"),
        ({"type": "tests.private"}, "type"),
        ({"type": "bulk-action"}, "type"),
        ({"type": "echo", "priority": -1}, "priority"),
        ({"type": "echo", "priority": 0}, "priority"),
        ({"type": "echo", "priority": 21}, "priority"),
        ({"type": "echo", "priority": "urgent"}, "priority"),
        ({"type": "echo", "priority": True}, "priority"),
        ({"type": "echo", "priority": 2.5}, "priority"),
        ({"type": "echo", "priority": [1]}, "priority"),
        ({"type": "echo", "runAt": "tomorrow"}, "runAt"),
        ({"type": "echo", "runAt": "2999-01-01T00:00:00Z"}, "runAt"),
        ({"type": "echo", "runAt": "0001-01-01T00:00:00+14:00"}, "runAt"),
        ({"type": "echo", "runAt": 12}, "runAt"),
        ({"type": "echo", "maxAttempts": 0}, "maxAttempts"),
        ({"type": "echo", "maxAttempts": 1000}, "maxAttempts"),
        ({"type": "echo", "callbackUrl": "http://example.org/"}, "callbackUrl"),
        ({"type": "echo", "callbackUrl": "https://user:pw@example.org/"}, "callbackUrl"),
        ({"type": "echo", "callbackUrl": "https://[::1"}, "callbackUrl"),
        ({"type": "echo", "callbackUrl": "https:///nowhere"}, "callbackUrl"),
        ({"type": "echo", "callbackUrl": "https://example.org:99999/"}, "callbackUrl"),
        ({"type": "echo", "text": 5}, "text"),
        ({"type": "echo", "repeatCount": 101}, "repeatCount"),
        ({"type": "echo", "unknownField": 1}, "unknownField"),
        ({"type": "echo", "state": "completed"}, "state"),
        ([], "body"),
        ("echo", "body"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_stored(api: APIClient, body: Any, field: str) -> None:
    errors = problem(api.post("/api/jobs", body), 400)["errors"]
    assert field in errors and all(errors[field])
    assert not Job.objects.exists()


def test_an_unknown_type_is_answered_with_the_known_ones(api: APIClient) -> None:
    body = problem(api.post("/api/jobs", {"type": "nonsense"}), 400, "unknown_type")
    assert "echo" in body["known"] and "echo" in body["detail"]
    assert "tests.private" not in body["known"]


@pytest.mark.parametrize(
    "content",
    [
        b"{", b"", b"\xff\xfe", b'{"type": NaN}', b'{"type": "echo", "text": "\\u0000"}',
        b'{"type": "echo", "text": "\\ud800"}', b'{"type": "echo", "x": 1e999}', b"[" * 100_000,
        b'{"a":' * 60 + b"1" + b"}" * 60, b'{"type": "echo", "x": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_a_body_that_is_not_storable_json_is_a_problem(api: APIClient, content: bytes) -> None:
    problem(api.post("/api/jobs", content, content_type="application/json"), 400)
    assert not Job.objects.exists()


def test_another_media_type_is_refused(api: APIClient) -> None:
    problem(api.post("/api/jobs", b"type=echo", content_type="text/plain"), 415)


def test_a_body_over_the_limit_is_413_and_not_stored(api: APIClient) -> None:
    problem(api.post("/api/jobs", {"type": "echo", "text": "x" * 1_100_000}), 413, "too_large")
    assert not Job.objects.exists()


def test_run_at_in_the_future_is_a_job_that_says_it_is_scheduled(api: APIClient) -> None:
    WorkerFactory()
    at = timezone.now() + timedelta(hours=1)
    body = api.post("/api/jobs", {"type": "echo", "runAt": at.isoformat()}).json()
    assert body["waitingFor"]["reason"] == "scheduled"
    assert body["waitingFor"]["until"] == body["runAt"]
    assert body["queuePosition"] is None
    assert 3_590_000 < body["estimatedWaitMs"] <= 3_600_000


def test_over_the_quota_is_429_with_retry_after(api: APIClient, user: Any, settings: Any) -> None:
    settings.QUOTA_UNFINISHED_JOBS = 2
    JobFactory.create_batch(2, owner=user)
    response = api.post("/api/jobs", {"type": "echo"})
    body = problem(response, 429, "quota_exceeded")
    assert response["Retry-After"] == "30" and body["limit"] == 2
    Job.objects.update(state=State.COMPLETED, finished_at=timezone.now())
    assert api.post("/api/jobs", {"type": "echo"}).status_code == 202


@pytest.mark.parametrize("suffix", ["", "/status"])
def test_a_job_is_shown_with_its_progress(api: APIClient, user: Any, suffix: str) -> None:
    job = ProgressFactory(job__owner=user).job
    body = api.get(f"/api/jobs/{job.id}{suffix}").json()
    assert list(body) == FIELDS
    assert body["progress"]["percent"] == 40.0 and body["progress"]["message"] == "Page 4 of 10"
    assert body["links"]["cancel"] == f"/api/jobs/{job.id}/cancel"


def test_a_completed_job_is_at_100_with_its_result_and_a_failed_one_shows_its_error(
    api: APIClient, user: Any
) -> None:
    done = JobFactory(owner=user, state=State.COMPLETED)
    body = api.get(f"/api/jobs/{done.id}").json()
    assert (body["progress"]["percent"], body["result"]) == (100.0, {"text": "hello"})
    assert body["waitingFor"] is None
    failed = JobFactory(owner=user, state=State.FAILED)
    body = api.get(f"/api/jobs/{failed.id}").json()
    assert body["error"] == {
        "code": "boom", "message": "It broke.", "category": "permanent", "retryable": False,
    }  # fmt: skip
    assert "retry" in body["links"] and "cancel" not in body["links"]


def test_what_a_waiting_parent_keeps_for_its_last_phase_is_not_shown_as_result(
    api: APIClient, user: Any
) -> None:
    job = JobFactory(owner=user, state=State.WAITING, result={"first": 1}, children_total=3)
    body = api.get(f"/api/jobs/{job.id}").json()
    assert body["result"] is None
    assert body["waitingFor"]["reason"] == "children" and body["waitingFor"]["outstanding"] == 3


@pytest.mark.parametrize("verb", ["post", "delete"])
def test_a_waiting_job_is_cancelled_at_once(api: APIClient, user: Any, verb: str) -> None:
    job = JobFactory(owner=user)
    url = f"/api/jobs/{job.id}"
    response = api.post(f"{url}/cancel") if verb == "post" else api.delete(url)
    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    body = problem(api.post(f"{url}/cancel"), 409, "invalid_transition")
    assert body["state"] == "cancelled"
    problem(api.delete(url), 409)


def test_a_running_job_is_asked_to_end(api: APIClient, user: Any) -> None:
    job = JobFactory(owner=user, state=State.RUNNING)
    body = api.post(f"/api/jobs/{job.id}/cancel", {"reason": "changed my mind"}).json()
    assert (body["status"], body["waitingFor"]["reason"]) == ("running", "cancelling")


def test_a_failed_job_is_run_again_and_any_other_is_409(api: APIClient, user: Any) -> None:
    job = JobFactory(owner=user, state=State.FAILED)
    response = api.post(f"/api/jobs/{job.id}/retry")
    assert (response.status_code, response.json()["status"]) == (202, "queued")
    problem(api.post(f"/api/jobs/{job.id}/retry"), 409)
    problem(api.post(f"/api/jobs/{job.id}/retry", {"only": "everything"}), 400)


def test_only_the_failed_children_of_a_parent_are_run_again(api: APIClient, user: Any) -> None:
    parent = JobFactory(
        owner=user, state=State.FAILED, children_total=2, children_failed=1, children_completed=1
    )
    failed = JobFactory(owner=user, parent=parent, state=State.FAILED)
    done = JobFactory(owner=user, parent=parent, state=State.COMPLETED)
    response = api.post(f"/api/jobs/{parent.id}/retry", {"only": "failed"})
    assert (response.status_code, response.json()["status"]) == (202, "waiting")
    failed.refresh_from_db()
    done.refresh_from_db()
    assert (failed.state, done.state) == (State.QUEUED, State.COMPLETED)
    problem(api.post(f"/api/jobs/{parent.id}/retry", {"only": "failed"}), 409)


def test_the_wrapped_status_has_the_shape_old_clients_read(api: APIClient, user: Any) -> None:
    job = JobFactory(owner=user, state=State.COMPLETED)
    body = api.get(f"/api/jobs/status?jobId={job.id}&queue=ai").json()
    assert body["success"] is True
    assert list(body["data"]) == ["id", "status", "progress", "data", "createdAt", "finishedAt"]
    assert (body["data"]["progress"], body["data"]["data"]) == (100, {"text": "hello"})


@pytest.mark.parametrize("query", ["", "?jobId=abc", "?jobId=00000000-0000-7000-8000-000000000000"])
def test_the_wrapped_status_wraps_its_problems_too(api: APIClient, query: str) -> None:
    response = api.get(f"/api/jobs/status{query}")
    assert response.status_code in (400, 404)
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["success"] is False and body["error"]["status"] == response.status_code


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/api/jobs/not-a-uuid", 404), ("get", "/api/nothing", 404), ("get", "/api/", 404),
        ("put", "/api/jobs", 405), ("get", "/api/jobs/bulk", 405), ("patch", "/api/auth/token", 405),
        ("get", "/api/jobs/00000000-0000-7000-8000-000000000000", 404),
    ],
)  # fmt: skip
def test_a_wrong_address_or_method_is_a_json_problem(
    api: APIClient, method: str, path: str, status: int
) -> None:
    problem(getattr(api, method)(path), status)


def test_a_database_that_is_away_is_503_with_retry_after(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("connection refused to host db.internal")

    monkeypatch.setattr("jobs.ledger.insert", away)
    response = api.post("/api/jobs", {"type": "echo"})
    body = problem(response, 503, "database_unavailable")
    assert response["Retry-After"] and "db.internal" not in body["detail"]


def test_one_job_costs_at_most_four_queries_with_its_token_checked(
    user: Any, django_assert_max_num_queries: Any
) -> None:
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {local_tokens.issue_pair(user)['access']}")
    WorkerFactory()
    job = JobFactory(owner=user)
    with django_assert_max_num_queries(4):
        assert client.get(f"/api/jobs/{job.id}").status_code == 200


def test_a_list_costs_at_most_six_queries_whatever_its_length(
    user: Any, django_assert_max_num_queries: Any
) -> None:
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {local_tokens.issue_pair(user)['access']}")
    for state in State.values:
        for kind, queue in (("tests.echo", "ai"), ("tests.private", "system"), ("gone", "video")):
            JobFactory.create_batch(3, owner=user, state=state, kind=kind, queue=queue)
    for limit in (5, 100):
        with django_assert_max_num_queries(6) as captured:
            response = client.get(f"/api/jobs?limit={limit}")
        assert isinstance(captured, CaptureQueriesContext)
        assert response.status_code == 200 and len(response.json()["jobs"]) == min(limit, 63)


def test_a_failing_answer_to_a_retry_leaves_the_job_where_it_was(
    api: APIClient, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = JobFactory(owner=user, state=State.FAILED)
    problem(api.post(f"/api/jobs/{job.id}/retry", b"[1]", content_type="application/json"), 400)
    job.refresh_from_db()
    assert job.state == State.FAILED
    assert transitions.retry(job).state == State.QUEUED
