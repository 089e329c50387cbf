"""The demo's own parts: how it puts a job's messages together, and how it prints a result."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from rich.console import Console
from websockets.sync.server import ServerConnection, serve

from monitoring.demo.following import Update, follow
from monitoring.demo.showing import show_document, show_progress

JOB = "0197aa00-0000-7000-8000-000000000001"
DONE = {"jobId": JOB, "status": "completed", "progress": {"percent": 100}, "result": {}}


@contextmanager
def socket_server(*sessions: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that tells one session per connection and closes; what it was asked is kept."""
    asked: list[dict[str, Any]] = []
    left = list(sessions)

    def tell(connection: ServerConnection) -> None:
        asked.extend(json.loads(connection.recv(timeout=5)) for _ in range(2))
        for message in left.pop(0):
            connection.send(json.dumps(message))

    with serve(tell, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def snapshot(seq: int, status: str = "running", percent: float = 0) -> dict[str, Any]:
    return {"type": "snapshot", "seq": seq, "job": {"status": status, "progress": {"percent": percent}}}


def progress(counter: int, percent: float) -> dict[str, Any]:
    return {
        "type": "progress",
        "attempt": 1,
        "counter": counter,
        "progress": {"percent": percent, "stage": "read"},
    }


def end(seq: int) -> dict[str, Any]:
    return {"type": "state", "seq": seq, "status": "completed", "final": True, "job": DONE}


def no_polling() -> httpx.Client:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise AssertionError("it polled")

    return httpx.Client(base_url="http://test", transport=httpx.MockTransport(refuse))


def test_progress_that_is_not_newer_is_dropped() -> None:
    with socket_server([snapshot(1), progress(2, 50), progress(1, 10), progress(3, 70), end(9)]) as (url, _):
        updates = list(follow(no_polling(), url, "token", JOB))
    assert [update.percent for update in updates] == [0, 50, 70, 100]
    assert updates[-1].job == DONE


def test_a_broken_socket_is_opened_again_with_the_last_number_seen() -> None:
    with socket_server([snapshot(4), progress(1, 10)], [snapshot(4), end(9)]) as (url, asked):
        updates = list(follow(no_polling(), url, "secret", JOB))
    assert asked[0] == {"action": "authenticate", "token": "secret"}
    assert [message["since"] for message in asked if message["action"] == "subscribe"] == [0, 4]
    assert updates[-1].over == "WebSocket"


def test_without_a_socket_it_polls_until_the_job_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.demo.following.POLL_SECONDS", 0.0)
    answers = [
        httpx.Response(503),
        httpx.Response(200, json={"status": "running", "progress": {"percent": 40, "stage": "read"}}),
        httpx.Response(200, json=DONE),
    ]
    client = httpx.Client(
        base_url="http://test", transport=httpx.MockTransport(lambda request: answers.pop(0))
    )
    updates = list(follow(client, "http://127.0.0.1:1", "token", JOB))
    assert [(update.percent, update.over) for update in updates] == [(40, "polling"), (100, "polling")]


def test_a_log_file_gets_a_line_for_each_stage_and_not_for_each_page() -> None:
    def update(percent: float, stage: str) -> Update:
        return Update(percent, stage, "", None, None, "running", "WebSocket")

    console = Console(file=io.StringIO(), width=100)
    steps = [*(update(n / 10, "read") for n in range(90)), update(50, "analyse")]
    assert show_progress(console, steps) is steps[-1]
    assert len(console.file.getvalue().splitlines()) == 2  # type: ignore[attr-defined]


def test_a_result_is_printed_with_its_pages_and_its_markup_is_only_text() -> None:
    console = Console(file=io.StringIO(), width=100)
    document = {
        "filename": "a.pdf",
        "pageCount": 13,
        "summary": [{"text": "A summary.", "page": 2}],
        "themes": [{"label": "Retries", "keyphrases": ["backoff"], "pages": [3, 4]}],
        "quotes": [{"text": "[bold]not bold[/bold]", "page": 5}],
        "insights": [],
        "chunks": 21,
        "embeddings": {"engine": "hash-1024-v1", "dimension": 1024},
    }
    show_document(console, DONE, document, 2.5)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for expected in (
        "13 pages", "21 chunks", "hash-1024-v1, 1024 dimensions", "A summary.  (p. 2)",
        "Retries: backoff  (p. 3, 4)", "[bold]not bold[/bold]  (p. 5)",
    ):  # fmt: skip
        assert expected in text
    assert "Insights" not in text
