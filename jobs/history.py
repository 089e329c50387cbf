"""Reading the ledger for those who watch: one trip to the database for all who asked meanwhile.

A room of its own because sockets, streams and polls share it. No connection is held between two trips.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any, Final, Generic, TypeVar

from django.db import connections
from django.db.models import Max, Q
from django.utils import timezone

from jobs.models import Job, JobEvent, JobProgress
from jobs.serializers import job_payloads
from jobs.states import ACTIVE, TERMINAL, TERMINAL_EVENTS

# Events of one job in one trip. A long history comes page by page, as fast as the reader takes it.
PAGE: Final = 50
# What a socket's client can be expected to take in one message: libraries stop at 1 MiB.
MAX_PAYLOAD_BYTES: Final = 512 * 1024
MAX_MINE: Final = 200

Key = TypeVar("Key")
Value = TypeVar("Value")
Progress = tuple[int, int]

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="watching")


@dataclass(frozen=True)
class News:
    """A job as it is, its next events after the asked `seq`, and the event that ended it, if it has ended."""

    job: Job
    events: list[JobEvent]
    end: JobEvent | None

    @property
    def progress(self) -> JobProgress | None:
        return getattr(self.job, "progress", None)


@dataclass(frozen=True)
class Snapshot:
    """A job as the API shows it, and the `seq` up to which that is the whole story."""

    job: Job
    payload: dict[str, Any]
    omitted: list[str]
    progress: Progress


def read_news(wanted: Sequence[tuple[uuid.UUID, int]]) -> dict[tuple[uuid.UUID, int], News | None]:
    """For each (job, seq): what came after `seq`, at most PAGE events; None where there is no such job."""
    jobs = {
        job.id: job
        for job in Job.objects.filter(pk__in={job_id for job_id, _ in wanted})
        .select_related("progress")
        .defer("args", "result", "partial", "error", "checkpoint", "hold_reason")
        .order_by()
    }
    # Up to where the row stood: an event that came since is the next reading's, with the row it belongs to.
    pages = {
        (job_id, seq, min(seq + PAGE, jobs[job_id].seq))
        for job_id, seq in wanted
        if job_id in jobs and jobs[job_id].seq > seq
    }
    events: dict[uuid.UUID, list[JobEvent]] = {}
    if pages:
        # Numbers have no gaps, so a range is a page.
        ranges = (Q(job_id=job_id, seq__gt=after, seq__lte=upto) for job_id, after, upto in pages)
        for event in JobEvent.objects.filter(reduce(or_, ranges)).order_by("job_id", "seq"):
            events.setdefault(event.job_id, []).append(event)
    ends = _ends([job for job in jobs.values() if job.state in TERMINAL])
    return {
        (job_id, seq): News(
            jobs[job_id],
            [event for event in events.get(job_id, ()) if seq < event.seq <= seq + PAGE],
            ends.get(job_id),
        )
        if job_id in jobs
        else None
        for job_id, seq in wanted
    }


def read_snapshots(wanted: Sequence[uuid.UUID]) -> dict[uuid.UUID, Snapshot | None]:
    found: dict[uuid.UUID, Snapshot | None] = dict.fromkeys(wanted)
    jobs = list(Job.objects.filter(pk__in=wanted).select_related("progress").order_by())
    for job, shape in zip(jobs, job_payloads(jobs), strict=True):
        shown = getattr(job, "progress", None)
        payload, omitted = _fitted(shape)
        found[job.id] = Snapshot(job, payload, omitted, (shown.attempt, shown.counter) if shown else (0, 0))
    return found


def read_heads(wanted: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[int, Progress]]:
    """The last `seq` and progress of each job that exists: enough to know who has something to read."""
    rows = Job.objects.filter(pk__in=wanted).order_by()
    return {
        job_id: (seq, (attempt or 0, counter or 0))
        for job_id, seq, attempt, counter in rows.values_list(
            "id", "seq", "progress__attempt", "progress__counter"
        )
    }


def read_mine(owners: Sequence[Any]) -> dict[Any, tuple[list[uuid.UUID], dict[uuid.UUID, int]]]:
    """For each owner: the ids of his active jobs, newest first, and {id: seq} of new ones that have ended."""
    found = {}
    since = timezone.now() - timedelta(minutes=2)
    for owner in owners:
        jobs = Job.objects.filter(owner_id=owner)
        active = jobs.filter(state__in=ACTIVE).order_by("-created_at").values_list("id", flat=True)
        fresh = jobs.filter(created_at__gte=since, state__in=TERMINAL).order_by("-created_at")
        found[owner] = (list(active[:MAX_MINE]), dict(fresh.values_list("id", "seq")[:MAX_MINE]))
    return found


def _ends(jobs: Sequence[Job]) -> dict[uuid.UUID, JobEvent]:
    """The event that brought each of these ended jobs where it is. Notes may follow it in the history."""
    if not jobs:
        return {}
    last = dict(
        JobEvent.objects.filter(job_id__in=[job.id for job in jobs], type__in=TERMINAL_EVENTS)
        .order_by()
        .values_list("job_id")
        .annotate(Max("seq"))
    )
    if not last:
        return {}
    pairs = reduce(or_, (Q(job_id=job_id, seq=seq) for job_id, seq in last.items()))
    return {event.job_id: event for event in JobEvent.objects.filter(pairs).order_by()}


def _fitted(payload: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    omitted = []
    for name in ("result", "partial"):
        if payload.get(name) and len(json.dumps(payload[name], default=str)) > MAX_PAYLOAD_BYTES:
            payload = {**payload, name: None}
            omitted.append(name)
    return payload, omitted


async def in_database(function: Callable[..., Value], *args: Any) -> Value:
    """Run a function that reads the database, in one of a few threads of our own.

    A request's thread would live, with its connection, as long as its stream; the one thread that all
    others share may be waiting for the view that asks.
    """

    def trip() -> Value:
        try:
            return function(*args)
        finally:
            for connection in connections.all(initialized_only=True):
                # A file costs more to open than to hold; a server has only so many connections.
                if connection.vendor != "sqlite" or not connection.is_usable():
                    connection.close()

    return await asyncio.get_running_loop().run_in_executor(_threads, trip)


class Batch(Generic[Key, Value]):
    """Collects what is asked for during one trip to the database for the next one.

    `read(keys)` returns a value for every key. Every answer was read after it was asked for.
    """

    def __init__(self, read: Callable[[Sequence[Key]], dict[Key, Value]], size: int) -> None:
        self._read = read
        self._size = size
        self._waiting: dict[Key, asyncio.Future[Value]] = {}
        self._trips: asyncio.Task[None] | None = None

    async def get(self, key: Key) -> Value:
        if key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().create_future()
            if self._trips is None:
                self._trips = asyncio.create_task(self._travel(), context=contextvars.Context())
        # Others may wait for the same answer: one who leaves must not take it from them.
        return await asyncio.shield(self._waiting[key])

    async def _travel(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[: self._size]
                futures = {key: self._waiting.pop(key) for key in keys}
                try:
                    found = await in_database(self._read, keys)
                except Exception as error:  # noqa: BLE001  it is theirs who wait for the answer
                    for future in futures.values():
                        future.set_exception(error)
                        future.exception()  # perhaps none of them waits any more
                else:
                    for key, future in futures.items():
                        if not future.done():
                            future.set_result(found[key])
        finally:
            self._trips = None
