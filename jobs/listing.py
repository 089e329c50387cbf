"""A caller's jobs: which, in what order, page by page, and how many there are.

Active jobs come first, then those that ended; each newest first. A page starts behind a row, not at a
number, so new jobs never shift it. Everything is bounded: no question counts or sorts a whole history.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from jobs.models import Job, JobQuerySet
from jobs.registry import kinds_of_type
from jobs.states import ACTIVE, TERMINAL, State

MAX_PAGE: Final = 100
COUNTED: Final = 10_000
_GROUPS: Final = {
    State.QUEUED: "waiting",
    State.RETRYING: "waiting",
    State.RUNNING: "active",
    State.WAITING: "active",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
}


class BadCursor(ValueError):
    """The cursor is not one that was handed out."""


@dataclass(frozen=True)
class Cursor:
    """The row a page starts behind; None when the part it is in starts from its top."""

    active: bool
    after: tuple[datetime, uuid.UUID] | None

    def encode(self) -> str:
        row = [self.after[0].isoformat(), str(self.after[1])] if self.after else []
        return base64.urlsafe_b64encode(json.dumps([self.active, *row]).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Cursor:
        try:
            active, *row = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            after = (datetime.fromisoformat(row[0]), uuid.UUID(row[1])) if row else None
            if after and after[0].tzinfo is None:
                raise BadCursor("no zone")
            return cls(bool(active), after)
        except (ValueError, TypeError, IndexError, AttributeError, binascii.Error, RecursionError):
            raise BadCursor("Take the cursor from `next` of the page before.") from None


@dataclass(frozen=True)
class Filter:
    """Which jobs. Empty fields match everything."""

    status: tuple[str, ...] = ()
    type: str = ""
    queue: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None
    q: str = ""
    batch: uuid.UUID | None = None
    parent: uuid.UUID | None = None
    error_code: str = ""
    ids: tuple[uuid.UUID, ...] = ()

    def apply(self, jobs: JobQuerySet) -> JobQuerySet:
        """`jobs` that match. `q` looks at the newest COUNTED of them."""
        exact: dict[str, Any] = {
            "kind__in": kinds_of_type(self.type) if self.type else None,
            "queue": self.queue or None,
            "state__in": self.status or None,
            "created_at__gt": self.created_after,
            "created_at__lt": self.created_before,
            "batch": self.batch,
            "parent": self.parent,
            "error__code": self.error_code or None,
            "pk__in": self.ids or None,
        }
        found = jobs.filter(**{name: value for name, value in exact.items() if value is not None})
        return _matching(found, self.q) if self.q else found


def page(
    jobs: JobQuerySet, cursor: Cursor | None, size: int, *, everyone: bool
) -> tuple[list[Job], Cursor | None]:
    """At most `size` of `jobs`, and the cursor of the next page (None at the end).

    `everyone` says that they are not one owner's, so that the index which fits is used. A job that ends while
    somebody pages may be seen twice, never missed.
    """
    cursor = cursor or Cursor(True, None)
    order = ("-id",) if everyone else ("-created_at", "-id")
    rows = jobs.select_related("progress").defer("args", "checkpoint")
    found: list[Job] = []
    if cursor.active:
        found = list(
            _behind(rows.filter(state__in=ACTIVE), cursor.after, everyone).order_by(*order)[: size + 1]
        )
        if len(found) > size:
            last = found[size - 1]
            return found[:size], Cursor(True, (last.created_at, last.id))
    behind = None if cursor.active else cursor.after
    room = size - len(found)
    ended = list(_behind(rows.filter(state__in=TERMINAL), behind, everyone).order_by(*order)[: room + 1])
    if len(ended) <= room:
        return found + ended, None
    kept = ended[:room]
    # With no room left for an ended job, the next page starts at the top of their part.
    after = (kept[-1].created_at, kept[-1].id) if kept else None
    return found + kept, Cursor(False, after)


def queue_status(jobs: JobQuerySet, *, everyone: bool) -> dict[str, int]:
    """How many of `jobs` wait, are active, completed and failed: of the active and the newest COUNTED."""
    order = ("-id",) if everyone else ("-created_at", "-id")
    active = jobs.filter(state__in=ACTIVE).order_by().values_list("state")[:COUNTED]
    newest = jobs.order_by(*order).values_list("state")[:COUNTED]
    (active_sql, active_params), (newest_sql, newest_params) = (
        rows.query.sql_with_params() for rows in (active, newest)
    )
    ended = ", ".join(f"'{state.value}'" for state in TERMINAL)
    counts = dict.fromkeys(_GROUPS.values(), 0)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT state, count(*) FROM (SELECT state FROM ({active_sql}) AS a UNION ALL"
            f" SELECT state FROM ({newest_sql}) AS n WHERE state IN ({ended})) AS u GROUP BY state",
            (*active_params, *newest_params),
        )
        for state, count in cursor.fetchall():
            if state in _GROUPS:
                counts[_GROUPS[State(state)]] += count
    return counts


def _behind(jobs: JobQuerySet, after: tuple[datetime, uuid.UUID] | None, everyone: bool) -> JobQuerySet:
    if after is None:
        return jobs
    created, pk = after
    if everyone:
        return jobs.filter(pk__lt=pk)
    return jobs.filter(created_at__lte=created).exclude(created_at=created, pk__gte=pk)


def _matching(jobs: JobQuerySet, q: str) -> JobQuerySet:
    try:
        return jobs.filter(Q(pk=uuid.UUID(q)) | Q(batch=uuid.UUID(q)) | Q(parent=uuid.UUID(q)))
    except ValueError:
        pass
    newest = Job.objects.filter(pk__in=jobs.order_by("-id").values("pk")[:COUNTED])
    newest = newest.alias(args_text=Cast("args", TextField()), error_text=Cast("error", TextField()))
    return newest.filter(
        Q(kind__icontains=q)
        | Q(args_text__icontains=q)
        | Q(error_text__icontains=q)
        | Q(progress__message__icontains=q)
    )
