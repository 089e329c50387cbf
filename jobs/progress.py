"""The only writer of `JobProgress`, and of what a running attempt lets be known of itself.

Every write carries the attempt's fence. A percentage is best effort: written seldom, without an fsync.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import JSONField

from jobs import events, ledger
from jobs.ledger import SQL, Fence
from jobs.models import Job, JobProgress
from jobs.states import Event

_COLUMNS = ("percent", "stage", "message", "current", "total", "metadata")


def report(job: Job, fence: Fence, counter: int, values: dict[str, Any], *, write: bool) -> None:
    """Show `values` (percent 0..100, stage, message, current, total, metadata) as the attempt's progress.

    `counter` rises with every report of the attempt. `write` False only tells who is watching now. A parent
    that waits shows what its children do.
    """
    if write and not _upsert(job, fence, counter, values):
        return
    events.publish(job.id, job.owner_id, _message(job, counter, values))
    if job.parent_id:
        _show_in_parent(job, values, write)


def stage(job: Job, fence: Fence, name: str) -> bool:
    """Record that the attempt has entered a stage. False when it lost its job."""
    return ledger.note(job.id, Event.STAGE, fence=fence, data={"stage": name}, durable=False) is not None


def log(job: Job, fence: Fence, level: str, message: str) -> bool:
    """Keep a line for the owner. False when the attempt lost its job."""
    data = {"level": level, "message": message[:2000]}
    return ledger.note(job.id, Event.LOG, fence=fence, data=data, durable=False) is not None


def partial(job: Job, fence: Fence, key: str, value: Any) -> bool:
    """Show a part of the result before the job ends; a later value for `key` replaces it.

    The parent of a child shows it too. False when the attempt lost its job.
    """
    data = {"key": key, "value": value}
    noted = ledger.note(job.id, Event.PARTIAL, fence=fence, values={"partial": _merged(data)}, data=data)
    if noted and noted.parent_id:
        ledger.note(
            noted.parent_id,
            Event.PARTIAL,
            values={"partial": _merged(data)},
            data=data,
            where=(SQL("state = 'waiting'"),),
        )
    return noted is not None


def checkpoint(fence: Fence, data: Any) -> bool:
    """Keep where the attempt is, for the next one to go on from. False when it lost its job."""
    return ledger.touch(fence, {"checkpoint": data}) is not None


def _merged(data: dict[str, Any]) -> SQL:
    value = JSONField().get_db_prep_save({data["key"]: data["value"]}, connection)
    if connection.vendor == "postgresql":
        return SQL("partial || %s", (value,))
    return SQL("json_patch(partial, %s)", (value,))


def _message(job: Job, counter: int, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "job.progress",
        "job": str(job.id),
        "attempt": job.attempt,
        "counter": counter,
        "progress": {name: values.get(name) for name in _COLUMNS},
    }


def _upsert(job: Job, fence: Fence, counter: int, values: dict[str, Any]) -> bool:
    guard = "id = %s AND state = 'running' AND attempt = %s AND claim = %s"
    params = [ledger.prepared(Job, "id", job.id), fence.attempt, ledger.prepared(Job, "claim", fence.claim)]
    return _write(f"SELECT id FROM background_jobs WHERE {guard}", params, fence.attempt, counter, values, "")


def _show_in_parent(child: Job, values: dict[str, Any], write: bool) -> None:
    """The children's part of a parent's percentage, which never goes back while it waits."""
    parent = (
        Job.objects.filter(id=str(child.parent_id), state="waiting")
        .defer("args", "result", "partial")
        .first()
    )
    if parent is None or not parent.children_total:
        return
    shown = JobProgress.objects.filter(pk=parent.pk).first()
    base = float((shown.metadata if shown else {}).get("before_children", shown.percent if shown else 0.0))
    # A parent that starts its children in batches says how many there will be in all.
    expected = (shown.metadata if shown else {}).get("children_expected")
    total = max(parent.children_total, expected if isinstance(expected, int) else 0)
    done = (parent.children_ended + float(values.get("percent") or 0) / 100) / total
    percent = max(shown.percent if shown else 0.0, base + (99.0 - base) * min(done, 1.0))
    counter = (shown.counter if shown else 0) + 1
    merged = {
        "percent": percent,
        "stage": values.get("stage", ""),
        "message": values.get("message", ""),
        "current": parent.children_ended,
        "total": total,
        "metadata": {
            "before_children": base,
            "child": str(child.id),
            **({"children_expected": expected} if expected else {}),
        },
    }
    if write:
        _write(
            "SELECT id FROM background_jobs WHERE id = %s AND state = 'waiting'",
            [ledger.prepared(Job, "id", parent.id)],
            parent.attempt,
            counter,
            merged,
            " AND (job_progress.attempt < excluded.attempt OR job_progress.counter < excluded.counter)",
        )
    events.publish(parent.id, parent.owner_id, _message(parent, counter, merged))


def _write(
    rows: str, row_params: list[Any], attempt: int, counter: int, values: dict[str, Any], newer: str
) -> bool:
    """Insert or update the progress of the job `rows` selects. False when it selects none."""
    casts = {"metadata": "::jsonb", "percent": "::float8", "current": "::bigint", "total": "::bigint"}
    json = JSONField().get_db_prep_save(values.get("metadata") or {}, connection)
    fields = {
        "attempt": attempt,
        "counter": counter,
        "percent": min(100.0, max(0.0, float(values.get("percent") or 0))),
        "stage": str(values.get("stage") or "")[:100],
        "message": str(values.get("message") or "")[:500],
        "current": values.get("current"),
        "total": values.get("total"),
        "metadata": json,
    }
    postgresql = connection.vendor == "postgresql"
    marks = ", ".join(f"%s{casts.get(name, '') if postgresql else ''}" for name in fields)
    names = ", ".join(fields)
    updates = ", ".join(f"{name} = excluded.{name}" for name in (*fields, "updated_at"))
    fsync = ", (SELECT set_config('synchronous_commit', 'off', true)) c" if postgresql else ""
    sql = (
        f"INSERT INTO job_progress (job_id, {names}, updated_at)"
        f" SELECT r.id, {marks}, {ledger.now()} FROM ({rows}) r{fsync} WHERE true"
        f" ON CONFLICT (job_id) DO UPDATE SET {updates} WHERE true{newer}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*fields.values(), *row_params])
        return cursor.rowcount > 0
