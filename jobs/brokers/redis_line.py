"""Production: the lines are sorted sets in Redis."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import redis
from django.conf import settings
from django_q.brokers.redis_broker import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs import conf, ledger
from jobs.board import Board
from jobs.brokers.line import BLOCK_SECONDS, GUEST_HEADS, LOST_SECONDS, JobBroker, Message, message
from jobs.models import Job
from jobs.states import MAX_PRIORITY, State

# How long whoever creates or cancels a job may wait for Redis, in seconds.
TELL_SECONDS = 0.5
# A pool whose queues are all paused looks again after so long, in seconds.
_PAUSE_SECONDS = 0.04

# Take the member with the lowest score of all the keys: a pool's own queues share one order of priorities.
_TAKE = """
local best, key = nil, nil
for _, k in ipairs(KEYS) do
  local head = redis.call('ZRANGE', k, 0, 0, 'WITHSCORES')
  if head[1] and (not best or tonumber(head[2]) < best) then best, key = tonumber(head[2]), k end
end
if not key then return nil end
return redis.call('ZPOPMIN', key)
"""
# Priorities lie further apart than any turn: doubles hold whole numbers to 2**53.
_BAND = 2**47


class RedisBroker(JobBroker, Redis):
    """One sorted set per queue; the pusher sleeps in Redis until a job comes.

    Keys share a hash tag, so that a Redis Cluster serves them as one. Needs Redis 7 (BZMPOP).
    """

    puts = True
    # A look costs Redis a few microseconds.
    guest_seconds = 0.01
    _running_read = 0.0

    def serve(self, pool: conf.Pool, board: Board | None = None) -> None:
        super().serve(pool, board)
        self._running: Counter[str] = Counter()

    @staticmethod
    def get_connection(list_key: str | None = None) -> redis.Redis:
        # Longer than BZMPOP blocks; health checks find a connection the other side has dropped.
        return redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=BLOCK_SECONDS + 1,
            socket_connect_timeout=1,
            retry=Retry(NoBackoff(), 1),
            health_check_interval=30,
        )

    @cached_property
    def _telling(self) -> redis.Redis:
        """For who puts and removes: somebody waits for them, so they do not wait for a Redis that hangs."""
        return redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=TELL_SECONDS,
            socket_connect_timeout=TELL_SECONDS,
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )

    def put(self, jobs: Sequence[Job]) -> None:
        lines: dict[str, dict[str, float]] = {}
        for job in jobs:
            lines.setdefault(_key(job.queue), {})[_member(job)] = _score(job)
        if lines:
            pipeline = self._telling.pipeline(transaction=False)
            for key, members in lines.items():
                pipeline.zadd(key, members)
            pipeline.execute()

    def remove(self, jobs: Iterable[Job]) -> None:
        pipeline = self._telling.pipeline(transaction=False)
        for job in jobs:
            pipeline.zrem(_key(job.queue), _member(job))
        pipeline.execute()

    def enqueue(self, task: str) -> Any:
        return self.connection.zadd(_key(conf.TASKS_QUEUE), {task: time.time()})

    def _first(self, queues: Sequence[str]) -> uuid.UUID | None:
        popped = self._script(keys=[_key(queue) for queue in queues])
        return _job_id(popped[0]) if popped else None

    def _first_guest(self, queues: Sequence[str]) -> uuid.UUID | None:
        pipeline = self.connection.pipeline(transaction=False)
        for queue in queues:
            pipeline.zrange(_key(queue), 0, GUEST_HEADS - 1, withscores=True)
        heads = [
            (score, member, queue)
            for queue, line in zip(queues, pipeline.execute(), strict=True)
            for member, score in line
        ]
        for _, member, queue in sorted(heads):
            job_id, _, owner = member.decode().partition(":")
            if not self._runs(owner) and self.connection.zrem(_key(queue), member):
                self._running[owner] += 1
                return uuid.UUID(job_id)
        return None

    def _runs(self, owner: str) -> bool:
        """Whether this owner has a job running in this pool, as it was a moment ago.

        Who had several is not asked about again so soon: that is whoever has filled the pool.
        """
        age = time.monotonic() - self._running_read
        if age > (BLOCK_SECONDS / 2 if self._running[owner] > 1 else self.guest_seconds):
            running = Job.objects.running().filter(queue__in=self._served).order_by()
            self._running = Counter(str(owner) for owner in running.values_list("owner_id", flat=True))
            self._running_read = time.monotonic()
        return self._running[owner] > 0

    @property
    def _script(self) -> Any:
        script = self.__dict__.get("_take")
        if script is None:
            script = self.__dict__["_take"] = self.connection.register_script(_TAKE)
        return script

    def _next(self) -> list[Message] | None:
        tiers = self._tiers()
        if len(tiers) != 1 or len(tiers[0]) > 1:
            job_id = self.take()
            if job_id:
                return [message(job_id)]
        keys = [_key(queue) for tier in tiers for queue in tier]
        if self._serves_tasks:
            keys.append(_key(conf.TASKS_QUEUE))
        if not keys:
            time.sleep(_PAUSE_SECONDS)
            return None
        popped = self.connection.bzmpop(BLOCK_SECONDS, len(keys), keys, min=True)
        if not popped:
            return None
        key, ((member, _score),) = popped
        if key.decode() == _key(conf.TASKS_QUEUE):
            return [(None, member.decode())]
        return [message(_job_id(member))]

    def reconcile(self) -> int:
        marker = _key("epoch")
        if self.connection.set(marker, int(time.time()), nx=True):
            # Redis is new or was emptied: every line is rebuilt from the ledger.
            return Job.objects.filter(state=State.QUEUED, dispatched_at__isnull=False).update(
                dispatched_at=None
            )
        return sum(self._reconcile_head(queue) for queue in conf.QUEUES)

    def _reconcile_head(self, queue: str) -> int:
        """What a killed cluster had popped stands at the head of the ledger's line, but not in Redis."""
        head = list(
            Job.objects.in_line()
            .filter(queue=queue, dispatched_at__isnull=False)
            .extra(where=[f"dispatched_at < {ledger.now(-LOST_SECONDS)}"])
            .only("id", "queue", "owner_id", "priority", "turn")[:200]
        )
        if not head:
            return 0
        scores = self.connection.zmscore(_key(queue), [_member(job) for job in head])
        lost = [job.pk for job, score in zip(head, scores, strict=True) if score is None]
        return Job.objects.filter(pk__in=lost, state=State.QUEUED).update(dispatched_at=None) if lost else 0

    def queue_size(self) -> int:
        return sum(self.connection.zcard(_key(queue)) for queue in (*conf.QUEUES, conf.TASKS_QUEUE))

    def purge_queue(self) -> Any:
        return self.connection.delete(*[_key(queue) for queue in (*conf.QUEUES, conf.TASKS_QUEUE)])

    delete_queue = purge_queue


def _key(queue: str) -> str:
    return f"{{{settings.REDIS_PREFIX}}}:line:{queue}"


def _member(job: Job) -> str:
    """The id comes first, so that equal scores sort by it; the owner is for who looks for a guest."""
    return f"{job.id}:{job.owner_id}"


def _job_id(member: bytes) -> uuid.UUID:
    return uuid.UUID(member.decode().partition(":")[0])


def _score(job: Job) -> float:
    """Lower is sooner: priority, then turn; equal scores sort by id, and a UUIDv7 sorts by age."""
    return float((MAX_PRIORITY - job.priority) * _BAND + min(job.turn, _BAND - 1))
