"""What the queues' numbers say, and the verdict on them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.models import QueueState
from jobs.states import State
from monitoring import queues, verdicts
from monitoring.queues import Percentiles, Queue
from tests.factories import JobFactory, PausedQueueFactory, WorkerFactory


def ended(seconds_ago: float, state: State = State.COMPLETED, **values: Any) -> Any:
    at = timezone.now() - timedelta(seconds=seconds_ago)
    times = {"created_at": at, "run_at": at, "started_at": at, "finished_at": at}
    return JobFactory(**{"state": state, "attempt": 1, **times, **values})


@pytest.mark.django_db
def test_each_state_is_counted_where_it_belongs() -> None:
    now = timezone.now()
    JobFactory(run_at=now - timedelta(seconds=90))
    JobFactory(run_at=now + timedelta(hours=1))
    JobFactory(state=State.RETRYING)
    JobFactory(running=True)
    JobFactory(state=State.WAITING)
    ended(10)
    ended(60 * 60 * 25)
    ended(10, State.FAILED)
    found = queues.read()["ai"]
    assert (found.waiting, found.delayed, found.active, found.waiting_for_children) == (1, 2, 1, 1)
    assert (found.completed, found.failed) == (1, 1)
    assert found.oldest_waiting == pytest.approx(90, abs=5)
    assert found.throughput == pytest.approx(2 / 5)


@pytest.mark.django_db
def test_no_count_is_without_a_limit_and_queries_do_not_grow_with_queues() -> None:
    for name in ("ai", "video", "document", "another"):
        JobFactory(queue=name)
        ended(5, queue=name)
    with CaptureQueriesContext(connection) as few:
        queues.read(["ai"], durations=False)
    with CaptureQueriesContext(connection) as many:
        queues.read(durations=False)
    assert len(many) <= len(few) + 1
    for query in many:
        sql = query["sql"].lower()
        if "count(" in sql and "state" in sql and "'running'" not in sql:
            assert "limit" in sql, sql


@pytest.mark.django_db
def test_a_count_that_meets_its_limit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "COUNT_LIMIT", 2)
    for _ in range(4):
        JobFactory()
    found = queues.read(["ai"])["ai"]
    assert (found.waiting, found.capped) == (2, True)
    assert "at least" in verdicts.judge(found).text


@pytest.mark.django_db
def test_durations_are_measured_and_unknown_ones_are_null() -> None:
    now = timezone.now()
    for wait, run in ((1, 10), (2, 20), (3, 30)):
        created = now - timedelta(seconds=100)
        started = created + timedelta(seconds=wait)
        JobFactory(
            completed=True, created_at=created, run_at=created, started_at=started,
            finished_at=started + timedelta(seconds=run),
        )  # fmt: skip
    found = queues.read()
    assert (found["ai"].wait.p50, found["ai"].wait.p99) == (2000, 3000)
    assert (found["ai"].run.p50, found["ai"].run.p95) == (20_000, 30_000)
    assert found["ai"].mean_run == pytest.approx(20)
    assert found["video"].wait == Percentiles()


@pytest.mark.django_db
def test_retries_and_parents_do_not_count_as_run_time() -> None:
    ended(5, attempt=2)
    ended(5, children_total=3)
    assert queues.read()["ai"].run == Percentiles()


@pytest.mark.django_db
def test_workers_are_counted_for_every_queue_they_serve() -> None:
    WorkerFactory(queues=["ai", "video"])
    WorkerFactory(queues=["ai"], heartbeat_at=timezone.now() - timedelta(hours=1))
    PausedQueueFactory(name="video")
    found = queues.read()
    assert (found["ai"].workers, found["video"].workers, found["document"].workers) == (1, 1, 0)
    assert found["video"].is_paused


def test_percentiles_are_values_that_were_observed() -> None:
    assert Percentiles.of([]) == Percentiles(None, None, None)
    assert Percentiles.of([1.0]) == Percentiles(1000, 1000, 1000)
    assert Percentiles.of([n / 1000 for n in range(1, 101)]) == Percentiles(50, 95, 99)


@pytest.mark.parametrize(
    ("queue", "state"),
    [
        (Queue("q"), verdicts.HEALTHY),
        (Queue("q", active=2, workers=2), verdicts.HEALTHY),
        (Queue("q", waiting=3, workers=1, active=1, oldest_waiting=5), verdicts.HEALTHY),
        (Queue("q", waiting=3, oldest_waiting=1), verdicts.STALLED),
        (Queue("q", waiting=3, workers=1, oldest_waiting=61), verdicts.STALLED),
        (Queue("q", waiting=3, workers=1, active=1, oldest_waiting=61, arrived=9, finished=2),
         verdicts.FALLING_BEHIND),
        (Queue("q", waiting=3, workers=1, active=1, oldest_waiting=5, arrived=9, finished=2),
         verdicts.HEALTHY),
        (Queue("q", waiting=30, workers=1, active=1, oldest_waiting=61, arrived=2, finished=9),
         verdicts.DRAINING),
        (Queue("q", waiting=3, paused=QueueState(name="q", paused_by="ada")), verdicts.PAUSED),
    ],
)  # fmt: skip
def test_the_verdict_follows_age_workers_and_rates(queue: Queue, state: str) -> None:
    assert verdicts.judge(queue).state == state


def test_a_draining_queue_says_when_it_will_be_empty() -> None:
    queue = Queue("q", waiting=60, workers=1, active=1, oldest_waiting=5, arrived=0, finished=300)
    assert verdicts.judge(queue).drain_seconds == pytest.approx(60)
