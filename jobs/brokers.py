"""How a worker learns which job is next. The only file that knows django-q2's brokers.

A message is a job id and nothing else: losing one, or getting one twice, changes nothing, because the claim
in the ledger decides. `LedgerBroker` reads the line from the database; `RedisBroker` keeps it in Redis, one
sorted set per queue.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.db import Error, connection, connections
from django_q.brokers import get_broker
from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis
from django_q.signing import SignedPackage
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs import conf, ledger
from jobs.board import Board
from jobs.models import Job, QueueState
from jobs.states import MAX_PRIORITY, State

logger = logging.getLogger(__name__)

Message = tuple[Any, str]

# How long a look for work may block: a drain and a pause are noticed at least this often, in seconds.
BLOCK_SECONDS = 1.0
# Nobody wakes the embedded default, so it looks this often, in seconds: half of it is the mean delay.
POLL_SECONDS = 0.04
# A job handed out but not claimed for this long was lost on the way, in seconds.
LOST_SECONDS = 10
_TASK_LOOK_SECONDS = 0.5
# So long nobody who creates a job waits for a Redis that has just failed, in seconds.
REST_SECONDS = 5.0
# So many pushers may look at the head of one queue at once, and each still finds a job nobody else holds.
_HEADS = 8


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


class JobBroker:
    """What both brokers share: pools, pausing, and one message per free worker.

    `serve(pool, board)` makes a broker one of a worker cluster; without it, it can only put and remove.
    """

    # Whether jobs must be put in line; else the line is read from the ledger itself.
    puts = False
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

    def dequeue(self) -> list[Message] | None:
        """django-q2's pull: up to one message, waiting about a second for it."""
        try:
            if self.board:
                if self.board.draining:
                    time.sleep(0.1)
                    return None
                if not self.board.wait_for_free_worker(BLOCK_SECONDS / 2):
                    return None
            messages = self._next()
        except (redis.RedisError, Error) as error:
            logger.warning("no look for work: %s", error)
            connections.close_all()
            time.sleep(0.5)
            return None
        if messages and self.board:
            self.board.handed.value += len(messages)
        return messages

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


class LedgerBroker(JobBroker, ORM):
    """The embedded default: the line is the ledger's own index."""

    _tasks_read = 0.0

    def _next(self) -> list[Message] | None:
        deadline = time.monotonic() + BLOCK_SECONDS
        while True:
            job_id = self.take()
            if job_id:
                return [message(job_id)]
            tasks = self._task()
            if tasks:
                return tasks
            if time.monotonic() >= deadline or (self.board and self.board.draining):
                return None
            time.sleep(POLL_SECONDS)

    def _task(self) -> list[Message] | None:
        if not self._serves_tasks or time.monotonic() - self._tasks_read < _TASK_LOOK_SECONDS:
            return None
        self._tasks_read = time.monotonic()
        due = self.get_connection().filter(key=self.list_key).extra(where=[f"lock < {ledger.now()}"])
        for task in due[:1]:
            if self.get_connection().filter(pk=task.pk, lock=task.lock).update(lock=self.timeout(task)):
                return [(task.pk, task.payload)]
        return None

    def _first(self, queues: Sequence[str]) -> uuid.UUID | None:
        # The head of each queue by itself: over several queues at once no index holds the order.
        due = f"state = 'queued' AND dispatched_at IS NULL AND run_at <= {ledger.now()}"
        order = "ORDER BY priority DESC, turn, id LIMIT"
        head = f"SELECT id FROM background_jobs WHERE {due} AND queue = %s {order} {_HEADS}"
        heads = " UNION ALL ".join(f"SELECT id FROM ({head}) AS q{number}" for number in range(len(queues)))
        first = f"SELECT id FROM background_jobs WHERE id IN ({heads}) AND {due} {order} 1"
        if connection.vendor == "postgresql":
            first += " FOR UPDATE SKIP LOCKED"
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                # Looking costs nothing in WAL mode; only who has found something takes the write lock.
                cursor.execute(first, list(queues))
                if cursor.fetchone() is None:
                    return None
            cursor.execute(
                f"UPDATE background_jobs SET dispatched_at = {ledger.now()} WHERE id = ({first})"
                " AND state = 'queued' AND dispatched_at IS NULL RETURNING id",
                list(queues),
            )
            row = cursor.fetchone()
        if row is None:
            return None
        return row[0] if isinstance(row[0], uuid.UUID) else uuid.UUID(row[0])

    def reconcile(self) -> int:
        return (
            Job.objects.filter(state=State.QUEUED, dispatched_at__isnull=False)
            .extra(where=[f"dispatched_at < {ledger.now(-LOST_SECONDS)}"])
            .update(dispatched_at=None)
        )

    def queue_size(self) -> int:
        return Job.objects.queued().count() + super().queue_size()


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
    """Production: one sorted set per queue; the pusher sleeps in Redis until a job comes.

    Keys share a hash tag, so that a Redis Cluster serves them as one. Needs Redis 7 (BZMPOP).
    """

    puts = True

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

    def put(self, jobs: Sequence[Job]) -> None:
        lines: dict[str, dict[str, float]] = {}
        for job in jobs:
            lines.setdefault(_key(job.queue), {})[str(job.id)] = _score(job)
        if lines:
            pipeline = self.connection.pipeline(transaction=False)
            for key, members in lines.items():
                pipeline.zadd(key, members)
            pipeline.execute()

    def remove(self, jobs: Iterable[Job]) -> None:
        pipeline = self.connection.pipeline(transaction=False)
        for job in jobs:
            pipeline.zrem(_key(job.queue), str(job.id))
        pipeline.execute()

    def enqueue(self, task: str) -> Any:
        return self.connection.zadd(_key(conf.TASKS_QUEUE), {task: time.time()})

    def _first(self, queues: Sequence[str]) -> uuid.UUID | None:
        popped = self._script(keys=[_key(queue) for queue in queues])
        return uuid.UUID(popped[0].decode()) if popped else None

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
            time.sleep(POLL_SECONDS)
            return None
        popped = self.connection.bzmpop(BLOCK_SECONDS, len(keys), keys, min=True)
        if not popped:
            return None
        key, ((member, _score),) = popped
        if key.decode() == _key(conf.TASKS_QUEUE):
            return [(None, member.decode())]
        return [message(uuid.UUID(member.decode()))]

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
            .only("id", "queue", "priority", "turn")[:200]
        )
        if not head:
            return 0
        scores = self.connection.zmscore(_key(queue), [str(job.id) for job in head])
        lost = [job.pk for job, score in zip(head, scores, strict=True) if score is None]
        return Job.objects.filter(pk__in=lost, state=State.QUEUED).update(dispatched_at=None) if lost else 0

    def queue_size(self) -> int:
        return sum(self.connection.zcard(_key(queue)) for queue in (*conf.QUEUES, conf.TASKS_QUEUE))

    def purge_queue(self) -> Any:
        return self.connection.delete(*[_key(queue) for queue in (*conf.QUEUES, conf.TASKS_QUEUE)])

    delete_queue = purge_queue


def _key(queue: str) -> str:
    return f"{{{settings.REDIS_PREFIX}}}:line:{queue}"


def _score(job: Job) -> float:
    """Lower is sooner: priority, then turn; equal scores sort by id, and a UUIDv7 sorts by age."""
    return float((MAX_PRIORITY - job.priority) * _BAND + min(job.turn, _BAND - 1))
