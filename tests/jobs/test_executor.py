"""Real jobs in a real sandbox process, run by the executor as a worker does."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

import tests.workload.handlers  # noqa: F401  registers the kinds that misbehave
from jobs import events, executor, registry, transitions
from jobs.enqueue import create
from jobs.executor import Worker
from jobs.models import Job, JobFailure
from jobs.states import Cause, State

DEADLINE = 60.0


@pytest.fixture
def worker(transactional_db: None) -> Iterator[Worker]:
    made = Worker("host/1:1:1")
    yield made
    made.end_sandbox()
    events.drop_runner()


def performed(worker: Worker, user: Any, kind: str, **args: Any) -> Job:
    """The job after one attempt."""
    job = create(kind, args, owner=user)
    executor.run(job.id, worker)
    job.refresh_from_db()
    return job


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"not in {DEADLINE:g} s: {what}"
        time.sleep(0.02)


def test_a_job_runs_in_a_sandbox_that_stays_warm_for_the_next(worker: Worker, user: Any) -> None:
    assert performed(worker, user, "work.noop").result == {"ok": True}
    assert worker.sandbox is not None
    pid = worker.sandbox.pid
    assert pid != os.getpid()
    assert performed(worker, user, "work.noop").state == State.COMPLETED
    assert worker.sandbox.pid == pid


def test_what_a_handler_says_is_in_the_ledger(worker: Worker, user: Any) -> None:
    job = performed(worker, user, "work.steps", steps=6)
    assert job.state == State.COMPLETED
    assert job.partial == {"half": 3}
    assert job.progress.percent > 50
    kinds = list(job.events.order_by("seq").values_list("type", flat=True))
    assert kinds == ["created", "started", "stage", "partial", "stage", "log", "completed"]


def test_a_retry_goes_on_from_the_last_checkpoint(worker: Worker, user: Any, tmp_path: Path) -> None:
    job = create("work.steps", {"steps": 6, "effects": str(tmp_path / "effects")}, owner=user)
    Job.objects.filter(pk=job.pk).update(checkpoint={"step": 4})
    executor.run(job.id, worker)
    job.refresh_from_db()
    assert job.result == {"steps": 6, "resumed_at": 4}
    assert (tmp_path / "effects").read_text().count("step-") == 2


@pytest.mark.parametrize(
    ("mode", "code", "state"),
    [
        ("error", "unexpected_error", State.RETRYING),
        ("system_exit", "unexpected_error", State.RETRYING),
        ("permanent", "never", State.FAILED),
        ("invalid", "unusable", State.FAILED),
        ("nan", "result_not_storable", State.FAILED),
        ("object", "result_not_storable", State.FAILED),
        ("big", "result_too_large", State.FAILED),
        ("connect", "unexpected_error", State.RETRYING),
        ("memory_fast", "memory_limit", State.RETRYING),
    ],
)
def test_what_goes_wrong_in_a_handler_is_recorded(
    worker: Worker, user: Any, mode: str, code: str, state: State
) -> None:
    job = performed(worker, user, "work.bad", mode=mode)
    assert (job.state, job.error["code"]) == (state, code)
    assert performed(worker, user, "work.noop").state == State.COMPLETED


@pytest.mark.parametrize(
    ("mode", "cause", "code"),
    [
        ("native", Cause.TIMEOUT, "timeout"),
        ("swallow", Cause.TIMEOUT, "timeout"),
        ("memory", Cause.MEMORY, "memory_limit"),
        ("kill", Cause.SANDBOX_DIED, "process_died"),
        ("exit", Cause.SANDBOX_DIED, "process_died"),
    ],
)
def test_what_a_handler_does_to_its_process_ends_the_sandbox_and_not_the_worker(
    worker: Worker, user: Any, mode: str, cause: Cause, code: str
) -> None:
    job = performed(worker, user, "work.bad", mode=mode)
    failure = JobFailure.objects.get(job=job)
    assert (failure.cause, failure.code) == (cause, code)
    assert worker.sandbox is None
    assert performed(worker, user, "work.noop").state == State.COMPLETED


def test_processor_time_has_a_limit_of_its_own(worker: Worker, user: Any) -> None:
    job = performed(worker, user, "work.cpu")
    assert (job.state, job.error["code"]) == (State.FAILED, "cpu_limit")


def test_a_handler_finds_no_secret_in_its_environment(
    worker: Worker, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "canary-in-the-environment")
    monkeypatch.setenv("DATABASE_URL", "postgres://u:canary-password@db/x")
    seen = performed(worker, user, "work.bad", mode="environment").result
    assert "canary" not in str(seen)
    assert seen["os"]["PATH"]


def test_a_cancel_ends_native_code_within_two_seconds(worker: Worker, user: Any) -> None:
    job = create("work.bad", {"mode": "sleep_native"}, owner=user)
    took: list[float] = []

    def cancel() -> None:
        try:
            until(lambda: Job.objects.filter(pk=job.pk, state=State.RUNNING).exists(), "running")
            began = time.monotonic()
            transitions.cancel(Job.objects.get(pk=job.pk), actor="ada")
            until(lambda: Job.objects.filter(pk=job.pk, state=State.CANCELLED).exists(), "cancelled")
            took.append(time.monotonic() - began)
        finally:
            connection.close()

    person = threading.Thread(target=cancel)
    person.start()
    executor.run(job.id, worker)
    person.join(DEADLINE)
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert took, "the cancel was not seen"


def test_a_sandbox_killed_while_idle_costs_no_job_an_attempt(worker: Worker, user: Any) -> None:
    performed(worker, user, "work.noop")
    assert worker.sandbox is not None
    os.kill(worker.sandbox.pid, signal.SIGKILL)
    until(lambda: not (worker.sandbox and worker.sandbox.alive()), "its end")
    job = performed(worker, user, "work.noop")
    assert (job.state, job.attempt) == (State.COMPLETED, 1)


def test_a_parent_spawns_waits_and_finishes(worker: Worker, user: Any) -> None:
    job = performed(worker, user, "work.family", children=3, fail_children=1)
    assert (job.state, job.children_total) == (State.WAITING, 3)
    for child in job.children.all():
        executor.run(child.id, worker)
    executor.run(job.id, worker)
    job.refresh_from_db()
    assert job.result == {"spawned": 3, "states": ["completed", "completed", "failed"]}


def test_an_error_of_the_executor_itself_is_recorded_and_leaves_no_word_behind(
    worker: Worker, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half-read sandbox once gave its result to the next job."""
    monkeypatch.setattr("jobs.progress.stage", lambda *args: 1 / 0)
    job = performed(worker, user, "work.steps", steps=3)
    assert (job.state, job.error["code"]) == (State.RETRYING, "worker_error")
    assert worker.sandbox is None
    assert performed(worker, user, "work.noop").result == {"ok": True}


def test_a_kind_nobody_knows_is_tried_again_for_a_worker_that_may(
    worker: Worker, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create("work.noop", {}, owner=user)
    monkeypatch.setattr(registry, "_handlers", {})
    executor.run(job.id, worker)
    job.refresh_from_db()
    assert (job.state, job.error["code"]) == (State.RETRYING, "unknown_kind")


def test_what_an_attempt_leaves_in_its_scratch_is_gone_before_the_next(worker: Worker, user: Any) -> None:
    performed(worker, user, "work.scratch")
    assert performed(worker, user, "work.scratch").result == {"found": []}
    assert worker.sandbox is not None
    scratch = worker.sandbox.scratch
    worker.end_sandbox()
    assert not scratch.exists()
