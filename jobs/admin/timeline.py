"""Where a job's time went, read from its events: waiting, running and backing off, for each attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import Final

from jobs.models import Job, JobEvent, JobFailure
from jobs.states import Event, State

# What an attempt did after it ended but before the next one counts for the one that caused it.
_PHASE: Final = {
    State.QUEUED: "wait",
    State.RUNNING: "run",
    State.RETRYING: "backoff",
    State.WAITING: "children",
}
MOVING: Final = (
    Event.CREATED, Event.STARTED, Event.WAITING, Event.CHILDREN_ENDED, Event.RETRYING, Event.REQUEUED,
    Event.RELEASED, Event.RETRIED, Event.COMPLETED, Event.FAILED, Event.CANCELLED,
)  # fmt: skip
_ENDING: Final = {
    Event.WAITING, Event.RETRYING, Event.RELEASED, Event.COMPLETED, Event.FAILED, Event.CANCELLED
}  # fmt: skip


@dataclass
class Attempt:
    """One attempt, with the wait before it and the backoff after it, in seconds."""

    number: int
    wait: float = 0.0
    run: float = 0.0
    backoff: float = 0.0
    children: float = 0.0
    ended: str = ""
    worker: str = ""
    failure: JobFailure | None = None


@dataclass
class Segment:
    """A stretch of time to scale: `offset` and `width` in percent of the whole."""

    phase: str
    attempt: int
    seconds: float
    offset: float = 0.0
    width: float = 0.0


@dataclass
class Timeline:
    """The job's whole life in stretches, and by attempt."""

    attempts: list[Attempt] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    total: float = 0.0

    def sum(self, phase: str) -> float:
        return sum(segment.seconds for segment in self.segments if segment.phase == phase)


def timeline(job: Job, events: Sequence[JobEvent], failures: Sequence[JobFailure], now: datetime) -> Timeline:
    """The timeline of `job` from its moving events in order; an unfinished stretch ends `now`."""
    result = Timeline()
    attempts: dict[int, Attempt] = {}
    for event, after in zip_longest(events, events[1:]):
        phase = _PHASE.get(State(event.state))
        running = attempts.setdefault(event.attempt, Attempt(event.attempt))
        if event.type == Event.STARTED:
            running.worker = event.reason
        elif event.type in _ENDING:
            running.ended = event.type
        if phase is None:
            continue
        seconds = max(0.0, ((after.at if after else now) - event.at).total_seconds())
        number = event.attempt + 1 if phase == "wait" else event.attempt
        attempt = attempts.setdefault(number, Attempt(number))
        setattr(attempt, phase, getattr(attempt, phase) + seconds)
        result.segments.append(Segment(phase, number, seconds))
    result.total = sum(segment.seconds for segment in result.segments)
    place = 0.0
    for segment in result.segments:
        segment.width = 100 * segment.seconds / result.total if result.total else 0.0
        segment.offset = place
        place += segment.width
    for failure in failures:
        if failure.attempt in attempts:
            attempts[failure.attempt].failure = failure
    result.attempts = [attempts[number] for number in sorted(attempts) if number]
    return result
