"""Memory levels, read from files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitoring import memory

MIB = 2**20


def container(root: Path, used: int, limit: str, cache: int = 0) -> Path:
    (root / "memory.current").write_text(f"{used * MIB}\n")
    (root / "memory.max").write_text(f"{limit}\n")
    (root / "memory.stat").write_text(f"anon 5\ninactive_file {cache * MIB}\n")
    return root


@pytest.mark.parametrize(
    ("used", "cache", "level"), [(79, 0, "ok"), (80, 0, "elevated"), (92, 0, "critical"), (95, 50, "ok")]
)
def test_the_level_follows_the_share_of_the_containers_limit(
    tmp_path: Path, used: int, cache: int, level: str
) -> None:
    found = memory.read(container(tmp_path, used, str(100 * MIB), cache), tmp_path / "none")
    assert (found.source, found.level) == ("container", level)
    assert found.rss > 0


def test_a_container_without_a_limit_is_measured_by_the_machine(tmp_path: Path) -> None:
    assert memory.read(container(tmp_path, 80, "max"), tmp_path / "none").source == "machine"


def test_the_older_kind_of_container_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/memory.usage_in_bytes").write_text(f"{93 * MIB}")
    (tmp_path / "memory/memory.limit_in_bytes").write_text(f"{100 * MIB}")
    assert memory.read(tmp_path, tmp_path / "none").level == "critical"


@pytest.mark.parametrize(("some", "full", "level"), [(0, 0, "ok"), (12, 0, "elevated"), (40, 11, "critical")])
def test_pressure_raises_the_level(tmp_path: Path, some: float, full: float, level: str) -> None:
    container(tmp_path, 10, str(100 * MIB))
    (tmp_path / "memory.pressure").write_text(
        f"some avg10={some:.2f} avg60=0.00 avg300=0.00 total=1\n"
        f"full avg10={full:.2f} avg60=0.00 avg300=0.00 total=1\n"
    )
    assert memory.read(tmp_path, tmp_path / "none").level == level
