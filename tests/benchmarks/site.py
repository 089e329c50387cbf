"""What a benchmark runs against: own PostgreSQL and Redis, real worker and web processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.faults.servers import PostgresServer, RedisServer, missing

ROOT = Path(__file__).resolve().parents[2]


class Site:
    """Environment and processes of one benchmark. `production` False is the embedded default on SQLite."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self.environment = {
            **{k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")},
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "PYTHONPATH": str(ROOT),
            "DATA_DIR": str(directory / "data"),
            "QUOTA_UNFINISHED_JOBS": "10000000",
            "LOG_LEVEL": "ERROR",
            **environment,
        }

    def run(self, *command: str, **environment: str) -> str:
        """Run a Python command to its end; returns what it printed. Raises CalledProcessError."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env={**self.environment, **environment},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout

    @contextmanager
    def process(self, *command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """A Python process that lives as long as the block, then gets SIGTERM and 40 s."""
        with open(self.directory / "processes.log", "ab") as log:
            started = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env={**self.environment, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield started
        finally:
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(40)
            except subprocess.TimeoutExpired:
                os.killpg(started.pid, signal.SIGKILL)

    def migrate(self) -> None:
        self.run("manage.py", "migrate", "-v0")
        if "REDIS_URL" not in self.environment:
            self.run("manage.py", "migrate", "-v0", "--database", "channels")


@contextmanager
def site(*, production: bool) -> Iterator[Site]:
    """A migrated site. Raises RuntimeError, naming what to install, when production's servers are missing."""
    if production and missing():
        raise RuntimeError(missing())
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as name, ExitStack() as stack:
        directory = Path(name)
        directory.chmod(0o755)
        environment: dict[str, str] = {}
        if production:
            postgres, redis = PostgresServer(directory / "postgres"), RedisServer(directory / "redis")
            postgres.make(lambda server: None)
            for server in (postgres, redis):
                server.start()
                stack.callback(server.end, signal.SIGINT)
            environment = {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
        made = Site(directory, environment)
        made.migrate()
        yield made
