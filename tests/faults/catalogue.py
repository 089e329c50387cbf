"""Every family of checks, imported for what it registers."""

from tests.faults import (
    backlog,
    cancels,
    clocks,
    databases,
    deaf,
    deploys,
    disks,
    embedded,
    kills,
    lines,
    poison,
    sockets,
    zombies,
)

__all__ = [
    "backlog",
    "cancels",
    "clocks",
    "databases",
    "deaf",
    "deploys",
    "disks",
    "embedded",
    "kills",
    "lines",
    "poison",
    "sockets",
    "zombies",
]
