"""How many workers are needed, and how the last hour went."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from jobs.models import JobEvent, WorkerState
from jobs.states import Event, State
from monitoring import analytics
from monitoring.queues import Queue
from tests.factories import JobFactory


def plan_of(queue: Queue, workers: tuple[WorkerState, ...] = ()) -> analytics.PoolPlan:
    plans = analytics.plan({queue.name: queue}, workers)
    return next(plan for plan in plans if queue.name in plan.queues)


def test_workers_wanted_follow_littles_law() -> None:
    # 300 in 300 s is one a second; each takes 4 s; at 80 % use that is 5 workers.
    assert plan_of(Queue("video", arrived=300, mean_run=4.0)).desired == 5


def test_a_backlog_adds_the_rate_that_empties_it() -> None:
    assert plan_of(Queue("video", waiting=300, mean_run=4.0)).desired == 5


def test_an_idle_pool_wants_none_and_an_unmeasured_one_does_not_guess() -> None:
    assert plan_of(Queue("video")).desired == 0
    assert plan_of(Queue("video", waiting=5)).desired is None


def test_when_one_pool_serves_all_it_is_the_one_that_is_planned() -> None:
    worker = WorkerState(id="w", pool="all", queues=["video"], host="h", pid=1, cluster_pid=1)
    plans = analytics.plan({"video": Queue("video", arrived=300, mean_run=4.0)}, [worker])
    assert [(plan.pool, plan.workers, plan.desired) for plan in plans] == [("all", 1, 5)]


def event(type_: Event, minutes_ago: float) -> None:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    JobEvent.objects.create(job=JobFactory(), seq=1, type=type_, state=State.QUEUED, at=at)


@pytest.mark.django_db
def test_the_last_hour_counts_each_minute() -> None:
    for minutes in (0, 0, 5, 70):
        event(Event.CREATED, minutes)
    event(Event.FAILED, 5)
    hour = analytics.last_hour()
    assert (hour.arrived[-1], sum(n or 0 for n in hour.arrived)) == (2, 3)
    assert sum(n or 0 for n in hour.failed) == 1
    assert sum(n or 0 for n in hour.completed) == 0


@pytest.mark.django_db
def test_minutes_beyond_what_was_read_are_unknown_not_zero(monkeypatch: Any) -> None:
    monkeypatch.setattr(analytics, "ENDED_LIMIT", 2)
    for minutes in (0, 1, 2):
        event(Event.CREATED, minutes)
    arrived = analytics.last_hour().arrived
    assert arrived[0] is None
    assert arrived[-1] is not None
