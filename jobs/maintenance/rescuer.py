"""Takes jobs back from workers that are gone."""

from __future__ import annotations

import shutil

from jobs import identity, ledger, registry, sandbox, transitions
from jobs.exceptions import UnknownKind
from jobs.models import Job
from jobs.retry import Judgement, RetryPolicy
from jobs.states import Category, Cause
from jobs.transitions import Failure

_BATCH = 200


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
    """Remove the scratch directories of this host's dead workers; returns how many."""
    dead = [
        path for path in sandbox.scratch_root().glob("*~*") if identity.is_dead(sandbox.scratch_worker(path))
    ]
    for path in dead:
        shutil.rmtree(path, ignore_errors=True)
    return len(dead)
