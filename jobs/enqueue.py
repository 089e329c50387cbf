"""Accepting a job: everything is checked before a row exists, and the row exists before the answer."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from jobs import conf, ledger, registry
from jobs.exceptions import InvalidArgs, QuotaExceeded
from jobs.models import Job
from jobs.registry import Handler
from jobs.states import ACTIVE, MAX_PRIORITY, MIN_PRIORITY

# More than can be created between one request's count and its insert: within it of the limit, they queue up.
_QUOTA_HEADROOM: Final = 2 * conf.MAX_BULK
_QUOTA_LOCK: Final = 0x4D52


@dataclass(frozen=True)
class Spec:
    """What a new job is to be. None takes the kind's own value; `priority` 1..20, higher is sooner."""

    kind: str
    args: dict[str, Any] = field(default_factory=dict)
    priority: int | None = None
    run_at: datetime | None = None
    max_attempts: int | None = None
    callback_url: str = ""


def create(
    kind: str,
    args: dict[str, Any] | None = None,
    *,
    owner: Any,
    priority: int | None = None,
    run_at: datetime | None = None,
    max_attempts: int | None = None,
    callback_url: str = "",
    actor: str = "",
) -> Job:
    """Store one job and, when the transaction commits, send it to its line. Returns the stored job.

    Raises UnknownKind, InvalidArgs (naming each field), InvalidInput (from the kind's own precheck) and
    QuotaExceeded. Nothing is stored then.
    """
    spec = Spec(kind, args or {}, priority, run_at, max_attempts, callback_url)
    return create_many([spec], owner=owner, actor=actor)[0]


def create_many(
    specs: Sequence[Spec], *, owner: Any, batch: uuid.UUID | None = None, actor: str = ""
) -> list[Job]:
    """Store several jobs, all or none. Errors of several jobs are keyed `jobs.<n>.<field>`."""
    jobs: list[Job] = []
    errors: dict[str, list[str]] = {}
    for number, spec in enumerate(specs):
        try:
            jobs.append(build(spec, owner_id=owner.pk))
        except InvalidArgs as error:
            prefix = f"jobs.{number}." if len(specs) > 1 else ""
            errors.update({f"{prefix}{name}": texts for name, texts in error.errors.items()})
    if errors:
        raise InvalidArgs(errors)
    for job in jobs:
        job.batch = batch
    # Far from the limit nobody has to wait for anybody; near it, counting and storing are one step.
    exact = len(jobs) > 1 or _unfinished(owner) + 1 > settings.QUOTA_UNFINISHED_JOBS - _QUOTA_HEADROOM
    with transaction.atomic() if exact else nullcontext():
        if exact:
            _check_quota(owner, len(jobs))
        ledger.insert(jobs, actor=actor)
    return jobs


def build(spec: Spec, *, owner_id: Any, parent: Job | None = None) -> Job:
    """A valid, unsaved job. Raises UnknownKind and InvalidArgs."""
    handler = registry.get(spec.kind)
    if len(json.dumps(spec.args)) > conf.MAX_ARGS_BYTES:
        raise InvalidArgs({"args": [f"At most {conf.MAX_ARGS_BYTES} bytes: upload large input as a file."]})
    args = handler.validate(spec.args)
    # A child is its parent's doing: what cannot work then is that child's failure, not its parent's.
    if handler.precheck and parent is None:
        handler.precheck(args, owner_id)
    inherited = parent.priority if parent else handler.priority
    priority = inherited if spec.priority is None else spec.priority
    if not MIN_PRIORITY <= priority <= MAX_PRIORITY:
        raise InvalidArgs({"priority": [f"A whole number from {MIN_PRIORITY} to {MAX_PRIORITY}."]})
    return Job(
        kind=handler.kind,
        queue=handler.queue_for(args, priority),
        owner_id=owner_id,
        priority=priority,
        args=args.model_dump(mode="json"),
        max_attempts=_attempts(handler, spec, priority),
        # None: due at once, by the database's clock; the ledger fills it in.
        run_at=spec.run_at,  # type: ignore[misc]
        callback_url=spec.callback_url,
        parent=parent,
    )


def _attempts(handler: Handler, spec: Spec, priority: int) -> int:
    return spec.max_attempts or handler.retry.max_attempts(priority)


def _check_quota(owner: Any, wanted: int) -> None:
    """Raise QuotaExceeded when `wanted` more are too many. Others wait until this transaction has ended."""
    limit = settings.QUOTA_UNFINISHED_JOBS
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Taken in a statement of its own: the count must see what the one before has committed. On SQLite
            # the transaction itself lets one writer in.
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_QUOTA_LOCK, str(owner.pk)))
    unfinished = _unfinished(owner)
    if unfinished + wanted > limit:
        raise QuotaExceeded(
            f"You have {unfinished} unfinished jobs; at most {limit} are allowed. Wait for some to end, "
            "or cancel some.",
            retry_after=30,
            details={"limit": limit, "unfinished": unfinished},
        )


def _unfinished(owner: Any) -> int:
    mine = Job.objects.filter(owner=owner, parent=None, state__in=ACTIVE).order_by()
    return mine[: settings.QUOTA_UNFINISHED_JOBS + 1].count()
