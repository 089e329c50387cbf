"""Each named check: silent when all is well, and naming variable and remedy when it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.core.checks import CheckMessage, run_checks
from django.utils import timezone

from jobs import checks, identity, registry
from jobs.models import WorkerState

PLAIN = (
    checks.check_servers,
    checks.check_secrets,
    checks.check_directories,
    checks.check_pools,
    checks.check_limits,
    checks.check_redis,
    checks.check_shared_secrets,
)


@pytest.fixture(autouse=True)
def good(settings: Any, tmp_path: Path) -> Any:
    """A configuration in which nothing is wrong."""
    settings.DATA_DIR = tmp_path
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.FILE_UPLOAD_TEMP_DIR = None
    settings.SECRET_KEY = "s" * 40
    settings.JWT_SECRET = "j" * 40
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    settings.REDIS_URL = ""
    settings.JOB_CONCURRENCY = ""
    return settings


def only(found: list[CheckMessage], number: str, *words: str) -> None:
    """There is exactly this finding; its text has these words and its hint is not empty."""
    assert [message.id for message in found] == [f"millrace.{number}"]
    text = f"{found[0].msg} {found[0].hint}"
    assert found[0].hint
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize("check", PLAIN, ids=lambda check: check.__name__)
def test_a_good_configuration_is_silent(check: Callable[[], list[CheckMessage]]) -> None:
    assert check() == []


def test_a_database_address_that_is_none_is_refused_with_the_remedy() -> None:
    environment = {**os.environ, "DATABASE_URL": "postgre://db/millrace"}
    run = subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        env=environment, cwd=site_settings.BASE_DIR, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode != 0
    assert "DATABASE_URL" in run.stderr.splitlines()[-1]
    assert "postgresql://" in run.stderr.splitlines()[-1]


def test_the_checks_are_registered_and_run_with_the_others() -> None:
    assert [message for message in run_checks(tags=[checks.MILLRACE]) if message.is_serious()] == []


def test_a_database_that_is_not_supported_is_named(good: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(good.DATABASES["default"], "ENGINE", "django.db.backends.mysql")
    only(checks.check_servers(), "E001", "DATABASE_URL", "mysql", "postgresql://")


@pytest.mark.parametrize("url", ["http://cache:6379", "localhost:6379", "amqp://mq"])
def test_an_address_that_is_no_redis_is_named(url: str, good: Any) -> None:
    good.REDIS_URL = url
    only(checks.check_servers(), "E002", "REDIS_URL", "redis://host:6379/0")


@pytest.mark.parametrize("hosts", [["*"], ["localhost", "jobs.example.org"], [".example.org"]])
def test_debug_on_a_public_host_is_an_error(hosts: list[str], good: Any) -> None:
    good.DEBUG = True
    good.ALLOWED_HOSTS = hosts
    only(checks.check_secrets(), "E003", "DEBUG", "ALLOWED_HOSTS")


def test_debug_at_home_is_fine(good: Any) -> None:
    good.DEBUG = True
    assert checks.check_secrets() == []


@pytest.mark.parametrize("name", ["SECRET_KEY", "JWT_SECRET"])
def test_a_short_secret_is_an_error(name: str, good: Any) -> None:
    setattr(good, name, "x" * 31)
    only(checks.check_secrets(), "E004", name, "31 bytes", "openssl rand")


def test_one_secret_for_two_purposes_is_an_error(good: Any) -> None:
    good.JWT_SECRET = good.SECRET_KEY
    only(checks.check_secrets(), "E005", "SECRET_KEY", "JWT_SECRET")


@pytest.mark.parametrize(
    ("setting", "variable"),
    [("DATA_DIR", "DATA_DIR"), ("MEDIA_ROOT", "MEDIA_ROOT"), ("FILE_UPLOAD_TEMP_DIR", "UPLOAD_TEMP_DIR")],
)
def test_a_place_that_can_not_be_written_to_is_an_error(
    setting: str, variable: str, good: Any, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    setattr(good, setting, file)
    only(checks.check_directories(), "E006", variable, str(file))


@pytest.mark.parametrize("value", ["document", "document=0", "document=x", "nothing=3", "document=300"])
def test_sizes_of_pools_that_can_not_be_read_are_an_error(value: str, good: Any) -> None:
    good.JOB_CONCURRENCY = value
    only(checks.check_pools(), "E007", "JOB_CONCURRENCY", "document=3,ai=4")


@pytest.fixture
def unserved() -> Iterator[str]:
    @registry.job_handler("checks.unserved", queue="nobody")
    def unserved(context: Any, args: Any) -> None: ...

    yield "checks.unserved"
    registry._handlers.pop("checks.unserved")
    registry._types.pop("checks.unserved")


def test_a_kind_whose_queue_nobody_serves_is_an_error(unserved: str) -> None:
    only(checks.check_pools(), "E009", "nobody", unserved, "enrichment-high")


def test_a_first_delay_above_the_longest_is_an_error(good: Any) -> None:
    good.RETRY_BASE_DELAY, good.RETRY_MAX_DELAY = 700.0, 600.0
    only(checks.check_limits(), "E008", "RETRY_BASE_DELAY=700", "RETRY_MAX_DELAY=600")


def test_a_quota_below_one_file_is_an_error(good: Any) -> None:
    good.QUOTA_STORAGE_MB = 10
    only(checks.check_limits(), "E010", "QUOTA_STORAGE_MB", "MAX_DOCUMENT_MB")


@pytest.mark.parametrize("cycle", [0.1, 0.2, 0.3])
def test_a_guard_cycle_with_which_timeouts_never_fire_is_an_error(cycle: float, good: Any) -> None:
    good.Q_CLUSTER = {**good.Q_CLUSTER, "guard_cycle": cycle}
    only(checks.check_limits(), "E011", "guard_cycle", str(cycle), "0.25")


@pytest.mark.parametrize("cycle", [0.25, 0.5, 1])
def test_a_guard_cycle_that_adds_up_is_fine(cycle: float, good: Any) -> None:
    good.Q_CLUSTER = {**good.Q_CLUSTER, "guard_cycle": cycle}
    assert checks.check_limits() == []


def worker(host: str, seconds_ago: float = 0) -> None:
    WorkerState.objects.create(
        id=f"{host}:1:1", host=host, pid=1, cluster_pid=1, pool="all",
        heartbeat_at=timezone.now() - timedelta(seconds=seconds_ago),
    )  # fmt: skip


@pytest.mark.django_db
def test_workers_of_two_hosts_on_one_sqlite_file_are_an_error() -> None:
    from django.db import connection

    worker(identity.host())
    assert checks.check_hosts(databases=["default"]) == []
    worker("long-gone", seconds_ago=600)
    assert checks.check_hosts(databases=["default"]) == []
    worker("other-host")
    found = checks.check_hosts(databases=["default"])
    if connection.vendor == "sqlite":
        only(found, "E012", "other-host", "DATABASE_URL", "PostgreSQL")
    else:
        assert found == []


def test_a_redis_that_does_not_answer_is_an_error_when_deploying(good: Any) -> None:
    good.REDIS_URL = "redis://127.0.0.1:1/0"
    only(checks.check_redis(), "E013", "REDIS_URL")


@pytest.mark.parametrize(("version", "fine"), [("6.2.14", False), ("7.0.15", True), ("10.0.0", True)])
def test_a_redis_without_bzmpop_is_an_error(
    version: str, fine: bool, good: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    good.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr("redis.Redis.info", lambda *args: {"redis_version": version})
    if fine:
        assert checks.check_redis() == []
    else:
        only(checks.check_redis(), "E014", "6.2.14", "Redis 7")


@pytest.mark.redis
def test_a_real_redis_is_asked(good: Any, redis_url: str) -> None:
    good.REDIS_URL = redis_url
    assert checks.check_redis() == []


def test_secrets_kept_by_one_of_several_hosts_are_a_warning(good: Any, tmp_path: Path) -> None:
    (tmp_path / "jwt_secret").write_text(good.JWT_SECRET)
    good.EMBEDDED = True
    assert checks.check_shared_secrets() == []
    good.EMBEDDED = False
    only(checks.check_shared_secrets(), "W001", "JWT_SECRET", "every host")
