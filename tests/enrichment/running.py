"""Runs jobs inside the test's process: claim, handler, outcome, as an executor does, without the sandbox."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from jobs import redaction, registry, sandbox, transitions
from jobs.context import JobContext
from jobs.enqueue import Spec, build, create
from jobs.ledger import Fence
from jobs.models import Job
from jobs.retry import Judgement
from jobs.states import Category, Cause, State
from jobs.transitions import Failure


def perform(kind: str, args: dict[str, Any], *, owner: Any, **options: Any) -> Job:
    """Create a job, run it and all it starts, and return it as it is then."""
    job = create(kind, args, owner=owner, **options)
    drain()
    return Job.objects.get(pk=job.pk)


def drain(limit: int = 2000) -> int:
    """Run what is queued and due until nothing is; returns how many attempts were made."""
    for count in range(limit):
        job = Job.objects.in_line().first()
        if job is None or attempt(job) is None:
            return count
    raise AssertionError(f"more than {limit} attempts")


def attempt(job: Job) -> list[tuple[str, Any]] | None:
    """One attempt; what the handler said meanwhile, or None when the job was not to be had."""
    claimed = transitions.claim(job.pk, worker="test", lease=60)
    if claimed is None:
        return None
    handler = registry.get(claimed.kind)
    said: list[tuple[str, Any]] = []
    fence = Fence(claimed.pk, claimed.attempt, claimed.claim)
    with tempfile.TemporaryDirectory() as scratch:
        context = JobContext(_run(claimed), lambda name, value: said.append((name, value)), Path(scratch))
        try:
            with redaction.only(handler.secrets):
                result = sandbox._call(handler, context, handler.validate(claimed.args), _run(claimed))
        except Exception as error:  # noqa: BLE001
            _record(claimed, fence, handler, sandbox._failure(error, context))
            return said
    for name, value in said:
        if name == "partial":
            job.partial[value[0]] = value[1]
    children = [build(Spec(**_spec(s)), owner_id=claimed.owner_id, parent=claimed) for s in context.spawned]
    if children:
        transitions.wait_for_children(claimed, fence, children, result)
    else:
        transitions.complete(claimed, fence, result)
    return said


def _run(job: Job) -> dict[str, Any]:
    return {
        "job": job.id.hex,
        "kind": job.kind,
        "owner": job.owner_id,
        "attempt": job.attempt,
        "claim": job.claim.hex if job.claim else "",
        "args": job.args,
        "priority": job.priority,
        "parent": job.parent_id.hex if job.parent_id else "",
        "checkpoint": job.checkpoint,
        "finishing": job.finishing,
        "result": job.result if job.finishing else None,
    }


def _spec(spec: Spec) -> dict[str, Any]:
    return {
        "kind": spec.kind,
        "args": spec.args,
        "priority": spec.priority,
        "max_attempts": spec.max_attempts,
    }


def _record(job: Job, fence: Fence, handler: Any, value: dict[str, Any]) -> None:
    judgement = Judgement(Category(value["category"]), value["code"], value["message"], value["delay"])
    failure = Failure(
        judgement, Cause.ERROR, value["error_class"], value["traceback"], value["fingerprint"], value["stage"]
    )
    transitions.fail(job, fence, failure, handler.retry)


def states(parent: Job) -> list[str]:
    """Where a parent's children are, in their order."""
    return [State(s).value for s in parent.children.order_by("id").values_list("state", flat=True)]
