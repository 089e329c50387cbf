"""Redis and PostgreSQL for one check each: own processes on free ports, to be hurt."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import psycopg
import redis

from tests.faults.waiting import wait

_given: set[int] = set()


def free_port() -> int:
    """A port above 20000 nobody listens on; below the range from which the kernel takes ports for clients."""
    for port in range(20_000 + os.getpid() % 8_000, 32_000):
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise RuntimeError("no free port between 20000 and 32000")


@cache
def postgres_binaries() -> Path | None:
    """The folder of the newest PostgreSQL server installed, or None."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"),
        key=lambda path: float(path.parts[-3]),
        reverse=True,
    )
    path = str(found[0]) if found else shutil.which("postgres")
    return Path(path).resolve().parent if path else None


@cache
def missing() -> str:
    """Which server's programs are not installed here, or an empty string."""
    lacks = []
    if not shutil.which("redis-server"):
        lacks.append("redis-server")
    if postgres_binaries() is None:
        lacks.append("postgres (a server package such as postgresql-15)")
    return f"not installed: {', '.join(lacks)}" if lacks else ""


class Server:
    """A server process that can be hurt. `start` returns when it answers."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        with open(self.directory.parent / f"{self.directory.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        wait(self.answers, 30, f"{type(self).__name__} to answer on port {self.port}")

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def end(self, number: int) -> None:
        """Send a signal that ends it, and wait until it is gone."""
        if self.process and self.process.poll() is None:
            self.signal(number)
            self.process.wait(30)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)


class RedisServer(Server):
    """Redis without persistence: what a kill leaves is nothing."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=2, socket_connect_timeout=2)

    def command(self) -> list[str]:
        self.directory.mkdir(exist_ok=True)
        return [
            *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", str(self.directory)),
        ]

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


class PostgresServer(Server):
    """PostgreSQL with its defaults, fsync included. It refuses to run as root: then it runs as `postgres`."""

    database = "millrace"

    def __init__(self, directory: Path, binaries: Path | None = None) -> None:
        super().__init__(directory)
        self.binaries = binaries or postgres_binaries()

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{self.database}"

    def connect(self, database: str = "") -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            dbname=database or self.database,
            autocommit=True,
            connect_timeout=3,
        )

    def command(self) -> list[str]:
        return [
            *_as_postgres(self._program("postgres")),
            *("-D", str(self.directory), "-p", str(self.port), "-h", "127.0.0.1", "-k", ""),
        ]

    def answers(self) -> bool:
        try:
            self.connect("postgres").close()
        except psycopg.Error:
            return False
        return True

    def make(self, prepare: Callable[[PostgresServer], None]) -> None:
        """Make a new, empty cluster and database, let `prepare` fill it, and stop the server again."""
        self.directory.mkdir()
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.directory, account.pw_uid, account.pw_gid)
        subprocess.run(
            [
                *_as_postgres(self._program("initdb")),
                "-D",
                str(self.directory),
                "-U",
                "postgres",
                "-A",
                "trust",
            ],
            check=True,
            capture_output=True,
        )
        try:
            self.start()
            with self.connect("postgres") as connection:
                connection.execute(f"CREATE DATABASE {self.database}")
            prepare(self)
        finally:
            self.end(signal.SIGINT)

    def restart_immediately(self) -> None:
        """What a crash of the machine is to PostgreSQL: no checkpoint, no goodbye."""
        self.end(signal.SIGQUIT)
        self.start()

    def end_sessions(self) -> int:
        """End every session but this one; returns how many."""
        with self.connect("postgres") as connection:
            ended = connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = %s AND pid <> pg_backend_pid()",
                (self.database,),
            ).fetchone()
        return int(ended[0]) if ended else 0

    def _program(self, name: str) -> str:
        assert self.binaries is not None, "ask servers.missing() first"
        return str(self.binaries / name)


def _as_postgres(program: str) -> list[str]:
    if os.geteuid() != 0:
        return [program]
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--", program]
