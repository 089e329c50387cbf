"""A whole site of its own for a test or a measurement: web process, workers, database, storage."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import psutil

from tests.benchmarks.upload_memory import ROOT, SECRET, served

ENDED = ("completed", "failed", "cancelled")


@dataclass
class Site:
    client: httpx.Client
    web_pid: int
    cluster_pid: int
    log: Path

    def workers(self) -> set[int]:
        """The pids of the worker processes; their sandboxes come and go."""
        return {int(row["pid"]) for row in self.rows("select pid from worker_states")}

    def rows(self, query: str) -> list[dict[str, Any]]:
        import sqlite3

        with sqlite3.connect(self.log.parent / "db.sqlite3") as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]

    def wait(self, job_id: str, seconds: float = 120) -> dict[str, Any]:
        """The job once it has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.client.get(f"/api/jobs/{job_id}").json()
            if job["status"] in ENDED:
                return job
            time.sleep(0.25)  # asking more often would be measured along
        raise TimeoutError(f"job {job_id} did not end in {seconds} s: {job}")

    def peak_rss(self) -> int:
        """Bytes of the largest sandbox or worker below the cluster, now."""
        tree = psutil.Process(self.cluster_pid).children(recursive=True)
        return max((process.memory_info().rss for process in tree if process.is_running()), default=0)


@contextmanager
def running_site(data: Path, **environment: str) -> Iterator[Site]:
    """Migrated and answering; workers of the pool `all`. `environment` goes to all of them."""
    claims = {"userId": "ada", "exp": int(time.time()) + 7200}
    token = jwt.encode(claims, SECRET, algorithm="HS256")
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    data.mkdir(parents=True, exist_ok=True)
    variables = kept | {"DATA_DIR": str(data), "JWT_SECRET": SECRET, "LOG_LEVEL": "WARNING"} | environment
    for more in ([], ["--database", "channels"]):
        migrate = [sys.executable, "manage.py", "migrate", "-v0", *more]
        subprocess.run(migrate, cwd=ROOT, env=variables, check=True)
    log = data / "cluster.log"
    with log.open("wb") as output:
        cluster = subprocess.Popen(
            [sys.executable, "manage.py", "qcluster", "--pool", "all"],
            cwd=ROOT, env=variables, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        with (
            served("uvicorn", "config.asgi:application", data, **environment) as (web, port),
            httpx.Client(
                base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"}, timeout=120
            ) as client,
        ):
            yield Site(client, web, cluster.pid, log)
    finally:
        cluster.terminate()
        try:
            cluster.wait(40)
        except subprocess.TimeoutExpired:
            cluster.kill()
            cluster.wait()
