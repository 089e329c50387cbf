"""What uploads cost a web process: memory with ten 50 MB files at once, time beside a trivial application.

`python -m tests.benchmarks.upload_memory [--servers uvicorn,daphne] [--files 10] [--megabytes 50]`

Memory is the growth of the server's resident set to its peak (VmHWM, reset before the uploads). The trivial
application writes the same bodies to the same disk and syncs them; one upload at a time, the two in turns.
"""

from __future__ import annotations

import argparse
import http.client
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jwt

ROOT = Path(__file__).resolve().parents[2]
SECRET = secrets.token_urlsafe(48)
BOUNDARY = "benchmarkboundary"
ROUNDS = 11
PATH = "/api/documents/async-upload"
_LINE = b"The quick brown fox jumps over the lazy dog, and nobody knows why it does so.\n"


async def trivial(scope: dict, receive, send) -> None:  # type: ignore[no-untyped-def, type-arg]
    """The least an ASGI application can do with a body: write it to disk, and wait until it is there."""
    if scope["type"] != "http":
        return
    with tempfile.NamedTemporaryFile(dir=os.environ["DATA_DIR"]) as file:
        while True:
            message = await receive()
            file.write(message.get("body", b""))
            if not message.get("more_body"):
                break
        file.flush()
        os.fsync(file.fileno())
    await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def served(server: str, application: str, data: Path, **more: str) -> Iterator[tuple[int, int]]:
    """A server of `application` in a process of its own: its pid and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "DATA_DIR": str(data), "JWT_SECRET": SECRET, "LOG_LEVEL": "ERROR", "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "config.settings", "QUOTA_STORAGE_MB": "100000", **more,
    }  # fmt: skip
    command = {
        "uvicorn": [
            "-m",
            "uvicorn",
            application,
            "--port",
            str(port),
            "--log-level",
            "error",
            "--no-access-log",
        ],
        "daphne": ["-m", "daphne", "-p", str(port), "-v", "0", application],
    }[server]
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f"{server} ended") from None
                time.sleep(0.05)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def body_of(megabytes: int) -> tuple[bytes, bytes, bytes]:
    """Head, text and tail of a form with one file that nobody has sent before."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="big.txt"\r\n'
        f"Content-Type: text/plain\r\n\r\n{secrets.token_hex(16)}\n"
    ).encode()
    text = _LINE * (megabytes * 1024 * 1024 // len(_LINE) - 2)
    return head, text, f"\r\n--{BOUNDARY}--\r\n".encode()


def send(port: int, parts: tuple[bytes, bytes, bytes], path: str = PATH) -> tuple[int, float]:
    """Status and seconds of one upload."""
    token = jwt.encode({"userId": "benchmark", "exp": int(time.time()) + 3600}, SECRET, algorithm="HS256")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    began = time.perf_counter()
    connection.putrequest("POST", path)
    connection.putheader("Authorization", f"Bearer {token}")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    connection.putheader("Content-Length", str(sum(map(len, parts))))
    connection.endheaders()
    for part in parts:
        for at in range(0, len(part), 262_144):
            connection.send(part[at : at + 262_144])
    status = connection.getresponse()
    status.read()
    return status.status, time.perf_counter() - began


def resident(pid: int, field: str) -> float:
    """A line of the process's status, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


def measure(server: str, files: int, megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        environment = os.environ | {"DATA_DIR": folder, "JWT_SECRET": SECRET}
        migrate = [sys.executable, "manage.py", "migrate", "-v0"]
        subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
        with served(server, "config.asgi:application", data) as (pid, port):
            send(port, body_of(1))
            bodies = [body_of(megabytes) for _ in range(files)]
            before = resident(pid, "VmRSS")
            Path(f"/proc/{pid}/clear_refs").write_text("5")
            answers: list[tuple[int, float]] = []
            threads = [
                threading.Thread(target=lambda b=body: answers.append(send(port, b))) for body in bodies
            ]
            began = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took = time.perf_counter() - began
            growth = resident(pid, "VmHWM") - before
            statuses = sorted({status for status, _ in answers})
            print(
                f"{server}: {files} × {megabytes} MB at once: +{growth:.0f} MB (from {before:.0f}), "
                f"{took:.1f} s, answers {statuses}"
            )
            del bodies
            with served(server, "tests.benchmarks.upload_memory:trivial", data) as (_, other):
                pairs = [
                    (send(port, body_of(megabytes))[1], send(other, body_of(megabytes))[1])
                    for _ in range(ROUNDS)
                ]
        ours, bare = (statistics.median(times) for times in zip(*pairs, strict=True))
        ratio = statistics.median(mine / its for mine, its in pairs)
        print(
            f"{server}: one file of {megabytes} MB, median of {ROUNDS}: {ours * 1000:.0f} ms; "
            f"trivial application in turns with it: {bare * 1000:.0f} ms; ratio {ratio:.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", default="uvicorn,daphne")
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--megabytes", type=int, default=49)
    options = parser.parse_args()
    for server in options.servers.split(","):
        measure(server, options.files, options.megabytes)


if __name__ == "__main__":
    main()
