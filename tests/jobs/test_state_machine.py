"""The ledger under every order of events: workers, duplicates, zombies, janitors and people, all at once.

No process runs: the machine plays them all against the real writers, on a database clock of its own.
"""

from __future__ import annotations

import os
import random
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from jobs import clock, ledger, progress, transitions
from jobs.brokers import LedgerBroker
from jobs.conf import POISON_CRASHES, pool
from jobs.exceptions import InvalidTransition
from jobs.ledger import Fence
from jobs.maintenance import cleaner, rescuer, scheduler
from jobs.models import Job, JobEvent
from jobs.retry import Judgement, RetryPolicy
from jobs.states import TERMINAL, TERMINAL_EVENTS, Category, Cause, Event, State
from jobs.transitions import Failure

LEASE = 30.0
# `EXAMPLES=500 pytest …` searches longer.
EXAMPLES = int(os.environ.get("EXAMPLES", "20"))
START = datetime(2030, 1, 1, tzinfo=UTC)
REOPENED = (Event.RETRIED, Event.WAITING)
ENDS = {State.COMPLETED: "completed", State.FAILED: "failed", State.CANCELLED: "cancelled"}

Held = tuple[Job, Fence]


class LedgerMachine(RuleBasedStateMachine):
    """Each example is a transaction that is rolled back."""

    jobs = Bundle("jobs")
    attempts = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.real = clock.sql_now, clock.now
        clock.sql_now, clock.now = self._sql_now, lambda: self.now
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.owners = [get_user_model().objects.create(username=name) for name in ("ada", "grace")]
        self.owner: dict[uuid.UUID, int] = {}
        self.claims: set[uuid.UUID] = set()
        self.fences: dict[uuid.UUID, int] = {}
        self.broker = LedgerBroker("machine")
        self.broker.serve(pool("all"))
        random.seed(0)  # backoff draws its jitter there

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)
        clock.sql_now, clock.now = self.real

    def _sql_now(self, seconds: float = 0.0) -> str:
        at = self.now + timedelta(seconds=seconds)
        if connection.vendor == "postgresql":
            return f"'{at.isoformat()}'::timestamptz"
        return f"'{at:%Y-%m-%d %H:%M:%S.%f}'"

    # People.

    @initialize(target=jobs)
    def begin(self) -> uuid.UUID:
        return self.create(0, 5, 3, None)

    @rule(
        target=jobs,
        owner=st.integers(0, 1),
        priority=st.integers(1, 20),
        most=st.integers(1, 4),
        later=st.sampled_from([None, 20.0]),
    )
    def create(self, owner: int, priority: int, most: int, later: float | None) -> uuid.UUID:
        job = self._new(owner, priority, most)
        job.run_at = self.now + timedelta(seconds=later or 0)
        ledger.insert([job])
        self.owner[job.id] = job.owner_id
        return job.id

    def _new(self, owner: int, priority: int, most: int, parent: Job | None = None) -> Job:
        return Job(
            kind="tests.echo",
            queue="ai",
            owner=self.owners[owner],
            priority=priority,
            max_attempts=most,
            parent=parent,
            run_at=self.now,
        )

    @rule(job=jobs)
    def cancel(self, job: uuid.UUID) -> None:
        self._person(lambda found: transitions.cancel(found, actor="ada"), job, State.WAITING)

    @rule(job=jobs)
    def retry(self, job: uuid.UUID) -> None:
        self._person(lambda found: transitions.retry(found, actor="ada"), job, *TERMINAL)

    @rule(job=jobs)
    def retry_failed_children(self, job: uuid.UUID) -> None:
        self._person(transitions.retry_failed_children, job, *TERMINAL)

    @rule(job=jobs, priority=st.integers(1, 20))
    def reprioritise(self, job: uuid.UUID, priority: int) -> None:
        self._person(lambda found: transitions.reprioritise(found, priority), job, State.QUEUED)

    def _person(self, act: Any, job_id: uuid.UUID, *states: State) -> None:
        """What a person does is done or refused by InvalidTransition; never half, never by another error."""
        job = Job.objects.filter(pk=job_id).first()
        if job is None:
            return
        before = Job.objects.filter(pk=job_id).values().get()
        try:
            with transaction.atomic():
                act(job)
        except InvalidTransition:
            assert Job.objects.filter(pk=job_id).values().get() == before

    # The line, its duplicates, and workers.

    @rule(target=attempts)
    def dispatch(self) -> Any:
        message = self.broker.take()
        return self.claim_it(message) if message else multiple()

    @rule(target=attempts, job=jobs)
    def duplicate(self, job: uuid.UUID) -> Any:
        """A message that comes twice, late, or for a job that was pruned."""
        return self.claim_it(job)

    def claim_it(self, message: uuid.UUID) -> Any:
        before = Job.objects.filter(pk=message).first()
        job = transitions.claim(message, worker="machine", lease=LEASE)
        due = before and before.state == State.QUEUED and before.run_at <= self.now
        assert (job is not None) == bool(due)
        if job is None or before is None:
            return multiple()
        assert job.attempt == before.attempt + 1
        assert job.claim not in self.claims
        self.claims.add(job.claim)  # type: ignore[arg-type]
        return job, Fence(job.id, job.attempt, job.claim)

    @rule(target=attempts, held=attempts)
    def take_over(self, held: Held) -> Any:
        """The worker is taken for dead, and another has the job; the first is a zombie from now on."""
        if not self._holds(held[1]):
            return multiple()
        self.now += timedelta(seconds=LEASE + 1)
        rescuer.rescue_expired()
        self.now += timedelta(seconds=10)
        transitions.requeue_due()
        return self.claim_it(held[1].job_id)

    def _holds(self, fence: Fence) -> bool:
        return Job.objects.filter(
            pk=fence.job_id, attempt=fence.attempt, claim=fence.claim, state=State.RUNNING
        ).exists()

    @rule(held=attempts)
    def heartbeat(self, held: Held) -> None:
        assert transitions.renew(held[1], lease=LEASE) == self._holds(held[1])

    @rule(held=attempts)
    def report(self, held: Held) -> None:
        holds = self._holds(held[1])
        assert progress.stage(*held, "extract") == holds
        assert progress.checkpoint(held[1], {"page": 3}) == holds

    @rule(held=attempts)
    def finish(self, held: Held) -> None:
        holds = self._holds(held[1])
        ended = transitions.complete(*held, {"attempt": held[1].attempt})
        assert ended is None or (holds and ended.cancel_requested_at is None)

    @rule(
        held=attempts,
        category=st.sampled_from(
            [Category.TRANSIENT, Category.PERMANENT, Category.RATE_LIMITED, Category.TIMEOUT]
        ),
        cause=st.sampled_from([Cause.ERROR, Cause.SANDBOX_DIED]),
    )
    def fail(self, held: Held, category: Category, cause: Cause) -> None:
        judgement = Judgement(category, "boom", "It broke.", 5.0 if category == "rate_limited" else None)
        holds = self._holds(held[1])
        ended = transitions.fail(*held, Failure(judgement, cause), RetryPolicy(base=1, cap=4))
        assert ended is None or holds

    @rule(held=attempts)
    def release(self, held: Held) -> None:
        holds = self._holds(held[1])
        assert transitions.release(*held, reason="deploy") is None or holds

    @rule(held=attempts)
    def obey_cancel(self, held: Held) -> None:
        """A worker says so only of a job whose cancel it has read."""
        if Job.objects.filter(pk=held[0].pk, cancel_requested_at__isnull=False).exists():
            holds = self._holds(held[1])
            assert (transitions.cancelled(*held) is not None) == holds

    @rule(target=jobs, held=attempts, number=st.integers(1, 3))
    def spawn(self, held: Held, number: int) -> Any:
        owner = 0 if held[0].owner_id == self.owners[0].pk else 1
        children = [self._new(owner, held[0].priority, 2, held[0]) for _ in range(number)]
        holds = self._holds(held[1])
        waiting = transitions.wait_for_children(*held, children, {"attempt": held[1].attempt})
        assert waiting is None or holds
        if not waiting:
            return multiple()
        self.owner.update({child.id: child.owner_id for child in children})
        return multiple(*(child.id for child in children))

    # Time, and the janitors.

    @rule(seconds=st.sampled_from([0.5, 6.0, LEASE + 1]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def rescue(self) -> None:
        live = set(Job.objects.running().filter(lease_until__gte=self.now).values_list("pk", flat=True))
        rescuer.rescue_expired()
        assert live == set(Job.objects.running().values_list("pk", flat=True)), (
            "rescued too early, or too few"
        )

    @rule()
    def schedule(self) -> None:
        transitions.requeue_due()
        scheduler.mend_trees()
        self.broker.reconcile()

    @rule()
    def prune(self) -> None:
        """Only what has ended long ago may go, and only together with its whole family."""
        old = self.now - timedelta(days=1)
        before = {job.pk: job for job in Job.objects.all()}
        cleaner.clean(1, keep_completed=0, keep_failed=0)
        left = set(Job.objects.values_list("pk", flat=True))
        for pk, job in before.items():
            if pk not in left:
                assert job.is_terminal and job.finished_at < old
                assert job.parent_id is None or job.parent_id not in left
                self.owner.pop(pk)

    @rule()
    def a_long_time_passes(self) -> None:
        self.now += timedelta(days=2)

    # What always holds.

    @invariant()
    def every_job_is_there_and_its_owners(self) -> None:
        assert dict(Job.objects.values_list("pk", "owner_id")) == self.owner

    @invariant()
    def histories_are_gapless_and_end_once(self) -> None:
        histories: dict[uuid.UUID, list[JobEvent]] = {}
        for event in JobEvent.objects.order_by("job_id", "seq"):
            histories.setdefault(event.job_id, []).append(event)
        for job in Job.objects.all():
            events = histories[job.pk]
            assert [event.seq for event in events] == list(range(1, job.seq + 1)), "seq has a gap"
            ended = None
            for event in events:
                if event.type in TERMINAL_EVENTS:
                    assert ended is None, f"ended as {ended}, and again as {event.type}"
                    ended = event.type
                elif event.type in REOPENED and event.state not in TERMINAL:
                    ended = None
            assert (ended is not None) == job.is_terminal
            assert ended is None or ended == ENDS[State(job.state)]
            started = [event.attempt for event in events if event.type == Event.STARTED]
            assert started == list(range(1, job.attempt + 1)), "the fence did not rise by one with each claim"

    @invariant()
    def the_fence_never_falls(self) -> None:
        for pk, attempt in Job.objects.values_list("pk", "attempt"):
            assert attempt >= self.fences.get(pk, 0)
            self.fences[pk] = attempt

    @invariant()
    def attempts_stay_within_their_limits(self) -> None:
        for job in Job.objects.all():
            assert 0 <= job.attempts_charged <= job.max_attempts
            assert job.crash_count <= POISON_CRASHES

    @invariant()
    def parents_count_what_their_children_are(self) -> None:
        states: dict[uuid.UUID, Counter[str]] = {}
        for parent, state in Job.objects.filter(parent__isnull=False).values_list("parent_id", "state"):
            states.setdefault(parent, Counter())[state] += 1
        for job in Job.objects.all():
            found = states.get(job.pk, Counter())
            counted = job.children_completed, job.children_failed, job.children_cancelled
            assert counted == (found["completed"], found["failed"], found["cancelled"])
            assert job.children_total == found.total()
            if job.state == State.COMPLETED:
                assert job.children_ended == job.children_total, "completed before its children"


@pytest.mark.django_db
def test_the_ledger_keeps_its_rules_in_every_order_of_events() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
