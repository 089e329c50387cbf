"""The same key and the same body: one job. The same key and another body: a clear refusal."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone
from rest_framework.test import APIClient

from jobs.models import IdempotencyKey, Job, JobEvent
from jobs.states import State
from tests.factories import JobFactory


def post(api: APIClient, key: str, body: Any = None, path: str = "/api/jobs") -> Any:
    return api.post(path, body or {"type": "echo", "text": "x"}, headers={"Idempotency-Key": key})


@pytest.mark.django_db
def test_a_repeated_request_is_answered_with_the_first_job(api: APIClient) -> None:
    first, again = post(api, "a"), post(api, "a", {"text": "x", "type": "echo"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json() and first["Location"] == again["Location"]
    assert again["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first
    assert Job.objects.count() == JobEvent.objects.count() == 1


@pytest.mark.django_db
def test_another_body_or_route_with_the_same_key_is_422(api: APIClient) -> None:
    post(api, "a")
    for other in (
        post(api, "a", {"type": "echo", "text": "y"}),
        post(api, "a", {"jobs": [{"type": "echo"}]}, "/api/jobs/bulk"),
    ):
        assert other.status_code == 422 and other.json()["code"] == "idempotency_conflict"
    assert Job.objects.count() == 1


@pytest.mark.django_db
def test_two_owners_may_use_the_same_key(api: APIClient, staff_api: APIClient) -> None:
    assert post(api, "a").json()["jobId"] != post(staff_api, "a").json()["jobId"]


@pytest.mark.django_db
def test_a_refused_request_leaves_its_key_free(api: APIClient, user: Any, settings: Any) -> None:
    settings.QUOTA_UNFINISHED_JOBS = 1
    busy = JobFactory(owner=user)
    assert post(api, "a").status_code == 429
    assert not IdempotencyKey.objects.exists()
    Job.objects.filter(pk=busy.pk).update(state=State.COMPLETED, finished_at=timezone.now())
    assert post(api, "a").status_code == 202


@pytest.mark.django_db
def test_a_key_is_free_again_after_a_day(api: APIClient) -> None:
    first = post(api, "a")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert post(api, "a", {"type": "echo", "text": "y"}).json()["jobId"] != first.json()["jobId"]


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
def test_a_key_that_is_none_is_a_problem(api: APIClient, key: str) -> None:
    response = post(api, key)
    assert response.status_code == 400 and response.json()["code"] == "invalid_idempotency_key"
    assert not Job.objects.exists()


def together(count: int, act: Any) -> list[Any]:
    """What `act` returns in `count` threads that start at the same moment."""
    barrier = threading.Barrier(count)

    def one(number: int) -> Any:
        try:
            barrier.wait(10)
            return act(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.mark.django_db(transaction=True)
def test_simultaneous_requests_with_one_key_create_one_job(user: Any, api_for: Any) -> None:
    answers = together(8, lambda _: post(api_for(user), "a"))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["jobId"] for answer in answers}) == 1
    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_simultaneous_requests_with_one_key_and_two_bodies_create_one_job(user: Any, api_for: Any) -> None:
    answers = together(8, lambda n: post(api_for(user), "a", {"type": "echo", "text": str(n % 2)}))
    assert sorted({answer.status_code for answer in answers}) == [202, 422]
    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_parallel_creates_at_the_quota_never_exceed_it(user: Any, api_for: Any, settings: Any) -> None:
    settings.QUOTA_UNFINISHED_JOBS = 50
    threads, each = (20, 10) if connection.vendor == "postgresql" else (8, 10)

    def some(number: int) -> list[int]:
        api = api_for(user)
        return [api.post("/api/jobs", {"type": "echo"}).status_code for _ in range(each)]

    codes = [code for answers in together(threads, some) for code in answers]
    assert (codes.count(202), codes.count(429)) == (50, threads * each - 50)
    assert Job.objects.count() == 50
