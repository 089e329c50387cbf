"""A real web process, and the client that counts what it has answered."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jwt

from tests.faults.processes import ROOT
from tests.faults.servers import free_port
from tests.faults.waiting import wait

USER = "faults"


class Refused(Exception):
    """No 2xx came: `status` is what did, 0 for nothing at all."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status


def token(secret: str) -> str:
    return jwt.encode({"userId": USER}, secret, algorithm="HS256")


class Client:
    """One HTTP connection of one user. Each method sends a request; Refused is raised for all but 2xx."""

    def __init__(self, port: int, bearer: str) -> None:
        self.port = port
        self.bearer = bearer
        self.slowest = 0.0
        self._used = 0.0
        self._connection: http.client.HTTPConnection | None = None

    def create(self, kind: str, **body: Any) -> str:
        """The id of the job that was accepted."""
        begun = time.monotonic()
        reply = self._accepted("POST", "/api/jobs", {"type": kind, **body})
        self.slowest = max(self.slowest, time.monotonic() - begun)
        return str(reply["jobId"])

    def cancel(self, job: str) -> str:
        """The state it has then."""
        return str(self._accepted("POST", f"/api/jobs/{job}/cancel")["status"])

    def retry(self, job: str) -> str:
        """The state it has then."""
        return str(self._accepted("POST", f"/api/jobs/{job}/retry")["status"])

    def upload(self, content: bytes, name: str) -> tuple[int, bytes]:
        """Send a document, as a browser does; returns the status and the answer."""
        boundary = "a-boundary-of-the-fault-suite"
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return self._request(
            "POST", "/api/documents/async-upload", body, f"multipart/form-data; boundary={boundary}"
        )

    def lives(self) -> bool:
        try:
            return self._request("GET", "/livez")[0] == 200
        except Refused:
            return False

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _accepted(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        status, reply = self._request(method, path, body)
        if not 200 <= status < 300:
            raise Refused(status, reply[:300].decode(errors="replace"))
        parsed: dict[str, Any] = json.loads(reply)
        return parsed

    def _request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self.bearer}", "Content-Type": content_type}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body)
        if time.monotonic() - self._used > 2:
            self.close()  # the server may be closing an idle one at this very moment
        self._used = time.monotonic()
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Refused(0, repr(error)) from None


class Web(Client):
    """A web process, `uvicorn config.asgi:application`, and its first client."""

    def __init__(self, environment: dict[str, str], log: Path, port: int = 0) -> None:
        super().__init__(port or free_port(), token(environment["JWT_SECRET"]))
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(self.port)),
                    *("--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", "10"),
                ],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def ready(self) -> None:
        def lives() -> bool:
            assert self.process.poll() is None, "the web process ended at its start"
            return self.lives()

        wait(lives, 60, "the web process to answer")

    def another_client(self) -> Client:
        return Client(self.port, self.bearer)

    def end(self) -> None:
        self.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
