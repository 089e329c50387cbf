"""The servers some tests talk to. Without them those tests skip with the reason; where they are promised
(CI=true or REQUIRE_SERVICES=1) a missing one is a failure, so that nothing is skipped unseen.

`@pytest.mark.redis` and `@pytest.mark.postgres` say what a test needs; the fixture `redis_url` says where
Redis is. Which database the tests use is DATABASE_URL, as everywhere.
"""

from __future__ import annotations

import os
from functools import cache

import pytest
import redis

REQUIRED = any(
    os.environ.get(name, "").lower() in {"1", "true", "yes"} for name in ("CI", "REQUIRE_SERVICES")
)
REDIS_URL = os.environ.get("TEST_REDIS_URL") or os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/15"


ONLY_POSTGRES = "runs where DATABASE_URL names a PostgreSQL server"


@cache
def redis_problem() -> str:
    """Why Redis can not be used, or an empty string."""
    client = redis.Redis.from_url(REDIS_URL, socket_connect_timeout=1, socket_timeout=2)
    try:
        version = str(client.info("server")["redis_version"])
    except redis.RedisError as error:
        return f"no Redis answers at {REDIS_URL}: {error}"
    finally:
        client.close()
    return "" if int(version.split(".")[0]) >= 7 else f"Redis {version} is too old: 7 or newer is needed"


def postgres_problem() -> str:
    """Why tests of PostgreSQL can not run here, or an empty string."""
    from django.db import connection

    return "" if connection.vendor == "postgresql" else ONLY_POSTGRES


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-only",
        action="store_true",
        help="only tests that use the database: the others say the same again",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--database-only"):
        return
    kept = [item for item in items if _uses_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if not _uses_database(item)])
    items[:] = kept


def _uses_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or bool(fixtures & {"db", "transactional_db"})


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "redis: talks to a Redis server")
    config.addinivalue_line("markers", "postgres: runs only on PostgreSQL")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("redis"):
        _missing(redis_problem(), REQUIRED)
    # Never a failure: the run on SQLite has none of them, and the run on PostgreSQL has them all.
    if item.get_closest_marker("postgres"):
        _missing(postgres_problem(), False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is promised, a skipped test is a failed one, whatever it skipped for."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not REQUIRED or reporter is None:
        return
    skipped = [
        report for report in reporter.stats.get("skipped", []) if ONLY_POSTGRES not in str(report.longrepr)
    ]
    for report in skipped:
        reporter.write_line(f"\nskipped, though nothing may be missing here: {report.nodeid}", red=True)
    if skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def redis_url() -> str:
    """A Redis that tests may write to; its keys should carry a prefix of the test's own."""
    _missing(redis_problem(), REQUIRED)
    return REDIS_URL


def _missing(problem: str, required: bool) -> None:
    if problem and required:
        pytest.fail(problem, pytrace=False)
    if problem:
        pytest.skip(problem)
