"""What retention takes and what it leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from jobs.maintenance.cleaner import Cleaned, clean
from jobs.models import IdempotencyKey, Job, JobEvent, Ticket, WorkerState
from jobs.states import State
from tests.factories import JobFactory, ProgressFactory, WorkerFactory

pytestmark = pytest.mark.django_db


def ended(days: float, state: State = State.COMPLETED, **values: Any) -> Job:
    at = timezone.now() - timedelta(days=days)
    return JobFactory(
        **{"state": state, "created_at": at, "run_at": at, "started_at": at, "finished_at": at, **values}
    )


def clean_all(days: float = 7, **values: Any) -> Cleaned:
    return clean(days, **{"keep_completed": 0, "keep_failed": 0, **values})


def left() -> set[Any]:
    return set(Job.objects.values_list("pk", flat=True))


def test_old_ended_jobs_go_with_all_that_hangs_on_them(user: Any) -> None:
    job = ended(8, owner=user, with_event=True)
    ProgressFactory(job=job)
    assert clean_all() == Cleaned(deleted_jobs=1, deleted_progress=1)
    assert not left()
    assert not JobEvent.objects.exists()


def test_nothing_younger_than_the_retention_period_goes() -> None:
    young = ended(6.9)
    assert clean_all() == Cleaned()
    assert left() == {young.pk}


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.RETRYING, State.WAITING])
def test_an_unfinished_job_never_goes(state: State) -> None:
    job = JobFactory(state=state, created_at=timezone.now() - timedelta(days=100))
    clean_all()
    assert left() == {job.pk}


def test_the_newest_of_each_queue_stay_whatever_their_age() -> None:
    staying = {ended(30 + n).pk for n in range(3)} | {ended(30 + n, queue="video").pk for n in range(3)}
    staying |= {ended(30 + n, State.FAILED).pk for n in range(2)}
    for n in range(4):
        ended(40 + n)
        ended(40 + n, State.FAILED)
    cleaned = clean(7, keep_completed=3, keep_failed=2)
    assert cleaned.deleted_jobs == 8
    assert left() == staying


def test_by_default_a_hundred_completed_and_fifty_failed_stay() -> None:
    for n in range(103):
        ended(10 + n / 100)
    for n in range(52):
        ended(10 + n / 100, State.FAILED)
    assert clean(7).deleted_jobs == 5


def test_cancelled_jobs_go_by_age_alone() -> None:
    ended(8, State.CANCELLED)
    assert clean(7).deleted_jobs == 1


def test_a_family_goes_together() -> None:
    parent = ended(9)
    child = ended(9, parent=parent, queue="video")
    ended(9, parent=child, queue="document")
    assert clean_all().deleted_jobs == 3
    assert not left()


@pytest.mark.parametrize("what", ["unfinished", "young", "kept"])
def test_a_family_stays_for_one_member_that_has_to(what: str) -> None:
    parent = ended(9)
    if what == "unfinished":
        child = JobFactory(parent=parent)
    elif what == "young":
        child = ended(1, parent=parent)
    else:
        child = ended(9, State.FAILED, parent=parent, queue="video")
    clean(7, keep_completed=0, keep_failed=1 if what == "kept" else 0)
    assert left() == {parent.pk, child.pk}


def test_a_child_of_an_unfinished_parent_stays() -> None:
    parent = JobFactory(state=State.WAITING)
    child = ended(9, parent=parent)
    clean_all()
    assert left() == {parent.pk, child.pk}


def test_small_batches_step_over_what_has_to_stay() -> None:
    for n in range(3):
        JobFactory(parent=ended(20 + n))
    for n in range(5):
        ended(10 + n)
    assert clean_all(batch=2).deleted_jobs == 5


def test_it_stops_between_batches_when_told() -> None:
    for n in range(6):
        ended(10 + n)
    answers = iter([False, False, True, True, True, True])
    cleaned = clean_all(batch=2, stop=lambda: next(answers, True))
    assert cleaned.deleted_jobs <= 4
    assert len(left()) >= 2


def test_a_job_that_was_run_again_since_it_was_read_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    from jobs.maintenance import cleaner

    job = ended(9)
    read = cleaner._deletable

    def retried_meanwhile(*args: Any) -> Any:
        found = read(*args)
        Job.objects.filter(pk=job.pk).update(state=State.QUEUED, finished_at=None)
        return found

    monkeypatch.setattr(cleaner, "_deletable", retried_meanwhile)
    assert clean_all() == Cleaned()
    assert left() == {job.pk}


def test_a_janitors_round_keeps_to_the_retention_of_the_site(settings: Any) -> None:
    settings.RETENTION_DAYS = 30
    ended(31, State.CANCELLED)
    young = ended(29, State.CANCELLED)
    assert clean().deleted_jobs == 1
    assert left() == {young.pk}


def test_old_answers_unused_tickets_and_dead_workers_go(user: Any) -> None:
    now = timezone.now()
    Ticket.objects.create(digest="old", user=user, expires_at=now - timedelta(minutes=1))
    Ticket.objects.create(digest="new", user=user, expires_at=now + timedelta(minutes=1))
    for days in (1, 9):
        IdempotencyKey.objects.create(
            owner=user, key=f"k{days}", fingerprint="f", created_at=now - timedelta(days=days)
        )
    alive = WorkerFactory()
    WorkerFactory(heartbeat_at=now - timedelta(hours=2))
    clean(7)
    assert [key.key for key in IdempotencyKey.objects.all()] == ["k1"]
    assert [ticket.digest for ticket in Ticket.objects.all()] == ["new"]
    assert [worker.pk for worker in WorkerState.objects.all()] == [alive.pk]
