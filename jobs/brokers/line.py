"""What both brokers share: a pool's line of jobs, and one message for each free worker.

A message is a job id and nothing else: losing one, or getting one twice, changes nothing, because the claim
in the ledger decides.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import redis
from django.db import Error, connections
from django_q.signing import SignedPackage

from jobs import conf
from jobs.board import Board
from jobs.models import Job, QueueState

logger = logging.getLogger(__name__)

Message = tuple[Any, str]

# How long a look for work may block: a drain and a pause are noticed at least this often, in seconds.
BLOCK_SECONDS = 1.0
# A job handed out but not claimed for this long was lost on the way, in seconds.
LOST_SECONDS = 10
# Owners take turns, so a guest stands among the first of each queue.
GUEST_HEADS = 32


class JobBroker:
    """What both brokers share: pools, pausing, and one message per free worker.

    `serve(pool, board)` makes a broker one of a worker cluster; without it, it can only put and remove.
    """

    # Whether jobs must be put in line; else the line is read from the ledger itself.
    puts = False
    # So often a full pool looks for a guest, in seconds.
    guest_seconds = 0.05
    pool: conf.Pool | None = None
    board: Board | None = None
    _paused: frozenset[str] = frozenset()
    _paused_read = 0.0

    def serve(self, pool: conf.Pool, board: Board | None = None) -> None:
        self.pool = pool
        self.board = board

    def put(self, jobs: Sequence[Job]) -> None:
        """Put queued jobs that are due in their lines. Doing it twice is harmless."""

    def remove(self, jobs: Iterable[Job]) -> None:
        """Take jobs out of their lines; those that are in none are passed over."""

    def take(self) -> uuid.UUID | None:
        """The next job for this pool, without waiting: its own queues first, then those it helps."""
        for queues in self._tiers():
            job_id = self._first(queues)
            if job_id:
                return job_id
        return None

    def take_guest(self) -> uuid.UUID | None:
        """The next job whose owner has none running in this pool, without waiting: for a pool that is full.

        Nothing that runs is interrupted for another, so without a place of their own the others would wait
        for a whole job of whoever has filled the pool.
        """
        for queues in self._tiers():
            job_id = self._first_guest(queues)
            if job_id:
                return job_id
        return None

    def dequeue(self) -> list[Message] | None:
        """django-q2's pull: up to one message, waiting about a second for it."""
        try:
            if self.board and self.board.draining:
                time.sleep(0.1)
                return None
            messages = self._next() if self._place() else self._guest()
        except (redis.RedisError, Error) as error:
            logger.warning("no look for work: %s", error)
            connections.close_all()
            time.sleep(0.5)
            return None
        if messages and self.board:
            self.board.handed.value += len(messages)
        return messages

    def _place(self) -> bool:
        if self.board is None:
            return True
        return self.board.wait_for_place(
            self.guest_seconds if self.board.guest_place() else BLOCK_SECONDS / 2
        )

    def _guest(self) -> list[Message] | None:
        job_id = self.take_guest() if self.board and self.board.guest_place() else None
        return [message(job_id)] if job_id else None

    def reconcile(self) -> int:
        """Find jobs the line has lost, and put them back; returns how many."""
        raise NotImplementedError

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """django-q2 keeps a pickle per cluster in the cache; `WorkerState` rows tell it better."""

    def get_stat(self, key: str) -> None:
        return None

    def get_stats(self, pattern: str) -> list[str]:
        return []

    def _next(self) -> list[Message] | None:
        raise NotImplementedError

    def _first(self, queues: Sequence[str]) -> uuid.UUID | None:
        raise NotImplementedError

    def _first_guest(self, queues: Sequence[str]) -> uuid.UUID | None:
        raise NotImplementedError

    @property
    def _served(self) -> list[str]:
        if self.pool is None:
            raise RuntimeError("this broker serves no pool: call serve() first")
        return [*self.pool.queues, *self.pool.helps]

    def _tiers(self) -> list[list[str]]:
        """The open queues of the pool, own ones and helped ones apart."""
        if self.pool is None:
            raise RuntimeError("this broker serves no pool: call serve() first")
        if time.monotonic() - self._paused_read > 1.0:
            self._paused = frozenset(
                QueueState.objects.filter(paused_at__isnull=False).values_list("name", flat=True)
            )
            self._paused_read = time.monotonic()
        tiers = [[q for q in tier if q not in self._paused] for tier in (self.pool.queues, self.pool.helps)]
        return [tier for tier in tiers if tier]

    @property
    def _serves_tasks(self) -> bool:
        """Whether django-q2's ordinary tasks are this pool's: somebody must do them, once."""
        return self.pool is not None and "system" in self.pool.queues


def message(job_id: uuid.UUID) -> Message:
    """The task django-q2 hands to a worker. No acknowledgement: the ledger knows."""
    task = {
        "id": job_id.hex,
        "name": str(job_id),
        "func": "jobs.tasks.run_job",
        "args": (str(job_id),),
        "kwargs": {},
        "timeout": -1,
        "started": None,
    }
    return None, SignedPackage.dumps(task)
