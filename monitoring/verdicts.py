"""One line for each queue that answers the pager: healthy, draining, falling behind, stalled or paused.

Counts alone hide a dead worker, so the age of the oldest waiting job, the live workers and the rates decide.
Pure rules: nothing here reads the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from monitoring.queues import Queue

HEALTHY: Final = "healthy"
DRAINING: Final = "draining"
FALLING_BEHIND: Final = "falling behind"
STALLED: Final = "stalled"
PAUSED: Final = "paused"

# A job that was due this long ago (seconds), while nothing of its queue runs or ends, is stuck.
STALL_SECONDS: Final = 60.0
# Waiting this long is worth a word; below it a burst is just a burst.
NOTICE_SECONDS: Final = 30.0
# Arrivals over completions, so that noise in two counts is not called a trend.
MARGIN: Final = 1.1


@dataclass(frozen=True)
class Verdict:
    """`state` is one of the words above, `text` says it to a person, `drain_seconds` when it ends."""

    state: str
    text: str
    drain_seconds: float | None = None


def judge(queue: Queue) -> Verdict:
    """The verdict on one queue."""
    least = "at least " if queue.capped else ""
    backlog = f"{least}{queue.waiting:,} waiting"
    if queue.paused:
        by = f" by {queue.paused.paused_by}" if queue.paused.paused_by else ""
        return Verdict(PAUSED, f"Paused{by}; {backlog}")
    if not queue.waiting:
        return Verdict(HEALTHY, f"{queue.active} running, none waiting" if queue.active else "Idle")
    oldest = queue.oldest_waiting or 0.0
    if not queue.workers:
        return Verdict(STALLED, f"No live worker serves this queue; {backlog}, the oldest {_ago(oldest)}")
    if oldest >= STALL_SECONDS and not queue.active and not queue.finished:
        return Verdict(STALLED, f"Nothing runs or ends; {backlog}, the oldest {_ago(oldest)}")
    arriving, ending = queue.arrival_rate, queue.completion_rate
    if oldest >= NOTICE_SECONDS and arriving > ending * MARGIN:
        return Verdict(
            FALLING_BEHIND,
            f"{60 * arriving:.1f} a minute arrive, {60 * ending:.1f} end; {backlog}, "
            f"the oldest {_ago(oldest)}",
        )
    if ending > arriving:
        drain = queue.waiting / (ending - arriving)
        return Verdict(DRAINING, f"{backlog}; empty in about {_ago(drain)}", drain)
    if oldest >= NOTICE_SECONDS:
        return Verdict(DRAINING, f"{backlog}, the oldest {_ago(oldest)}; as many end as arrive")
    return Verdict(HEALTHY, f"{backlog}, the oldest {_ago(oldest)}; {queue.active} running")


def _ago(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
