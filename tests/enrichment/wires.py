"""Both vendors' wire formats, spoken by a server on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from enrichment.providers.anthropic import AnthropicProvider
from enrichment.providers.model import ModelProvider
from enrichment.providers.openai import OpenAIProvider

KEY = "sk-canary-4f1c9e"
PROVIDERS: dict[str, tuple[type[ModelProvider], str, str]] = {
    "openai": (OpenAIProvider, "/v1", "/v1/chat/completions"),
    "anthropic": (AnthropicProvider, "", "/v1/messages"),
}


def make(name: str, base: str, **options: Any) -> ModelProvider:
    kind, prefix, _ = PROVIDERS[name]
    return kind(KEY, base_url=base.rstrip("/") + prefix, **{"timeout": 5.0, **options})


def path(name: str) -> str:
    return PROVIDERS[name][2]


def success(name: str, text: str) -> Response:
    if name == "openai":
        body: dict[str, Any] = {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-5.4-mini-2026-03-17",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            ],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }
    else:
        body = {
            "id": "m1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-5-5",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 100, "output_tokens": 20},
        }
    return Response(json.dumps(body), content_type="application/json")


def failure(name: str, status: int, code: str, headers: dict[str, str] | None = None) -> Response:
    # the vendor's message holds a key and a prompt on purpose: neither may come through
    message = f"Incorrect API key provided: {KEY}. Prompt was: secret résumé"
    error = {"message": message, "type": code, "code": code}
    body = {"error": error} if name == "openai" else {"type": "error", "error": error}
    return Response(json.dumps(body), status=status, headers=headers, content_type="application/json")


def answer_in_turn(server: HTTPServer, name: str, *answers: Response) -> list[Any]:
    """Answer each request with the next of `answers`; return the list that collects the requests' bodies."""
    seen: list[Any] = []
    waiting = list(answers)

    def handle(request: Request) -> Response:
        seen.append({"body": request.get_json(), "headers": dict(request.headers)})
        return waiting.pop(0)

    server.expect_request(path(name), method="POST").respond_with_handler(handle)
    return seen


@contextmanager
def raw_server(serve: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[int]]]:
    """Run a server that treats each connection with `serve`; yield its address and a count of connections."""
    listener = socket.create_server(("127.0.0.1", 0))
    count: list[int] = []

    def loop() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            count.append(1)
            with connection:
                serve(connection)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", count
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
