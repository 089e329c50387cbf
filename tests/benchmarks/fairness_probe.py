"""Runs inside a site's environment: fills the lines of enrichment and reads the ledger's times.

`python -m tests.benchmarks.fairness_probe urgent N | shared BULK N | files BULK N`: one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402

from jobs import enqueue, ledger  # noqa: E402
from jobs.enqueue import Spec  # noqa: E402
from jobs.models import Job, WorkerState  # noqa: E402
from tests.enrichment.people import ADA  # noqa: E402

_SECONDS = 0.5


def owner(name: str) -> Any:
    return get_user_model().objects.get_or_create(username=name)[0]


def fill(name: str, queue: str, priority: int, number: int) -> list[Job]:
    """Jobs that take `_SECONDS` each, in a queue of enrichment."""
    jobs = [
        enqueue.build(Spec("work.sleep", {"seconds": _SECONDS}, priority), owner_id=owner(name).pk)
        for _ in range(number)
    ]
    for job in jobs:
        job.queue = queue
    ledger.insert(jobs)
    return jobs


def until(done: Any, limit: float = 120.0) -> None:
    deadline = time.monotonic() + limit
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit("a condition of the benchmark did not come true in time")
        time.sleep(0.005)


def ended(job: Job) -> Job:
    found: list[Job] = []

    def look() -> bool:
        found[:] = [Job.objects.get(pk=job.pk)]
        return found[0].is_terminal

    until(look)
    if found[0].state != "completed":
        raise SystemExit(f"{found[0]}: {found[0].error}")
    return found[0]


def milliseconds(first: Any, last: Any) -> float:
    return 1000 * (last - first).total_seconds()


def urgent(number: int) -> dict[str, Any]:
    until(lambda: WorkerState.objects.count() >= 11)
    for queue, priority, count in (("high", 10, 3), ("normal", 5, 2), ("low", 1, 1)):
        # More than its pool can do while the critical ones are measured.
        fill(f"busy-{queue}", f"enrichment-{queue}", priority, count * number * 4)
    until(lambda: Job.objects.running().count() >= 6)
    low = Job.objects.filter(queue="enrichment-low", state="completed")
    before, began = low.count(), time.monotonic()
    delays = []
    for _ in range(number):
        args = {"candidateData": ADA}
        job = enqueue.create("enrichment.skills", args, owner=owner("urgent"), priority=20)
        done = ended(job)
        delays.append(milliseconds(done.created_at, done.started_at))
    delays.sort()
    return {
        "n": number,
        "p50": delays[len(delays) // 2],
        "p99": delays[min(len(delays) - 1, int(len(delays) * 0.99))],
        "worst": delays[-1],
        "low_done": low.count() - before,
        "seconds": time.monotonic() - began,
    }


def enrich_one() -> Job:
    return enqueue.create("enrichment.experience", {"candidateData": ADA}, owner=owner("single"))


def process_one() -> Job:
    return fill("single", "enrichment-normal", 5, 1)[0]


def singles(number: int, create: Callable[[], Job]) -> tuple[list[float], list[float]]:
    """Milliseconds until each was done, and until it started; one after another."""
    took, started = [], []
    for turn in range(number + 3):
        done = ended(create())
        if turn >= 3:  # the first ones warm the sandboxes
            took.append(milliseconds(done.created_at, done.finished_at))
            started.append(milliseconds(done.created_at, done.started_at))
    return sorted(took), sorted(started)


def shared(bulk: int, number: int) -> dict[str, Any]:
    """A bulk of real enrichments, the same work for each as for the single ones."""
    alone = singles(number, enrich_one)
    people = [{**ADA, "name": f"Person {n}"} for n in range(bulk)]
    # The same work as a single one: a job can not be stopped for another, so longer ones are waited out.
    args = {"candidates": people, "kinds": ["experience_enhancement"]}
    job = enqueue.create("enrichment.bulk", args, owner=owner("bulk"))
    until(lambda: Job.objects.filter(parent=job, state="completed").exists())
    beside = singles(number, enrich_one)
    return compare(alone, beside, Job.objects.filter(parent=job).exclude(state="completed").count())


def files(bulk: int, number: int) -> dict[str, Any]:
    """The same with jobs of half a second that need no processor: the line alone, not the machine."""
    alone = singles(number, process_one)
    fill("bulk", "enrichment-normal", 5, bulk)
    until(lambda: Job.objects.filter(owner=owner("bulk"), state="completed").exists())
    beside = singles(number, process_one)
    return compare(alone, beside, Job.objects.filter(owner=owner("bulk")).exclude(state="completed").count())


def compare(
    alone: tuple[list[float], list[float]], beside: tuple[list[float], list[float]], left: int
) -> dict[str, Any]:
    if not left:
        raise SystemExit("the bulk was over before the single ones: make it larger")
    middle = len(alone[0]) // 2
    return {
        "alone_p50": alone[0][middle],
        "alone_worst": alone[0][-1],
        "beside_p50": beside[0][middle],
        "beside_worst": beside[0][-1],
        "alone_start_p50": alone[1][middle],
        "beside_start_p50": beside[1][middle],
        "bulk_left": left,
    }


if __name__ == "__main__":
    word, *numbers = sys.argv[1:]
    act: Any = {"urgent": urgent, "shared": shared, "files": files}[word]
    print(json.dumps(act(*map(int, numbers))))
