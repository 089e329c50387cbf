"""A caller's jobs, page by page."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from jobs.models import Job
from jobs.states import State
from tests.factories import JobFactory, ProgressFactory

pytestmark = pytest.mark.django_db


def ids(body: dict[str, Any]) -> list[str]:
    return [job["jobId"] for job in body["jobs"]]


def every_page(api: APIClient, url: str) -> list[str]:
    found: list[str] = []
    while url:
        response = api.get(url)
        assert response.status_code == 200, response.content
        found += ids(response.json())
        url = response.json()["next"]
    return found


def test_an_empty_list_has_the_shape_of_a_full_one(api: APIClient) -> None:
    assert api.get("/api/jobs").json() == {
        "jobs": [], "next": None,
        "queueStatus": {"waiting": 0, "active": 0, "completed": 0, "failed": 0},
    }  # fmt: skip


@pytest.mark.parametrize("who", ["owner", "staff"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_hold_every_job_once_active_ones_first_and_newest_first(
    api: APIClient, staff_api: APIClient, user: Any, limit: int, who: str
) -> None:
    states = ["completed", "queued", "failed", "running", "cancelled", "waiting", "retrying", "completed"]
    made = [JobFactory(owner=user, state=state) for state in states]
    expected = [str(j.id) for j in reversed(made) if not j.is_terminal]
    expected += [str(j.id) for j in reversed(made) if j.is_terminal]
    assert every_page(api if who == "owner" else staff_api, f"/api/jobs?limit={limit}") == expected


def test_paging_is_stable_while_jobs_are_added(api: APIClient, user: Any) -> None:
    made = [str(JobFactory(owner=user).id) for _ in range(6)]
    first = api.get("/api/jobs?limit=2").json()
    JobFactory.create_batch(5, owner=user)
    assert ids(first) + every_page(api, first["next"]) == made[::-1]


def test_jobs_of_one_instant_are_paged_by_their_id(api: APIClient, user: Any) -> None:
    at = timezone.now()
    JobFactory.create_batch(5, owner=user, created_at=at)
    assert len(set(every_page(api, "/api/jobs?limit=2"))) == 5


def test_filters_narrow_the_list_and_survive_paging(api: APIClient, user: Any) -> None:
    old = JobFactory(owner=user, state=State.FAILED, created_at=timezone.now() - timedelta(days=2))
    failed = JobFactory.create_batch(3, owner=user, state=State.FAILED)
    video = JobFactory(owner=user, queue="video", kind="tests.private")
    assert len(every_page(api, "/api/jobs?status=failed&limit=2")) == 4
    assert len(every_page(api, "/api/jobs?status=failed,queued")) == 5
    since = (timezone.now() - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    assert str(old.id) not in every_page(api, f"/api/jobs?status=failed&createdAfter={since}")
    assert every_page(api, "/api/jobs?queue=video") == [str(video.id)]
    assert every_page(api, "/api/jobs?type=tests.private") == [str(video.id)]
    assert len(every_page(api, "/api/jobs?type=echo")) == 4
    assert every_page(api, "/api/jobs?type=nobody-knows") == []
    assert ids(api.get(f"/api/jobs?q={failed[0].id}").json()) == [str(failed[0].id)]


def test_q_looks_in_arguments_errors_and_progress(api: APIClient, user: Any) -> None:
    by_args = JobFactory(owner=user, args={"file_name": "Lebenslauf.PDF"})
    by_error = JobFactory(owner=user, state=State.FAILED)
    by_progress = ProgressFactory(job__owner=user, message="Reading chapter seven").job
    JobFactory(args={"file_name": "lebenslauf.pdf"})
    assert every_page(api, "/api/jobs?q=lebenslauf") == [str(by_args.id)]
    assert every_page(api, "/api/jobs?q=It broke") == [str(by_error.id)]
    assert every_page(api, "/api/jobs?q=chapter") == [str(by_progress.id)]
    assert every_page(api, "/api/jobs?q=%25") == []


def test_children_are_listed_when_asked_for(api: APIClient, user: Any) -> None:
    parent = JobFactory(owner=user, state=State.WAITING, children_total=2)
    children = {str(JobFactory(owner=user, parent=parent, kind="tests.private").id) for _ in range(2)}
    assert every_page(api, "/api/jobs") == [str(parent.id)]
    assert set(every_page(api, f"/api/jobs?parentId={parent.id}")) == children
    assert set(every_page(api, "/api/jobs?type=tests.private")) == children


def test_the_queue_status_counts_the_callers_jobs(api: APIClient, staff_api: APIClient, user: Any) -> None:
    for state in State.values:
        JobFactory(owner=user, state=state)
        JobFactory(state=state)
    mine = {"waiting": 2, "active": 2, "completed": 1, "failed": 1}
    assert api.get("/api/jobs?status=failed").json()["queueStatus"] == mine
    assert staff_api.get("/api/jobs").json()["queueStatus"] == {k: 2 * v for k, v in mine.items()}


@pytest.mark.parametrize(
    "query",
    [
        "status=done", "createdAfter=yesterday", "limit=0", "limit=101", "limit=x", "parentId=x",
        "cursor=nonsense", "cursor=W10", "cursor=bnVsbA", "cursor=W3RydWUsICJ4IiwgInkiXQ", "q=%00",
        "type=%00", "batchId=1", "cursor=%ff", "q=" + "x" * 201,
    ],
)  # fmt: skip
def test_a_bad_query_is_a_problem_that_names_the_parameter(api: APIClient, query: str) -> None:
    response = api.get(f"/api/jobs?{query}")
    assert response.status_code == 400, response.content
    assert query.partition("=")[0] in response.json()["errors"]


def test_a_batch_can_be_listed(api: APIClient, user: Any) -> None:
    batch = uuid.uuid4()
    job = JobFactory(owner=user, batch=batch)
    JobFactory(owner=user)
    assert every_page(api, f"/api/jobs?batchId={batch}") == [str(job.id)]
    assert Job.objects.count() == 2
