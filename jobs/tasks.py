"""What django-q2 calls in a worker process. A door: the work is the executor's."""

from __future__ import annotations

import logging
import os
import time
import uuid

from django.db import Error, connections
from redis.exceptions import RedisError

from jobs import events, executor, identity
from jobs.board import Board
from jobs.brokers import JobBroker

logger = logging.getLogger(__name__)

# A worker goes on with the next job by itself for so long: django-q2's queue, and its monitor, cost more than
# a short job. Then it asks django-q2 again, which may have other tasks for it. In seconds.
_GO_ON_SECONDS = 10.0

_worker: executor.Worker | None = None
_broker: JobBroker | None = None


def enter_worker(board: Board | None, broker: JobBroker | None) -> None:
    """Called once in a new worker process, before django-q2's loop."""
    global _worker, _broker
    _worker = executor.Worker(identity.worker_id(os.getpid()), board)
    _broker = broker
    events.use_runner()


def run_job(job_id: str) -> None:
    """Run a job, then whatever is next in the line. Never raises; returns nothing for django-q2 to store."""
    worker = _worker or executor.Worker(identity.worker_id(os.getpid()))
    until = time.monotonic() + _GO_ON_SECONDS
    next_id: uuid.UUID | None = uuid.UUID(job_id)
    try:
        while next_id and not (worker.board and worker.board.draining):
            executor.run(next_id, worker)
            next_id = _following(worker) if time.monotonic() < until else None
    except (Error, RedisError) as error:
        # The job stays in the ledger; the scheduler finds that its message was lost.
        logger.warning("job %s: not run now: %s", next_id, error)
        connections.close_all()
    except Exception:
        logger.exception("job %s: the worker itself went wrong", next_id)
    finally:
        events.flush()
        if _worker is None:
            worker.end_sandbox()


def _following(worker: executor.Worker) -> uuid.UUID | None:
    if _broker is None:
        return None
    return _broker.take_guest() if worker.board and worker.board.over() else _broker.take()
