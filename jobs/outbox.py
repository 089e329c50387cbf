"""What one socket still has to say, and the task that says it.

It holds answers to the client and the names of those who have news, not the news: those are read from the
ledger when the client has taken what came before. So a slow client holds one page here, whatever happens.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from django.db import Error as DatabaseError

from jobs.problems import Problem
from jobs.watching import Message, error_message

logger = logging.getLogger(__name__)

SEND_SECONDS: Final = 10.0
MAX_ANSWERS: Final = 200
_TOGETHER: Final = 20
_AGAIN_SECONDS: Final = 1.0

Close = tuple[int, str]
TOO_SLOW: Final[Close] = (4410, "too slow: reconnect with since")


class Source(Protocol):
    """A watch, or anything else that has messages to read."""

    ended: bool
    stopped: bool

    async def news(self) -> list[Message]: ...


class Outbox:
    """`deliver` hands one message to the server, which may make it wait.

    `on_over(source, problem)` is told of a source that has ended, or refused with a problem.
    """

    def __init__(
        self,
        deliver: Callable[[Message], Awaitable[None]],
        on_over: Callable[[Any, Problem | None], None],
    ) -> None:
        self.closing: Close | None = None
        self._deliver = deliver
        self._on_over = on_over
        self._answers: deque[Message] = deque()
        self._waiting: dict[Source, None] = {}
        self._awake = asyncio.Event()

    def answer(self, message: Message) -> None:
        if len(self._answers) >= MAX_ANSWERS:
            self.close(*TOO_SLOW)
        else:
            self._answers.append(message)
            self._awake.set()

    def wake(self, source: Source) -> None:
        self._waiting[source] = None
        self._awake.set()

    def close(self, code: int, reason: str) -> None:
        """Say what has been answered already, then close. The first reason counts."""
        self.closing = self.closing or (code, reason)
        self._awake.set()

    async def run(self) -> Close:
        """Deliver until somebody closes, or a message could not be delivered in time."""
        try:
            while True:
                await self._awake.wait()
                self._awake.clear()
                await self._send_answers()
                if self.closing:
                    return self.closing
                batch = list(self._waiting)[:_TOGETHER]
                for source in batch:
                    del self._waiting[source]
                news = await asyncio.gather(*map(self._news, batch))
                for source, messages in zip(batch, news, strict=True):
                    await self._send_news(source, messages)
                if self._waiting:
                    self._awake.set()
        except TimeoutError:
            return TOO_SLOW

    async def _send_answers(self) -> None:
        while self._answers:
            await self._send(self._answers.popleft())

    async def _send_news(self, source: Source, messages: list[Message]) -> None:
        for message in messages:
            # Whoever unsubscribed was told that nothing more comes.
            if source.stopped or (self.closing and self.closing[0] != 1012):
                return
            await self._send(message)
        if source.ended and not source.stopped:
            self._on_over(source, None)

    async def _news(self, source: Source) -> list[Message]:
        try:
            return [] if source.stopped else await source.news()
        except Problem as problem:
            if not source.stopped:
                self._on_over(source, problem)
                self.answer(error_message(problem, getattr(source, "job_id", None)))
        except DatabaseError as error:
            logger.warning("watching: the ledger cannot be read: %s", error)
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self.wake, source)
        return []

    async def _send(self, message: Message) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._deliver(message)
