"""Following one job as any client would: over the WebSocket, and by polling where that does not work."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

ENDED: Final = ("completed", "failed", "cancelled")
POLL_SECONDS: Final = 0.5
QUIET_SECONDS: Final = 20
RECONNECTS: Final = 3


@dataclass(frozen=True)
class Update:
    """What is known of the job now. `over`: how it was learnt; `job`: the API's job, once it has ended."""

    percent: float
    stage: str
    message: str
    current: int | None
    total: int | None
    status: str
    over: str
    job: dict[str, Any] | None = None


def follow(client: httpx.Client, url: str, token: str, job_id: str) -> Iterator[Update]:
    """Updates until the job has ended; the last has `job`. Raises httpx.HTTPError when polling fails too."""
    try:
        yield from _by_socket(url, token, job_id)
    except (OSError, WebSocketException, TimeoutError, _Unusable):
        yield from _by_polling(client, job_id)


class _Unusable(Exception):
    """The socket answers, but not with what a watcher needs."""


class _Story:
    """Puts messages together: each carries only what has changed."""

    def __init__(self) -> None:
        self.seq = 0
        self.status = "queued"
        self.progress: dict[str, Any] = {}
        self.newest = (0, 0)

    def tell(self, message: dict[str, Any]) -> Update | None:
        """The update a message makes; None when it is not news (older progress, or a kind we do not show)."""
        kind = message.get("type")
        self.seq = max(self.seq, message.get("seq") or 0)
        if kind == "progress":
            counter = (message.get("attempt") or 0, message.get("counter") or 0)
            if counter < self.newest:
                return None
            self.newest = counter
            self.progress = message.get("progress") or {}
        elif kind == "snapshot":
            self.status = message["job"]["status"]
            self.progress = message["job"].get("progress") or {}
        elif kind == "state":
            self.status = message.get("status") or self.status
        elif kind != "stage":
            return None
        # A snapshot of an ended job is followed by its last event, which is the one to trust.
        ended = message.get("job") if kind == "state" and self.status in ENDED else None
        return _update(self.progress, self.status, "WebSocket", ended)


def _by_socket(url: str, token: str, job_id: str) -> Iterator[Update]:
    story = _Story()
    for attempt in range(RECONNECTS):
        try:
            with connect(f"ws{url.removeprefix('http')}/ws/jobs", open_timeout=10, max_size=2**23) as socket:
                socket.send(json.dumps({"action": "authenticate", "token": token}))
                socket.send(json.dumps({"action": "subscribe", "jobId": job_id, "since": story.seq}))
                for message in _messages(socket):
                    if message.get("type") == "error":
                        raise _Unusable(str(message))
                    if message.get("type") == "reconnect":
                        break
                    update = story.tell(message)
                    if update:
                        yield update
                    if update and update.job:
                        return
        except (WebSocketException, OSError):
            if attempt == RECONNECTS - 1:
                raise
            time.sleep(POLL_SECONDS)
    raise _Unusable("the job's end was not told")


def _messages(socket: ClientConnection) -> Iterator[dict[str, Any]]:
    while True:
        message = json.loads(socket.recv(timeout=QUIET_SECONDS))
        if isinstance(message, dict):
            yield message


def _by_polling(client: httpx.Client, job_id: str) -> Iterator[Update]:
    while True:
        response = client.get(f"/api/jobs/{job_id}")
        if response.status_code not in {429, 503}:  # both pass, and neither says anything about the job
            job = response.raise_for_status().json()
            ended = job if job["status"] in ENDED else None
            yield _update(job.get("progress") or {}, job["status"], "polling", ended)
            if ended:
                return
        time.sleep(POLL_SECONDS)


def _update(progress: dict[str, Any], status: str, over: str, job: dict[str, Any] | None) -> Update:
    return Update(
        percent=100.0 if status == "completed" else float(progress.get("percent") or 0),
        stage=progress.get("stage") or "",
        message=progress.get("message") or "",
        current=progress.get("current"),
        total=progress.get("total"),
        status=status,
        over=over,
        job=job,
    )
