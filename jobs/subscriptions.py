"""What one socket watches: some jobs by id, everything of one's own, or both."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

from jobs.authentication import Principal
from jobs.belongings import Belongings
from jobs.hub import Hub
from jobs.outbox import Outbox
from jobs.problems import Problem
from jobs.watching import Watch

MAX_SUBSCRIPTIONS: Final = 100


class Subscriptions:
    """`on_refused()` is called when a job was refused and nothing else is watched."""

    def __init__(self, hub: Hub, outbox: Outbox, on_refused: Callable[[], None]) -> None:
        self._hub = hub
        self._outbox = outbox
        self._on_refused = on_refused
        self._watches: dict[uuid.UUID, Watch] = {}
        self._mine: Belongings | None = None

    def __bool__(self) -> bool:
        return bool(self._watches) or self._mine is not None

    def allow(self, principal: Principal, *, recheck: bool) -> None:
        """From now on `principal` looks. `recheck` lets every watch ask again whether he may."""
        for watch in self._watches.values():
            watch.principal = principal
            if recheck:
                watch.wake()

    def watch(
        self, principal: Principal, job_id: uuid.UUID, since: int | None, *, mine: bool = False
    ) -> None:
        """Watch a job; one that is watched already begins anew, at `since`."""
        self.drop(job_id)
        own = len(self._mine.open) if self._mine else 0
        if not mine and len(self._watches) - own >= MAX_SUBSCRIPTIONS:
            return self._outbox.close(4409, "too many subscriptions")
        watch = Watch(self._hub, principal, job_id, on_wake=self._outbox.wake, since=since, grouped=not mine)
        self._watches[job_id] = watch
        self._outbox.wake(watch)

    def watch_mine(self, principal: Principal) -> None:
        if principal.job_id:
            raise Problem(403, "token_scope", "This token reads one job, and nothing else.")
        if self._mine is None:
            self._mine = Belongings(
                self._hub,
                principal.user.pk,
                on_wake=self._outbox.wake,
                open_job=lambda job_id: self.watch(principal, job_id, None, mine=True),
            )
            self._outbox.wake(self._mine)

    def drop(self, job_id: uuid.UUID) -> None:
        if watch := self._watches.pop(job_id, None):
            watch.stop()

    def drop_mine(self) -> None:
        if self._mine:
            for job_id in self._mine.open:
                self.drop(job_id)
            self._mine.stop()
            self._mine = None

    def drop_all(self) -> None:
        self.drop_mine()
        for job_id in list(self._watches):
            self.drop(job_id)

    def over(self, watch: Any, problem: Problem | None) -> None:
        """A watch has said all there is, or has nothing to say to this viewer."""
        if self._mine and watch.job_id in self._mine.open:
            self._mine.has_ended(watch.job_id, watch.seq)
        self.drop(watch.job_id)
        if problem and not self:
            self._on_refused()
