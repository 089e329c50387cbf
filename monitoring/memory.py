"""How much memory this process and its container use, and whether that is a worry.

The level is the worst of two signs, each with its source:

- share of the limit: elevated from 80 %, critical from 92 %. The limit is the container's (cgroup v2, then
  v1), else the machine's. Reclaimable file cache is not counted as used (kernel documentation, cgroup-v2).
- pressure (kernel documentation, accounting/psi): elevated when some task waited for memory in 10 % of the
  last ten seconds, critical when all of them did in 10 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

OK: Final = "ok"
ELEVATED: Final = "elevated"
CRITICAL: Final = "critical"

ELEVATED_SHARE: Final = 0.80
CRITICAL_SHARE: Final = 0.92
ELEVATED_SOME: Final = 10.0
CRITICAL_FULL: Final = 10.0

_CGROUP: Final = Path("/sys/fs/cgroup")
_PSI: Final = Path("/proc/pressure/memory")


@dataclass(frozen=True)
class Memory:
    """Bytes; pressures in percent of the last ten seconds, None where the kernel does not tell."""

    rss: int
    used: int
    limit: int
    source: str
    some: float | None = None
    full: float | None = None

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit else 0.0

    @property
    def level(self) -> str:
        if self.share >= CRITICAL_SHARE or (self.full or 0) >= CRITICAL_FULL:
            return CRITICAL
        if self.share >= ELEVATED_SHARE or (self.some or 0) >= ELEVATED_SOME:
            return ELEVATED
        return OK


def read(cgroup: Path = _CGROUP, psi: Path = _PSI) -> Memory:
    """The memory of this process and of what limits it."""
    rss = psutil.Process().memory_info().rss
    machine = psutil.virtual_memory()
    used, limit, source = machine.total - machine.available, machine.total, "machine"
    found = _container(cgroup)
    # A limit above what the machine has limits nothing.
    if found and found[1] <= machine.total:
        used, limit = found
        source = "container"
    own = cgroup / "memory.pressure"
    pressure = _pressure(own if source == "container" and own.exists() else psi)
    return Memory(rss, used, limit, source, pressure.get("some"), pressure.get("full"))


def _container(root: Path) -> tuple[int, int] | None:
    """Used bytes and limit of the container, or None when there is no limit."""
    for used_name, limit_name, stat_name, cache in (
        ("memory.current", "memory.max", "memory.stat", "inactive_file"),
        ("memory/memory.usage_in_bytes", "memory/memory.limit_in_bytes", "memory/memory.stat",
         "total_inactive_file"),
    ):  # fmt: skip
        used, limit = _number(root / used_name), _number(root / limit_name)
        if used is not None and limit is not None:
            return max(0, used - _stat(root / stat_name, cache)), limit
    return None


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None  # "max" is no limit


def _stat(path: Path, name: str) -> int:
    for line in _text(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return 0


def _pressure(path: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in _text(path).splitlines():
        words = line.split()
        if len(words) > 1 and words[1].startswith("avg10="):
            found[words[0]] = float(words[1].removeprefix("avg10="))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
