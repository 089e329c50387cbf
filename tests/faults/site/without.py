"""One protection less. A check that still passes without what it checks would be worthless.

The product has no switches for this: each function here replaces a part of it in a process of the suite.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.faults.site import unheard, unsorted


def fence() -> None:
    """An attempt's writes carry neither its number nor its claim."""
    from jobs import ledger

    ledger._fenced = lambda fence: []


def guards() -> None:
    """A transition does not ask where the job stands."""
    from jobs import ledger

    write = ledger._write

    def unguarded(job_id: Any, values: dict[str, Any], guard: Any, *rest: Any) -> Any:
        return write(job_id, values, guard if values.get("state") in (None, "running") else [], *rest)

    ledger._write = unguarded


def claim_guard() -> None:
    """A claim takes a job in any state."""
    from jobs import ledger

    write = ledger._write

    def unguarded(job_id: Any, values: dict[str, Any], guard: Any, *rest: Any) -> Any:
        return write(job_id, values, [] if values.get("state") == "running" else guard, *rest)

    ledger._write = unguarded


def rescuer() -> None:
    from jobs.maintenance import rescuer

    rescuer.rescue_expired = rescuer.rescue_local = lambda: 0


def watchdog() -> None:
    from jobs import cluster

    cluster.Watchdog.complaint = lambda *args: ""


def obituary() -> None:
    """The worker does not report the death of its sandbox."""
    from jobs import executor

    def died(self: Any, handler: Any) -> None:
        self.worker.end_sandbox()

    executor.Attempt.died = died


def persistence() -> None:
    """A worker does not try again to write what it has to write."""
    from jobs import executor

    executor._DATABASE_AWAY = ()


def reconcile() -> None:
    """Nobody looks whether a line has lost its jobs."""
    from jobs import brokers

    brokers.RedisBroker.reconcile = brokers.LedgerBroker.reconcile = lambda self: 0


def forgiveness() -> None:
    """Creating a job needs Redis."""
    from jobs import brokers, signals

    def strict(sender: Any, jobs: Any, **kwargs: Any) -> None:
        brokers.job_broker().put(jobs)

    signals.queued.disconnect(brokers.queued)
    signals.queued.connect(strict, weak=False)


def reincarnation() -> None:
    """The sentinel lets dead processes lie."""
    from jobs import cluster

    cluster.Sentinel.reincarnate = lambda self, process: None


def poison() -> None:
    """A job may take any number of workers with it."""
    from jobs import conf

    conf.POISON_CRASHES = 10**6


def liveness() -> None:
    """Only the end of the pipe tells that a sandbox has died."""
    from jobs import sandbox

    sandbox.Sandbox.alive = lambda self: True  # type: ignore[method-assign]


def last_word() -> None:
    """A worker that goes wrong in the middle of a job keeps the sandbox that works on it."""
    from jobs import executor, transitions

    def run(job_id: Any, worker: Any) -> None:
        worker.warm_sandbox()
        job = transitions.claim(job_id, worker=worker.id, lease=6.0)
        if job:
            executor.Attempt(job, worker).perform()

    executor.run = run


def memory() -> None:
    """Nobody looks how much memory a job has."""
    from jobs import sandbox

    sandbox.Sandbox.rss = lambda self: 0  # type: ignore[method-assign]


def drain() -> None:
    """SIGTERM ends the workers at once."""
    from jobs import cluster

    def at_once(self: Any) -> int:
        self.kill()
        return 0

    cluster.Keeper.drain = at_once


def kinship() -> None:
    """Processes outlive those that started them."""
    from jobs import confinement

    confinement.die_with_parent = lambda *args: None
    confinement.adopt_orphans = lambda: None


def database_clock() -> None:
    """Leases are compared with the host's own clock."""
    from datetime import UTC, datetime, timedelta

    from jobs import clock

    def own(seconds: float = 0.0) -> str:
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        return f"'{at.isoformat()}'::timestamptz"

    clock.sql_now = own


def unsigned_line() -> None:
    """Lines hold messages signed with SECRET_KEY, and drop what cannot be read, as django-q2's own do."""
    import uuid

    from django.core import signing

    from jobs import brokers
    from jobs.brokers import line, redis_line
    from jobs.maintenance import scheduler

    reconcile()
    scheduler._put_due = lambda broker: 0

    def put(self: Any, jobs: Any) -> None:
        for job in jobs:
            member = signing.dumps(str(job.id))
            self.connection.zadd(redis_line._key(job.queue), {member: redis_line._score(job)})

    def read(self: Any) -> Any:
        for queue in self.pool.queues:
            popped = self.connection.zpopmin(redis_line._key(queue))
            if popped:
                try:
                    return uuid.UUID(signing.loads(popped[0][0].decode()))
                except signing.BadSignature:
                    return None
        return None

    def following(self: Any) -> Any:
        job_id = read(self)
        if job_id is None:
            time.sleep(0.1)
        return [line.message(job_id)] if job_id else None

    brokers.RedisBroker.put = put
    brokers.RedisBroker.take = read
    brokers.RedisBroker._next = following


def errno() -> None:
    """A full disk is an error as any other."""
    from jobs import executor, sandbox
    from jobs.retry import Judgement
    from jobs.states import Category

    def unknown(error: BaseException) -> Judgement:
        return Judgement(Category.TRANSIENT, "unexpected_error", "Something unexpected went wrong.")

    executor.classify = sandbox.classify = unknown


def sandbox() -> None:
    """Handlers run in the worker process itself."""
    from jobs import executor
    from tests.faults.site.inline import Inline

    executor.Sandbox = Inline  # type: ignore[misc,assignment]


REMOVALS: dict[str, Callable[[], None]] = {
    made.__name__: made
    for made in (
        *(
            fence,
            guards,
            claim_guard,
            rescuer,
            watchdog,
            obituary,
            persistence,
            reconcile,
            forgiveness,
            poison,
            reincarnation,
            memory,
        ),
        *(liveness, last_word, errno, unsorted.line),
        *(unheard.messages, unheard.second_look, unheard.own_ear, unheard.send_deadline),
        *(drain, kinship, database_clock, unsigned_line, sandbox),
    )
}
# Taken away elsewhere: by `settings`, by the connection's options, by the check itself.
REMOVALS |= dict.fromkeys(("busy_timeout", "durable", "supervisor"), lambda: None)
