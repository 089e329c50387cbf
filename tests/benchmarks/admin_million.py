# ruff: noqa: E501  SQL reads better unbroken
"""How fast the admin opens with a million jobs: `python -m tests.benchmarks.admin_million`.

Fills the database of `DATABASE_URL` (give it one of its own: it must be empty) with `--jobs` jobs, one event
each and a failure for every hundredth, then opens the admin's pages through Django's test client, each
`--repeat` times after one warm-up, and prints the median, the slowest, and the queries of each. Exits 1 when
a median is over 300 ms.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from typing import Any

LIMIT_MS = 300.0

_SHAPE = """
SELECT n, (ARRAY['document','ai','video','enrichment-low'])[1 + n % 4] AS queue,
       CASE WHEN n % 1000 = 0 THEN 'cancelled' WHEN n % 100 = 0 THEN 'failed'
            WHEN n > {total} - 5000 THEN 'queued' ELSE 'completed' END AS state,
       now() - ({total} - n) * interval '100 milliseconds' AS at
FROM generate_series(1, {total}) n
"""
# UUIDv7 of the row's own time, so that ids are in the order of creation as they are in life.
_ID = """(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n & 4095), 3, '0')
       || '8' || substr(md5(n::text), 1, 15))::uuid"""


def fill(total: int, owners: list[int]) -> None:
    """Insert the rows on the server."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return fill_sqlite(total, owners)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO background_jobs (id, kind, queue, owner_id, state, priority, turn, args, result, partial,
              error, attempt, uncharged, max_attempts, crash_count, finishing, run_at, worker, created_at,
              started_at, finished_at, children_total, children_completed, children_failed, children_cancelled,
              callback_url, seq)
            SELECT {_ID}, queue || '.process', queue, (%s::int[])[1 + n %% {len(owners)}], state, 5, n,
              jsonb_build_object('text', repeat('x', 300)), '{{"ok": true}}', '{{}}', NULL, 1, 0, 3, 0, false, at,
              'bench', at, at, CASE WHEN state = 'queued' THEN NULL ELSE at + interval '2 seconds' END,
              0, 0, 0, 0, '', 1
            FROM ({_SHAPE.format(total=total).replace("%", "%%")}) shape
            """,
            (owners,),
        )
        cursor.execute(
            "INSERT INTO job_events (job_id, seq, type, state, attempt, data, reason, actor, at)"
            " SELECT id, 1, 'created', 'queued', 0, '{}', '', '', created_at FROM background_jobs"
        )
        cursor.execute(
            "INSERT INTO job_failures (job_id, attempt, kind, queue, cause, category, code, error_class, message,"
            " traceback, fingerprint, stage, worker, release, at)"
            " SELECT id, 1, kind, queue, 'error', 'transient', 'boom', 'ValueError', 'It broke', repeat('t', 800),"
            " 'f' || (turn %% 7), 'extract', 'w', 'dev', finished_at FROM background_jobs WHERE state = 'failed'",
            (),
        )
        cursor.execute("ANALYZE")


def fill_sqlite(total: int, owners: list[int]) -> None:
    """The same rows, made here: SQLite has no server to make them."""
    from datetime import timedelta

    from django.db import connection, transaction
    from django.utils import timezone

    from jobs.models import Job, JobEvent, JobFailure

    queues = ("document", "ai", "video", "enrichment-low")
    start = timezone.now() - timedelta(seconds=total / 10)
    for first in range(1, total + 1, 10_000):
        jobs, failures = [], []
        for n in range(first, min(first + 10_000, total + 1)):
            at = start + timedelta(seconds=n / 10)
            state = "completed"
            if n % 1000 == 0:
                state = "cancelled"
            elif n % 100 == 0:
                state = "failed"
            elif n > total - 5000:
                state = "queued"
            job = Job(
                kind=f"{queues[n % 4]}.process", queue=queues[n % 4], owner_id=owners[n % len(owners)], state=state,
                turn=n, args={"text": "x" * 300}, result={"ok": True}, attempt=1, run_at=at, worker="bench",
                created_at=at, started_at=at, seq=1,
                finished_at=None if state == "queued" else at + timedelta(seconds=2),
            )  # fmt: skip
            jobs.append(job)
            if state == "failed":
                failures.append(
                    JobFailure(
                        job=job, attempt=1, kind=job.kind, queue=job.queue, cause="error", category="transient",
                        code="boom", fingerprint=f"f{n % 7}", at=at, traceback="t" * 800,
                    )
                )  # fmt: skip
        with transaction.atomic():
            Job.objects.bulk_create(jobs, batch_size=500)
            JobEvent.objects.bulk_create(
                [JobEvent(job=job, seq=1, type="created", state="queued", at=job.created_at) for job in jobs],
                batch_size=2000,
            )
            JobFailure.objects.bulk_create(failures, batch_size=500)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def pages() -> list[tuple[str, str]]:
    from jobs.models import Job

    job = Job.objects.order_by("-id")[1000:1001].get()
    jobs = "/admin/jobs/job/"
    return [
        ("all jobs", jobs),
        ("page 100", f"{jobs}?p=100"),
        ("state failed (1 %)", f"{jobs}?state=failed"),
        ("state cancelled (0.1 %)", f"{jobs}?state=cancelled"),
        ("state running (none)", f"{jobs}?state=running"),
        ("state retrying (none)", f"{jobs}?state=retrying"),
        ("state queued", f"{jobs}?state=queued"),
        ("state active", f"{jobs}?state=active"),
        ("queue video", f"{jobs}?queue=video"),
        ("queue without jobs", f"{jobs}?queue=system"),
        ("queue and state", f"{jobs}?queue=video&state=failed"),
        ("kind", f"{jobs}?kind=document.process"),
        ("kind without jobs", f"{jobs}?kind=video.process&queue=system"),
        ("id", f"{jobs}?q={job.pk}"),
        ("owner of many", f"{jobs}?q=bench0"),
        ("owner of none", f"{jobs}?q=nobody"),
        ("one job", f"{jobs}{job.pk}/change/"),
        ("failures", "/admin/jobs/jobfailure/"),
        ("failures by cause", "/admin/jobs/jobfailure/?cause=timeout"),
        ("events", "/admin/jobs/jobevent/"),
        ("events of a job", f"/admin/jobs/jobevent/?q={job.pk}"),
        ("queues", "/admin/jobs/queuestate/"),
        ("queue stats", "/api/jobs/queue-stats"),
        ("job health", "/api/jobs/health"),
        ("dashboard data", "/api/queue/dashboard"),
        ("scale", "/api/queue/scale"),
        ("errors", "/api/errors"),
        ("metrics", "/metrics"),
    ]


def measure(client: Any, address: str, repeat: int) -> tuple[list[float], float, int]:
    """Milliseconds of each answer, of processor time in this process, and how many queries one takes."""
    from django.db import connection

    statements: list[str] = []

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(count):
        response = client.get(address)
    if response.status_code != 200:
        raise SystemExit(f"{address}: {response.status_code}")
    times = []
    cpu = time.process_time()
    for _ in range(repeat):
        start = time.perf_counter()
        client.get(address)
        times.append((time.perf_counter() - start) * 1000)
    return times, (time.process_time() - cpu) * 1000 / repeat, len(statements)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)
    from jobs.models import Job

    users: Any = get_user_model()._default_manager
    if not Job.objects.exists():
        owners = [users.get_or_create(username=f"bench{n}")[0].pk for n in range(50)]
        users.get_or_create(username="operator", defaults={"is_staff": True, "is_superuser": True})
        start = time.perf_counter()
        fill(options.jobs, owners)
        print(f"filled {options.jobs:,} jobs in {time.perf_counter() - start:.0f} s")
    client = Client()
    client.force_login(users.get(username="operator"))
    slow = 0
    print(f"{'page':28} {'median ms':>10} {'slowest':>10} {'cpu ms':>8} {'queries':>8}")
    for name, address in pages():
        times, cpu, queries = measure(client, address, options.repeat)
        median = statistics.median(times)
        slow += median > LIMIT_MS
        print(f"{name:28} {median:10.1f} {max(times):10.1f} {cpu:8.1f} {queries:8}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
