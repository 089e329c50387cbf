"""What may enter, decided from the headers, before a byte of the body is read.

An ASGI layer around Django, which would spool any body of anybody to disk first. What is refused goes on to
Django with an empty body and the reason in the scope, so that the answer is the view's own, with its envelope
and its CORS headers. Bodies without a length are counted while they come, and cut.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest
from django.http.cookie import parse_cookie

from jobs import viewer
from jobs.authentication import AuthenticationError, AuthenticationUnavailable, Principal, authenticate_token
from jobs.history import in_database
from jobs.problems import Problem
from uploads import conf, receiving
from uploads.resumable import appending

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PROBLEM: Final = "uploads.problem"
_TUS: Final = re.compile(r"/api/uploads(?:/[0-9a-f-]{36})?")
_BOUNDARY: Final = re.compile(rb'boundary="?([^";,]{1,200})"?', re.IGNORECASE)


@dataclass(frozen=True)
class Route:
    """A route that takes files: the largest body it reads, in bytes, and whether that is a multipart form."""

    limit: Callable[[], int]
    form: bool = True


_ROUTES: Final = {
    "/api/documents/async-upload": Route(conf.max_request_bytes),
    "/api/candidates/resume-process": Route(lambda: conf.max_document_bytes() + conf.FORM_OVERHEAD),
    "/api/upload/video-intro": Route(lambda: conf.max_video_bytes() + conf.FORM_OVERHEAD),
    "/api/papers": Route(lambda: conf.max_document_bytes() + conf.FORM_OVERHEAD),
}


def problem_of(request: HttpRequest) -> Problem | None:
    """Why this request's body was not read, or not to its end."""
    found: Problem | None = getattr(request, "scope", {}).get(PROBLEM)
    return found


class UploadGate:
    """Stands before the application for the routes that take files."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("POST", "PATCH"):
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if _TUS.fullmatch(path):
            await self._resumable(scope, receive, send)
        elif path in _ROUTES and scope["method"] == "POST":
            await self._form(_ROUTES[path], scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _form(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > route.limit():
            await self._refuse(receiving.too_large(route.limit()), scope, receive, send)
            return
        try:
            caller = await principal(scope)
        except Problem as problem:
            await self._refuse(problem, scope, receive, send)
            return
        if caller is None:
            await self._refuse(None, scope, receive, send)
            return
        body, answered = Counted(scope, receive, route.limit()), False

        async def answering(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self.app(scope, body, answering)
        except OSError as error:
            # Django spools the body to disk before any view sees the request: a full disk is no view's yet.
            if answered or not receiving.is_no_room(error):
                raise
            await body.drain()
            await self._refuse(receiving.storage_problem(error), scope, receive, send)

    async def _resumable(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller = await principal(scope)
        except Problem as problem:
            await self._refuse(problem, scope, receive, send)
            return
        if caller is None:
            await self._refuse(None, scope, receive, send)
            return
        try:
            received = await appending.receive_body(scope, receive, caller.user)
        except Problem as problem:
            await self._refuse(problem, scope, receive, send)
            return
        if received is not None:
            scope[appending.RECEIVED] = received
            await self.app(scope, _after(receive), send)

    async def _refuse(self, problem: Problem | None, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the view answer, without a body. The connection ends, because the body stays unread."""
        if problem is not None:
            scope[PROBLEM] = problem

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in (b"content-length",)]
        await self.app(scope, _after(receive), closing)


class Counted:
    """A body that ends early, with the reason in the scope, when it grows over `limit` or was cut short."""

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        self.scope = scope
        self.receive = receive
        self.limit = limit
        self.count = 0
        self.tail = b""
        self.over = False
        self.more = True
        headers = dict(scope["headers"])
        self.declared = b"content-length" in headers
        boundary = _BOUNDARY.search(headers.get(b"content-type", b""))
        self.closing = b"--" + boundary[1] + b"--" if boundary else b""

    async def __call__(self) -> Message:
        message = await self._next()
        while self.over and message["type"] != "http.disconnect":
            message = await self._next()
        if message["type"] != "http.request":
            return message
        body = message.get("body", b"")
        self.count += len(body)
        if self.count > self.limit:
            return self.end(receiving.too_large(self.limit))
        self.tail = (self.tail + body[-400:])[-400:]
        if not message.get("more_body", False) and self.closing and self.closing not in self.tail:
            return self.end(
                Problem(
                    400, "incomplete_body", "The body ends before its last boundary, so nothing was stored."
                )
            )
        if not message.get("more_body", False) and not self.declared:
            # Django takes a form without a length for an empty one.
            self.scope["headers"] = [*self.scope["headers"], (b"content-length", b"%d" % self.count)]
        return message

    async def _next(self) -> Message:
        message = await self.receive()
        self.more = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Let the rest of the body go by: whoever is still sending would not read an answer."""
        while self.more:
            await self._next()

    def end(self, problem: Problem) -> Message:
        self.scope[PROBLEM] = problem
        self.over = True
        return {"type": "http.request", "body": b"", "more_body": False}


def _after(receive: Receive) -> Receive:
    """A request without a body; then whatever the server says of the connection."""
    sent = False

    async def wrapped() -> Message:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return message

    return wrapped


async def principal(scope: Scope) -> Principal | None:
    """Who is calling, by the same proofs that the views ask for; None: nobody that we know.

    Raises Problem where the view, without looking, would answer something else.
    """
    headers = dict(scope["headers"])
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    try:
        if scheme.lower() == "bearer":
            caller = await in_database(authenticate_token, token.strip())
            return None if caller.job_id is not None else caller
        cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
        session = cookies.get(settings.SESSION_COOKIE_NAME)
        return (await in_database(viewer.by_session, session)).principal if session else None
    except AuthenticationUnavailable as error:
        raise Problem(503, "keys_unavailable", error.message, headers={"Retry-After": "5"}) from None
    except AuthenticationError:
        return None
    except DatabaseError:
        raise Problem(
            503,
            "database_unavailable",
            "The database can not be reached, so nothing was stored. Send the request again shortly.",
            headers={"Retry-After": "5"},
        ) from None
