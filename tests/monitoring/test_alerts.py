"""Operators are told once, after a while, and not again within the hour."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from jobs import signals
from jobs.models import JobFailure
from jobs.states import State
from monitoring import alerts, memory
from monitoring.models import Alert
from tests.factories import JobFactory, WorkerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _calm_memory(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(memory, "read", lambda: memory.Memory(1, 10, 100, "machine"))
    settings.ALERT_EMAILS = ["oncall@example.org"]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], list[Alert]]:
    """Check as if it were so many seconds from now."""
    start = timezone.now()
    moment: dict[str, datetime] = {}
    monkeypatch.setattr(alerts.clock, "now", lambda: moment["now"])
    monkeypatch.setattr(alerts.queues.queues, "live_workers", list)

    def check(seconds: float) -> list[Alert]:
        moment["now"] = start + timedelta(seconds=seconds)
        return alerts.check()

    return check


def waiting_job() -> Any:
    return JobFactory(run_at=timezone.now() - timedelta(minutes=5))


def test_a_queue_without_workers_is_told_after_a_while_and_once(
    at: Callable[[float], list[Alert]], caplog: pytest.LogCaptureFixture
) -> None:
    waiting_job()
    with caplog.at_level(logging.ERROR, "monitoring.alerts"):
        assert [at(seconds) for seconds in (0, 10, 20)] == [[], [], []]
        told = at(35)
        assert [alert.key for alert in told] == ["no-worker:ai"]
        assert all(not at(seconds) for seconds in (45, 600, 3000))
    assert len(mail.outbox) == 1
    assert mail.outbox[0].to == ["oncall@example.org"]
    assert "No live worker serves this queue" in mail.outbox[0].body
    assert len(caplog.records) == 1


def test_it_is_told_again_after_an_hour(at: Callable[[float], list[Alert]]) -> None:
    waiting_job()
    at(0)
    assert at(40)
    assert at(40 + 3601)
    assert Alert.objects.get().times_sent == 2


def test_coming_and_going_is_told_once_and_closed_late(at: Callable[[float], list[Alert]]) -> None:
    job = waiting_job()
    at(0)
    assert at(40)
    type(job).objects.filter(pk=job.pk).update(state=State.CANCELLED, finished_at=timezone.now())
    at(50)
    assert Alert.objects.get().open
    type(job).objects.filter(pk=job.pk).update(state=State.QUEUED, finished_at=None)
    assert not at(60)
    assert not at(100)
    type(job).objects.filter(pk=job.pk).update(state=State.CANCELLED, finished_at=timezone.now())
    at(110)
    at(240)
    assert not Alert.objects.get().open
    assert len(mail.outbox) == 1


def test_a_short_hiccup_is_not_told(at: Callable[[float], list[Alert]]) -> None:
    job = waiting_job()
    at(0)
    type(job).objects.all().delete()
    at(20)
    waiting_job()
    assert not at(40)
    assert not mail.outbox


def test_a_poisoned_job_is_told_at_once(at: Callable[[float], list[Alert]]) -> None:
    job = JobFactory(failed=True)
    JobFailure.objects.create(
        job=job, attempt=3, kind=job.kind, queue="ai", cause="sandbox_died", category="worker_lost",
        code="poisoned", fingerprint="f",
    )  # fmt: skip
    assert [alert.key for alert in at(0)] == ["poisoned:tests.echo"]
    assert str(job.pk) in mail.outbox[0].body


def test_memory_pressure_is_told_with_its_numbers(
    at: Callable[[float], list[Alert]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "read", lambda: memory.Memory(1, 95, 100, "machine"))
    at(0)
    assert "95 %" in at(30)[0].message


def test_mail_that_cannot_be_sent_does_not_stop_the_janitors(
    at: Callable[[float], list[Alert]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(alerts, "send_mail", refuse)
    waiting_job()
    at(0)
    assert at(40)


def test_a_tick_of_the_janitors_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    WorkerFactory()
    JobFactory(run_at=timezone.now() - timedelta(minutes=5), queue="video")
    signals.tick.send(sender=None)
    assert Alert.objects.get().key == "no-worker:video"
