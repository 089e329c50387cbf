"""A web process for tests: uvicorn, on a free port, with its own data, ended with the test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0


def wait_for(condition: Callable[[], Any], what: str, seconds: float = START_SECONDS) -> Any:
    """The first true value of `condition`, looked at until the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(command: list[str], port: int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})
    try:
        wait_for(lambda: process.poll() is not None or listens(port), " ".join(command))
        assert process.poll() is None, f"it ended with {process.returncode}: {' '.join(command)}"
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(15)


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis of the test's own. Raises LookupError when there is none to start."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise LookupError("redis-server is not installed")
    port = free_port()
    command = [binary, "--port", str(port), "--save", "", "--appendonly", "no", "--loglevel", "warning"]
    with running(command, port):
        yield f"redis://127.0.0.1:{port}/0"


class Site:
    """A data directory with its databases, and the commands that use it."""

    def __init__(self, data: Path, redis: str = "") -> None:
        self.data = data
        self.environment = {
            "DATA_DIR": str(data),
            "DATABASE_URL": "",
            "REDIS_URL": redis,
            "LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }

    @classmethod
    def new(cls, data: Path) -> Site:
        """An embedded site, its databases made as the product makes them."""
        site = cls(data)
        site.manage("migrate", "--verbosity", "0")
        site.manage("migrate", "--verbosity", "0", "--database", "channels")
        return site

    def copy(self, data: Path, redis: str) -> Site:
        """The same site as it is now, with Redis between its processes."""
        shutil.copytree(self.data, data, dirs_exist_ok=True)
        return Site(data, redis)

    def manage(self, *words: str) -> str:
        command = [sys.executable, "manage.py", *words]
        answer = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **self.environment},
            check=True,
            stdout=subprocess.PIPE,
            timeout=120,
        )
        return answer.stdout.decode()

    @contextmanager
    def served(
        self, port: int, application: str = "config.asgi:application"
    ) -> Iterator[subprocess.Popen[bytes]]:
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            application,
            "--port",
            str(port),
            "--lifespan",
            "off",
            "--log-level",
            "warning",
            "--no-access-log",
            "--timeout-graceful-shutdown",
            "5",
        ]
        with running(command, port, **self.environment) as process:
            yield process

    @contextmanager
    def worker(self, script: str = "tests.jobs.live_worker") -> Iterator[subprocess.Popen[str]]:
        """A process that moves jobs; it answers each line it is told with one line."""
        process = subprocess.Popen(
            [sys.executable, "-m", script],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        try:
            yield process
        finally:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.close()
            process.wait(15)
            process.stdout.close()
