from __future__ import annotations

from pathlib import Path

import pytest

from tests.uploads.documents import FIXTURES
from tests.uploads.fuzz_jobs import fuzz

pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the fixtures are not there (FIXTURES)")


def test_damaged_files_hurt_neither_the_web_process_nor_a_worker(tmp_path: Path) -> None:
    """The short form of `python -m tests.uploads.fuzz_jobs`."""
    found = fuzz(9, tmp_path)
    assert not found.broken, found.broken
    assert sum(count for name, count in found.counts.items() if "attempt" not in name) == 9
