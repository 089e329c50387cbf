"""Why a job is not moving and how long it takes: measured, or null."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from jobs import estimates, floor
from jobs.estimates import Outlook, describe, describe_many
from jobs.models import WorkerState
from jobs.states import State
from tests.factories import JobFactory, PausedQueueFactory, ProgressFactory, WorkerFactory

pytestmark = pytest.mark.django_db


def history(seconds: float, count: int = 3, kind: str = "tests.echo") -> None:
    ended = timezone.now() - timedelta(minutes=1)
    JobFactory.create_batch(
        count, kind=kind, state=State.COMPLETED, finished_at=ended,
        started_at=ended - timedelta(seconds=seconds),
    )  # fmt: skip


def reason(job: Any) -> str | None:
    waiting = describe(job).waiting_for
    return str(waiting["reason"]) if waiting else None


def test_nothing_is_estimated_without_history() -> None:
    WorkerFactory(job="00000000-0000-7000-8000-000000000000")
    ahead, job = JobFactory(), JobFactory()
    outlook = describe(job)
    assert (outlook.queue_position, outlook.estimated_wait_ms, outlook.estimated_remaining_ms) == (
        2,
        None,
        None,
    )
    assert outlook.waiting_for == {"reason": "ahead", "message": "1 job is ahead.", "ahead": 1}
    assert describe(ahead).queue_position == 1


def test_a_free_worker_means_no_wait() -> None:
    WorkerFactory()
    history(4.0)
    outlook = describe(JobFactory())
    assert (outlook.estimated_wait_ms, outlook.estimated_remaining_ms) == (0, 4000)
    assert outlook.waiting_for and outlook.waiting_for["reason"] == "starting"


@pytest.mark.parametrize(("workers", "milliseconds"), [(1, 25_000), (2, 12_500), (5, 5_000)])
def test_the_wait_follows_from_those_ahead_the_run_time_and_the_workers(
    workers: int, milliseconds: int
) -> None:
    for number in range(workers):
        WorkerFactory(job=f"00000000-0000-7000-8000-{number:012d}")
    history(10.0)
    JobFactory.create_batch(2, priority=20)
    JobFactory.create_batch(3, priority=1)
    outlook = describe(JobFactory(priority=5))
    assert outlook.queue_position == 3
    assert outlook.estimated_wait_ms == milliseconds


def test_the_line_is_counted_by_priority_then_turn_then_age_in_one_queue() -> None:
    later = JobFactory(turn=5)
    first = JobFactory(turn=1)
    second = JobFactory(turn=1)
    urgent = JobFactory(turn=9, priority=20)
    JobFactory(queue="video", priority=20)
    JobFactory(run_at=timezone.now() + timedelta(hours=1), priority=20)
    JobFactory(state=State.RUNNING, priority=20)
    positions = {pk: o.queue_position for pk, o in describe_many([later, first, second, urgent]).items()}
    assert positions == {urgent.id: 1, first.id: 2, second.id: 3, later.id: 4}


def test_counting_stops_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (floor, estimates):
        monkeypatch.setattr(module, "MAX_COUNTED", 3)
    WorkerFactory()
    history(1.0)
    jobs = JobFactory.create_batch(5)
    outlook = describe(jobs[-1])
    assert (outlook.queue_position, outlook.estimated_wait_ms) == (None, None)
    assert outlook.waiting_for and outlook.waiting_for["ahead"] == 3
    assert describe(jobs[2]).queue_position == 3


def test_a_paused_queue_and_a_missing_worker_are_told_apart() -> None:
    job = JobFactory()
    assert reason(job) == "no_worker" and describe(job).estimated_wait_ms is None
    WorkerFactory()
    floor.forget()
    assert reason(job) == "starting"
    PausedQueueFactory()
    floor.forget()
    assert reason(job) == "paused" and "maintenance" in str(describe(job).waiting_for)
    assert describe(job).estimated_wait_ms is None


def test_workers_that_drain_or_are_silent_do_not_count() -> None:
    WorkerFactory(draining=True)
    WorkerFactory(heartbeat_at=timezone.now() - timedelta(minutes=1))
    WorkerFactory(queues=["video"])
    assert reason(JobFactory()) == "no_worker"
    assert WorkerState.objects.count() == 3


def test_busy_workers_are_the_reason_of_the_next_in_line() -> None:
    WorkerFactory(job="00000000-0000-7000-8000-000000000000")
    assert reason(JobFactory()) == "busy"


@pytest.mark.parametrize(
    ("hold", "state", "expected"),
    [
        (None, State.QUEUED, "scheduled"),
        (None, State.RETRYING, "backoff"),
        ({"reason": "rate_limited"}, State.RETRYING, "rate_limit"),
        ({"reason": "budget", "message": "The day's budget is used up."}, State.QUEUED, "budget"),
        ({"reason": "something_else"}, State.QUEUED, "something_else"),
    ],
)
def test_a_job_that_waits_for_a_time_says_why_and_until_when(hold: Any, state: str, expected: str) -> None:
    WorkerFactory()
    at = timezone.now() + timedelta(seconds=90)
    outlook = describe(JobFactory(state=state, hold_reason=hold, run_at=at))
    assert outlook.waiting_for and outlook.waiting_for["reason"] == expected
    assert outlook.waiting_for["until"] == at.isoformat().replace("+00:00", "Z")
    assert outlook.waiting_for["message"] == (hold or {}).get("message", outlook.waiting_for["message"])
    assert outlook.queue_position is None
    assert outlook.estimated_wait_ms is not None and 88_000 < outlook.estimated_wait_ms <= 90_000


def test_the_rest_of_a_running_job_comes_from_its_pace_and_from_history() -> None:
    started = timezone.now() - timedelta(seconds=10)
    job = ProgressFactory(job__started_at=started, percent=50).job
    assert describe(job).estimated_remaining_ms == pytest.approx(10_000, abs=500)
    history(30.0)
    floor.forget()
    # Half trust in the pace (10 s more), half in history (30 s in all).
    assert describe(job).estimated_remaining_ms == pytest.approx(15_000, abs=500)


def test_a_running_job_without_progress_or_history_has_no_estimate() -> None:
    assert describe(JobFactory(state=State.RUNNING)) == Outlook()


def test_a_later_attempt_is_not_judged_by_the_time_of_the_first() -> None:
    started = timezone.now() - timedelta(hours=1)
    job = ProgressFactory(job__started_at=started, job__attempt=2, percent=50).job
    assert describe(job).estimated_remaining_ms is None


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
def test_an_ended_job_waits_for_nothing(state: str) -> None:
    history(1.0)
    assert describe(JobFactory(state=state)) == Outlook()


def test_many_jobs_are_described_in_two_queries_and_asked_again_in_one(
    django_assert_num_queries: Any,
) -> None:
    WorkerFactory()
    history(1.0)
    history(1.0, kind="tests.private")
    jobs = [
        JobFactory(kind=kind, queue=queue)
        for kind in ("tests.echo", "tests.private", "gone")
        for queue in ("ai", "video", "system")
    ]
    with django_assert_num_queries(2):
        describe_many(jobs)
    with django_assert_num_queries(1):
        describe_many(jobs)


def test_only_the_last_completed_jobs_of_the_kind_are_measured() -> None:
    WorkerFactory()
    history(1.0, count=floor.HISTORY)
    old = timezone.now() - timedelta(days=1)
    JobFactory.create_batch(20, state=State.COMPLETED, finished_at=old, started_at=old - timedelta(hours=1))
    history(900.0, kind="tests.private")
    assert describe(JobFactory()).estimated_remaining_ms == 1000
