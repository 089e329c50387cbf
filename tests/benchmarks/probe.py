"""Runs inside a site's environment: fills the line, follows jobs one by one, reads the ledger's times.

`python -m tests.benchmarks.probe fill N | wait | follow N | token`; answers with one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import Max, Min  # noqa: E402

from jobs import enqueue  # noqa: E402
from jobs.enqueue import Spec  # noqa: E402
from jobs.models import Job  # noqa: E402


def owner() -> Any:
    return get_user_model().objects.get_or_create(username="benchmark")[0]


def fill(number: int) -> dict[str, Any]:
    """Create `number` jobs, a thousand at a time, and one by one for a hundred of them."""
    user, made = owner(), 0
    singles = min(200, number)
    began = time.perf_counter()
    for _ in range(singles):
        enqueue.create("work.noop", {}, owner=user)
    seconds = time.perf_counter() - began
    while made < number - singles:
        batch = min(1000, number - singles - made)
        enqueue.create_many([Spec("work.noop")] * batch, owner=user)
        made += batch
    return {"created": number, "create_ms": 1000 * seconds / max(1, singles)}


def wait(number: int, limit: float = 300.0) -> dict[str, Any]:
    """Wait until `number` jobs are completed; jobs a second between the first start and the last end."""
    deadline = time.monotonic() + limit
    while Job.objects.filter(state="completed").count() < number:
        if time.monotonic() > deadline:
            raise SystemExit(f"only {Job.objects.filter(state='completed').count()} of {number} completed")
        time.sleep(0.2)
    times = Job.objects.filter(state="completed").aggregate(first=Min("started_at"), last=Max("finished_at"))
    return {"jobs": number, "seconds": (times["last"] - times["first"]).total_seconds()}


def wait_stock(number: int, limit: float = 300.0) -> dict[str, Any]:
    deadline = time.monotonic() + limit
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT count(*), extract(epoch FROM max(finished_at) - min(started_at)) FROM stock_jobs"
                " WHERE state = 'completed'"
            )
            done, seconds = cursor.fetchone()
            if done >= number:
                return {"jobs": number, "seconds": float(seconds)}
            if time.monotonic() > deadline:
                raise SystemExit(f"only {done} of {number} completed")
            time.sleep(0.2)


def follow(number: int) -> dict[str, Any]:
    """Milliseconds from before `create` to the handler's first line, on an idle system, one job at a time."""
    user, delays = owner(), []
    for turn in range(number + 5):
        began = time.time()
        job = enqueue.create("bench.clock", {}, owner=user)
        deadline = time.monotonic() + 30
        while not (job := Job.objects.only("state", "result").get(pk=job.pk)).is_terminal:
            if time.monotonic() > deadline:
                raise SystemExit("a job of an idle system did not end in 30 s")
            time.sleep(0.005)
        if turn >= 5:  # the first ones warm the sandboxes
            delays.append(1000 * (job.result["began"] - began))
        time.sleep(0.05)
    delays.sort()
    return {
        "p50": delays[len(delays) // 2],
        "p99": delays[min(len(delays) - 1, int(len(delays) * 0.99))],
        "n": number,
    }


def token() -> dict[str, Any]:
    import jwt
    from django.conf import settings

    return {
        "token": jwt.encode({"userId": "bench", "exp": int(time.time()) + 3600}, settings.JWT_SECRET, "HS256")
    }


if __name__ == "__main__":
    word, *numbers = sys.argv[1:]
    act = {"fill": fill, "wait": wait, "wait_stock": wait_stock, "follow": follow, "token": token}[word]
    print(json.dumps(act(*map(int, numbers))))
