"""What is wrong with the configuration, said before anything runs. Each message names variable and remedy.

`manage.py check`, `up` and `qcluster` run the plain ones; `check --deploy` also those that ask other servers;
`migrate` and `check --database default` those that read the database.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections

from jobs import conf, identity, registry
from jobs.models import WorkerState

MILLRACE: Final = "millrace"
MIN_SECRET_BYTES: Final = 32  # RFC 7518: an HS256 key is at least as long as its hash
MIN_REDIS: Final = 7  # BZMPOP
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "::1", "testserver"})
# A worker of a container that was just replaced is not another host.
SEEN_LATELY: Final = timedelta(seconds=30)


@register(MILLRACE)
def check_servers(**kwargs: Any) -> list[CheckMessage]:
    """E001, E002: DATABASE_URL and REDIS_URL name servers that Millrace can use."""
    errors: list[CheckMessage] = []
    engine = settings.DATABASES["default"]["ENGINE"].rsplit(".", 1)[-1]
    if engine not in {"sqlite3", "postgresql"}:
        errors.append(Error(
            f"DATABASE_URL names a database of the kind {engine!r}, which is not supported.",
            hint="Use postgresql://user:password@host:5432/name, or leave it unset for SQLite in DATA_DIR.",
            id="millrace.E001",
        ))  # fmt: skip
    if settings.REDIS_URL and urlsplit(settings.REDIS_URL).scheme not in {"redis", "rediss", "unix"}:
        errors.append(Error(
            "REDIS_URL is not the address of a Redis server.",
            hint="Write redis://host:6379/0, rediss:// for TLS, or leave it unset to do without Redis.",
            id="millrace.E002",
        ))  # fmt: skip
    return errors


@register(MILLRACE)
def check_secrets(**kwargs: Any) -> list[CheckMessage]:
    """E003, E004, E005: DEBUG stays at home, and the two secrets are long and different."""
    errors: list[CheckMessage] = []
    hosts = [*settings.ALLOWED_HOSTS, urlsplit(settings.PUBLIC_URL).hostname or ""]
    public = [host for host in hosts if not _is_local(host)]
    if settings.DEBUG and public:
        errors.append(Error(
            f"DEBUG is on while the site answers to {public[0]}: error pages would show settings and code.",
            hint="Unset DEBUG, or leave only localhost in ALLOWED_HOSTS and PUBLIC_URL.",
            id="millrace.E003",
        ))  # fmt: skip
    for name in ("SECRET_KEY", "JWT_SECRET"):
        size = len(str(getattr(settings, name)).encode())
        if size < MIN_SECRET_BYTES:
            errors.append(Error(
                f"{name} has {size} bytes: too short to resist guessing.",
                hint=f"Set {name} to {MIN_SECRET_BYTES} random bytes or more: `openssl rand -hex 32`.",
                id="millrace.E004",
            ))  # fmt: skip
    if settings.SECRET_KEY == settings.JWT_SECRET:
        errors.append(Error(
            "SECRET_KEY and JWT_SECRET are the same: whoever may sign tokens could forge sessions.",
            hint="Set JWT_SECRET to another random value and share only that one with token issuers.",
            id="millrace.E005",
        ))  # fmt: skip
    return errors


@register(MILLRACE)
def check_directories(**kwargs: Any) -> list[CheckMessage]:
    """E006: the places that are written to can be written to."""
    places = {"DATA_DIR": settings.DATA_DIR, "MEDIA_ROOT": settings.MEDIA_ROOT}
    if settings.FILE_UPLOAD_TEMP_DIR:
        places["UPLOAD_TEMP_DIR"] = Path(settings.FILE_UPLOAD_TEMP_DIR)
    return [
        Error(
            f"{name}={path} can not be written to by user {os.geteuid()}.",
            hint=f"Make the directory and give it to that user, or set {name} to another place.",
            id="millrace.E006",
        )
        for name, path in places.items()
        if not _writable(Path(path))
    ]


@register(MILLRACE)
def check_pools(**kwargs: Any) -> list[CheckMessage]:
    """E007, E009: sizes of pools are numbers, and every kind's line is served by one of them."""
    try:
        pools = [conf.pool(name) for name in conf.pool_names()]
    except ImproperlyConfigured as error:
        hint = "Write pool=number, separated by commas: JOB_CONCURRENCY=document=3,ai=4"
        return [Error(f"JOB_CONCURRENCY can not be read: {error}", hint=hint, id="millrace.E007")]
    served = {queue for pool in pools for queue in pool.queues} & set(conf.QUEUES)
    return [
        Error(
            f"No pool serves the queue {handler.queue!r} of {handler.kind!r}: its jobs would never run.",
            hint=f"Use {', '.join(sorted(served))}, or add the queue to a pool in jobs/conf.py.",
            id="millrace.E009",
        )
        for handler in registry.handlers()
        if handler.queue not in served
    ]  # fmt: skip


@register(MILLRACE)
def check_limits(**kwargs: Any) -> list[CheckMessage]:
    """E008, E010, E011: numbers that only make sense together."""
    errors: list[CheckMessage] = []
    if settings.RETRY_BASE_DELAY > settings.RETRY_MAX_DELAY:
        errors.append(Error(
            f"RETRY_BASE_DELAY={settings.RETRY_BASE_DELAY:g} is longer than "
            f"RETRY_MAX_DELAY={settings.RETRY_MAX_DELAY:g}: delays could not grow.",
            hint="Lower RETRY_BASE_DELAY or raise RETRY_MAX_DELAY (both in seconds).",
            id="millrace.E008",
        ))  # fmt: skip
    largest = max(settings.MAX_DOCUMENT_MB, settings.MAX_VIDEO_MB)
    if largest > settings.QUOTA_STORAGE_MB:
        errors.append(Error(
            f"QUOTA_STORAGE_MB={settings.QUOTA_STORAGE_MB} is less than one file may have ({largest} MB).",
            hint="Raise QUOTA_STORAGE_MB, or lower MAX_DOCUMENT_MB and MAX_VIDEO_MB.",
            id="millrace.E010",
        ))  # fmt: skip
    # django-q2 adds this up until it equals a timeout exactly: 0.1 and its like never do (FACTS).
    cycle = settings.Q_CLUSTER.get("guard_cycle", 0.5)
    if Fraction(cycle).denominator > 1024:
        errors.append(Error(
            f"With Q_CLUSTER['guard_cycle']={cycle}, django-q2's timeout never fires.",
            hint="Use 0.25, 0.5 or 1.",
            id="millrace.E011",
        ))  # fmt: skip
    return errors


@register(Tags.database)
def check_hosts(databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """E012: an SQLite file is not shared between hosts, whose locks do not see each other."""
    connection = connections["default"]
    if connection.vendor != "sqlite" or "default" not in (databases or ()):
        return []
    try:
        if WorkerState._meta.db_table not in connection.introspection.table_names():
            return []
        hosts = _worker_hosts()
    except DatabaseError:
        return []  # not migrated yet: `migrate` says what is wrong itself
    others = sorted(hosts - {identity.host()})
    if not others:
        return []
    return [Error(
        f"The database is an SQLite file, and workers on other hosts use it too: {', '.join(others)}.",
        hint="Set DATABASE_URL to a PostgreSQL server for all hosts, or run the workers on this host only.",
        id="millrace.E012",
    )]  # fmt: skip


@register(MILLRACE, deploy=True)
def check_redis(**kwargs: Any) -> list[CheckMessage]:
    """E013, E014: Redis answers and is new enough. Asks the server, so only with `--deploy`."""
    if not settings.REDIS_URL:
        return []
    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2)
    try:
        version = str(client.info("server")["redis_version"])
    except redis.RedisError as error:
        return [Error(
            f"Redis does not answer at REDIS_URL: {error}",
            hint="Start it, or correct host, port, user and password in REDIS_URL.",
            id="millrace.E013",
        )]  # fmt: skip
    finally:
        client.close()
    if int(version.split(".")[0]) >= MIN_REDIS:
        return []
    return [Error(
        f"REDIS_URL is a Redis {version}, which has no BZMPOP.",
        hint=f"Use Redis {MIN_REDIS} or newer, or unset REDIS_URL to do without it.",
        id="millrace.E014",
    )]  # fmt: skip


@register(MILLRACE, deploy=True)
def check_shared_secrets(**kwargs: Any) -> list[CheckMessage]:
    """W001: secrets made by one host are not known to the others."""
    if settings.EMBEDDED:
        return []
    made = {"SECRET_KEY": "secret_key", "JWT_SECRET": "jwt_secret"}
    return [
        Warning(
            f"{name} was made by this host and kept in DATA_DIR: other hosts would refuse what it signs.",
            hint=f"Set {name} to the same value on every host.",
            id="millrace.W001",
        )
        for name, file in made.items()
        if _content(settings.DATA_DIR / file) == getattr(settings, name)
    ]  # fmt: skip


def _worker_hosts() -> set[str]:
    from django.utils import timezone

    lately = WorkerState.objects.filter(heartbeat_at__gte=timezone.now() - SEEN_LATELY)
    return set(lately.values_list("host", flat=True).distinct())


def _is_local(host: str) -> bool:
    return not host or host in LOCAL_HOSTS or host.endswith(".localhost")


def _writable(path: Path) -> bool:
    # A directory that is yet to be made is judged by the one it will be made in.
    while not path.exists() and path != path.parent:
        path = path.parent
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK)


def _content(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
