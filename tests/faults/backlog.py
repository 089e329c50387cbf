"""Fault 10: a very long line, and a transaction that keeps the database from tidying up behind it."""

from __future__ import annotations

import json

from tests.faults.check import check
from tests.faults.world import World

_MEASURE = """
import django; django.setup()
import json, sys, time
from jobs import brokers, conf, transitions
from jobs.ledger import Fence
from jobs.maintenance import scheduler
broker = brokers.job_broker()
broker.serve(conf.pool("all"))
while broker.puts and scheduler._put_due(broker):
    pass
took = []
for _ in range({times}):
    begun = time.perf_counter()
    job = transitions.claim(broker.take(), worker="measure", lease=60)
    took.append(time.perf_counter() - begun)
    transitions.complete(job, Fence(job.id, job.attempt, job.claim), None)
print(json.dumps(sorted(took)))
"""
_FLOOD = """
INSERT INTO background_jobs (
  id, kind, queue, owner_id, state, priority, turn, args, partial, attempt, uncharged, max_attempts,
  crash_count, finishing, run_at, worker, created_at, children_total, children_completed, children_failed,
  children_cancelled, callback_url, seq
) SELECT
  gen_random_uuid(), 'faults.work', 'document', %s, 'queued', 1 + n %% 20, n, '{}', '{}', 0, 0, 3,
  0, false, now(), '', now(), 0, 0, 0,
  0, '', 0
FROM generate_series(1, %s) n
"""


def _backlog(world: World, rows: int, claims: int) -> None:
    web = world.web()
    world.submit(web, times=200)
    start = _p95(world, 200)
    with world.postgres.connect() as idle, world.postgres.connect() as connection:
        idle.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        idle.execute("SELECT count(*) FROM background_jobs")
        owner = connection.execute("SELECT min(owner_id) FROM background_jobs").fetchone()
        connection.execute(_FLOOD, (owner[0] if owner else 0, rows))
        connection.execute("ANALYZE background_jobs")
        _p95(world, claims)
        end = _p95(world, 200)
        idle.execute("ROLLBACK")
        # A person gives up on the rest: nobody waits for 100,000 jobs here.
        connection.execute(
            "UPDATE background_jobs SET state = 'cancelled', finished_at = now() WHERE state = 'queued'"
        )
    world.outcome.notes.append(f"claim p95 {start * 1000:.2f} ms, then {end * 1000:.2f} ms")
    world.expect(end <= 3 * start, "claims", f"claim p95 went from {start * 1000:.2f} to {end * 1000:.2f} ms")


def _p95(world: World, times: int) -> float:
    """With Redis, a line is walked there, and the database is only asked for the one row."""
    more = {"REDIS_URL": ""} if "line" in world.without else {}
    took = json.loads(world.python(_MEASURE.format(times=times), **more))
    return float(took[int(len(took) * 0.95)])


@check(
    "100,000 rows and an idle transaction",
    without="line",
    breaks="claims",
    proof=lambda world: _backlog(world, 100_000, 20),
)
def backlog(world: World) -> None:
    _backlog(world, 100_000, 5_000)
