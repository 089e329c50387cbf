"""Runs inside a site's environment with real workers; each word is one story, told as a line of JSON.

`python -m tests.enrichment.bulk_probe bulk N | vendors`
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.apps import apps  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402

from enrichment.models import Enrichment, Paper, Spend  # noqa: E402
from jobs import enqueue, transitions  # noqa: E402
from jobs.models import Job, WorkerState  # noqa: E402
from tests.enrichment.people import ADA  # noqa: E402
from tests.enrichment.test_kinds import PAPER  # noqa: E402

MUST_FAIL = {7, 77, 177}


def until(done: Callable[[], bool], what: str, limit: float = 240.0) -> None:
    deadline = time.monotonic() + limit
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit(f"not in {limit} s: {what}")
        time.sleep(0.05)


def owner() -> Any:
    return get_user_model().objects.get_or_create(username="recruiter")[0]


def ended(job: Job, limit: float = 240.0) -> Job:
    until(lambda: Job.objects.get(pk=job.pk).is_terminal, f"{job.kind} ends", limit)
    return Job.objects.get(pk=job.pk)


def kill_a_busy_worker(parent: Job) -> bool:
    """End one worker process that holds a child of `parent`, and its sandbox with it."""
    for state in WorkerState.objects.exclude(job=None):
        if Job.objects.filter(pk=state.job, parent=parent, state="running").exists():
            os.kill(state.pid, signal.SIGKILL)
            return True
    return False


def bulk(number: int) -> dict[str, Any]:
    people: list[dict[str, Any]] = [{**ADA, "name": f"Person {n}"} for n in range(number)]
    for n in MUST_FAIL & set(range(number)):
        people[n] = {"name": f"Person {n}"}
    args = {"candidates": people, "kinds": ["skills_optimization"]}
    job = enqueue.create("enrichment.bulk", args, owner=owner())
    until(lambda: Job.objects.filter(parent=job, state="completed").count() >= 10, "ten are done")
    until(lambda: kill_a_busy_worker(job), "a worker is killed")
    first = ended(job)
    result = first.result or {}
    before = dict(Job.objects.filter(parent=job).values_list("pk", "attempt"))
    transitions.retry_failed_children(first)
    again = ended(first)
    after = dict(Job.objects.filter(parent=job).values_list("pk", "attempt"))
    rerun = {Job.objects.get(pk=pk).args["number"] for pk in after if after[pk] != before[pk]}
    return {
        "state": first.state,
        "error": first.error,
        "completed": result.get("completed"),
        "failed": sorted(o["number"] for o in result.get("outcomes", []) if o["status"] == "failed"),
        "crashed": Job.objects.filter(parent=job, failures__category="worker_lost").count(),
        "proposals": Enrichment.objects.count(),
        "candidates": len({o["candidateId"] for o in result.get("outcomes", []) if o["candidateId"]}),
        "rerun": sorted(rerun),
        "after_retry": [again.state, (again.result or {}).get("failed")],
        "seconds": (first.finished_at - first.created_at).total_seconds(),
    }


def vendors() -> dict[str, Any]:
    """openai answers, anthropic refuses its key; then openai is over its limit of one call a minute."""
    paper = Paper.objects.create(owner=owner(), title="Ranking", text=PAPER)
    providers = ["builtin", "openai", "anthropic"]
    job = enqueue.create("paper.compare", {"paperId": str(paper.pk), "providers": providers}, owner=owner())
    done = ended(job, 60)
    held = enqueue.create("enrichment.skills", {"candidateData": ADA, "provider": "openai"}, owner=owner())
    until(lambda: Job.objects.get(pk=held.pk).state == "retrying", "it is put back", 60)
    held = Job.objects.get(pk=held.pk)
    key = os.environ["OPENAI_API_KEY"]
    rows = {
        model.__name__: sum(key in repr(row) for row in model._default_manager.values())
        for model in apps.get_models()
        if model._meta.managed
    }
    return {
        "state": done.state,
        "analyses": sorted((done.result or {}).get("analyses", {})),
        "errors": {name: e["code"] for name, e in (done.result or {}).get("errors", {}).items()},
        "held": [held.state, held.attempts_charged, held.hold_reason],
        "spent": list(Spend.objects.order_by("pk").values_list("provider", "outcome")),
        "key_in_rows": {name: count for name, count in rows.items() if count},
    }


if __name__ == "__main__":
    word, *numbers = sys.argv[1:]
    act: Any = {"bulk": bulk, "vendors": vendors}[word]
    print(json.dumps(act(*map(int, numbers))))
