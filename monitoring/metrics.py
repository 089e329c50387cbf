"""`/metrics`: the ledger and this web process, for Prometheus.

The numbers are read when asked for, at most once every few seconds in a process, by the bounded queries of
`monitoring.queues`. They are gauges: what ended is counted within a window, for no whole table is counted.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from jobs import queues as lines
from monitoring import memory, queues, verdicts

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
KEEP_SECONDS: Final = 5.0
_VERDICTS: Final = (
    verdicts.HEALTHY, verdicts.DRAINING, verdicts.FALLING_BEHIND, verdicts.STALLED, verdicts.PAUSED,
)  # fmt: skip
_LEVELS: Final = (memory.OK, memory.ELEVATED, memory.CRITICAL)

_lock = threading.Lock()
_kept: tuple[float, bytes] = (0.0, b"")


def text() -> bytes:
    """The exposition, at most `KEEP_SECONDS` old: who scrapes often does not ask the database more often."""
    global _kept
    with _lock:
        if not _kept[1] or time.monotonic() - _kept[0] > KEEP_SECONDS:
            _kept = (time.monotonic(), generate_latest(registry))
        return _kept[1]


def forget() -> None:
    """Read afresh next time."""
    global _kept
    _kept = (0.0, b"")


class LedgerCollector(Collector):
    """Queues and workers, as the ledger has them."""

    def collect(self) -> Iterator[Any]:
        read = queues.read()
        jobs = _gauge("millrace_jobs", "Jobs by state, counted up to 10,000 each.", "queue", "state")
        ended = _gauge("millrace_jobs_ended_24h", "Jobs that ended within 24 hours.", "queue", "state")
        age = _gauge("millrace_oldest_waiting_seconds", "Age of the oldest job that is due.", "queue")
        rate = _gauge("millrace_rate_per_second", "Jobs per second over five minutes.", "queue", "what")
        wait = _gauge("millrace_wait_seconds", "From due to started, newest 1,000.", "queue", "quantile")
        run = _gauge("millrace_run_seconds", "From started to ended, newest 1,000.", "queue", "quantile")
        paused = _gauge("millrace_queue_paused", "1 when operators paused it.", "queue")
        verdict = _gauge("millrace_queue_verdict", "1 for the verdict that holds.", "queue", "verdict")
        serving = _gauge("millrace_queue_workers", "Live workers that serve a queue.", "queue")
        for name, queue in read.items():
            for state in ("waiting", "active", "delayed", "retrying", "waiting_for_children"):
                jobs.add_metric([name, state], getattr(queue, state))
            ended.add_metric([name, "completed"], queue.completed)
            ended.add_metric([name, "failed"], queue.failed)
            age.add_metric([name], queue.oldest_waiting or 0)
            rate.add_metric([name, "arrived"], queue.arrival_rate)
            rate.add_metric([name, "ended"], queue.completion_rate)
            for family, percentiles in ((wait, queue.wait), (run, queue.run)):
                for quantile, value in (("0.5", percentiles.p50), ("0.95", percentiles.p95),
                                        ("0.99", percentiles.p99)):  # fmt: skip
                    if value is not None:
                        family.add_metric([name, quantile], value / 1000)
            paused.add_metric([name], int(queue.is_paused))
            holds = verdicts.judge(queue).state
            for state in _VERDICTS:
                verdict.add_metric([name, state.replace(" ", "_")], int(state == holds))
            serving.add_metric([name], queue.workers)
        yield from (jobs, ended, age, rate, wait, run, paused, verdict, serving)
        yield from _workers()


class ProcessCollector(Collector):
    """The memory of this web process and of what limits it."""

    def collect(self) -> Iterator[Any]:
        found = memory.read()
        rss = GaugeMetricFamily("millrace_web_resident_memory_bytes", "Resident memory of this process.")
        rss.add_metric([], found.rss)
        used = _gauge("millrace_memory_bytes", "Memory of the container, else of the machine.", "what")
        used.add_metric(["used"], found.used)
        used.add_metric(["limit"], found.limit)
        level = _gauge("millrace_memory_level", "1 for the level of memory pressure that holds.", "level")
        for name in _LEVELS:
            level.add_metric([name], int(name == found.level))
        yield from (rss, used, level)


def _workers() -> Iterator[Any]:
    live = lines.live_workers()
    count = _gauge("millrace_workers", "Live workers by pool and what they do.", "pool", "state")
    rss = _gauge("millrace_worker_resident_memory_bytes", "Memory of workers and their sandboxes.", "pool")
    done = _gauge("millrace_worker_jobs_done", "Jobs done by the workers that live now.", "pool")
    states = Counter((w.pool, "draining" if w.draining else "busy" if w.job else "idle") for w in live)
    for (pool, state), number in states.items():
        count.add_metric([pool, state], number)
    for pool in sorted({worker.pool for worker in live}):
        rss.add_metric([pool], sum(worker.rss for worker in live if worker.pool == pool))
        done.add_metric([pool], sum(worker.jobs_done for worker in live if worker.pool == pool))
    yield from (count, rss, done)


def _gauge(name: str, text_: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text_, labels=labels)


registry = CollectorRegistry(auto_describe=False)
registry.register(LedgerCollector())
registry.register(ProcessCollector())
