"""Watching everything of one's own: the active jobs of a person, and those that begin while he looks."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any, Final

from jobs.history import MAX_MINE
from jobs.hub import Hub
from jobs.states import TERMINAL

# Found by hints at once; this often also without them.
LOOK_SECONDS: Final = 5.0
_REMEMBERED: Final = 1000


class Belongings:
    """Opens a watch (`open_job`) for each job of `owner_id` that there is to see, at most MAX_MINE at a time.

    `on_wake(self)` is called when `news()` may find some. The caller says when one of them has ended.
    """

    ended = False

    def __init__(
        self,
        hub: Hub,
        owner_id: Any,
        *,
        on_wake: Callable[[Belongings], None],
        open_job: Callable[[uuid.UUID], None],
    ) -> None:
        self.owner_id = owner_id
        self.open: set[uuid.UUID] = set()
        self.stopped = False
        self._open_job = open_job
        self._hub = hub
        self._on_wake = on_wake
        self._ended: dict[uuid.UUID, int] = {}
        self._hinted: dict[uuid.UUID, None] = {}
        self._first = True
        self._stale = True
        self._timer: asyncio.TimerHandle | None = None
        hub.listen_to_owner(owner_id, self)

    def stop(self) -> None:
        self.stopped = True
        self._hub.ignore_owner(self.owner_id, self)
        if self._timer:
            self._timer.cancel()

    def hint(self, job_id: uuid.UUID, seq: int, state: str) -> None:
        # A note after a job's end does not open it again; a person's retry does.
        over = state in TERMINAL and job_id in self._ended
        if job_id not in self.open and not over and seq > self._ended.get(job_id, 0):
            if len(self._hinted) < _REMEMBERED:
                self._hinted[job_id] = None
            self._on_wake(self)

    def wake(self) -> None:
        self._stale = True
        self._on_wake(self)

    def has_ended(self, job_id: uuid.UUID, seq: int) -> None:
        self.open.discard(job_id)
        self._ended.pop(job_id, None)
        self._ended[job_id] = seq
        while len(self._ended) > _REMEMBERED:
            del self._ended[next(iter(self._ended))]

    async def news(self) -> list[dict[str, Any]]:
        """Open what is new; the first time, say which jobs were found. A database error changes nothing."""
        found = list(self._hinted)
        messages: list[dict[str, Any]] = []
        if self._stale:
            self._stale = False
            try:
                active, fresh = await self._hub.mine.get(self.owner_id)
            except BaseException:
                self._stale = True
                raise
            if self._first:
                # What had ended before he looked is not news to him.
                self._ended, self._first = fresh, False
                ids = [str(job_id) for job_id in active]
                messages = [{"type": "subscribed", "scope": "mine", "jobIds": ids}]
            found += active + [job_id for job_id in fresh if job_id not in self._ended]
            self._look_again()
        for job_id in found:
            if self.stopped or len(self.open) >= MAX_MINE:
                break
            self._hinted.pop(job_id, None)
            if job_id not in self.open:
                self.open.add(job_id)
                self._open_job(job_id)
        return messages

    def _look_again(self) -> None:
        if self._timer:
            self._timer.cancel()
        if not self.stopped:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self.wake)
