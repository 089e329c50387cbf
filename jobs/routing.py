"""The WebSocket routes, and what a socket needs of its server."""

from __future__ import annotations

from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from jobs.consumers import JobsConsumer

_jobs: Any = JobsConsumer.as_asgi()

websocket_urlpatterns: list[Any] = [path("ws/jobs", _jobs)]


class WebSockets:
    """The site's sockets; any other path is refused in the handshake."""

    def __init__(self) -> None:
        self._routes: Any = URLRouter([*websocket_urlpatterns, _anything_else])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # uvicorn waits for a slow client also to close it; its transport is the only way to be rid of one.
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        await self._routes({**scope, "abort": getattr(transport, "abort", None)}, receive, send)


async def _nothing_here(scope: Any, receive: Any, send: Any) -> Any:
    await send({"type": "websocket.close", "code": 4404})


_anything_else: Any = re_path(r"", _nothing_here)
