"""`GET /api/jobs/{id}/events`: the watching contract as an event stream, or as JSON for those who poll.

A browser's EventSource gets the stream, `id:` being the `seq` to resume from; so does whoever does not say
what he accepts. `Accept: application/json`, `?since=` or `?wait=` (up to 30 seconds, for something to happen)
get `{"events", "seq", "status", "progress", "final", "more"}`; ask again with `since` = `seq` until `final`.

Neither holds a thread or a database connection while nothing happens.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import contextmanager
from typing import Any, Final

from asgiref.sync import SyncToAsync
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import viewer
from jobs.authentication import AuthenticationError, AuthenticationUnavailable
from jobs.history import in_database
from jobs.hub import detached, hub
from jobs.problems import Problem, answer, problem_of
from jobs.viewer import Viewer
from jobs.watching import Message, NotVisible, Watch, error_message

HEARTBEAT_SECONDS: Final = 15.0
SEND_SECONDS: Final = 30.0
MAX_WAIT_SECONDS: Final = 30.0
_AGAIN_SECONDS: Final = 1.0


async def job_events(request: HttpRequest, job_id: uuid.UUID) -> HttpResponseBase:
    """The events of one job that the caller may see. 204 tells an EventSource that there will be no more."""
    try:
        if request.method != "GET":
            raise Problem(405, "method_not_allowed", "Only GET.", headers={"Allow": "GET"})
        caller = await _viewer(request)
        found = (await hub().news.get((job_id, 2**31 - 1))) if caller else None
        if found is None or not caller.principal.may_see(found.job):
            raise NotVisible(job_id)
        since, wait = _number(request, "since"), _number(request, "wait")
        if _wants_stream(request):
            resumed = _last_event_id(request)
            if resumed is not None and found.end and found.end.seq <= resumed:
                return HttpResponse(status=204)
            _let_thread_go()
            return _streaming(
                _stream(caller, job_id, since if resumed is None else resumed), "text/event-stream"
            )
        polled = _poll(caller, job_id, since or 0, min(float(wait or 0), MAX_WAIT_SECONDS))
        if not wait:
            return HttpResponse([piece async for piece in polled], content_type="application/json")
        _let_thread_go()
        return _streaming(polled, "application/json")
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        return answer(problem)


async def _viewer(request: HttpRequest) -> Viewer:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    try:
        if scheme.lower() == "bearer":
            return await in_database(viewer.by_token, token.strip())
        if ticket := request.GET.get("ticket"):
            return await in_database(viewer.by_ticket, ticket)
        if key:
            return await in_database(viewer.by_session, key)
        raise AuthenticationError("Send a bearer token, or a ticket in ?ticket=.")
    except AuthenticationUnavailable as error:
        raise Problem(503, "keys_unavailable", error.message, headers={"Retry-After": "5"}) from None
    except AuthenticationError as error:
        headers = {"WWW-Authenticate": 'Bearer realm="api"'}
        raise Problem(401, "not_authenticated", error.message, headers=headers) from None


def _wants_stream(request: HttpRequest) -> bool:
    accept = request.headers.get("Accept", "")
    if "text/event-stream" in accept:
        return True
    return not ("application/json" in accept or "since" in request.GET or "wait" in request.GET)


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Problem(400, "invalid", f"`{name}` is a whole number.", errors={name: ["A whole number."]})
    return int(text)


def _last_event_id(request: HttpRequest) -> int | None:
    text = request.headers.get("Last-Event-ID", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _streaming(content: AsyncGenerator[bytes, None], content_type: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(_Pieces(content), content_type=content_type)
    response["Cache-Control"] = "no-cache, no-transform"
    response["Vary"] = "Accept, Authorization, Cookie"
    response["X-Accel-Buffering"] = "no"
    return response


class _Pieces:
    """A body that ends with its response: when the client goes, Django just drops an asynchronous one."""

    def __init__(self, content: AsyncGenerator[bytes, None]) -> None:
        self._content = content
        self._loop = asyncio.get_running_loop()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._content

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: detached(self._end()))

    async def _end(self) -> None:
        await self._content.aclose()


def _let_thread_go() -> None:
    """End the thread synchronous middleware ran in: Django would keep it until the response ends."""
    context = SyncToAsync.thread_sensitive_context.get(None)
    thread = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if thread:
        thread.shutdown(wait=False)


class _Described(APIView):
    """What the OpenAPI document says of `job_events`, which is no view of the REST framework."""

    @extend_schema(
        operation_id="job_events",
        tags=["Jobs"],
        summary="Watch one job: as an event stream, or poll for its events",
        parameters=[
            OpenApiParameter("since", int, description="The last `seq` you have seen; answers JSON"),
            OpenApiParameter("wait", int, description="Answer JSON, after up to 30 s if nothing is new"),
            OpenApiParameter("ticket", str, description="Instead of a bearer token, once"),
            OpenApiParameter("Last-Event-ID", int, OpenApiParameter.HEADER),
        ],
        responses={
            (200, "text/event-stream"): OpenApiTypes.STR,
            (200, "application/json"): OpenApiTypes.OBJECT,
            204: OpenApiResponse(description="The job has ended, and its last event was seen"),
        },
    )
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        raise NotImplementedError


job_events.cls = _Described  # type: ignore[attr-defined]
job_events.initkwargs = {}  # type: ignore[attr-defined]


# the stream


async def _stream(caller: Viewer, job_id: uuid.UUID, since: int | None) -> AsyncGenerator[bytes, None]:
    awake, home, loop = asyncio.Event(), hub(), asyncio.get_running_loop()
    session = object()
    watch = Watch(home, caller.principal, job_id, since=since, on_wake=lambda _: awake.set())
    home.enter(session, awake.set)
    checked_at, heartbeat_at = loop.time() + caller.next_check(), loop.time() + HEARTBEAT_SECONDS
    try:
        with _time_limit():
            yield b"retry: 2000\n\n"
        while True:
            awake.clear()
            for message in await _news(watch, awake):
                with _time_limit():
                    yield _event(message)
                heartbeat_at = loop.time() + HEARTBEAT_SECONDS
            if watch.ended:
                return
            if home.closing:
                wait = random.randint(500, 3000)
                yield f"retry: {wait}\n".encode() + _event({"type": "reconnect", "retryMs": wait})
                return
            if loop.time() >= checked_at:
                if not await caller.check():
                    problem = Problem(401, "not_authenticated", "Your right to look has ended.")
                    yield _event(error_message(problem, job_id))
                    return
                watch.principal = caller.principal
                checked_at = loop.time() + caller.next_check()
            if loop.time() >= heartbeat_at:
                with _time_limit():
                    yield b": still here\n\n"
                heartbeat_at = loop.time() + HEARTBEAT_SECONDS
            await _wait(awake, min(checked_at, heartbeat_at) - loop.time())
    except NotVisible as problem:
        yield _event(error_message(problem, job_id))
    finally:
        home.leave(session)
        watch.stop()


async def _news(watch: Watch, awake: asyncio.Event) -> list[Message]:
    try:
        return await watch.news()
    except DatabaseError:
        asyncio.get_running_loop().call_later(_AGAIN_SECONDS, awake.set)
        return []


async def _wait(awake: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await awake.wait()
    except TimeoutError:
        pass


@contextmanager
def _time_limit() -> Any:
    """While a piece is with the server: a client that does not take it in time is cut off."""
    task = asyncio.current_task()
    assert task is not None
    limit = asyncio.get_running_loop().call_later(SEND_SECONDS, task.cancel)
    try:
        yield
    finally:
        limit.cancel()


def _event(message: Message) -> bytes:
    name = f"id: {message['seq']}\n" if "seq" in message else ""
    return f"{name}event: {message['type']}\ndata: {_json(message)}\n\n".encode()


# the poll


async def _poll(caller: Viewer, job_id: uuid.UUID, since: int, wait: float) -> AsyncGenerator[bytes, None]:
    """One piece, after something new or `wait` seconds: a view that waits would hold a thread."""
    awake, home, loop = asyncio.Event(), hub(), asyncio.get_running_loop()
    session, deadline = object(), asyncio.get_running_loop().time() + wait
    watch = Watch(home, caller.principal, job_id, since=since, snapshot=False, on_wake=lambda _: awake.set())
    home.enter(session, awake.set)
    try:
        messages, first = await watch.news(), True
        while not home.closing and loop.time() < deadline and not watch.ended:
            if any("seq" in message for message in messages) or (messages and not first):
                break
            await _wait(awake, deadline - loop.time())
            awake.clear()
            messages, first = await _news(watch, awake), False
        events = [message for message in messages if message.get("seq", 0) > since]
        body = {
            "events": events,
            "seq": watch.seq,
            "status": watch.status,
            "progress": watch.progress,
            "final": watch.ended,
            "more": watch.has_more,
        }
        yield _json(body).encode()
    except NotVisible as problem:
        yield _json(problem.body()).encode()
    finally:
        home.leave(session)
        watch.stop()


def _json(content: Any) -> str:
    return json.dumps(content, cls=DjangoJSONEncoder, separators=(",", ":"))
