"""What may enter, decided from the headers, before a byte of the body is read.

An ASGI layer around Django, which would spool any body of anybody to disk first. What is refused goes on to
Django with an empty body and the reason in the scope, so that the answer is the view's own, with its envelope
and its CORS headers. Bodies without a length are counted while they come, and cut.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.http.cookie import parse_cookie

from jobs import viewer
from jobs.authentication import AuthenticationError, AuthenticationUnavailable, Principal, authenticate_token
from jobs.history import in_database
from jobs.problems import Problem
from uploads import conf, staging
from uploads.conf import Route
from uploads.refusals import PROBLEM, too_large
from uploads.resumable import appending
from uploads.staging import Form

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_TUS: Final = re.compile(r"/api/uploads(?:/[0-9a-f-]{36})?")


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
        elif path in conf.ROUTES and scope["method"] == "POST":
            await self._body(conf.ROUTES[path], scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _body(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        # What is no form is JSON, which is read into memory.
        is_form = staging.is_form(content_type)
        limit = route.max_request_bytes if is_form else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        declared = headers.get(b"content-length", b"")
        try:
            if declared.isdigit() and int(declared) > limit:
                raise too_large(limit)
            caller = await principal(scope)
            form = Form(content_type, route) if is_form and caller is not None else None
        except Problem as problem:
            await self._refuse(problem, scope, receive, send)
            return
        if caller is None:
            await self._refuse(None, scope, receive, send)
        elif form is None:
            await self.app(scope, Counted(scope, receive, limit), send)
        else:
            await self._form(form, Counted(scope, receive, limit), scope, send)

    async def _form(self, form: Form, body: Counted, scope: Scope, send: Send) -> None:
        """Have the form's files on disk before the application sees the request."""
        try:
            if not await staging.read(form, body):
                return
            if PROBLEM not in scope:
                try:
                    form.finish()
                except Problem as problem:
                    scope[PROBLEM] = problem
            scope[staging.STAGED] = form
            await self.app(scope, _after(body), send)
        finally:
            await asyncio.to_thread(form.close)

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
    """A body that ends early, with the reason in the scope, when it grows over `limit` bytes."""

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        self.scope = scope
        self.receive = receive
        self.limit = limit
        self.count = 0
        self.over = False
        self.declared = b"content-length" in dict(scope["headers"])

    async def __call__(self) -> Message:
        message = await self.receive()
        while self.over and message["type"] != "http.disconnect":
            message = await self.receive()
        if message["type"] != "http.request":
            return message
        self.count += len(message.get("body", b""))
        if self.count > self.limit:
            self.scope[PROBLEM] = too_large(self.limit)
            self.over = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if not message.get("more_body", False) and not self.declared:
            # A request without a length has no body, for those who come after.
            self.scope["headers"] = [*self.scope["headers"], (b"content-length", b"%d" % self.count)]
        return message


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
