"""A sandbox that is none: it runs the handler in the worker itself, for the checks that must fail then."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from pathlib import Path
from typing import Any


class Inline:
    """What `jobs.sandbox.Sandbox` is to a worker, without a process of its own."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.scratch = Path(tempfile.mkdtemp(prefix="faults-inline-"))
        self.pipe = self
        self.said: deque[tuple[str, Any]] = deque()

    def receive(self, timeout: float) -> tuple[str, Any] | None:
        return self.said.popleft() if self.said else None

    def run(self, job: Any, *, calls_out: bool = False) -> None:
        from jobs import registry
        from jobs.context import JobContext

        run = {
            "job": job.id.hex,
            "kind": job.kind,
            "owner": job.owner_id,
            "parent": "",
            "attempt": job.attempt,
            "claim": job.claim.hex,
            "priority": job.priority,
            "checkpoint": job.checkpoint,
        }
        context = JobContext(run, lambda name, value: self.said.append((name, value)), self.scratch)
        handler = registry.get(job.kind)
        result = handler.function(context, handler.validate(job.args))
        self.said.append(("done", {"result": result, "children": []}))

    def alive(self) -> bool:
        return True

    def rss(self) -> int:
        return 0

    def growth(self, rss: int) -> int:
        return 0

    def worn(self) -> bool:
        return False

    def kill(self) -> int:
        return 0
