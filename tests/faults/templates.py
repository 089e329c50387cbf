"""Databases that are made once and copied for each check, and the environment in which all processes live."""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.faults.ledger_count import POSTGRES_TRIGGER, SQLITE_TRIGGER
from tests.faults.processes import ROOT
from tests.faults.servers import PostgresServer

LEASE = 6.0
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "tests.faults.site.settings",
    "PYTHONPATH": str(ROOT),
    "SECRET_KEY": "a-secret-of-the-fault-suite-and-of-nothing-else",
    "JWT_SECRET": "another-secret-of-the-fault-suite-and-of-nothing-else",
    "LEASE_SECONDS": str(LEASE),
    "WATCHDOG_SECONDS": "5",
    "DRAIN_SECONDS": "8",
    "RETRY_BASE_DELAY": "0.05",
    "RETRY_MAX_DELAY": "0.2",
    "QUOTA_UNFINISHED_JOBS": "1000000",
    "THROTTLE_USER": "",
    "THROTTLE_CREATE": "",
    "LOG_LEVEL": "WARNING",
    "PYTHONUNBUFFERED": "1",
}


@cache
def root() -> Path:
    made = Path(tempfile.mkdtemp(prefix="millrace-faults-"))
    made.chmod(0o755)  # PostgreSQL runs as another user
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def _migrate(environment: dict[str, str]) -> None:
    """Make every table."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    script = (
        "import django; django.setup()\n"
        "from django.core.management import call_command as call\n"
        "from django.db import connections\n"
        "[call('migrate', database=name, verbosity=0) for name in connections]\n"
    )
    python(script, {**kept, **ENVIRONMENT, **environment})


def python(script: str, environment: dict[str, str]) -> str:
    made = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


@cache
def postgres() -> Path:
    server = PostgresServer(root() / "template-postgres")

    def prepare(server: PostgresServer) -> None:
        _migrate({"DATABASE_URL": server.url, "DATA_DIR": str(root() / "template-files")})
        with server.connect() as connection:
            connection.execute(POSTGRES_TRIGGER)

    server.make(prepare)
    return server.directory


@cache
def sqlite() -> Path:
    directory = root() / "template-sqlite"
    _migrate({"DATA_DIR": str(directory)})
    connection = sqlite3.connect(directory / "db.sqlite3")
    connection.executescript(SQLITE_TRIGGER)
    connection.close()
    return directory
