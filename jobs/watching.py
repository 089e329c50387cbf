"""Watching a job: the one contract behind the WebSocket, the event stream and polling.

    snapshot → everything after it, in order → the event that ended the job, always

Every message has `type` and `jobId`:

| type | also has |
|---|---|
| `snapshot` | `seq`, `lastSeq`, `job` (as in the API), `omitted` (fields too large to send: GET the job) |
| `state` | `seq`, `event`, `status`, `attempt`, `at`, maybe `reason`, `error`, `data`; last: `final`, `job` |
| `stage` | `seq`, `attempt`, `at`, `stage` |
| `partial` | `seq`, `attempt`, `at`, `key`, `value` |
| `log` | `seq`, `attempt`, `at`, `level`, `message` |
| `progress` | `attempt`, `counter`, `progress`: newer when (attempt, counter) is greater |
| `error` | `error`: problem details |

What a client does: keep `seq` of the last message that had one, drop a `progress` that is not newer, stop at
`final`, and on reconnect subscribe with `since` = that `seq`. Then `snapshot.seq` is its `since`, and the
events up to `lastSeq` are history that `snapshot.job` already includes. A job that had ended before says so
again, with an event that may be older than `since`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

from jobs.authentication import Principal
from jobs.history import PAGE, News, Progress
from jobs.hub import Hub
from jobs.models import JobEvent
from jobs.problems import Problem
from jobs.serializers import instant, progress_of
from jobs.states import TERMINAL, Event

Message = dict[str, Any]

_OWN_TYPE: Final = {Event.STAGE: "stage", Event.PARTIAL: "partial", Event.LOG: "log"}
_PROGRESS: Final = ("percent", "stage", "message", "current", "total", "metadata")


class NotVisible(Problem):
    """There is no such job for this viewer. Somebody else's is answered like one that never was."""

    def __init__(self, job_id: object) -> None:
        super().__init__(404, "job_not_found", f"There is no job {job_id}, or it is not yours to see.")


class Watch:
    """One job, as one viewer reads it. `on_wake(watch)` is called when `news()` may have something.

    Nothing is buffered: `news()` reads on from `seq`, a page at a time, and of progress only the latest is
    kept. So a slow reader costs no memory, and one that comes back with `since` misses nothing. `grouped`
    False: the viewer listens to the owner already, so this need not.
    """

    def __init__(
        self,
        hub: Hub,
        principal: Principal,
        job_id: uuid.UUID,
        *,
        on_wake: Callable[[Watch], None],
        since: int | None = None,
        snapshot: bool = True,
        grouped: bool = True,
    ) -> None:
        self.job_id = job_id
        self.principal = principal
        self.seq = since or 0
        self.status = ""
        self.progress: dict[str, Any] | None = None
        self.ended = False
        self.stopped = False
        self.has_more = False
        self._hub = hub
        self._on_wake = on_wake
        self._since = since
        self._wants_snapshot = snapshot
        self._owner_id: Any = None
        self._grouped = grouped
        self._unread = True
        self._attempt = 0
        self._shown: Progress = (0, 0)
        self._offered: tuple[Progress, dict[str, Any]] | None = None
        hub.listen(self)

    def stop(self) -> None:
        """Listen no more. Must be called once, also when `ended`."""
        self.stopped = True
        self._hub.ignore(self)
        if self._owner_id is not None:
            self._hub.unfollow(self._owner_id, self)

    def _follow(self, owner_id: Any) -> None:
        """Hear the owner's hints, now that it is known whose job this is."""
        if self._grouped and self._owner_id is None and not self.stopped:
            self._owner_id = owner_id
            self._hub.follow(owner_id, self)

    # what the hub says

    def wake(self) -> None:
        self._unread = True
        self._on_wake(self)

    def head(self, seq: int, progress: Progress) -> None:
        if seq > self.seq or progress > self._shown:
            self.wake()

    def offer(self, progress: Progress, values: dict[str, Any]) -> None:
        if progress > self._shown and (self._offered is None or progress > self._offered[0]):
            self._offered = (progress, values)
            # Of an attempt whose start was not read yet: that comes first.
            self._unread = self._unread or progress[0] > self._attempt
            self._on_wake(self)

    # what the viewer reads

    async def news(self) -> list[Message]:
        """The next messages, if any. Raises NotVisible; a database error changes nothing."""
        if self.ended:
            return []
        if self._wants_snapshot:
            return [await self._snapshot()]
        messages: list[Message] = []
        if self._unread:
            # Whatever happens while this reads must cause another reading.
            self._unread = False
            try:
                messages = await self._read()
            except BaseException:
                self._unread = True
                raise
        if self._offered and not self._unread and not self.ended:
            progress, values = self._offered
            self._offered = None
            messages += self._show(progress, {name: values.get(name) for name in _PROGRESS})
        return messages

    async def _snapshot(self) -> Message:
        snapshot = await self._hub.snapshots.get(self.job_id)
        if snapshot is None or not self.principal.may_see(snapshot.job):
            raise NotVisible(self.job_id)
        job = snapshot.job
        self._follow(job.owner_id)
        self._wants_snapshot = False
        self.seq = job.seq if self._since is None else min(self._since, job.seq)
        self.status, self._attempt, self._shown = job.state, job.attempt, snapshot.progress
        if self.seq < job.seq or job.state in TERMINAL:
            self.wake()
        message = {
            "type": "snapshot",
            "jobId": str(job.id),
            "seq": self.seq,
            "lastSeq": job.seq,
            "job": snapshot.payload,
        }
        return {**message, "omitted": snapshot.omitted} if snapshot.omitted else message

    async def _read(self) -> list[Message]:
        news = await self._hub.news.get((self.job_id, self.seq))
        if news is None or not self.principal.may_see(news.job):
            raise NotVisible(self.job_id)
        self._follow(news.job.owner_id)
        self.status, self.progress = news.job.state, progress_of(news.job)
        self._attempt = news.job.attempt
        self.seq = min(self.seq, news.job.seq)
        last = news.end.seq if news.end else news.job.seq
        over = news.job.state in TERMINAL
        messages: list[Message] = []
        for event in news.events:
            self.seq = event.seq
            if over and event.seq == last:
                return [*messages, await self._end(news)]
            messages.append(event_message(event))
        if not news.events and self.seq < news.job.seq:
            self.seq = min(self.seq + PAGE, news.job.seq)
        self.has_more = self.seq < news.job.seq
        if self.has_more:
            self.wake()
        elif over:
            messages.append(await self._end(news))
        elif news.progress and (key := (news.progress.attempt, news.progress.counter)) > self._shown:
            messages += self._show(key, self.progress)
        return messages

    def _show(self, key: Progress, values: dict[str, Any]) -> list[Message]:
        if key <= self._shown:
            return []
        self._shown, self.progress = key, values
        return [
            {
                "type": "progress",
                "jobId": str(self.job_id),
                "attempt": key[0],
                "counter": key[1],
                "progress": values,
            }
        ]

    async def _end(self, news: News) -> Message:
        """The event that ended the job, with the job as it is now."""
        job = news.job
        message: Message = {
            "type": "state",
            "jobId": str(job.id),
            "seq": job.seq,
            "event": job.state,
            "status": job.state,
            "attempt": job.attempt,
        }
        if news.end:
            message = event_message(news.end)
        snapshot = await self._hub.snapshots.get(self.job_id)
        if snapshot:
            message["job"] = snapshot.payload
            if snapshot.omitted:
                message["omitted"] = snapshot.omitted
        self.ended = True
        return {**message, "final": True}


def event_message(event: JobEvent) -> Message:
    """A durable event as its watchers get it. Who did it and on which host is not theirs to know."""
    kind = _OWN_TYPE.get(Event(event.type), "state")
    message: Message = {
        "type": kind,
        "jobId": str(event.job_id),
        "seq": event.seq,
        "attempt": event.attempt,
        "at": instant(event.at),
    }
    if kind != "state":
        return {**event.data, **message}
    message |= {"event": event.type, "status": event.state}
    data = {name: value for name, value in event.data.items() if name not in ("error", "cause")}
    if event.data.get("error"):
        message["error"] = event.data["error"]
    if data:
        message["data"] = data
    if event.reason and event.type != Event.STARTED:
        message["reason"] = event.reason
    return message


def error_message(problem: Problem, job_id: object = None) -> Message:
    return {"type": "error", **({"jobId": str(job_id)} if job_id else {}), "error": problem.body()}
