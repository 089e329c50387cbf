"""The states of a job, the moves between them, and why attempts end.

Pure rules: nothing here touches the database. `jobs.transitions` is the only writer that follows them.
"""

from __future__ import annotations

from typing import Final

from django.db.models import TextChoices


class State(TextChoices):
    """Where a job is. The last three are terminal."""

    QUEUED = "queued", "Queued: waits for a worker"
    RUNNING = "running", "Running: a worker holds its lease"
    WAITING = "waiting", "Waiting: for its children to end"
    RETRYING = "retrying", "Retrying: waits out a backoff"
    COMPLETED = "completed", "Completed: its result is stored"
    FAILED = "failed", "Failed: will not be tried again by itself"
    CANCELLED = "cancelled", "Cancelled: by a person"


TERMINAL: Final = (State.COMPLETED, State.FAILED, State.CANCELLED)
ACTIVE: Final = (State.QUEUED, State.RUNNING, State.WAITING, State.RETRYING)

MOVES: Final[dict[State, frozenset[State]]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED, State.FAILED}),
    State.RUNNING: frozenset(
        {
            State.COMPLETED,
            State.FAILED,
            State.CANCELLED,
            State.RETRYING,
            State.WAITING,
            State.QUEUED,  # released: handed back uncharged
        }
    ),
    State.RETRYING: frozenset({State.QUEUED, State.CANCELLED}),
    State.WAITING: frozenset({State.QUEUED, State.CANCELLED}),
    # Only by a person's retry; a parent goes back to waiting when just its failed children run again.
    State.FAILED: frozenset({State.QUEUED, State.WAITING}),
    State.CANCELLED: frozenset({State.QUEUED, State.WAITING}),
    State.COMPLETED: frozenset({State.WAITING}),
}


def sources(to: State) -> tuple[State, ...]:
    """The states from which `to` can be reached."""
    return tuple(state for state, targets in MOVES.items() if to in targets)


class Category(TextChoices):
    """Why an attempt did not succeed, as far as deciding what to do next needs to know."""

    TRANSIENT = "transient", "Transient: trying again may help"
    RATE_LIMITED = "rate_limited", "Rate limited: rescheduled, not charged"
    TIMEOUT = "timeout", "Timeout: ran into its wall-time limit"
    RESOURCE = "resource", "Resource: ran into a memory, processor or disk limit"
    INVALID_INPUT = "invalid_input", "Invalid input: the person can mend it"
    PERMANENT = "permanent", "Permanent: trying again cannot help"
    WORKER_LOST = "worker_lost", "Worker lost: the process that ran it died"
    CANCELLED = "cancelled", "Cancelled: by a person"


class Cause(TextChoices):
    """What ended an attempt that did not succeed: the observed fact, where `Category` is the judgement."""

    ERROR = "error", "The handler raised an error"
    TIMEOUT = "timeout", "Killed at its wall-time limit"
    MEMORY = "memory", "Killed at its memory limit"
    CPU = "cpu", "Killed at its processor-time limit"
    SANDBOX_DIED = "sandbox_died", "The sandbox process died"
    WORKER_DIED = "worker_died", "The worker process died"
    LEASE_EXPIRED = "lease_expired", "Its worker stopped renewing the lease"
    CANCELLED = "cancelled", "Killed because the job was cancelled"
    RELEASED = "released", "Handed back by a worker that was draining"


class EmailOn(TextChoices):
    """When a person is mailed about the end of a job of theirs."""

    NEVER = "never", "Never"
    FAILURES = "failures", "When a job fails"
    ALWAYS = "always", "When a job ends"


class Event(TextChoices):
    """What can stand in a job's history. The last three end it."""

    CREATED = "created"
    STARTED = "started"
    STAGE = "stage"
    PARTIAL = "partial"
    LOG = "log"
    WAITING = "waiting"
    CHILD_ENDED = "child_ended"
    CHILDREN_ENDED = "children_ended"
    RETRYING = "retrying"
    REQUEUED = "requeued"
    RELEASED = "released"
    CANCEL_REQUESTED = "cancel_requested"
    REPRIORITISED = "reprioritised"
    RETRIED = "retried"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL_EVENTS: Final = (Event.COMPLETED, Event.FAILED, Event.CANCELLED)

MIN_PRIORITY: Final = 1
MAX_PRIORITY: Final = 20

# The four names of API.md, and the band each opens.
PRIORITY_NAMES: Final = {"low": 1, "normal": 5, "high": 10, "critical": 20}


def priority_band(priority: int) -> str:
    """The name of the band a priority of 1..20 falls in: low, normal, high or critical."""
    return max((floor, name) for name, floor in PRIORITY_NAMES.items() if floor <= priority)[1]
