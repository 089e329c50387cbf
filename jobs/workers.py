"""The rows that tell which worker processes live, written by each cluster's parent."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from jobs import clock, identity
from jobs.board import Board, job_of
from jobs.conf import Pool
from jobs.models import WorkerState

# A row that was not written for this long tells of a worker that is gone, in seconds.
STALE_SECONDS = 15
_WRITE_SECONDS = 3.0
_written = 0.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


def record(pool: Pool, board: Board) -> None:
    """Write a row for each live worker of this cluster, every few seconds."""
    global _written
    if time.monotonic() - _written < _WRITE_SECONDS:
        return
    now = clock.now()
    rows = []
    for slot in board.live():
        started = identity.start_time(slot.pid)
        since = now - timedelta(seconds=time.monotonic() - slot.busy_since) if slot.busy_since else None
        rows.append(
            WorkerState(
                id=identity.worker_id(slot.pid),
                host=identity.host()[:120],
                pid=slot.pid,
                cluster_pid=os.getpid(),
                pool=pool.name,
                queues=[*pool.queues, *pool.helps],
                job=job_of(slot),
                busy_since=since,
                jobs_done=slot.done,
                rss=_rss(slot.pid) + _rss(slot.sandbox_pid),
                draining=board.draining,
                release=settings.RELEASE,
                started_at=_started(started, now),
                heartbeat_at=now,
            )
        )
    WorkerState.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["job", "busy_since", "jobs_done", "rss", "draining", "heartbeat_at"],
    )
    gone = WorkerState.objects.filter(host=identity.host()[:120], cluster_pid=os.getpid())
    gone.exclude(pk__in=[row.pk for row in rows]).delete()
    _written = time.monotonic()


def forget(board: Board) -> None:
    """Remove this cluster's rows: it is stopping."""
    WorkerState.objects.filter(host=identity.host()[:120], cluster_pid=os.getpid()).delete()


def remove_stale() -> int:
    """Remove rows of workers nobody has heard of for a while; returns how many."""
    stale = WorkerState.objects.extra(where=[f"heartbeat_at < {clock.sql_now(-4 * STALE_SECONDS)}"])
    return stale.delete()[0]


def live() -> QuerySet[WorkerState]:
    """The workers that were heard of within `STALE_SECONDS`, by the database's clock."""
    return WorkerState.objects.extra(where=[f"heartbeat_at > {clock.sql_now(-STALE_SECONDS)}"])


def _rss(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as statm:
            return int(statm.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _started(ticks: str, now: datetime) -> datetime:
    with open("/proc/uptime") as uptime:
        up = float(uptime.read().split()[0])
    age = up - float(ticks or 0) / os.sysconf("SC_CLK_TCK")
    return now - timedelta(seconds=max(0.0, age))
