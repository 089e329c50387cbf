"""Pausing and resuming queues."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import queues
from jobs.models import QueueState
from jobs.states import State
from tests.factories import JobFactory, WorkerFactory

pytestmark = pytest.mark.django_db


def test_pausing_twice_keeps_who_was_first() -> None:
    first = queues.pause("ai", actor="ada", reason="the provider is down")
    again = queues.pause("ai", actor="grace")
    assert (again.paused_at, again.paused_by) == (first.paused_at, "ada")
    assert set(queues.paused()) == {"ai"}


def test_resuming_lets_the_waiting_jobs_of_that_queue_be_dispatched_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queues, "_RESUME_BATCH", 2)
    now = timezone.now()
    mine = [JobFactory(dispatched_at=now) for _ in range(5)]
    other = JobFactory(queue="video", dispatched_at=now)
    running = JobFactory(state=State.RUNNING, dispatched_at=now)
    queues.pause("ai", actor="ada")
    queues.resume("ai", actor="ada")
    for job in (*mine, other, running):
        job.refresh_from_db()
    assert [job.dispatched_at for job in mine] == [None] * 5
    assert other.dispatched_at == running.dispatched_at == now


def test_a_queue_that_does_not_exist_cannot_be_paused() -> None:
    with pytest.raises(queues.UnknownQueue):
        queues.pause("nonsense", actor="ada")
    assert not QueueState.objects.exists()


def test_the_queue_of_a_job_whose_handler_is_gone_is_known() -> None:
    JobFactory(queue="b-old")
    JobFactory(queue="a-old")
    JobFactory(queue="b-old")
    assert {"a-old", "b-old", "video"} <= set(queues.known())
    assert len(queues.known()) == len(set(queues.known()))


def test_only_workers_heard_of_lately_are_live() -> None:
    alive = WorkerFactory()
    WorkerFactory(heartbeat_at=timezone.now() - timedelta(minutes=5))
    assert queues.live_workers() == [alive]
