"""Telling watchers that something happened. The only synchronous file that knows channels.

A hint only shortens the wait: it may be lost, and whoever gets it reads the ledger for what is true. What
is held for an owner goes to his group in one message: `{"type": "job.hints", "owner": id, "hints": [hint]}`.
A hint is `{"type": "job.event", "job": id, "seq": n, "event": type, "state": state}` or
`{"type": "job.progress", "job": id, "attempt": n, "counter": n, "progress": {…}}`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from typing import Any, Final

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from jobs.models import Job, JobEvent

logger = logging.getLogger(__name__)

# A worker publishes often and has no event loop of its own: one kept loop costs 0.2-0.8 ms a message,
# `async_to_sync` 3-4 ms (FACTS).
_runner: asyncio.Runner | None = None

# A layer that hangs must not hold up the transition that is being told of: it gets half a second, then rest.
SEND_SECONDS: Final = 0.5
REST_SECONDS: Final = 2.0
_resting_until = 0.0

# How long a worker may hold a message to send it together with others: no eye sees it.
HOLD_SECONDS: Final = 0.05
_held: dict[str, dict[tuple[uuid.UUID, str], dict[str, Any]]] = {}
_flushed = 0.0


def owner_group(owner_id: Any) -> str:
    return f"owner.{owner_id}"


def use_runner() -> None:
    """Publish from this process on a loop that is kept (for workers: one thread, no loop running)."""
    global _runner
    _runner = asyncio.Runner()


def drop_runner() -> None:
    """Send what is held, and let go of the kept loop and its connections: before a fork, and at the end."""
    global _runner
    flush()
    if _runner is not None:
        _runner.close()
        _runner = None


def recorded(sender: Any, job: Job, event: JobEvent, **kwargs: Any) -> None:
    """Receiver of `signals.recorded`."""
    publish(
        job.id,
        job.owner_id,
        {"type": "job.event", "job": str(job.id), "seq": event.seq, "event": event.type, "state": job.state},
    )


def publish(job_id: uuid.UUID, owner_id: Any, hint: dict[str, Any]) -> None:
    """Send `hint` to whoever watches this job or all of its owner's. Never raises: it is best effort.

    A worker holds hints until `flush`, or for `HOLD_SECONDS` while it goes on publishing; a later hint of the
    same job and type replaces an earlier one, whose reader would only read the ledger twice.
    """
    _held.setdefault(str(owner_id), {})[job_id, hint["type"]] = hint
    if _runner is None or time.monotonic() - _flushed >= HOLD_SECONDS:
        flush()


def flush() -> None:
    """Send what is held now."""
    global _resting_until, _flushed
    messages = [
        {"type": "job.hints", "owner": owner, "hints": list(hints.values())} for owner, hints in _held.items()
    ]
    _held.clear()
    _flushed = time.monotonic()
    if not messages or _flushed < _resting_until:
        return
    try:
        if _runner is not None:
            _runner.run(_send(messages))
        else:
            async_to_sync(_send)(messages)
    except Exception as error:  # noqa: BLE001  the channel layer being away must not fail a transition
        _resting_until = time.monotonic() + REST_SECONDS
        logger.warning("channel layer: %d messages not sent: %r", len(messages), error)


def holding() -> bool:
    """Whether there is something to flush."""
    return bool(_held)


async def _send(messages: list[dict[str, Any]]) -> None:
    layer = get_channel_layer()
    if layer is not None:
        async with asyncio.timeout(SEND_SECONDS):
            await asyncio.gather(
                *(layer.group_send(owner_group(message["owner"]), message) for message in messages)
            )
