"""`manage.py up`: prepare the databases, then run the whole site until told to stop."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection, connections

from config import site
from config.supervisor import Supervisor

# The children's own drain ends at DRAIN_SECONDS; what is beyond is for starting up, closing and saying so.
EXTRA_DRAIN_SECONDS = 10
LATE_SECONDS = 30
# Any number, as long as every host asks for the same one.
_MIGRATION_LOCK = 7_355_608


class Command(BaseCommand):
    help = "Migrate, then run the web process and the workers, supervised, until Ctrl-C or SIGTERM."
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--no-prepare", action="store_true", help="do not migrate or collect static files"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a log file is read live
        try:
            where = site.address()
        except site.PortInUse as error:
            raise CommandError(str(error)) from None
        # Before settings-dependent children start: links in answers must name the port that was found.
        os.environ["PORT"] = str(where.port)
        if not options["no_prepare"]:
            self.prepare()
        connections.close_all()
        supervisor = Supervisor(
            site.programs(where),
            drain_seconds=settings.DRAIN_SECONDS + EXTRA_DRAIN_SECONDS,
            say=lambda line: self.stdout.write(f"[up] {line}"),
        )
        sys.exit(supervisor.run(self.announcer(where)))

    def prepare(self) -> None:
        """Bring both databases and the static files up to date; a no-op when they are."""
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        try:
            with _turn():
                for alias in connections:
                    call_command("migrate", database=alias, verbosity=0, interactive=False)
        except OperationalError as error:
            name = "DATABASE_URL" if not settings.EMBEDDED else f"DATA_DIR={settings.DATA_DIR}"
            raise CommandError(f"The database can not be used: {error}\nCheck {name}.") from None
        call_command("collectstatic", verbosity=0, interactive=False)

    def announcer(self, where: site.Address) -> Any:
        """A tick that prints the banner once, when the site is ready, or says that it takes long."""
        began = time.monotonic()
        asked = 0.0
        told = {"ready": False, "late": False}

        def tick() -> None:
            nonlocal asked
            now = time.monotonic()
            if told["ready"] or now - asked < 0.5:
                return
            asked = now
            if where.answers("/readyz"):
                told["ready"] = True
                self.stdout.write(banner(where, now - began))
            elif now - began > LATE_SECONDS and not told["late"]:
                told["late"] = True
                self.stdout.write(
                    f"[up] not ready after {LATE_SECONDS} s: see the lines above, and {where.url}/api/health"
                )

        return tick


def banner(where: site.Address, seconds: float) -> str:
    database = "SQLite" if connection.vendor == "sqlite" else "PostgreSQL"
    broker = "Redis" if settings.REDIS_URL else "the database"
    rows = (
        ("site", f"{where.url}/"),
        ("dashboard", f"{where.url}/dashboard"),
        ("admin", f"{where.url}/admin/"),
        ("API", f"{where.url}/api/docs"),
        ("workers", ", ".join(site.pools())),
        ("stores", f"{database}; lines of jobs in {broker}; files in {settings.MEDIA_ROOT}"),
    )
    lines = [f"  {name:<10} {value}" for name, value in rows]
    return "\n".join(
        [
            "",
            f"Millrace is ready ({seconds:.1f} s)",
            *lines,
            "",
            "Ctrl-C stops it: running jobs get time to end.",
            "",
        ]
    )


@contextmanager
def _turn() -> Iterator[None]:
    """One migration at a time: between processes of this host by a file, between hosts by the database."""
    with (settings.DATA_DIR / "migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if connection.vendor != "postgresql":
            yield
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATION_LOCK])
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATION_LOCK])
