"""What this app reads of the settings, and the pools of workers they describe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

# Cause of death must be known within a second, and a cancel obeyed within two.
TICK_SECONDS: Final = 0.25
HEARTBEATS_PER_LEASE: Final = 4
POISON_CRASHES: Final = 3
DEFAULT_TIMEOUT: Final = 900.0
DEFAULT_MEMORY_MB: Final = 1024
MAX_ARGS_BYTES: Final = 1_000_000
MAX_RESULT_BYTES: Final = 4_000_000
MAX_BULK: Final = 1000
# django-q2's own tasks (`async_task`, schedules) travel in a line of this name.
TASKS_QUEUE: Final = "django-q2"

DEFAULT_ATTEMPTS: Final = {"low": 2, "normal": 3, "high": 4, "critical": 5}


@dataclass(frozen=True)
class Pool:
    """A group of worker processes: what it serves first, what it helps with when idle, and its size.

    It runs `concurrency` jobs at once, and up to `guests` more of owners who have none running here.
    """

    name: str
    queues: tuple[str, ...]
    helps: tuple[str, ...]
    concurrency: int
    guests: int


# From the most to the least urgent: an idle pool helps the queues above its own, never those below.
_POOLS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...], int]]] = {
    "video": (("video",), (), 2),
    "document": (("document",), (), 3),
    "ai": (("ai",), (), 4),
    "enrichment-critical": (("enrichment-critical",), (), 5),
    "enrichment-high": (("enrichment-high",), ("enrichment-critical",), 3),
    "enrichment-normal": (("enrichment-normal",), ("enrichment-critical", "enrichment-high"), 2),
    "enrichment-low": (
        ("enrichment-low",),
        ("enrichment-critical", "enrichment-high", "enrichment-normal"),
        1,
    ),
    "system": (("system",), (), 1),
}

QUEUES: Final[tuple[str, ...]] = (
    "enrichment-critical",
    "enrichment-high",
    "enrichment-normal",
    "enrichment-low",
    "document",
    "ai",
    "video",
    "system",
)


def pool(name: str) -> Pool:
    """The pool called `name`; `all` serves every queue.

    Its size is `JOB_CONCURRENCY` (`document=3,ai=4,…`), else `WORKER_CONCURRENCY`, else the default above.
    Raises ImproperlyConfigured for a name or a size that is not known.
    """
    known = {"all": (QUEUES, (), 4), **_POOLS}.get(name)
    if known is None:
        raise ImproperlyConfigured(f"There is no pool {name!r}. Choose one of: all, {', '.join(_POOLS)}.")
    queues, helps, size = known
    concurrency = _sizes().get(name) or settings.WORKER_CONCURRENCY or size
    return Pool(name, queues, helps, concurrency, settings.GUEST_CONCURRENCY)


def pool_names() -> tuple[str, ...]:
    return ("all", *_POOLS)


def _sizes() -> dict[str, int]:
    sizes: dict[str, int] = {}
    for part in filter(None, settings.JOB_CONCURRENCY.replace(" ", "").split(",")):
        name, _, number = part.partition("=")
        if (name not in _POOLS and name != "all") or not number.isdigit() or not 1 <= int(number) <= 256:
            raise ImproperlyConfigured(
                f"JOB_CONCURRENCY has {part!r}: write pool=number, such as document=3,ai=4 "
                f"(pools: {', '.join(pool_names())}; numbers 1 to 256)."
            )
        sizes[name] = int(number)
    return sizes
