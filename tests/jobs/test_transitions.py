"""Each move of a job is one guarded write with its event; parents count their children."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import ledger, progress, transitions
from jobs.enqueue import Spec, build, create
from jobs.exceptions import InvalidTransition
from jobs.ledger import Fence
from jobs.models import Job, JobFailure
from jobs.retry import Judgement, RetryPolicy, next_delay
from jobs.states import MAX_PRIORITY, MIN_PRIORITY, MOVES, Category, Cause, Event, State, priority_band
from jobs.transitions import Failure
from tests.factories import JobFactory

NOW = RetryPolicy(base=0.0, cap=0.0)
LATE = RetryPolicy(base=1000.0, cap=1000.0)


def running(user: Any, kind: str = "tests.echo", **fields: Any) -> tuple[Job, Fence]:
    job = create(kind, {}, owner=user, **fields)
    claimed = transitions.claim(job.id, worker="host/1:1:1", lease=30)
    assert claimed is not None
    return claimed, Fence(claimed.id, claimed.attempt, claimed.claim)


def events(job: Job) -> list[str]:
    return list(job.events.order_by("seq").values_list("type", flat=True))


def failure(category: Category = Category.TRANSIENT, cause: Cause = Cause.ERROR) -> Failure:
    return Failure(Judgement(category, "code", "message"), cause)


def test_a_claim_counts_the_attempt_and_takes_a_lease(user: Any) -> None:
    job, fence = running(user)
    assert (job.state, job.attempt, job.attempts_charged) == (State.RUNNING, 1, 1)
    assert job.claim == fence.claim
    assert job.lease_until is not None
    assert events(job) == ["created", "started"]


def test_a_result_is_committed_once_and_lets_go_of_the_lease(user: Any) -> None:
    job, fence = running(user)
    assert transitions.complete(job, fence, {"answer": 42}) is not None
    assert transitions.complete(job, fence, {"answer": 43}) is None
    job.refresh_from_db()
    assert (job.state, job.result, job.claim, job.lease_until) == (
        State.COMPLETED,
        {"answer": 42},
        None,
        None,
    )
    assert events(job) == ["created", "started", "completed"]


def test_an_attempt_that_lost_its_job_changes_nothing(user: Any) -> None:
    """A zombie has the right number after a crash lost the claim, but not the right claim."""
    job, fence = running(user)
    zombie = Fence(job.id, job.attempt, uuid.uuid4())
    assert not transitions.renew(zombie, lease=30)
    assert transitions.complete(job, zombie, {"wrong": True}) is None
    assert transitions.fail(job, zombie, failure(), NOW) is None
    assert transitions.release(job, zombie, reason="drain") is None
    assert not progress.partial(job, zombie, "key", "value")
    assert not progress.checkpoint(zombie, {"page": 9})
    progress.report(job, zombie, 1, {"percent": 50}, write=True)
    job.refresh_from_db()
    assert (job.state, job.partial, job.checkpoint) == (State.RUNNING, {}, None)
    assert not hasattr(job, "progress")
    assert transitions.complete(job, fence, {"right": True}) is not None


def test_a_transient_failure_is_tried_again_until_its_attempts_are_used_up(user: Any) -> None:
    job, fence = running(user, max_attempts=2)
    first = transitions.fail(job, fence, failure(), NOW)
    assert first is not None
    assert first.state == State.RETRYING
    assert [again.id for again in transitions.requeue_due()] == [job.id]
    second = transitions.claim(job.id, worker="w", lease=30)
    assert second is not None
    ended = transitions.fail(second, Fence(second.id, 2, second.claim), failure(), NOW)
    assert ended is not None
    assert (ended.state, ended.error["code"]) == (State.FAILED, "code")
    assert JobFailure.objects.filter(job=job).count() == 2


@pytest.mark.parametrize("category", [Category.PERMANENT, Category.INVALID_INPUT])
def test_what_cannot_succeed_is_not_tried_again(user: Any, category: Category) -> None:
    job, fence = running(user)
    ended = transitions.fail(job, fence, failure(category), NOW)
    assert ended is not None
    assert (ended.state, ended.error["retryable"]) == (State.FAILED, False)


def test_a_rate_limit_is_not_charged_and_says_why_the_job_waits(user: Any) -> None:
    job, fence = running(user, max_attempts=1)
    limited = Failure(Judgement(Category.RATE_LIMITED, "busy", "The provider is busy.", delay=30.0))
    ended = transitions.fail(job, fence, limited, NOW)
    assert ended is not None
    assert (ended.state, ended.attempts_charged, ended.hold_reason) == (State.RETRYING, 0, {"reason": "busy"})
    assert (ended.run_at - job.created_at).total_seconds() >= 29


def test_a_job_whose_process_died_three_times_is_poisoned(user: Any) -> None:
    job, _ = running(user, max_attempts=9)
    for crash in range(1, 4):
        ended = transitions.fail(job, None, failure(Category.WORKER_LOST, Cause.WORKER_DIED), NOW)
        assert ended is not None
        assert ended.crash_count == crash
        if crash < 3:
            transitions.requeue_due()
            job = transitions.claim(job.id, worker="w", lease=30) or pytest.fail("not claimed")
    assert (ended.state, ended.error["code"]) == (State.FAILED, "poisoned")


def test_a_released_job_is_queued_again_uncharged(user: Any) -> None:
    job, fence = running(user)
    released = transitions.release(job, fence, reason="its worker was stopped")
    assert released is not None
    assert (released.state, released.attempt, released.attempts_charged) == (State.QUEUED, 1, 0)


def test_a_waiting_job_is_cancelled_at_once(user: Any) -> None:
    job = create("tests.echo", {}, owner=user)
    assert transitions.cancel(job, actor="ada").state == State.CANCELLED
    assert transitions.claim(job.id, worker="w", lease=30) is None


def test_a_running_job_is_asked_to_end_and_its_result_no_longer_counts(user: Any) -> None:
    job, fence = running(user)
    assert transitions.cancel(job).state == State.RUNNING
    assert transitions.complete(job, fence, {"late": True}) is None
    ended = transitions.cancelled(job, fence)
    assert ended is not None
    assert (ended.state, ended.result) == (State.CANCELLED, None)
    assert events(job) == ["created", "started", "cancel_requested", "cancelled"]


def test_an_ended_job_cannot_be_cancelled(user: Any) -> None:
    job, fence = running(user)
    transitions.complete(job, fence, {})
    with pytest.raises(InvalidTransition, match="already ended as completed"):
        transitions.cancel(job)


def test_a_persons_retry_gives_a_fresh_budget_and_keeps_history_and_fence(user: Any) -> None:
    job, fence = running(user, max_attempts=1)
    failed = transitions.fail(job, fence, failure(), NOW)
    assert failed is not None
    again = transitions.retry(failed, actor="ada")
    assert (again.state, again.attempt, again.attempts_charged) == (State.QUEUED, 1, 0)
    claimed = transitions.claim(job.id, worker="w", lease=30)
    assert claimed is not None
    assert claimed.attempt == 2


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.COMPLETED, State.RETRYING])
def test_only_a_failed_or_cancelled_job_can_be_retried(user: Any, state: State) -> None:
    with pytest.raises(InvalidTransition):
        transitions.retry(JobFactory(owner=user, state=state))


def family(user: Any, size: int = 2) -> tuple[Job, list[Job]]:
    """A parent that waits for its queued children."""
    parent, fence = running(user)
    children = [build(Spec("tests.echo"), owner_id=user.pk, parent=parent) for _ in range(size)]
    waiting = transitions.wait_for_children(parent, fence, children, {"first": "phase"})
    assert waiting is not None
    assert waiting.state == State.WAITING
    return waiting, children


def end(child: Job, state: State) -> None:
    claimed = transitions.claim(child.id, worker="w", lease=30)
    assert claimed is not None
    fence = Fence(claimed.id, claimed.attempt, claimed.claim)
    if state == State.COMPLETED:
        transitions.complete(claimed, fence, {})
    else:
        transitions.fail(claimed, fence, failure(Category.PERMANENT), NOW)


def test_a_parent_waits_without_a_worker_and_is_woken_by_its_last_child(user: Any) -> None:
    parent, (first, second) = family(user)
    end(first, State.COMPLETED)
    parent.refresh_from_db()
    assert parent.state == State.WAITING
    end(second, State.FAILED)
    parent.refresh_from_db()
    assert (parent.state, parent.finishing, parent.attempts_charged) == (State.QUEUED, True, 0)
    assert (parent.children_completed, parent.children_failed) == (1, 1)


def test_children_of_an_attempt_that_lost_its_job_are_not_stored(user: Any) -> None:
    parent, _ = running(user)
    children = [build(Spec("tests.echo"), owner_id=user.pk, parent=parent)]
    assert transitions.wait_for_children(parent, Fence(parent.id, 1, uuid.uuid4()), children, {}) is None
    assert not Job.objects.filter(parent=parent).exists()


def test_cancelling_a_parent_cancels_its_children(user: Any) -> None:
    parent, children = family(user)
    transitions.cancel(parent)
    assert set(Job.objects.filter(parent=parent).values_list("state", flat=True)) == {State.CANCELLED}
    parent.refresh_from_db()
    assert parent.children_cancelled == len(children)


def test_failed_children_are_retried_alone_and_the_ended_parent_waits_again(user: Any) -> None:
    parent, (first, second) = family(user)
    end(first, State.COMPLETED)
    end(second, State.FAILED)
    woken = transitions.claim(parent.id, worker="w", lease=30)
    assert woken is not None
    transitions.complete(woken, Fence(woken.id, woken.attempt, woken.claim), {"partial": "success"})
    reopened = transitions.retry_failed_children(woken, actor="ada")
    assert (reopened.state, reopened.children_failed, reopened.children_completed) == (State.WAITING, 0, 1)
    end(second, State.COMPLETED)
    reopened.refresh_from_db()
    assert (reopened.state, reopened.children_completed) == (State.QUEUED, 2)
    first.refresh_from_db()
    assert first.attempt == 1


def test_a_partial_result_of_a_child_is_shown_by_its_parent(user: Any) -> None:
    parent, (child, _) = family(user)
    claimed = transitions.claim(child.id, worker="w", lease=30)
    assert claimed is not None
    assert progress.partial(claimed, Fence(claimed.id, 1, claimed.claim), "summary", ["one"])
    assert progress.partial(claimed, Fence(claimed.id, 1, claimed.claim), "themes", ["two"])
    parent.refresh_from_db()
    assert parent.partial == {"summary": ["one"], "themes": ["two"]}


def test_a_parents_percentage_moves_with_its_children_and_never_back(user: Any) -> None:
    parent, (first, second) = family(user)
    seen = []
    for child, percent in ((first, 40), (second, 10), (first, 90)):
        claimed = Job.objects.get(pk=child.pk)
        if claimed.state == State.QUEUED:
            claimed = transitions.claim(child.id, worker="w", lease=30) or pytest.fail("not claimed")
        fence = Fence(claimed.id, claimed.attempt, claimed.claim)
        progress.report(claimed, fence, percent, {"percent": percent, "message": "m"}, write=True)
        parent = Job.objects.select_related("progress").get(pk=parent.pk)
        seen.append(parent.progress.percent)
    assert seen == sorted(seen)
    assert seen[0] > 0


def test_every_event_has_the_next_number(user: Any) -> None:
    job, fence = running(user)
    progress.stage(job, fence, "extract")
    progress.log(job, fence, "info", "hello")
    transitions.complete(job, fence, {})
    assert list(job.events.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3, 4, 5]
    job.refresh_from_db()
    assert job.seq == 5


def test_a_move_the_design_does_not_know_cannot_be_written(user: Any) -> None:
    job = create("tests.echo", {}, owner=user)
    with pytest.raises(AssertionError, match="is no move"):
        ledger.move(job.id, to=State.COMPLETED, sources=(State.QUEUED,), values={}, event=Event.COMPLETED)


def test_no_move_leaves_a_terminal_state_but_a_persons_retry() -> None:
    assert MOVES[State.COMPLETED] == {State.WAITING}
    assert MOVES[State.FAILED] == MOVES[State.CANCELLED] == {State.QUEUED, State.WAITING}


@given(attempt=st.integers(1, 50), base=st.floats(0.001, 100), cap=st.floats(0.001, 10_000))
def test_backoff_is_jittered_under_a_ceiling_that_doubles(attempt: int, base: float, cap: float) -> None:
    policy = RetryPolicy(base=base, cap=cap)
    assert policy.delay(attempt, uniform=lambda low, high: high) == min(cap, base * 2.0 ** min(attempt, 32))
    assert 0 <= policy.delay(attempt) <= cap


@given(category=st.sampled_from(list(Category)), charged=st.integers(1, 9), limit=st.integers(1, 5))
def test_the_rules_of_trying_again(category: Category, charged: int, limit: int) -> None:
    delay = next_delay(Judgement(category, "c", "m"), NOW, charged=charged, max_attempts=limit)
    final = category in {Category.PERMANENT, Category.INVALID_INPUT, Category.CANCELLED}
    used_up = category != Category.RATE_LIMITED and charged >= limit
    assert (delay is None) == (final or used_up)


@given(st.integers(MIN_PRIORITY, MAX_PRIORITY))
def test_every_priority_is_in_one_band(priority: int) -> None:
    bands = {range(1, 5): "low", range(5, 10): "normal", range(10, 20): "high", range(20, 21): "critical"}
    assert [name for band, name in bands.items() if priority in band] == [priority_band(priority)]


def test_a_job_is_due_in_the_very_moment_it_was_created(user: Any) -> None:
    """SQLite compares times as text: both sides need the same number of digits."""
    for _ in range(30):
        running(user)
