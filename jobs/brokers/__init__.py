"""How a worker learns which job is next. The only package that knows django-q2's brokers.

`LedgerBroker` reads the line from the database; `RedisBroker` keeps it in Redis, one sorted set per queue.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import redis
from django_q.brokers import get_broker

from jobs.brokers.ledger_line import LedgerBroker
from jobs.brokers.line import JobBroker
from jobs.brokers.redis_line import RedisBroker
from jobs.models import Job

__all__ = ["JobBroker", "LedgerBroker", "RedisBroker", "job_broker", "queued", "withdrawn", "worker_broker"]

logger = logging.getLogger(__name__)

# So long nobody who creates a job waits for a Redis that has just failed, in seconds.
REST_SECONDS = 5.0


@cache
def job_broker() -> JobBroker:
    """The broker of this process, for putting jobs in line."""
    return worker_broker()


def worker_broker() -> JobBroker:
    """A new broker, to serve a cluster."""
    return get_broker()


def queued(sender: Any, jobs: Sequence[Job], **kwargs: Any) -> None:
    """Receiver of `signals.queued`: best effort, the scheduler finds what got lost."""
    _best_effort(
        lambda: job_broker().put([job for job in jobs if job.run_at <= job.created_at or job.attempt])
    )


def withdrawn(sender: Any, jobs: Sequence[Job], **kwargs: Any) -> None:
    """Receiver of `signals.withdrawn`: a job that stays in its line is refused by its claim."""
    _best_effort(lambda: job_broker().remove(jobs))


_resting_until = 0.0


def _best_effort(tell: Callable[[], None]) -> None:
    """Tell the line. One that hangs holds up one request in `REST_SECONDS`, not each."""
    global _resting_until
    if time.monotonic() < _resting_until:
        return
    try:
        tell()
    except redis.RedisError as error:
        _resting_until = time.monotonic() + REST_SECONDS
        logger.warning("Redis was not told of a job, the scheduler will find it: %s", error)
