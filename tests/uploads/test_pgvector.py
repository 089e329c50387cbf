"""The search on a PostgreSQL with pgvector: a server of our own, and the tests of documents run on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import REQUIRED
from tests.uploads.pgvector_server import MISSING, binaries, pgvector_server

ROOT = Path(__file__).resolve().parents[2]
CHECKS = ["tests/uploads/pgvector_checks.py", "tests/uploads/test_documents.py"]


def test_documents_are_found_as_well_where_postgresql_compares_vectors() -> None:
    if binaries() is None:
        assert not REQUIRED, MISSING
        pytest.skip(MISSING)
    with pgvector_server() as server:
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CHECKS],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": server.url},
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
