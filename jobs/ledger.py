"""The ledger's statements: one guarded UPDATE with its event, in one round trip.

On PostgreSQL a statement carries its event along as a CTE; SQLite, which has no network to cross, gets
two statements in one transaction. `jobs.transitions` and `jobs.progress` say what to write; nothing else
writes jobs.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Field, Model
from django.utils import timezone

from jobs import clock, signals
from jobs.models import Job, JobEvent
from jobs.states import MOVES, Event, State


@dataclass(frozen=True)
class SQL:
    """An SQL expression over the row, with its parameters."""

    text: str
    params: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Fence:
    """The right of one attempt to write: number and random claim, both checked by every write."""

    job_id: uuid.UUID
    attempt: int
    claim: uuid.UUID | None


class _Row:
    """Some of a job's columns, and how a row of them becomes a `Job`; the others are deferred.

    `QuerySet.raw` would do, at the cost of half the worker's time for a short job.
    """

    def __init__(self, without: Sequence[str] = ()) -> None:
        self.fields = [f for f in Job._meta.concrete_fields if f.column not in without]
        self.columns = ", ".join(str(f.column) for f in self.fields)
        self.names = [f.attname for f in self.fields]
        self._converters: dict[str, list[tuple[int, Any, Any]]] = {}

    def read(self, sql: str, params: Sequence[Any]) -> Job | None:
        """Execute a statement that returns at most one row of these columns, first of all columns."""
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            found = cursor.fetchall()
        if not found:
            return None
        values = list(found[0][: len(self.fields)])
        for position, expression, convert in self._convert():
            values[position] = convert(values[position], expression, connection)
        return Job.from_db(connection.alias, self.names, values)

    def _convert(self) -> list[tuple[int, Any, Any]]:
        known = self._converters.get(connection.vendor)
        if known is None:
            known = self._converters[connection.vendor] = [
                (position, column, convert)
                for position, column in enumerate(f.get_col("background_jobs") for f in self.fields)
                for convert in (
                    *connection.ops.get_db_converters(column),
                    *column.get_db_converters(connection),
                )
            ]
        return known


_whole = _Row()
_light = _Row(without=("args", "result", "partial", "checkpoint"))


def now(seconds: float = 0.0) -> str:
    """Database time plus `seconds`, as SQL."""
    return clock.sql_now(seconds)


def move(
    job_id: uuid.UUID,
    *,
    to: State,
    sources: Sequence[State],
    values: dict[str, Any],
    event: Event,
    fence: Fence | None = None,
    where: Iterable[SQL] = (),
    data: dict[str, Any] | None = None,
    reason: str = "",
    actor: str = "",
    durable: bool = True,
    whole: bool = False,
) -> Job | None:
    """Change a job's state from one of `sources` to `to`, with its event; None when the guard did not hold.

    `values` maps columns to values or `SQL`. `durable` False lets the commit return before the disk has it:
    for what is only run again when a crash loses it. `whole` brings the JSON columns back too; without it
    they are loaded when they are first read.
    """
    illegal = [state for state in sources if to not in MOVES[State(state)]]
    if illegal:
        raise AssertionError(f"{illegal} -> {to} is no move of jobs.states.MOVES")
    states = ", ".join(f"'{State(state).value}'" for state in sources)
    # Written so that no partial index answers for it: PostgreSQL looked for one id by walking the whole line.
    guard = [SQL(f"state || '' IN ({states})"), *_fenced(fence), *where]
    return _write(job_id, {"state": to, **values}, guard, event, data, reason, actor, durable, whole)


def note(
    job_id: uuid.UUID,
    event: Event,
    *,
    values: dict[str, Any] | None = None,
    fence: Fence | None = None,
    where: Iterable[SQL] = (),
    data: dict[str, Any] | None = None,
    reason: str = "",
    actor: str = "",
    durable: bool = True,
) -> Job | None:
    """Append an event that changes no state, with `values` in the same write; None when the guard failed."""
    if values and "state" in values:
        raise AssertionError("a note cannot change the state: use move")
    return _write(job_id, values or {}, [*_fenced(fence), *where], event, data, reason, actor, durable)


def touch(fence: Fence, values: dict[str, Any]) -> Job | None:
    """Write `values` for a running attempt without an event or an fsync; None when it lost the job."""
    sets, params = _assignments(values)
    guard = [SQL("state = 'running'"), *_fenced(fence)]
    condition = " AND ".join(["id = %s", *(part.text for part in guard)])
    params += [_prepared("id", fence.job_id), *(value for part in guard for value in part.params)]
    update = f"UPDATE background_jobs SET {', '.join(sets)} WHERE {condition} RETURNING {_light.columns}"
    if connection.vendor == "postgresql":
        update = f"WITH w AS ({update}) SELECT w.* FROM w, (SELECT {_no_fsync()}) c"
    return _light.read(update, params)


def insert(jobs: Sequence[Job], *, actor: str = "") -> None:
    """Store new jobs with their `created` events, all or none. Sets each job's `seq` and `turn`.

    Within a priority owners take turns: the first new job of an owner goes to where the line is served
    now, or behind his own last one (start-time fair queueing, Goyal, Vin & Cheng, SIGCOMM 1996).
    """
    turns: dict[tuple[Any, str, int], int] = {}
    for job in jobs:
        line = (job.owner_id, job.queue, job.priority)
        if line not in turns:
            turns[line] = _first_turn(*line)
        job.turn, job.seq = turns[line], 1
        turns[line] += 1
    single = len(jobs) == 1 and connection.vendor == "postgresql"
    at = timezone.now() if single else clock.now()
    events = [
        JobEvent(job_id=job.id, seq=1, type=Event.CREATED, state=job.state, at=at, actor=actor)
        for job in jobs
    ]
    if single:
        _insert_one(jobs[0], events[0])
    else:
        for job in jobs:
            job.created_at, job.run_at = at, job.run_at or at
        with transaction.atomic():
            Job.objects.bulk_create(jobs, batch_size=500)
            JobEvent.objects.bulk_create(events, batch_size=500)
    for job, event in zip(jobs, events, strict=True):
        _announce(job, event)
    transaction.on_commit(lambda: signals.queued.send(sender=Job, jobs=list(jobs)))


def _first_turn(owner_id: Any, queue: str, priority: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT turn FROM background_jobs WHERE state = 'queued' AND queue = %s AND priority = %s"
            " ORDER BY turn LIMIT 1), (SELECT max(turn) + 1 FROM background_jobs"
            " WHERE state = 'queued' AND owner_id = %s AND queue = %s AND priority = %s)",
            (queue, priority, owner_id, queue, priority),
        )
        head, own = cursor.fetchone()
    return max(head or 0, own or 0)


def _insert_one(job: Job, event: JobEvent) -> None:
    """One round trip; the times are the database's, as everything that is compared with its clock."""
    job_sets = {
        str(f.column): None
        if f.column == "created_at" or (f.column == "run_at" and job.run_at is None)
        else f.get_db_prep_save(getattr(job, f.attname), connection)
        for f in Job._meta.concrete_fields
    }
    by_clock = {name for name in ("created_at", "run_at") if job_sets[name] is None}
    marks = ", ".join(now() if name in by_clock else "%s" for name in job_sets)
    params = [value for name, value in job_sets.items() if name not in by_clock]
    fields = [f for f in JobEvent._meta.concrete_fields if f.column != "id"]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH j AS (INSERT INTO background_jobs ({', '.join(job_sets)}) VALUES ({marks})"
            " RETURNING created_at, run_at), e AS (INSERT INTO job_events"
            f" ({', '.join(str(f.column) for f in fields)}) VALUES ({', '.join(['%s'] * len(fields))}))"
            " SELECT created_at, run_at FROM j",
            [*params, *(f.get_db_prep_save(getattr(event, f.attname), connection) for f in fields)],
        )
        job.created_at, job.run_at = cursor.fetchone()
    job._state.adding = False
    job._state.db = connection.alias


def _write(
    job_id: uuid.UUID,
    values: dict[str, Any],
    guard: Sequence[SQL],
    event: Event,
    data: dict[str, Any] | None,
    reason: str,
    actor: str,
    durable: bool,
    whole: bool = False,
) -> Job | None:
    sets, params = _assignments({**values, "seq": SQL("seq + 1")})
    condition = " AND ".join(["id = %s", *(part.text for part in guard)])
    params += [_prepared("id", job_id), *(value for part in guard for value in part.params)]
    row = _whole if whole else _light
    update = f"UPDATE background_jobs SET {', '.join(sets)} WHERE {condition} RETURNING {row.columns}"
    fact = JobEvent(type=event, data=data or {}, reason=reason[:500], actor=actor[:200], at=timezone.now())
    if connection.vendor == "postgresql":
        job = _write_postgresql(row, update, params, fact, durable)
    else:
        job = _write_sqlite(row, update, params, fact)
    if job:
        fact.job_id, fact.seq, fact.state, fact.attempt = job.id, job.seq, job.state, job.attempt
        _announce(job, fact)
    return job


def _write_postgresql(row: _Row, update: str, params: list[Any], fact: JobEvent, durable: bool) -> Job | None:
    columns = ("type", "data", "reason", "actor", "at")
    values = [prepared(JobEvent, name, getattr(fact, name)) for name in columns]
    sql = (
        f"WITH moved AS ({update}), logged AS (INSERT INTO job_events"
        " (job_id, seq, state, attempt, type, data, reason, actor, at)"
        " SELECT id, seq, state, attempt, %s::text, %s::jsonb, %s::text, %s::text, %s::timestamptz"
        " FROM moved)"
        " SELECT moved.* FROM moved"
    )
    if not durable:
        sql += f", (SELECT {_no_fsync()}) c"
    return row.read(sql, [*params, *values])


def _write_sqlite(row: _Row, update: str, params: list[Any], fact: JobEvent) -> Job | None:
    with nullcontext() if connection.in_atomic_block else transaction.atomic():
        job = row.read(update, params)
        if job:
            fact.job_id, fact.seq, fact.state, fact.attempt = job.id, job.seq, job.state, job.attempt
            fact.save(force_insert=True)
    return job


@contextmanager
def hint() -> Iterator[None]:
    """A transaction whose loss in a crash is mended by doing it again, so that its commit need not wait."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit = off")
        yield


def _no_fsync() -> str:
    return "set_config('synchronous_commit', 'off', true)"


def _fenced(fence: Fence | None) -> list[SQL]:
    if fence is None:
        return []
    return [SQL("attempt = %s AND claim = %s", (fence.attempt, _prepared("claim", fence.claim)))]


def _assignments(values: dict[str, Any]) -> tuple[list[str], list[Any]]:
    sets: list[str] = []
    params: list[Any] = []
    for column, value in values.items():
        if isinstance(value, SQL):
            sets.append(f"{column} = {value.text}")
            params += value.params
        else:
            sets.append(f"{column} = %s")
            params.append(_prepared(column, value))
    return sets, params


def _prepared(column: str, value: Any) -> Any:
    return prepared(Job, column, value)


def prepared(model: type[Model], column: str, value: Any) -> Any:
    """`value` in the form in which the database takes it for this column, as a parameter."""
    field: Field[Any, Any] = model._meta.get_field(column)  # type: ignore[assignment]
    return field.get_db_prep_save(value, connection)


def _announce(job: Job, event: JobEvent) -> None:
    transaction.on_commit(lambda: signals.recorded.send(sender=Job, job=job, event=event))
