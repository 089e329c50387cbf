"""Retention: what has ended long ago leaves the ledger, whole families at a time.

A family is a job without a parent and everything under it. It goes when all of it has ended, all of it is
older than the retention period, and none of it is among the newest that its queue keeps.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import ProtectedError, Q, RestrictedError

from jobs import clock, queues
from jobs.models import IdempotencyKey, Job, JobProgress, Ticket, WorkerState
from jobs.states import TERMINAL, State

# SQLite allows 32,766 parameters in a statement, and a family may have thousands of members.
_CHUNK: Final = 1000
# The janitors share one loop: cleaning must not keep the rescuer from its round.
_ROUND_SECONDS: Final = 2.0
_DEAD_WORKER: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Cleaned:
    """How many rows a run removed. Progress rows go with their jobs."""

    deleted_jobs: int = 0
    deleted_progress: int = 0

    def __add__(self, other: Cleaned) -> Cleaned:
        return Cleaned(self.deleted_jobs + other.deleted_jobs, self.deleted_progress + other.deleted_progress)


@dataclass(frozen=True)
class _Member:
    id: uuid.UUID
    root: uuid.UUID
    queue: str
    state: str
    finished_at: datetime | None


Limits = dict[tuple[str, str], datetime]


def clean(
    older_than_days: float | None = None,
    *,
    keep_completed: int = 100,
    keep_failed: int = 50,
    batch: int = 500,
    stop: Callable[[], bool] = lambda: False,
) -> Cleaned:
    """Delete jobs that ended more than `older_than_days` ago, `batch` families to a transaction.

    None is the janitor's round: the site's `RETENTION_DAYS`, for a few seconds, going on in the next round.
    The newest `keep_completed` completed and `keep_failed` failed jobs of each queue stay whatever their age.
    Several cleaners may run at once. `stop` is asked between batches; what is done then stays done.
    """
    if older_than_days is None:
        older_than_days = settings.RETENTION_DAYS
        stop = _either(stop, time.monotonic() + _ROUND_SECONDS)
    now = clock.now()
    cutoff = now - timedelta(days=older_than_days)
    keep = {State.COMPLETED: keep_completed, State.FAILED: keep_failed, State.CANCELLED: 0}
    limits: Limits = {
        (queue, str(state)): _limit(queue, state, number, cutoff)
        for queue in queues.known()
        for state, number in keep.items()
    }
    cleaned = Cleaned()
    for (queue, state), limit in limits.items():
        after: tuple[datetime, uuid.UUID] | None = None
        while not stop():
            roots = _roots(queue, state, limit, after, batch)
            if not roots:
                break
            cleaned += _delete(_deletable([root for _, root in roots], limits))
            after = roots[-1]
    if not stop():
        _clean_the_rest(now, older_than_days, batch)
    return cleaned


def _either(stop: Callable[[], bool], deadline: float) -> Callable[[], bool]:
    return lambda: stop() or time.monotonic() >= deadline


def _limit(queue: str, state: State, keep: int, cutoff: datetime) -> datetime:
    """The time before which an ended job of this queue and state may go."""
    if not keep:
        return cutoff
    ended = Job.objects.filter(queue=queue, state=state).order_by("-finished_at")
    oldest_kept = ended.values_list("finished_at", flat=True)[keep - 1 : keep].first()
    if oldest_kept is None:
        return datetime.min.replace(tzinfo=cutoff.tzinfo)
    return min(cutoff, oldest_kept)


def _roots(
    queue: str, state: str, limit: datetime, after: tuple[datetime, uuid.UUID] | None, batch: int
) -> list[tuple[datetime, uuid.UUID]]:
    """The next candidates, oldest first. `after` steps over families that had to stay."""
    if limit.year == datetime.min.year:
        return []
    found = Job.objects.filter(queue=queue, state=state, finished_at__lt=limit, parent=None)
    if after:
        found = found.filter(
            Q(finished_at__gt=after[0]) | Q(finished_at=after[0], id__gt=after[1]), finished_at__gte=after[0]
        )
    rows = found.order_by("finished_at", "id").values_list("finished_at", "id")[:batch]
    return [(finished_at, pk) for finished_at, pk in rows if finished_at]


def _deletable(roots: list[uuid.UUID], limits: Limits) -> list[list[uuid.UUID]]:
    """The families of `roots` of which every member may go."""
    families: dict[uuid.UUID, list[uuid.UUID]] = {}
    staying: set[uuid.UUID] = set()
    for member in _members(roots):
        families.setdefault(member.root, []).append(member.id)
        limit = limits.get((member.queue, member.state))
        if (
            member.state not in TERMINAL
            or limit is None
            or member.finished_at is None
            or member.finished_at >= limit
        ):
            staying.add(member.root)
    return [ids for root, ids in families.items() if root not in staying]


def _members(roots: list[uuid.UUID]) -> Iterable[_Member]:
    """Everybody in the families of `roots`, generation by generation."""
    family = {root: root for root in roots}
    generation: list[uuid.UUID] = roots
    first = True
    while generation:
        found: list[_Member] = []
        for start in range(0, len(generation), _CHUNK):
            chunk = generation[start : start + _CHUNK]
            of = Job.objects.filter(pk__in=chunk) if first else Job.objects.filter(parent_id__in=chunk)
            for pk, parent, queue, state, at in of.order_by().values_list(
                "id", "parent_id", "queue", "state", "finished_at"
            ):
                family[pk] = family[pk if first else parent]
                found.append(_Member(pk, family[pk], queue, state, at))
        yield from found
        generation, first = [member.id for member in found], False


def _delete(families: list[list[uuid.UUID]]) -> Cleaned:
    if not families:
        return Cleaned()
    try:
        return _delete_together(families)
    except (ProtectedError, RestrictedError):
        if len(families) == 1:
            return Cleaned()  # something outside the ledger still needs it
    cleaned = Cleaned()
    for family in families:
        cleaned += _delete([family])
    return cleaned


def _delete_together(families: list[list[uuid.UUID]]) -> Cleaned:
    """Delete the families of which nobody was run again since they were read."""
    cleaned = Cleaned()
    with transaction.atomic():
        ids = [pk for family in families for pk in family]
        still_ended: set[uuid.UUID] = set()
        for start in range(0, len(ids), _CHUNK):
            ended = Job.objects.filter(pk__in=ids[start : start + _CHUNK], state__in=TERMINAL).order_by("pk")
            if connection.features.has_select_for_update_skip_locked:
                # Another cleaner may hold the same rows: leave them to it. SQLite has one writer anyway.
                ended = ended.select_for_update(skip_locked=True, of=("self",))
            still_ended.update(ended.values_list("pk", flat=True))
        going = [pk for family in families if still_ended.issuperset(family) for pk in family]
        for start in range(0, len(going), _CHUNK):
            _, counts = Job.objects.filter(pk__in=going[start : start + _CHUNK]).delete()
            cleaned += Cleaned(counts.get(Job._meta.label, 0), counts.get(JobProgress._meta.label, 0))
    return cleaned


def _clean_the_rest(now: datetime, older_than_days: float, batch: int) -> None:
    """Answers kept for repeated requests, tickets nobody used, and workers that are long gone."""
    old = IdempotencyKey.objects.filter(created_at__lt=now - timedelta(days=max(1.0, older_than_days)))
    while ids := list(old.order_by("created_at").values_list("pk", flat=True)[:batch]):
        IdempotencyKey.objects.filter(pk__in=ids).delete()
    Ticket.objects.filter(expires_at__lt=now).delete()
    WorkerState.objects.filter(heartbeat_at__lt=now - _DEAD_WORKER).delete()
