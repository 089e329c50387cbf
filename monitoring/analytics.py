"""What operators ask of the past: how many workers are needed, what fails, and how the last hour went.

Every query is bounded by a window of time and by a number of rows; an answer that met the latter says so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from jobs import clock, conf
from jobs.models import JobEvent, JobFailure, WorkerState
from jobs.states import Event
from monitoring.queues import Queue

# Workers wanted: offered load over target utilisation. By Little's law the number of jobs in service is
# L = λ·W (J. D. C. Little, "A Proof for the Queuing Formula: L = λW", Operations Research 9(3), 1961); the
# backlog is added to the arrivals as the rate that empties it within the target.
TARGET_UTILISATION: Final = 0.8
DRAIN_SECONDS: Final = 300.0
FORMULA: Final = (
    "desired = ceil((arrivals per second + backlog / drain seconds) * mean service seconds"
    " / target utilisation)"
)
SOURCE: Final = (
    "Little's law, L = λW: J. D. C. Little, 'A Proof for the Queuing Formula', Operations Research 9(3), 1961"
)

FAILURE_LIMIT: Final = 20_000
MINUTES: Final = 60
ENDED_LIMIT: Final = 20_000


@dataclass(frozen=True)
class PoolPlan:
    """How many workers a pool has and should have; `desired` None when no service time was ever measured."""

    pool: str
    queues: tuple[str, ...]
    workers: int
    busy: int
    desired: int | None
    backlog: int
    arrival_rate: float
    service_seconds: float | None
    configured: int


def plan(queues: dict[str, Queue], workers: Iterable[WorkerState]) -> list[PoolPlan]:
    """The workers each pool needs for what arrives, and to empty its backlog within `DRAIN_SECONDS`.

    When every live worker is of the pool `all`, that pool is planned alone.
    """
    by_pool: dict[str, list[WorkerState]] = {}
    for worker in workers:
        by_pool.setdefault(worker.pool, []).append(worker)
    names = ["all"] if set(by_pool) == {"all"} else [name for name in conf.pool_names() if name != "all"]
    if "all" in by_pool and "all" not in names:
        names.insert(0, "all")
    plans = []
    for name in names:
        pool = conf.pool(name)
        served = [queues[queue] for queue in pool.queues if queue in queues]
        live = by_pool.get(name, [])
        arriving = sum(queue.arrival_rate for queue in served)
        backlog = sum(queue.waiting for queue in served if not queue.paused)
        service = _service(served)
        plans.append(
            PoolPlan(
                pool=name,
                queues=pool.queues,
                workers=len(live),
                busy=sum(w.job is not None for w in live),
                desired=_desired(arriving, backlog, service),
                backlog=backlog,
                arrival_rate=arriving,
                service_seconds=service,
                configured=pool.concurrency,
            )
        )
    return plans


def _service(served: Sequence[Queue]) -> float | None:
    """Mean service time of the pool's queues, each weighed by the work it brings."""
    measured = [(queue.mean_run, queue.arrived + queue.waiting or 1) for queue in served]
    known = [(mean, weight) for mean, weight in measured if mean is not None]
    return sum(mean * weight for mean, weight in known) / sum(w for _, w in known) if known else None


def _desired(arriving: float, backlog: int, service: float | None) -> int | None:
    rate = arriving + backlog / DRAIN_SECONDS
    if not rate:
        return 0
    return None if service is None else max(1, math.ceil(rate * service / TARGET_UTILISATION))


@dataclass
class ErrorGroup:
    """Failures of one fingerprint."""

    fingerprint: str
    kind: str
    queue: str
    category: str
    code: str
    error_class: str
    message: str
    last_job: Any
    last_seen: datetime
    first_seen: datetime
    count: int = 0
    jobs: set[Any] = field(default_factory=set)
    trend: list[int] = field(default_factory=list)
    releases: set[str] = field(default_factory=set)

    @property
    def jobs_hit(self) -> int:
        return len(self.jobs)


@dataclass
class Errors:
    """Failures of a stretch of time. `truncated`: there were more than were read; the newest were."""

    start: datetime
    end: datetime
    bucket: timedelta
    total: int = 0
    truncated: bool = False
    groups: list[ErrorGroup] = field(default_factory=list)
    by_category: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)
    trend: list[int] = field(default_factory=list)


def errors(start: datetime, end: datetime, *, buckets: int = 24) -> Errors:
    """The attempts that failed from `start` to `end`, grouped by fingerprint, most frequent first."""
    found = Errors(start, end, (end - start) / buckets, trend=[0] * buckets)
    groups: dict[str, ErrorGroup] = {}
    rows = JobFailure.objects.filter(at__gte=start, at__lt=end).order_by("-at")
    for row in rows.defer("traceback")[: FAILURE_LIMIT + 1].iterator():
        if found.total == FAILURE_LIMIT:
            found.truncated = True
            break
        group = groups.get(row.fingerprint)
        if group is None:
            group = groups[row.fingerprint] = ErrorGroup(
                fingerprint=row.fingerprint,
                kind=row.kind,
                queue=row.queue,
                category=row.category,
                code=row.code,
                error_class=row.error_class,
                message=row.message,
                last_job=row.job_id,
                last_seen=row.at,
                first_seen=row.at,
                trend=[0] * buckets,
            )
        number = min(buckets - 1, int((row.at - start) / found.bucket))
        group.count += 1
        group.first_seen = row.at
        group.jobs.add(row.job_id)
        group.releases.add(row.release)
        group.trend[number] += 1
        found.trend[number] += 1
        found.total += 1
        found.by_category[row.category] += 1
        found.by_kind[row.kind] += 1
    found.groups = sorted(groups.values(), key=lambda group: (-group.count, group.fingerprint))
    return found


@dataclass
class Hour:
    """Jobs per minute, oldest first; the last minute is not over. None: too many rows to look back so far."""

    start: datetime
    arrived: list[int | None]
    completed: list[int | None]
    failed: list[int | None]


def last_hour() -> Hour:
    """Arrivals, completions and failures of the last hour, minute by minute."""
    now = clock.now()
    start = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    return Hour(
        start, *(_minutes(_times(event), start) for event in (Event.CREATED, Event.COMPLETED, Event.FAILED))
    )


def _times(event: Event) -> Iterable[datetime]:
    """When the newest events of a type were: read off the index on type and time."""
    newest = JobEvent.objects.filter(type=event).order_by("-at").values_list("at", flat=True)
    return newest[:ENDED_LIMIT].iterator()


def _minutes(times: Iterable[datetime], start: datetime) -> list[int | None]:
    """How many of `times`, newest first, fall in each minute; None where the reading was cut off."""
    counts: list[int | None] = [0] * MINUTES
    oldest, read = None, 0
    for at in times:
        if at < start:
            break
        read += 1
        oldest = at
        number = int((at - start).total_seconds() // 60)
        if 0 <= number < MINUTES:
            counts[number] = (counts[number] or 0) + 1
    if read >= ENDED_LIMIT and oldest and oldest > start:
        for number in range(int((oldest - start).total_seconds() // 60) + 1):
            counts[number] = None
    return counts
