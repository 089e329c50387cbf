"""The brokers under one suite. The database is the run's own: SQLite, or PostgreSQL with DATABASE_URL set."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs import brokers, conf
from jobs.brokers import JobBroker, LedgerBroker, RedisBroker
from tests.faults.servers import RedisServer


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis of our own, to be emptied."""
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(Path(directory) / "redis")
        server.start()
        yield server
        server.end(signal.SIGTERM)


@pytest.fixture(params=["ledger", "redis"])
def make_broker(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settings: Any, transactional_db: None
) -> Callable[[str], JobBroker]:
    """Makes a broker that serves a pool; jobs that are created are put in its line, as in a real site."""
    cls: type[JobBroker] = LedgerBroker
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        server.client.flushall()
        settings.REDIS_URL = server.url
        cls = RedisBroker
    shared = cls(list_key="tests")  # type: ignore[call-arg]
    monkeypatch.setattr(brokers, "job_broker", lambda: shared)

    def make(pool: str) -> JobBroker:
        made = cls(list_key="tests")  # type: ignore[call-arg]
        made.serve(conf.pool(pool))
        return made

    return make
