"""What is known of the floor at this moment: paused queues, live workers, run times, the head of each line.

Kept for a second (run times for five) in each process, so that many polls cost few queries.
"""

from __future__ import annotations

import json
import statistics
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection

from jobs import clock, queues
from jobs.models import Job

HISTORY: Final = 50
MAX_COUNTED: Final = 10_000
_FLOOR_SECONDS: Final = 1.0
_HISTORY_SECONDS: Final = 5.0


@dataclass(frozen=True)
class RunTimes:
    """How long the last completed jobs of a kind took, in seconds."""

    mean: float
    median: float


@dataclass
class Facts:
    """What is known for a moment: paused queues, live and busy workers by queue, run times by kind."""

    floor_until: float = 0.0
    paused: dict[str, str] = field(default_factory=dict)
    workers: dict[str, int] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)
    runs: dict[str, tuple[float, RunTimes | None]] = field(default_factory=dict)

    def run_times(self, kind: str) -> RunTimes | None:
        return self.runs.get(kind, (0.0, None))[1]


_facts = Facts()
_lock = threading.Lock()


def forget() -> None:
    """Read everything anew on the next question (tests; after a change of the database)."""
    global _facts
    with _lock:
        _facts = Facts()


def known(kinds: Iterable[str]) -> Facts:
    """The facts, read in one query where any of them is older than a moment."""
    now = time.monotonic()
    facts = _facts
    stale = [kind for kind in kinds if facts.runs.get(kind, (0.0, None))[0] <= now]
    floor = facts.floor_until <= now
    if floor or stale:
        _read(facts, floor, stale, now)
    return facts


def _read(facts: Facts, floor: bool, kinds: list[str], now: float) -> None:
    parts: list[str] = []
    params: list[Any] = []
    if floor:
        parts += [
            "SELECT 'paused', name, reason, 0.0 FROM queue_states WHERE paused_at IS NOT NULL",
            "SELECT 'worker', id, CAST(queues AS text), CASE WHEN job IS NULL THEN 0.0 ELSE 1.0 END"
            " FROM worker_states WHERE NOT draining"
            f" AND heartbeat_at >= {clock.sql_now(-queues.LIVE_SECONDS)}",
        ]
    seconds = (
        "EXTRACT(EPOCH FROM finished_at - started_at)::float8"
        if connection.vendor == "postgresql"
        else "(julianday(finished_at) - julianday(started_at)) * 86400.0"
    )
    for kind in kinds:
        parts.append(
            f"SELECT 'run', kind, '', took FROM (SELECT kind, {seconds} AS took FROM background_jobs"
            " WHERE kind = %s AND state = 'completed' AND started_at IS NOT NULL"
            f" ORDER BY finished_at DESC LIMIT {HISTORY}) AS r{len(params)}"
        )
        params.append(kind)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), params)
        rows = cursor.fetchall()
    with _lock:
        if floor:
            _set_floor(facts, rows, now)
        for kind in kinds:
            took = [max(0.0, float(row[3])) for row in rows if row[0] == "run" and row[1] == kind]
            known = RunTimes(statistics.fmean(took), statistics.median(took)) if took else None
            facts.runs[kind] = (now + _HISTORY_SECONDS, known)


def _set_floor(facts: Facts, rows: list[Any], now: float) -> None:
    workers: dict[str, int] = {}
    busy: dict[str, int] = {}
    for what, _, served, working in rows:
        if what == "worker":
            for queue in json.loads(served):
                workers[queue] = workers.get(queue, 0) + 1
                busy[queue] = busy.get(queue, 0) + (1 if working else 0)
    facts.paused = {name: reason for what, name, reason, _ in rows if what == "paused"}
    facts.workers, facts.busy = workers, busy
    facts.floor_until = now + _FLOOR_SECONDS


def ahead(jobs: Sequence[Job]) -> dict[uuid.UUID, int]:
    """How many jobs stand before each in its line, counted up to MAX_COUNTED; one query.

    Each queue's line is read from its head, so the cost is bounded however long the line is. A job that was
    taken meanwhile is left out.
    """
    key = Job._meta.get_field("id")
    ids = [key.get_db_prep_value(job.id, connection) for job in jobs]
    marks = ", ".join(["%s"] * len(ids))
    parts: list[str] = []
    params: list[Any] = []
    for number, queue in enumerate(sorted({job.queue for job in jobs})):
        # The jobs asked about stand in line whatever this host's clock says against the database's.
        parts.append(
            "SELECT id, queue, row_number() OVER (ORDER BY priority DESC, turn, id) - 1 AS ahead FROM"
            " (SELECT id, queue, priority, turn FROM background_jobs WHERE state = 'queued' AND queue = %s"
            f" AND (run_at <= {clock.sql_now()} OR id IN ({marks}))"
            f" ORDER BY priority DESC, turn, id LIMIT {MAX_COUNTED}) AS head{number}"
        )
        params += [queue, *ids]
    lines = " UNION ALL ".join(f"SELECT * FROM ({part}) AS line{n}" for n, part in enumerate(parts))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, queue, ahead FROM ({lines}) AS lines"
            f" WHERE ahead = {MAX_COUNTED - 1} OR id IN ({marks})",
            [*params, *ids],
        )
        rows = [(uuid.UUID(str(pk)), queue, int(count)) for pk, queue, count in cursor.fetchall()]
    found = {pk: count for pk, _, count in rows}
    long = {queue for _, queue, count in rows if count == MAX_COUNTED - 1}
    beyond = {job.id: MAX_COUNTED for job in jobs if job.queue in long}
    return {**beyond, **{job.id: found[job.id] for job in jobs if job.id in found}}
