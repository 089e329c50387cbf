"""Whose job it is: every route and method that names a job, for everybody it does not belong to."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import URLPattern
from rest_framework.test import APIClient

from jobs import local_tokens, urls
from jobs.models import Job
from jobs.states import State
from tests.factories import JobFactory

METHODS = ("get", "post", "put", "patch", "delete")


def _routes() -> list[tuple[str, str]]:
    """Every (method, address) with a job id in it, taken from the URL configuration itself."""
    found = []
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        route = str(pattern.pattern)
        if "<uuid:job_id>" in route:
            view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
            found += [
                (method, "/api/" + route.replace("<uuid:job_id>", "{job}"))
                for method in METHODS
                if hasattr(view, method)
            ]
    return [*found, ("get", "/api/jobs/status?jobId={job}")]


ROUTES = _routes()


@pytest.fixture
def stranger(other_user: Any) -> APIClient:
    # A real token: the event stream authenticates by itself and knows no forced user.
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {local_tokens.issue_pair(other_user)['access']}")


def test_the_matrix_holds_every_route_that_names_a_job() -> None:
    assert {path.rpartition("/")[2] for _, path in ROUTES} >= {"{job}", "status", "cancel", "retry", "token"}
    assert len(ROUTES) >= 8


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", [State.QUEUED, State.FAILED])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_somebody_elses_job_is_404_and_stays_as_it_is(
    stranger: APIClient, user: Any, method: str, path: str, state: str
) -> None:
    job = JobFactory(owner=user, state=state)
    before = Job.objects.values().get()
    answers = [
        getattr(stranger, method)(path.format(job=job_id), headers={"Accept": "application/json"})
        for job_id in (job.id, uuid.uuid4())
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    # Nothing tells a job of others from one that does not exist.
    theirs, nobodys = (answer.content.replace(str(job.id).encode(), b"") for answer in answers)
    assert len(theirs) <= len(nobodys) and str(job.id).encode() not in theirs
    assert Job.objects.values().get() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_is_401(api_for: Callable[[Any], APIClient], user: Any, method: str, path: str) -> None:
    response = getattr(api_for(None), method)(path.format(job=JobFactory(owner=user).id))
    assert response.status_code == 401


@pytest.mark.django_db
def test_lists_hold_only_ones_own_jobs(stranger: APIClient, user: Any, other_user: Any) -> None:
    parent = JobFactory(owner=user, batch=uuid.uuid4())
    own = JobFactory(owner=other_user)
    for query in ("", f"?parentId={parent.id}", f"?batchId={parent.batch}", f"?q={parent.id}", "?q=hello"):
        listed = [job["jobId"] for job in stranger.get(f"/api/jobs{query}").json()["jobs"]]
        assert set(listed) <= {str(own.id)}


@pytest.mark.django_db
def test_staff_see_and_steer_everybodys_jobs(staff_api: APIClient, user: Any) -> None:
    job = JobFactory(owner=user)
    assert staff_api.get(f"/api/jobs/{job.id}").status_code == 200
    assert len(staff_api.get("/api/jobs").json()["jobs"]) == 1
    assert staff_api.post(f"/api/jobs/{job.id}/cancel").json()["status"] == "cancelled"
    assert job.events.get().actor == "operator"


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["post", "patch", "put"])
def test_no_field_of_a_job_can_be_assigned(api: APIClient, user: Any, other_user: Any, method: str) -> None:
    job = JobFactory(owner=user)
    before = Job.objects.values().get()
    body = {
        "state": "completed", "status": "completed", "owner": other_user.pk, "attempt": 9, "result": {"a": 1},
        "priority": 20, "queue": "system", "kind": "jobs.bulk_action", "maxAttempts": 99,
    }  # fmt: skip
    response = getattr(api, method)(f"/api/jobs/{job.id}", body)
    assert response.status_code == 405
    assert Job.objects.values().get() == before
