"""The WebSocket `/ws/jobs`: many jobs over one socket, as `jobs.watching` describes them.

The client sends JSON objects with an `action`:

| action | with | answer |
|---|---|---|
| `authenticate` | `token`, `ticket`, or the session cookie of our own pages | none; refused: 4401, 4403 |
| `subscribe` | `jobId`, optionally `since` | `snapshot`, what follows, the last with `final` |
| `subscribe` | `scope`: `"mine"` | `subscribed`, then a `snapshot` per active job and per job that begins |
| `unsubscribe` | `jobId` or `scope` | `unsubscribed` |
| `ping` | anything in `id` | `pong` with it |

What cannot be done is answered by `error` (problem details in `error`) and leaves the socket open.
`reconnect` comes before the server stops: come back after `retryMs`, with `since`. A socket may
authenticate again, with a newer token, before the old one expires. Close codes:

| code | means | do |
|---|---|---|
| 1012 | the server is stopping | reconnect with `since` |
| 4400 | ten messages in a row that were not understood | mend the client |
| 4401 | token, ticket or session refused, expired or revoked | get a new one, reconnect |
| 4403 | the session cookie came from a page of another origin | use a token or a ticket |
| 4404 | nothing is watched, and the job asked for does not exist or is not yours | check the id |
| 4408 | not authenticated within 5 s | authenticate first |
| 4409 | more than 100 subscriptions | use `scope: mine`, or another socket |
| 4410 | too slow: a message could not be delivered for 10 s | reconnect with `since` |
| 4413 | a message over 16 KiB | send less |
| 4429 | more than 20 messages a second for long | wait, reconnect |
| 4500 | a mistake of ours, which was logged | reconnect with `since` |
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, Final

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import Error as DatabaseError
from django.http.cookie import parse_cookie

from jobs import viewer
from jobs.authentication import AuthenticationError, AuthenticationUnavailable
from jobs.history import in_database
from jobs.hub import hub
from jobs.outbox import Outbox
from jobs.problems import Problem
from jobs.subscriptions import Subscriptions
from jobs.viewer import Viewer
from jobs.watching import error_message

logger = logging.getLogger(__name__)

AUTHENTICATE_SECONDS: Final = 5.0
REFUSED_SECONDS: Final = 2.0
CLOSE_SECONDS: Final = 5.0
MAX_MESSAGE_BYTES: Final = 16 * 1024
MESSAGES_PER_SECOND: Final = 20.0
BURST: Final = 120.0
MAX_MISTAKES: Final = 10


class JobsConsumer(AsyncWebsocketConsumer):
    # Channels would listen to its layer for each socket, and end the socket when the layer ends. The hub
    # listens once for all, and survives it.
    channel_layer_alias = "none"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._hub = hub()
        self._outbox = Outbox(self._deliver, lambda source, problem: self._watched.over(source, problem))
        self._watched = Subscriptions(self._hub, self._outbox, self._refused)
        self._viewer: Viewer | None = None
        self._foreign = False
        self._mistakes = 0
        self._tokens, self._counted_at = BURST, time.monotonic()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # The base class goes through the database thread for each message; a ping needs none.
        await getattr(self, message["type"].replace(".", "_"))(message)

    # a socket's life

    async def websocket_connect(self, message: Any) -> None:
        await self.accept()
        self._hub.enter(self, self._farewell)
        self._start(self._run())
        self._later("authenticate", AUTHENTICATE_SECONDS, self._authentication_is_late)
        if self._hub.closing:
            return self._farewell()
        if self._session_key() and not self._foreign:
            try:
                self._admit(await in_database(viewer.by_session, self._session_key()))
            except (AuthenticationError, DatabaseError):
                pass  # a stale cookie is no offence: a token or a ticket may still come

    async def websocket_disconnect(self, message: Any) -> None:
        raise StopConsumer

    async def _run(self) -> None:
        try:
            code, reason = await self._outbox.run()
        except (OSError, RuntimeError) as error:
            # How servers say that the client has gone in the meantime.
            logger.debug("socket is gone: %s", error)
            return
        except Exception:
            logger.exception("socket failed")
            code, reason = 4500, "our mistake: reconnect with since"
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.close(code, reason)
        except (TimeoutError, OSError, RuntimeError):
            # It does not even take the closing: no handshake will end it.
            abort: Any = self.scope.get("abort")
            if abort:
                abort()

    async def _deliver(self, message: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(message, cls=DjangoJSONEncoder, separators=(",", ":")))

    def _leave(self) -> None:
        self._hub.leave(self)
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        self._watched.drop_all()

    def _farewell(self) -> None:
        # Not all at the same moment: whoever starts next has to take them all back.
        wait = random.randint(200, 3000)
        self._outbox.answer({"type": "reconnect", "reason": "shutdown", "retryMs": wait})
        self._outbox.close(1012, "the server is stopping")

    # who looks

    def _session_key(self) -> str:
        headers = {name: value.decode("latin-1") for name, value in self.scope["headers"]}
        key = parse_cookie(headers.get(b"cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
        own = viewer.is_own_origin(headers.get(b"origin", ""), headers.get(b"host", ""))
        self._foreign = bool(key) and not own
        return str(key)

    def _admit(self, admitted: Viewer, *, recheck: bool = False) -> None:
        self._viewer = admitted
        self._watched.allow(admitted.principal, recheck=recheck)
        self._later("authenticate", admitted.next_check(), lambda: self._start(self._check()))

    async def _check(self) -> None:
        checked = self._viewer
        if checked is None:
            return
        staff = checked.principal.user.is_staff
        if not await checked.check():
            return self._outbox.close(4401, "your right to look has ended: authenticate anew")
        if checked is self._viewer:
            self._admit(checked, recheck=checked.principal.user.is_staff != staff)

    def _authentication_is_late(self) -> None:
        if self._foreign:
            self._outbox.close(4403, "the cookie came from another origin")
        else:
            self._outbox.close(4408, "not authenticated in time")

    # what the client says

    async def websocket_receive(self, message: Any) -> None:
        if self._outbox.closing:
            return
        text = message.get("text")
        if len((text or "").encode(errors="replace")) + len(message.get("bytes") or b"") > MAX_MESSAGE_BYTES:
            return self._outbox.close(4413, "message too large")
        now = time.monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._counted_at) * MESSAGES_PER_SECOND) - 1
        self._counted_at = now
        if self._tokens < 0:
            return self._outbox.close(4429, "too many messages")
        job_id = None
        try:
            request = _parsed(text)
            job_id = request.get("jobId")
            await self._do(request)
            self._mistakes = 0
        except Problem as problem:
            self._outbox.answer(error_message(problem, job_id if isinstance(job_id, str) else None))
            self._mistakes += problem.status == 400
            if self._mistakes >= MAX_MISTAKES:
                self._outbox.close(4400, "too many messages that make no sense")
        except DatabaseError as error:
            logger.warning("socket: the database cannot be read: %s", error)
            self._outbox.answer(error_message(_unavailable("The database can not be reached.")))

    async def _do(self, request: dict[str, Any]) -> None:
        match request.get("action"):
            case "ping":
                echo = {"id": request["id"]} if "id" in request else {}
                self._outbox.answer({"type": "pong", **echo})
            case "authenticate":
                await self._authenticate(request)
            case "subscribe" if self._viewer is None and self._foreign:
                self._outbox.close(4403, "the cookie came from another origin")
            case "subscribe" if self._viewer is None:
                raise Problem(401, "not_authenticated", "Authenticate first: with a token or a ticket.")
            case "subscribe" if self._viewer and _is_mine(request):
                self._watched.watch_mine(self._viewer.principal)
            case "subscribe" if self._viewer:
                self._watched.watch(self._viewer.principal, _job_id(request), _since(request))
            case "unsubscribe" if _is_mine(request):
                self._watched.drop_mine()
                self._outbox.answer({"type": "unsubscribed", "scope": "mine"})
            case "unsubscribe":
                self._watched.drop(_job_id(request))
                self._outbox.answer({"type": "unsubscribed", "jobId": str(_job_id(request))})
            case _:
                raise Problem(
                    400,
                    "unknown_action",
                    "`action` is one of: authenticate, subscribe, unsubscribe, ping.",
                )

    async def _authenticate(self, request: dict[str, Any]) -> None:
        token, ticket = request.get("token"), request.get("ticket")
        try:
            if isinstance(token, str):
                admitted = await in_database(viewer.by_token, token)
            elif isinstance(ticket, str):
                admitted = await in_database(viewer.by_ticket, ticket)
            elif (key := self._session_key()) and not self._foreign:
                admitted = await in_database(viewer.by_session, key)
            elif self._foreign:
                return self._outbox.close(4403, "the cookie came from another origin")
            else:
                raise AuthenticationError("Send a `token` or a `ticket`.")
        except AuthenticationUnavailable as error:
            raise _unavailable(error.message) from None
        except AuthenticationError as error:
            self._outbox.answer(error_message(Problem(401, "not_authenticated", error.message)))
            return self._outbox.close(4401, "not authenticated")
        if self._viewer and self._viewer.principal.user.pk != admitted.principal.user.pk:
            raise Problem(409, "another_user", "This socket is somebody else's: open another one.")
        self._admit(admitted)

    def _refused(self) -> None:
        # A moment's grace: the next message may ask for a job that exists.
        self._later("refused", REFUSED_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        if not self._watched:
            self._outbox.close(4404, "no such job")

    # timers and tasks, all ended with the socket

    def _later(self, name: str, seconds: float, action: Callable[[], object]) -> None:
        self._stop_timer(name)
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, action)

    def _stop_timer(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        request = json.loads(text or "")
    except (ValueError, RecursionError):
        raise Problem(400, "bad_json", "A message is one JSON object, as text.") from None
    if not isinstance(request, dict):
        raise Problem(400, "bad_json", "A message is one JSON object, as text.")
    return request


def _is_mine(request: dict[str, Any]) -> bool:
    if "scope" in request and (request["scope"] != "mine" or "jobId" in request):
        raise Problem(400, "invalid", '`scope` is "mine", and then there is no `jobId`.')
    return "scope" in request


def _job_id(request: dict[str, Any]) -> uuid.UUID:
    try:
        return uuid.UUID(hex=request["jobId"])
    except (KeyError, ValueError, AttributeError, TypeError):
        raise Problem(400, "invalid", "`jobId` is the id of a job.") from None


def _since(request: dict[str, Any]) -> int | None:
    since = request.get("since")
    if since is None or (isinstance(since, int) and not isinstance(since, bool) and 0 <= since < 2**31):
        return since
    raise Problem(400, "invalid", "`since` is the last `seq` that you have seen.")


def _unavailable(detail: str) -> Problem:
    return Problem(503, "unavailable", f"{detail} Try again shortly.")
