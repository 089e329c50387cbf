"""What each queue has to do, does and has done, in a few bounded queries.

Nothing here counts a whole table: what waits is counted up to `COUNT_LIMIT` a queue, what ended within a
window of time and up to the same limit, and durations are those of the newest thousand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Count

from jobs import clock, queues
from jobs.models import Job, QueueState, WorkerState
from jobs.states import State

COUNT_LIMIT: Final = 10_000
WINDOW: Final = timedelta(hours=24)
RATE_WINDOW: Final = timedelta(minutes=5)
SAMPLE: Final = 1000


@dataclass(frozen=True)
class Percentiles:
    """Milliseconds; None when nothing was measured."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Percentiles:
        """Nearest-rank percentiles: each is a duration that was really observed."""
        if not seconds:
            return cls()
        ordered = sorted(seconds)

        def rank(percent: int) -> float:
            return round(1000 * ordered[max(0, -(-percent * len(ordered) // 100) - 1)], 1)

        return cls(rank(50), rank(95), rank(99))


@dataclass
class Queue:
    """One queue now. Counts that reached `COUNT_LIMIT` mean "at least" (`capped`)."""

    name: str
    waiting: int = 0
    delayed: int = 0
    active: int = 0
    retrying: int = 0
    waiting_for_children: int = 0
    completed: int = 0
    failed: int = 0
    paused: QueueState | None = None
    workers: int = 0
    busy: int = 0
    oldest_waiting: float | None = None
    arrived: int = 0
    finished: int = 0
    capped: bool = False
    wait: Percentiles = field(default_factory=Percentiles)
    run: Percentiles = field(default_factory=Percentiles)
    mean_run: float | None = None

    @property
    def arrival_rate(self) -> float:
        """Jobs per second over `RATE_WINDOW`."""
        return self.arrived / RATE_WINDOW.total_seconds()

    @property
    def oldest_waiting_ms(self) -> float | None:
        return None if self.oldest_waiting is None else round(self.oldest_waiting * 1000)

    @property
    def throughput(self) -> float:
        """Jobs that ended per minute over `RATE_WINDOW`."""
        return round(60 * self.completion_rate, 2)

    @property
    def is_paused(self) -> bool:
        return self.paused is not None

    @property
    def completion_rate(self) -> float:
        """Jobs that ended, whatever the way, per second over `RATE_WINDOW`."""
        return self.finished / RATE_WINDOW.total_seconds()


def read(names: Sequence[str] | None = None, *, durations: bool = True) -> dict[str, Queue]:
    """Every queue of `names` (default: all there are). `durations` False leaves the percentiles out."""
    names = list(names) if names is not None else queues.known()
    found = {name: Queue(name) for name in names}
    if not names:
        return found
    now = clock.now()
    _waiting(found, now)
    _running(found)
    _ended(found, now)
    _arrived(found, now)
    for state in QueueState.objects.filter(paused_at__isnull=False, name__in=names):
        found[state.name].paused = state
    serve(found, queues.live_workers())
    if durations:
        _durations(found, now)
    return found


def serve(found: dict[str, Queue], workers: Iterable[WorkerState]) -> None:
    """Count the workers of each queue; one that serves several counts for each."""
    for worker in workers:
        for name in worker.queues:
            if name in found:
                found[name].workers += 1
                found[name].busy += worker.job is not None


def _union(select: str, inner: str, names: Sequence[str], params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """One statement that runs `inner`, cut at the limit, for each queue, and sums each up with `select`.

    `inner` names the queue by its first parameter; `params` follow it.
    """
    part = f"SELECT %s, {select} FROM ({inner} LIMIT {COUNT_LIMIT + 1}) part"
    sql = " UNION ALL ".join([part] * len(names))
    with connection.cursor() as cursor:
        cursor.execute(sql, [value for name in names for value in (name, name, *params)])
        return list(cursor.fetchall())


def _waiting(found: dict[str, Queue], now: datetime) -> None:
    due = f"run_at <= {clock.sql_now()}"
    rows = _union(
        f"count(*), sum(CASE WHEN {due} THEN 1 ELSE 0 END), min(CASE WHEN {due} THEN run_at END)",
        "SELECT run_at FROM background_jobs WHERE state = 'queued' AND queue = %s",
        list(found),
        (),
    )
    for name, total, waiting, oldest in rows:
        queue = found[name]
        queue.waiting = min(int(waiting or 0), COUNT_LIMIT)
        queue.delayed = min(int(total) - int(waiting or 0), COUNT_LIMIT)
        queue.capped |= total > COUNT_LIMIT
        if oldest is not None:
            queue.oldest_waiting = max(0.0, (now - _aware(oldest)).total_seconds())


def _running(found: dict[str, Queue]) -> None:
    # Both partial indexes hold only the rows asked for; a storm of retries is cut at ten queues' worth.
    for name, number in Job.objects.running().order_by().values_list("queue").annotate(Count("pk")):
        if name in found:
            found[name].active = number
    retrying = Job.objects.filter(state=State.RETRYING).order_by().values_list("queue", flat=True)
    for name in retrying[: 10 * COUNT_LIMIT].iterator():
        if name in found:
            found[name].retrying += 1
            found[name].delayed += 1
    rows = _union(
        "count(*)",
        "SELECT 1 AS one FROM background_jobs WHERE state = 'waiting' AND queue = %s",
        list(found),
        (),
    )
    for name, number in rows:
        found[name].waiting_for_children = min(number, COUNT_LIMIT)


def _ended(found: dict[str, Queue], now: datetime) -> None:
    for state in (State.COMPLETED, State.FAILED, State.CANCELLED):
        for window in (WINDOW, RATE_WINDOW):
            if state == State.CANCELLED and window == WINDOW:
                continue
            since = now - window
            rows = _union(
                "count(*)",
                f"SELECT 1 AS one FROM background_jobs WHERE queue = %s AND state = '{state.value}'"
                " AND finished_at >= %s",
                list(found),
                (_stored(since),),
            )
            for name, number in rows:
                queue = found[name]
                if window == RATE_WINDOW:
                    queue.finished += min(number, COUNT_LIMIT)
                elif state == State.COMPLETED:
                    queue.completed = min(number, COUNT_LIMIT)
                else:
                    queue.failed = min(number, COUNT_LIMIT)


def _arrived(found: dict[str, Queue], now: datetime) -> None:
    """Ids are UUIDv7, so the newest jobs stand at the end of the primary key: no index on time is needed."""
    newest = Job.objects.order_by("-pk").values_list("queue", "created_at")[: 2 * COUNT_LIMIT]
    since = now - RATE_WINDOW
    counts: dict[str, int] = defaultdict(int)
    for name, created_at in newest.iterator():
        if created_at < since:
            # Times are those of the web hosts: allow for clocks that differ before giving up.
            if created_at < since - timedelta(minutes=1):
                break
            continue
        counts[name] += 1
    for name, number in counts.items():
        if name in found:
            found[name].arrived = number


def _durations(found: dict[str, Queue], now: datetime) -> None:
    for queue in found.values():
        waits, runs = [], []
        for created, due, started, finished, attempt, children in _newest_ended(queue, now - WINDOW):
            if started is None or finished is None:
                continue
            # A retry moves `run_at`, so only a first attempt's says when the job was due.
            ready = max(created, due) if due <= started else created
            waits.append(max(0.0, (started - ready).total_seconds()))
            if attempt == 1 and not children:
                runs.append(max(0.0, (finished - started).total_seconds()))
        queue.wait, queue.run = Percentiles.of(waits), Percentiles.of(runs)
        queue.mean_run = sum(runs) / len(runs) if runs else None


def _newest_ended(queue: Queue, since: datetime) -> list[tuple[Any, ...]]:
    """The newest `SAMPLE` that completed or failed. One state at a time, as the index has them in order."""
    rows: list[tuple[Any, ...]] = []
    for state, number in ((State.COMPLETED, queue.completed), (State.FAILED, queue.failed)):
        if number:
            ended = Job.objects.filter(queue=queue.name, state=state, finished_at__gte=since)
            rows += ended.order_by("-finished_at").values_list(
                "created_at", "run_at", "started_at", "finished_at", "attempt", "children_total"
            )[:SAMPLE]
    return sorted(rows, key=lambda row: row[3], reverse=True)[:SAMPLE]


def _stored(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


def _aware(value: Any) -> datetime:
    """A time out of raw SQL: SQLite gives text in UTC."""
    if isinstance(value, datetime):
        return value
    from datetime import UTC

    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
