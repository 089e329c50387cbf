"""How the lines of enrichment stand at this moment."""

from __future__ import annotations

from typing import Any

import redis
from django.conf import settings
from django.db.models import Count

from enrichment.routing import QUEUES
from jobs import floor
from jobs.models import Job
from jobs.states import State


def health() -> dict[str, Any]:
    """`redis` (connected, unreachable, disabled), live `workers`, and each queue."""
    facts = floor.known([])
    counts = {(name, state): 0 for name in QUEUES for state in (State.QUEUED, State.RUNNING)}
    for state in (State.QUEUED, State.RUNNING):
        # One state at a time, for the partial index that holds only it.
        rows = Job.objects.filter(state=state, queue__in=QUEUES).order_by().values("queue")
        for row in rows.annotate(count=Count("pk")):
            counts[row["queue"], state] = row["count"]
    queues = {
        name: {
            "waiting": counts[name, State.QUEUED],
            "active": counts[name, State.RUNNING],
            "workers": facts.workers.get(name, 0),
            "paused": name in facts.paused,
        }
        for name in QUEUES
    }
    return {
        "redis": _redis(),
        "workers": max((one["workers"] for one in queues.values()), default=0),
        "queues": queues,
    }


def _redis() -> str:
    if not settings.REDIS_URL:
        return "disabled"
    try:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
        try:
            client.ping()
        finally:
            client.close()
    except redis.RedisError:
        return "unreachable"
    return "connected"
