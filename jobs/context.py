"""What a handler is given: its job, and the words it may say while it runs.

Lives in the sandbox process. Nothing here writes the job itself: it sends a message to the worker, which
holds the fence.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from jobs import registry
from jobs.enqueue import Spec
from jobs.exceptions import FenceLost
from jobs.ledger import Fence
from jobs.models import Job

# More reports a second than this show nobody more; those between are replaced by the next.
_REPORT_SECONDS = 0.05


@dataclass(frozen=True)
class Child:
    """An ended child, as a parent's finish function sees it."""

    id: uuid.UUID
    kind: str
    state: str
    args: dict[str, Any]
    result: Any
    error: dict[str, Any] | None


class JobContext:
    """One attempt, seen from inside. `scratch` is a directory of its own, gone when the attempt ends."""

    def __init__(self, run: dict[str, Any], send: Callable[[str, Any], None], scratch: Path) -> None:
        self.job_id = uuid.UUID(run["job"])
        self.kind: str = run["kind"]
        self.owner_id = run["owner"]
        self.parent_id = uuid.UUID(run["parent"]) if run["parent"] else None
        self.attempt: int = run["attempt"]
        self.priority: int = run["priority"]
        self.last_checkpoint: Any = run["checkpoint"]
        self.scratch = scratch
        self.spawned: list[Spec] = []
        self._fence = Fence(self.job_id, self.attempt, uuid.UUID(run["claim"]))
        self._send = send
        self._stages: dict[str, float] = {}
        self._stage = ""
        self._before = 0.0  # weight of the stages that are over
        self._floor = 0.0  # percent already shown
        self._sent_at = 0.0
        self._held: dict[str, Any] | None = None

    def stages(self, **weights: float) -> None:
        """Declare the stages to come and how long each takes beside the others, for one honest percentage.

        `children` names the part that children will do. Example: `stages(extract=4, split=1, children=5)`.
        """
        self._stages = weights

    def stage(self, name: str, *, weight: float | None = None, message: str = "") -> None:
        """Enter a stage. One that was not declared may bring its weight along."""
        if self._stage in self._stages:
            self._before += self._stages.pop(self._stage)
        if name not in self._stages:
            self._stages[name] = 1.0 if weight is None else weight
        self._stage = name
        self._flush()
        self._send("stage", name)
        self._report(0.0, None, None, message, None, force=True)

    def progress(
        self,
        current: float,
        total: float,
        *,
        stage: str | None = None,
        message: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Say that `current` of `total` of this stage is done (any unit, such as pages or bytes)."""
        if stage is not None and stage != self._stage:
            self.stage(stage)
        share = min(1.0, max(0.0, current / total)) if total > 0 else 0.0
        self._report(share, int(current), int(total), message, metadata, force=False)

    def partial(self, key: str, value: Any) -> None:
        """Show a part of the result now. JSON-serialisable; a later value for `key` replaces it."""
        self._flush()
        self._send("partial", [key, value])

    def checkpoint(self, data: Any) -> None:
        """Keep `data` (JSON-serialisable): the next attempt finds it in `last_checkpoint`."""
        self.last_checkpoint = data
        self._send("checkpoint", data)

    def log(self, message: str, level: str = "info") -> None:
        """A line for the owner to read in the job's history."""
        self._send("log", [level, str(message)])

    def spawn(
        self,
        kind: str,
        args: dict[str, Any] | None = None,
        *,
        priority: int | None = None,
        max_attempts: int | None = None,
    ) -> None:
        """Add a child job. All children start when the handler returns, in one transaction; the job waits.

        Raises UnknownKind and InvalidArgs at once.
        """
        handler = registry.get(kind)
        handler.validate(args or {})
        self.spawned.append(Spec(kind, args or {}, priority, None, max_attempts))

    @contextmanager
    def commit(self) -> Iterator[None]:
        """A transaction for the job's own rows that commits only while this attempt holds its job.

        Raises FenceLost, and rolls back, when it does not. Keep it short: heartbeats wait for it.
        """
        with transaction.atomic():
            held = Job.objects.filter(
                pk=self.job_id,
                attempt=self._fence.attempt,
                claim=self._fence.claim,
                state="running",
                cancel_requested_at=None,
            ).order_by()
            if connection.features.has_select_for_update:
                held = held.select_for_update(of=("self",))
            if not held.values_list("pk", flat=True)[:1]:
                raise FenceLost("this attempt does not hold its job any more")
            yield

    def children(self) -> list[Child]:
        """The ended children, in the order in which they were spawned."""
        rows = Job.objects.filter(parent_id=self.job_id).order_by("id")
        return [Child(c.id, c.kind, c.state, c.args, c.result, c.error) for c in rows.iterator()]

    def _report(
        self,
        share: float,
        current: int | None,
        total: int | None,
        message: str,
        metadata: dict[str, Any] | None,
        *,
        force: bool,
    ) -> None:
        weights = self._before + sum(self._stages.values())
        weight = self._stages.get(self._stage, 0.0)
        percent = 100.0 * ((self._before + weight * share) / weights if weights else share)
        self._floor = max(self._floor, min(percent, 99.9))
        self._held = {
            "percent": round(self._floor, 2),
            "stage": self._stage,
            "message": message,
            "current": current,
            "total": total,
            "metadata": metadata or {},
        }
        if force or time.monotonic() - self._sent_at >= _REPORT_SECONDS:
            self._flush()

    def _flush(self) -> None:
        if self._held is not None:
            self._send("progress", self._held)
            self._held = None
            self._sent_at = time.monotonic()
