"""Whether this process can do its work: each part asked at once, timed, and given a second or two at most.

Ready means that a job that is accepted is stored: the database answers and files can be written. Redis, the
channel layer or the workers being away is a degradation: jobs are accepted, kept, and done later, so a load
balancer must not take the web away for it.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import redis
from channels.layers import get_channel_layer
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connection, connections

from jobs import queues
from monitoring import memory, verdicts
from monitoring import queues as ledger

UP: Final = "up"
DEGRADED: Final = "degraded"
DOWN: Final = "down"

TIMEOUT_SECONDS: Final = 3.0
# Below the first an upload of the largest size may not fit; the second leaves time to act.
SPACE_DOWN: Final = 256 * 2**20
SPACE_DEGRADED: Final = 2 * 2**30
_ESSENTIAL: Final = ("database", "storage")


@dataclass(frozen=True)
class Finding:
    """How one part is. `detail` is safe to show to anybody."""

    status: str
    detail: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    ms: float | None = None


@dataclass(frozen=True)
class Health:
    """How the whole is."""

    findings: dict[str, Finding]

    @property
    def ready(self) -> bool:
        return all(self.findings[name].status != DOWN for name in _ESSENTIAL if name in self.findings)

    @property
    def status(self) -> str:
        if not self.ready:
            return "unhealthy"
        return "healthy" if all(f.status == UP for f in self.findings.values()) else "degraded"


Check = Callable[[], Finding]
_running: dict[str, Future[Finding]] = {}
_lock = threading.Lock()


def check(names: tuple[str, ...] | None = None, timeout: float = TIMEOUT_SECONDS) -> Health:
    """Ask the parts called `names` (default: all) at the same time, and wait `timeout` seconds in all."""
    futures = {name: _ask(name, CHECKS[name]) for name in names or tuple(CHECKS)}
    wait(futures.values(), timeout=timeout)
    late = Finding(DOWN, f"No answer within {timeout:g} s", ms=timeout * 1000)
    return Health({name: future.result() if future.done() else late for name, future in futures.items()})


def _ask(name: str, do: Check) -> Future[Finding]:
    """The answer to come of one check. One that still hangs is waited for again and not asked twice.

    So however often somebody asks while a server hangs, there is one waiting thread for each part.
    """
    with _lock:
        future = _running.get(name)
        if future is None or future.done():
            future = _running[name] = Future()
            threading.Thread(target=_answer, args=(do, future), name=f"health-{name}", daemon=True).start()
        return future


def _answer(do: Check, future: Future[Finding]) -> None:
    start = time.monotonic()
    try:
        found = do()
    except Exception as error:  # noqa: BLE001  whatever breaks, the answer is that this part is down
        # The class only: messages of drivers name hosts and users.
        found = Finding(DOWN, type(error).__name__)
    finally:
        connections.close_all()
    ms = round((time.monotonic() - start) * 1000, 1)
    future.set_result(Finding(found.status, found.detail, found.data, ms))


def database() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM background_jobs LIMIT 1")
    return Finding(UP, data={"engine": connection.vendor})


def broker() -> Finding:
    """Redis where it is used; else the broker is the database, which is asked by itself."""
    if not settings.REDIS_URL:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return Finding(UP, "The ledger is the broker", {"engine": "ledger"})
    timeouts = {"socket_timeout": TIMEOUT_SECONDS - 1, "socket_connect_timeout": TIMEOUT_SECONDS - 1}
    try:
        with redis.Redis.from_url(settings.REDIS_URL, **timeouts) as client:
            client.ping()
    except redis.RedisError as error:
        return Finding(
            DEGRADED,
            f"{type(error).__name__}: jobs are kept in the ledger until Redis is back",
            {"engine": "redis"},
        )
    return Finding(UP, data={"engine": "redis"})


def channel_layer() -> Finding:
    """A message there and back."""
    try:
        asyncio.run(asyncio.wait_for(_round_trip(), TIMEOUT_SECONDS - 1))
    except Exception as error:  # noqa: BLE001  each layer fails in its own way; watchers fall back to the ledger
        return Finding(DEGRADED, f"{type(error).__name__}: live updates come by polling the ledger")
    return Finding(UP)


async def _round_trip() -> None:
    layer: Any = get_channel_layer()
    name = await layer.new_channel("health")
    await layer.send(name, {"type": "health.ping"})
    await layer.receive(name)
    if hasattr(layer, "close_pools"):
        await layer.close_pools()


def storage() -> Finding:
    """A file written and removed, and the room that is left."""
    if not isinstance(default_storage, FileSystemStorage):
        name = default_storage.save("health/probe", ContentFile(b"ok"))
        default_storage.delete(name)
        return Finding(UP, data={"engine": "object storage"})
    root = Path(default_storage.location)
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=root, prefix=".health-") as file:
        file.write(b"ok")
        file.flush()
    free = shutil.disk_usage(root).free
    data = {"engine": "files", "freeBytes": free}
    if free < SPACE_DOWN:
        return Finding(DOWN, "The disk is full", data)
    if free < SPACE_DEGRADED:
        return Finding(DEGRADED, "The disk is nearly full", data)
    return Finding(UP, data=data)


def workers() -> Finding:
    live = queues.live_workers()
    data: dict[str, Any] = {
        "live": len(live),
        "busy": sum(worker.job is not None for worker in live),
        "draining": sum(worker.draining for worker in live),
    }
    if not live:
        return Finding(DEGRADED, "No live worker: jobs are accepted and wait", data)
    return Finding(UP, data=data)


def background_jobs() -> Finding:
    """Whether every queue moves."""
    judged = {name: verdicts.judge(queue).state for name, queue in ledger.read(durations=False).items()}
    bad = [f"{name} is {state}" for name, state in judged.items() if state in _WORRYING]
    data = {"queues": judged}
    return Finding(DEGRADED if bad else UP, ", ".join(bad), data)


_WORRYING: Final = (verdicts.STALLED, verdicts.FALLING_BEHIND)


def memory_pressure() -> Finding:
    found = memory.read()
    data = {
        "level": found.level,
        "rssBytes": found.rss,
        "usedBytes": found.used,
        "limitBytes": found.limit,
        "limitOf": found.source,
        "pressureSome": found.some,
        "pressureFull": found.full,
    }
    return Finding(UP if found.level == memory.OK else DEGRADED, f"Memory is {found.level}", data)


CHECKS: Final[dict[str, Check]] = {
    "database": database,
    "broker": broker,
    "channel-layer": channel_layer,
    "storage": storage,
    "workers": workers,
    "background-jobs": background_jobs,
    "memory": memory_pressure,
}
