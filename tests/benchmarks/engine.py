"""How fast jobs are run, beside the peer in the same run; how soon one starts; what the web process keeps."""

from __future__ import annotations

import json
import statistics
import subprocess
import urllib.request
from typing import Any

import psutil

from tests.benchmarks.site import Site, site
from tests.faults.servers import free_port
from tests.faults.waiting import wait

_PROBE = ("-m", "tests.benchmarks.probe")


def probe(place: Site, *words: str, **environment: str) -> dict[str, Any]:
    return json.loads(place.run(*_PROBE, *words, **environment).splitlines()[-1])


def throughput(jobs: int, rounds: int) -> list[tuple[float, float]]:
    """Jobs a second of ours and of the peer, in turns, so that a change of the machine's speed hits both."""
    rates = []
    with site(production=True) as place:
        for _ in range(rounds):
            rates.append((_ours(place, jobs), _stock(place, jobs)))
    return rates


def _ours(place: Site, jobs: int) -> float:
    place.run("manage.py", "flush", "--no-input", "-v0")
    probe(place, "fill", str(jobs))
    with place.process("manage.py", "qcluster", "--pool", "document", JOB_CONCURRENCY="document=2"):
        done = probe(place, "wait", str(jobs))
    return done["jobs"] / done["seconds"]


def _stock(place: Site, jobs: int) -> float:
    peer = {"DJANGO_SETTINGS_MODULE": "tests.benchmarks.stock.settings"}
    place.run("-m", "tests.benchmarks.stock.fill", str(jobs), **peer)
    with place.process("-m", "django", "qcluster", **peer):
        done = probe(place, "wait_stock", str(jobs))
    return done["jobs"] / done["seconds"]


def start_delay(*, production: bool, jobs: int) -> dict[str, Any]:
    """p50 and p99 in milliseconds from create to the handler's first line on an idle system."""
    with (
        site(production=production) as place,
        place.process("manage.py", "qcluster", "--pool", "document", JOB_CONCURRENCY="document=2"),
    ):
        return probe(place, "follow", str(jobs))


def web_memory(jobs: int) -> tuple[float, float]:
    """Resident MB of the web process before and after `jobs` creations over HTTP, after twenty to warm it."""
    with site(production=True) as place:
        port = free_port()
        bearer = probe(place, "token")["token"]
        with place.process(
            "-m", "uvicorn", "config.asgi:application", "--port", str(port), "--log-level", "error"
        ) as web:
            address = f"http://127.0.0.1:{port}"
            wait(lambda: _answers(f"{address}/livez"), 60, "the web process to answer")
            for _ in range(20):
                _create(address, bearer)
            before = _megabytes(web)
            for _ in range(jobs):
                _create(address, bearer)
            return before, _megabytes(web)


def _create(address: str, bearer: str) -> None:
    request = urllib.request.Request(
        f"{address}/api/jobs",
        data=b'{"type": "work.noop"}',
        method="POST",
        headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 202, answer.status


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def _megabytes(process: subprocess.Popen[bytes]) -> float:
    return psutil.Process(process.pid).memory_info().rss / 1e6


def report(*, jobs: int, rounds: int, singles: int) -> list[str]:
    """The rows of the README's table, measured now."""
    rates = throughput(jobs, rounds)
    ours, stock = (statistics.median(column) for column in zip(*rates, strict=True))
    low, middle, high = (f"{ratio:.2f}" for ratio in _spread(sorted(a / b for a, b in rates)))
    redis = start_delay(production=True, jobs=singles)
    embedded = start_delay(production=False, jobs=singles)
    before, after = web_memory(200)
    idle = "create to handler start, idle"
    return [
        f"| durable jobs/s, PostgreSQL + Redis, 2 workers, median of {rounds} runs of {jobs} | {ours:,.0f} |",
        f"| stock django-q2 + Redis, the same two writes, same run | {stock:,.0f} |",
        f"| ratio, run by run (lowest, median, highest) | {low} / {middle} / {high} |",
        f"| {idle}, PostgreSQL + Redis (p50 / p99 of {singles}) | {_delays(redis)} |",
        f"| {idle}, embedded (p50 / p99 of {singles}) | {_delays(embedded)} |",
        f"| web process memory before and after 200 jobs | {before:.0f} MB / {after:.0f} MB |",
    ]


def _spread(ordered: list[float]) -> tuple[float, float, float]:
    return ordered[0], statistics.median(ordered), ordered[-1]


def _delays(measured: dict[str, Any]) -> str:
    return f"{measured['p50']:.1f} / {measured['p99']:.1f} ms"
