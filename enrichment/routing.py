"""Which line a priority leads to: API.md gives each of the four bands of enrichment a queue of its own."""

from __future__ import annotations

from typing import Any

from jobs.states import priority_band

QUEUES = ("enrichment-critical", "enrichment-high", "enrichment-normal", "enrichment-low")


def by_priority(args: Any, priority: int) -> str:
    """The queue of a priority of 1..20."""
    return f"enrichment-{priority_band(priority)}"
