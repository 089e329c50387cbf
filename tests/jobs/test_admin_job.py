"""The admin's page of one job, and what can be done to jobs there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.admin.timeline import timeline
from jobs.models import Job, JobEvent, JobFailure, QueueState
from jobs.states import Event, State
from tests.factories import JobFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> Any:
    """Staff who may look and act."""
    user = StaffFactory(username="operator")
    user.user_permissions.set(
        Permission.objects.filter(codename__in=["view_job", "change_job", "view_queuestate"])
    )
    return user


@pytest.fixture
def acting(operator: Any) -> Client:
    client = Client()
    client.force_login(operator)
    return client


def act(client: Client, action: str, *jobs: Job, **more: Any) -> tuple[Any, list[str]]:
    response = client.post(
        "/admin/jobs/job/", {"action": action, "_selected_action": [str(job.pk) for job in jobs], **more}
    )
    return response, [str(message) for message in get_messages(response.wsgi_request)]


def add_event(job: Job, seq: int, type_: Event, state: State, at: datetime, attempt: int = 0) -> JobEvent:
    return JobEvent.objects.create(job=job, seq=seq, type=type_, state=state, at=at, attempt=attempt)


def test_retry_does_what_it_can_and_says_what_it_refused(acting: Client) -> None:
    failed, running = JobFactory(failed=True), JobFactory(running=True)
    _, messages = act(acting, "retry", failed, running)
    failed.refresh_from_db()
    running.refresh_from_db()
    assert failed.state == State.QUEUED
    assert running.state == State.RUNNING
    assert messages == [
        "1 job retried.",
        "1 refused: Only a failed or cancelled job can be retried; this one is running.",
    ]
    assert JobEvent.objects.get(job=failed, type=Event.RETRIED).actor == "operator"


def test_cancel_ends_a_queued_job_and_asks_a_running_one_to_end(acting: Client) -> None:
    queued, running, ended = JobFactory(), JobFactory(running=True), JobFactory(completed=True)
    _, messages = act(acting, "cancel", queued, running, ended)
    queued.refresh_from_db()
    running.refresh_from_db()
    assert queued.state == State.CANCELLED
    assert running.cancel_requested_at is not None
    assert messages[0] == "2 jobs cancelled or told to end."
    assert "already ended as completed" in messages[1]


@pytest.mark.parametrize(("name", "priority"), [("low", 1), ("normal", 5), ("high", 10), ("critical", 20)])
def test_reprioritise_moves_a_waiting_job(acting: Client, name: str, priority: int) -> None:
    job = JobFactory(priority=7)
    act(acting, f"to_{name}", job)
    job.refresh_from_db()
    assert job.priority == priority


def test_pausing_and_resuming_the_queue_of_a_job(acting: Client) -> None:
    job = JobFactory(dispatched_at=timezone.now())
    act(acting, "pause_queues", job)
    assert QueueState.objects.get(name="ai").paused_by == "operator"
    act(acting, "resume_queues", job)
    job.refresh_from_db()
    assert QueueState.objects.get(name="ai").paused_at is None
    assert job.dispatched_at is None


def test_a_queue_is_paused_and_resumed_in_the_list_of_queues(acting: Client) -> None:
    acting.get("/admin/jobs/queuestate/")
    for action, paused in (("pause", True), ("resume", False)):
        acting.post("/admin/jobs/queuestate/", {"action": action, "_selected_action": ["ai"]})
        assert (QueueState.objects.get(name="ai").paused_at is not None) is paused


def test_whoever_may_only_look_can_do_nothing(operator: Any) -> None:
    operator.user_permissions.set(Permission.objects.filter(codename="view_job"))
    client = Client()
    client.force_login(operator)
    job = JobFactory(failed=True)
    act(client, "retry", job)
    job.refresh_from_db()
    assert job.state == State.FAILED
    assert "job-actions" not in client.get(f"/admin/jobs/job/{job.pk}/change/").content.decode()


def test_a_button_on_the_job_page_leads_back_to_it(acting: Client) -> None:
    job = JobFactory(failed=True)
    assert "Retry" in acting.get(f"/admin/jobs/job/{job.pk}/change/").content.decode()
    response, _ = act(acting, "retry", job, _from="job")
    assert response.headers["Location"] == f"/admin/jobs/job/{job.pk}/change/"


def test_the_page_shows_the_newest_events_and_no_more(acting: Client) -> None:
    job = JobFactory(running=True)
    now = timezone.now()
    JobEvent.objects.bulk_create(
        JobEvent(job=job, seq=n, type=Event.LOG, state=State.RUNNING, at=now, reason=f"line-{n}.")
        for n in range(1, 301)
    )
    with CaptureQueriesContext(connection) as queries:
        page = acting.get(f"/admin/jobs/job/{job.pk}/change/").content.decode()
    assert "line-300." in page
    assert "line-101." in page
    assert "line-100." not in page
    assert len(queries) <= 15


def test_the_page_links_parent_and_children(acting: Client) -> None:
    parent = JobFactory(state=State.WAITING, children_total=1)
    child = JobFactory(parent=parent)
    assert str(child.pk) in acting.get(f"/admin/jobs/job/{parent.pk}/change/").content.decode()
    assert str(parent.pk) in acting.get(f"/admin/jobs/job/{child.pk}/change/").content.decode()


@pytest.mark.parametrize("name", ["0", "nonsense", "00000000-0000-7000-8000-000000000000"])
def test_a_job_that_is_not_there_is_no_error(acting: Client, name: str) -> None:
    assert acting.get(f"/admin/jobs/job/{name}/change/").status_code == 302


def test_the_timeline_tells_waiting_from_running_and_backing_off() -> None:
    job = JobFactory(completed=True, attempt=2)
    start = timezone.now()

    def at(seconds: float) -> datetime:
        return start + timedelta(seconds=seconds)

    events = [
        add_event(job, 1, Event.CREATED, State.QUEUED, at(0)),
        add_event(job, 2, Event.STARTED, State.RUNNING, at(3), 1),
        add_event(job, 3, Event.RETRYING, State.RETRYING, at(10), 1),
        add_event(job, 4, Event.REQUEUED, State.QUEUED, at(30), 1),
        add_event(job, 5, Event.STARTED, State.RUNNING, at(31), 2),
        add_event(job, 6, Event.COMPLETED, State.COMPLETED, at(41), 2),
    ]
    failure = JobFailure(job=job, attempt=1, code="boom")
    line = timeline(job, events, [failure], at(100))
    first, second = line.attempts
    assert (first.wait, first.run, first.backoff, first.ended) == (3, 7, 20, "retrying")
    assert (second.wait, second.run, second.ended) == (1, 10, "completed")
    assert first.failure is failure
    assert line.total == 41
    assert sum(segment.width for segment in line.segments) == pytest.approx(100)


def test_an_unfinished_attempt_runs_until_now() -> None:
    job = JobFactory(running=True)
    start = timezone.now()
    events = [
        add_event(job, 1, Event.CREATED, State.QUEUED, start),
        add_event(job, 2, Event.STARTED, State.RUNNING, start + timedelta(seconds=1), 1),
    ]
    line = timeline(job, events, [], start + timedelta(seconds=5))
    assert line.attempts[0].run == 4
