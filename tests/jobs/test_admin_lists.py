"""The admin's lists: bounded, read-only, and for those who may look."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from jobs.models import JobEvent, JobFailure
from jobs.states import Category, Cause, Event, State
from tests.factories import JobFactory, PausedQueueFactory, ProgressFactory, StaffFactory, WorkerFactory

pytestmark = pytest.mark.django_db

LISTS = ("job", "jobfailure", "jobevent", "queuestate", "workerstate")


@pytest.fixture
def viewer() -> Any:
    """Staff who may look at everything and change nothing."""
    user = StaffFactory(username="viewer")
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return user


@pytest.fixture
def looking(viewer: Any) -> Client:
    client = Client()
    client.force_login(viewer)
    return client


def failure_of(job: Any, **values: Any) -> JobFailure:
    return JobFailure.objects.create(
        **{
            "job": job, "attempt": 1, "kind": job.kind, "queue": job.queue, "cause": Cause.ERROR,
            "category": Category.TRANSIENT, "code": "boom", "fingerprint": "f1", **values,
        }
    )  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_viewer_sees_every_list(looking: Client, name: str) -> None:
    job = JobFactory(failed=True, with_event=True)
    failure_of(job)
    WorkerFactory()
    PausedQueueFactory()
    assert looking.get(f"/admin/jobs/{name}/").status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_staff_without_permission_see_no_list(name: str, staff: Any) -> None:
    client = Client()
    client.force_login(staff)
    assert client.get(f"/admin/jobs/{name}/").status_code == 403


@pytest.mark.parametrize("name", LISTS)
def test_nothing_can_be_added_or_deleted_even_by_a_superuser(name: str) -> None:
    client = Client()
    client.force_login(StaffFactory(is_superuser=True))
    job = JobFactory(failed=True)
    assert client.get(f"/admin/jobs/{name}/add/").status_code == 403
    assert client.post(f"/admin/jobs/job/{job.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/jobs/job/{job.pk}/change/", {"state": "queued"}).status_code == 403
    job.refresh_from_db()
    assert job.state == State.FAILED


@pytest.mark.parametrize("name", ["", "schedule/", "success/", "failure/", "ormq/", "schedule/add/"])
def test_the_pages_of_django_q_are_gone(name: str) -> None:
    client = Client()
    client.force_login(StaffFactory(is_superuser=True))
    assert client.get(f"/admin/django_q/{name}").status_code == 404
    assert client.post(f"/admin/django_q/{name}", {"func": "os.system"}).status_code == 404


@pytest.mark.parametrize(
    "query",
    ["", "?state=failed", "?state=active", "?queue=ai", "?kind=tests.echo", "?state=failed&queue=ai",
     "?q=ada",
     "?q=018f0000-0000-7000-8000-000000000000", "?p=1"],
)  # fmt: skip
def test_the_list_of_jobs_asks_little_and_counts_nothing_without_a_limit(looking: Client, query: str) -> None:
    for _ in range(12):
        ProgressFactory(job=JobFactory(failed=True))
        JobFactory()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert looking.get(f"/admin/jobs/job/{query}").status_code == 200
    assert 3 <= len(queries) <= 10
    statements = [query["sql"] for query in queries]
    for sql in statements:
        assert "COUNT(" not in sql.upper() or "LIMIT" in sql.upper(), sql
        if "background_jobs" in sql and '"args"' in sql:
            pytest.fail(f"the list reads a heavy column: {sql}")


@pytest.mark.parametrize("name", ["jobfailure", "jobevent"])
def test_the_lists_of_history_count_nothing_without_a_limit(looking: Client, name: str) -> None:
    failure_of(JobFactory(failed=True, with_event=True))
    with CaptureQueriesContext(connection) as queries:
        looking.get(f"/admin/jobs/{name}/")
    assert len(queries) <= 10
    assert all("COUNT(" not in q["sql"].upper() or "LIMIT" in q["sql"].upper() for q in queries)


def test_a_filter_by_state_shows_just_those_jobs(looking: Client) -> None:
    failed = JobFactory(failed=True, queue="a queue of a handler that is gone")
    completed = JobFactory(completed=True)
    page = looking.get("/admin/jobs/job/?state=failed").content.decode()
    assert str(failed.pk) in page
    assert str(completed.pk) not in page


def test_a_search_finds_a_job_by_its_id_and_by_its_owner(looking: Client, user: Any) -> None:
    mine, other = JobFactory(owner=user), JobFactory()
    for term in (str(mine.pk), user.username):
        page = looking.get("/admin/jobs/job/", {"q": term}).content.decode()
        assert str(mine.pk) in page
        assert str(other.pk) not in page


@pytest.mark.parametrize("term", ["%", "'; DROP TABLE", "\x00", "ä" * 500, "not-an-id"])
def test_an_odd_search_is_answered(looking: Client, term: str) -> None:
    assert looking.get("/admin/jobs/job/", {"q": term}).status_code in {200, 302}


def test_every_queue_is_listed_before_it_was_ever_paused(looking: Client) -> None:
    page = looking.get("/admin/jobs/queuestate/").content.decode()
    assert "enrichment-critical" in page
    assert "state-open" in page


def test_a_worker_that_was_not_heard_of_lately_is_shown_as_lost(looking: Client) -> None:
    from datetime import timedelta

    from django.utils import timezone

    WorkerFactory(heartbeat_at=timezone.now() - timedelta(hours=1))
    assert "state-lost" in looking.get("/admin/jobs/workerstate/").content.decode()
    assert "state-lost" not in looking.get("/admin/jobs/workerstate/?live=yes").content.decode()


def test_text_from_outside_is_shown_as_text(looking: Client) -> None:
    payload = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    job = JobFactory(
        failed=True,
        args={"text": payload},
        result={"x": payload},
        error={"code": payload, "message": payload},
        worker=payload,
        with_event=True,
    )
    ProgressFactory(job=job, stage=payload[:100], message=payload)
    failure = failure_of(job, message=payload, traceback=payload, stage=payload, code=payload[:60])
    JobEvent.objects.create(
        job=job, seq=2, type=Event.LOG, state=State.FAILED, reason=payload, actor=payload, data={"m": payload}
    )
    for address in (
        f"/admin/jobs/job/{job.pk}/change/",
        f"/admin/jobs/jobfailure/{failure.pk}/change/",
        "/admin/jobs/jobfailure/",
        "/admin/jobs/jobevent/",
        "/admin/jobs/job/",
    ):
        response = looking.get(address)
        assert response.status_code == 200
        page = response.content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_a_filter_few_rows_pass_is_paged_by_their_keys_newest_first(looking: Client) -> None:
    made = [JobFactory(failed=True) for _ in range(55)]
    with CaptureQueriesContext(connection) as queries:
        first = looking.get("/admin/jobs/job/?state=failed").content.decode()
    second = looking.get("/admin/jobs/job/?state=failed&p=2").content.decode()
    assert len(queries) <= 10
    assert [first.count(str(job.pk)) > 0 for job in (made[-1], made[5], made[4])] == [True, True, False]
    assert first.index(str(made[-1].pk)) < first.index(str(made[5].pk))
    assert str(made[0].pk) in second
