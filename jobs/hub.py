"""What one web process hears of its jobs, for every socket and stream in it.

One channel and one look at the ledger every two seconds serve them all, so a thousand watchers of idle jobs
cost little more than one. Nothing here is trusted: a hint only wakes a watcher, who then reads the ledger,
so with the channel layer silent, lossy or away everybody still learns everything, two seconds later.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import signal
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Final, Protocol

from channels.layers import get_channel_layer
from django.db import Error as DatabaseError

from jobs import events, history
from jobs.history import Batch, Progress

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
# Membership of a group is lost with Redis' memory, and expires.
JOIN_SECONDS: Final = 30.0
LAYER_SECONDS: Final = 5.0
FAREWELL_SECONDS: Final = 1.5
_CHUNK: Final = 500


class JobListener(Protocol):
    job_id: uuid.UUID

    def wake(self) -> None:
        """There is something to read."""

    def head(self, seq: int, progress: Progress) -> None:
        """The ledger stands here: wake, if this is news."""

    def offer(self, progress: Progress, values: dict[str, Any]) -> None:
        """A progress report, straight from the worker."""


class OwnerListener(Protocol):
    def hint(self, job_id: uuid.UUID, seq: int, state: str) -> None:
        """A job of the owner has a new event."""

    def wake(self) -> None:
        """Hints may have been missed."""


class Hub:
    """Belongs to one event loop. Does nothing while nobody listens."""

    def __init__(self) -> None:
        self.news = Batch(history.read_news, 100)
        self.snapshots = Batch(history.read_snapshots, 25)
        self.mine = Batch(history.read_mine, 25)
        self.closing = False
        self._sessions: dict[object, Callable[[], None]] = {}
        self._jobs: dict[uuid.UUID, set[JobListener]] = {}
        self._owners: dict[str, set[OwnerListener]] = {}
        self._followers: dict[str, set[JobListener]] = {}
        self._groups: dict[str, int] = {}
        self._regroup: set[str] = set()
        self._regrouped = asyncio.Event()
        self._channel: str | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # who listens

    def enter(self, session: object, farewell: Callable[[], None]) -> None:
        """Count a socket or stream; `farewell` is called when the server is about to stop."""
        self._sessions[session] = farewell
        _hear_signals(self)

    def leave(self, session: object) -> None:
        self._sessions.pop(session, None)

    def listen(self, listener: JobListener) -> None:
        """Wake `listener` for its job, by the look at the ledger and by hints that come for other reasons."""
        self._jobs.setdefault(listener.job_id, set()).add(listener)
        self._start()

    def ignore(self, listener: JobListener) -> None:
        _discard(self._jobs, listener.job_id, listener)
        self._stop_unheard()

    def follow(self, owner_id: Any, listener: JobListener) -> None:
        """Hear the hints of this owner's jobs, now that `listener` knows whose its job is."""
        self._followers.setdefault(str(owner_id), set()).add(listener)
        self._join(events.owner_group(owner_id))

    def unfollow(self, owner_id: Any, listener: JobListener) -> None:
        _discard(self._followers, str(owner_id), listener)
        self._part(events.owner_group(owner_id))

    def listen_to_owner(self, owner_id: Any, listener: OwnerListener) -> None:
        self._owners.setdefault(str(owner_id), set()).add(listener)
        self._join(events.owner_group(owner_id))
        self._start()

    def ignore_owner(self, owner_id: Any, listener: OwnerListener) -> None:
        _discard(self._owners, str(owner_id), listener)
        self._part(events.owner_group(owner_id))
        self._stop_unheard()

    def _join(self, group: str) -> None:
        self._groups[group] = self._groups.get(group, 0) + 1
        if self._groups[group] == 1:
            self._regroup.add(group)
            self._regrouped.set()

    def _part(self, group: str) -> None:
        self._groups[group] -= 1
        if not self._groups[group]:
            del self._groups[group]
            self._regroup.add(group)
            self._regrouped.set()

    def _start(self) -> None:
        if not self._tasks:
            self._tasks = [detached(self._hear()), detached(self._look())]

    def _stop_unheard(self) -> None:
        if not self._jobs and not self._owners:
            self.stop()

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._regroup.clear()

    # the ledger

    async def _look(self) -> None:
        """Everything is learned here, even when no hint ever comes."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            wanted = list(self._jobs)
            try:
                for start in range(0, len(wanted), _CHUNK):
                    chunk = wanted[start : start + _CHUNK]
                    heads = await history.in_database(history.read_heads, chunk)
                    for job_id in chunk:
                        for listener in list(self._jobs.get(job_id, ())):
                            listener.head(*heads[job_id]) if job_id in heads else listener.wake()
            except DatabaseError as error:
                logger.warning("watching: the ledger cannot be read: %s", error)

    # the channel layer

    async def _hear(self) -> None:
        pause = 1.0
        while True:
            started = time.monotonic()
            try:
                layer: Any = get_channel_layer()
                if layer is None:
                    return
                self._channel = self._channel or await layer.new_channel()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._receive(layer, self._channel))
                    tasks.create_task(self._keep_joined(layer, self._channel))
            except Exception as error:  # noqa: BLE001  whatever the layer suffers from, watching goes on
                causes = error.exceptions if isinstance(error, ExceptionGroup) else [error]
                logger.warning("watching: no hints from the channel layer: %s", "; ".join(map(repr, causes)))
            pause = 1.0 if time.monotonic() - started > 30 else min(10.0, pause * 2)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    async def _receive(self, layer: Any, channel: str) -> None:
        while True:
            self.dispatch(await layer.receive(channel))

    async def _keep_joined(self, layer: Any, channel: str) -> None:
        # A new start may follow a layer that has forgotten everything.
        self._regroup.update(self._groups)
        due = time.monotonic() + JOIN_SECONDS
        while True:
            while self._regroup:
                group = self._regroup.pop()
                wanted = group in self._groups
                async with asyncio.timeout(LAYER_SECONDS):
                    await (layer.group_add if wanted else layer.group_discard)(group, channel)
                if wanted:
                    self._wake_group(group)
            self._regrouped.clear()
            try:
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await self._regrouped.wait()
            except TimeoutError:
                self._regroup.update(self._groups)
                due = time.monotonic() + JOIN_SECONDS

    def _wake_group(self, group: str) -> None:
        """What happened between its first look and the joining was hinted to nobody."""
        owner_id = group.partition(".")[2]
        for owner in list(self._owners.get(owner_id, ())):
            owner.wake()
        for job in list(self._followers.get(owner_id, ())):
            job.wake()

    def dispatch(self, message: dict[str, Any]) -> None:
        """Pass hints on. What makes no sense (another version sent it) is dropped: it is only a hint."""
        try:
            for hint in message["hints"]:
                self._pass_on(hint, str(message["owner"]))
        except (KeyError, TypeError, ValueError) as error:
            logger.warning("watching: a hint was not understood: %r", error)

    def _pass_on(self, hint: dict[str, Any], owner_id: str) -> None:
        job_id = uuid.UUID(hint["job"])
        if hint["type"] == "job.progress":
            key = (int(hint["attempt"]), int(hint["counter"]))
            for listener in list(self._jobs.get(job_id, ())):
                listener.offer(key, hint["progress"])
        elif hint["type"] == "job.event":
            for listener in list(self._jobs.get(job_id, ())):
                listener.head(int(hint["seq"]), (0, 0))
            for owner in list(self._owners.get(owner_id, ())):
                owner.hint(job_id, int(hint["seq"]), str(hint["state"]))

    # the end

    async def say_farewell(self) -> None:
        """Tell every socket and stream to come back, and wait a moment until they have heard it."""
        self.closing = True
        for farewell in list(self._sessions.values()):
            farewell()
        deadline = time.monotonic() + FAREWELL_SECONDS
        while self._sessions and time.monotonic() < deadline:
            await asyncio.sleep(0.02)


_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()
_signals_heard = False


def hub() -> Hub:
    """The hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


def _hear_signals(heard_by: Hub) -> None:
    """Put the farewell before the server's own handling of SIGTERM and SIGINT.

    Servers cut their sockets as soon as they handle the signal, and ASGI has no word for "about to stop".
    """
    global _signals_heard
    if _signals_heard or threading.current_thread() is not threading.main_thread():
        return
    _signals_heard = True
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        theirs = signal.getsignal(number)
        if not callable(theirs) or theirs is signal.default_int_handler:
            continue

        def first_ours(number: int, frame: FrameType | None, theirs: Any = theirs) -> None:
            if heard_by.closing or loop.is_closed():
                theirs(number, frame)
            else:
                heard_by.closing = True
                loop.call_soon_threadsafe(lambda: detached(_then(heard_by, lambda: theirs(number, None))))

        signal.signal(number, first_ours)


async def _then(hub: Hub, theirs: Callable[[], None]) -> None:
    try:
        await hub.say_farewell()
    finally:
        theirs()


_running: set[asyncio.Task[None]] = set()


def detached(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that belongs to no request: it must not inherit the thread or the context of one."""
    task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


def _discard(of: dict[Any, set[Any]], key: Any, member: Any) -> None:
    members = of.get(key, set())
    members.discard(member)
    if not members:
        of.pop(key, None)
