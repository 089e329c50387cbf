"""Takes jobs back from workers that are gone."""

from __future__ import annotations

import time

from jobs import identity, ledger, registry, sandbox, transitions
from jobs.exceptions import UnknownKind
from jobs.models import Job
from jobs.retry import Judgement, RetryPolicy
from jobs.states import Category, Cause, State
from jobs.transitions import Failure

_BATCH = 200
# The scratch of an attempt that is not running any more is kept this long: its worker may be removing it itself.
_SCRATCH_SECONDS = 60.0


def rescue_expired() -> int:
    """Rescue running jobs whose lease is over, by the database's clock; returns how many."""
    expired = (
        Job.objects.running().extra(where=[f"lease_until < {ledger.now()}"]).order_by("lease_until")[:_BATCH]
    )
    return sum(
        _rescue(job, Cause.LEASE_EXPIRED, "Its worker was not heard of for a whole lease.") for job in expired
    )


def rescue_local() -> int:
    """Rescue jobs of this host's dead workers at once, without waiting for their leases."""
    mine = Job.objects.running().filter(worker__startswith=f"{identity.host()}:").order_by()[:_BATCH]
    return sum(
        _rescue(job, Cause.WORKER_DIED, "The worker process died.")
        for job in mine
        if identity.is_dead(job.worker)
    )


def _rescue(job: Job, cause: Cause, message: str) -> bool:
    if job.cancel_requested_at:
        return transitions.cancelled(job, reason="Cancelled; its worker was gone") is not None
    try:
        policy = registry.get(job.kind).retry
    except UnknownKind:
        policy = RetryPolicy()
    failure = Failure(Judgement(Category.WORKER_LOST, "worker_lost", message), cause)
    return transitions.fail(job, None, failure, policy) is not None


def remove_scratch() -> int:
    """Remove what dead attempts left of their scratch directories; returns how many."""
    removed = 0
    for path in sandbox.scratch_root().iterdir():
        try:
            old = time.time() - path.stat().st_mtime > _SCRATCH_SECONDS
            job_id, attempt, _ = path.name.split("-", 2)
        except (OSError, ValueError):
            continue
        if old and not Job.objects.filter(pk=job_id, attempt=int(attempt), state=State.RUNNING).exists():
            sandbox.remove(path)
            removed += 1
    return removed
