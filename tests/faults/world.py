"""The world of one check: its own servers, databases, worker clusters and web processes, all to be hurt."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults import templates
from tests.faults.ledger_count import Effects, Ledger, audit
from tests.faults.outcome import Fault, Outcome
from tests.faults.processes import Cluster, sandbox_of
from tests.faults.servers import PostgresServer, RedisServer
from tests.faults.waiting import TooLate, wait
from tests.faults.web import Client, Refused, Web

LEASE = templates.LEASE


class World:
    """A context manager. `embedded` is SQLite without other servers; `without` names lost protections."""

    def __init__(self, name: str, *, seed: int, without: str = "", embedded: bool = False) -> None:
        self.random = random.Random(f"{seed} {name}")
        self.without = without
        self.embedded = embedded
        self.outcome = Outcome(name)
        self.directory = Path(tempfile.mkdtemp(prefix="faults-", dir=templates.root()))
        self.directory.chmod(0o755)
        self.data = self.directory / "data"
        self.effects = Effects(self.directory / "effects")
        self.accepted: list[str] = []
        self.refused: list[Refused] = []
        self.reruns: Counter[str] = Counter()
        self.clusters: list[Cluster] = []
        self.webs: list[Web] = []
        # A proof need not wait as long as a check: it waits for what will not come.
        self.patience = 30.0 if without else 120.0
        self.no_second_start = False

    def __enter__(self) -> World:
        self.redis = RedisServer(self.directory / "redis")
        self.postgres = PostgresServer(self.directory / "postgres")
        if self.embedded:
            shutil.copytree(templates.sqlite(), self.data)
            self.ledger = Ledger(sqlite=self.data / "db.sqlite3")
        else:
            self.data.mkdir()
            subprocess.run(["cp", "-a", str(templates.postgres()), str(self.postgres.directory)], check=True)
            self.redis.start()
            self.postgres.start()
            self.ledger = Ledger(postgres=self.postgres)
        return self

    def __exit__(self, *error: object) -> None:
        for process in (*self.webs, *self.clusters):
            process.end()
        self.ledger.close()
        for server in (self.redis, self.postgres):
            if server.process and server.process.poll() is None:
                server.thaw()
                server.end(signal.SIGQUIT if server is self.postgres else signal.SIGKILL)
        if error[0] is None or not os.environ.get("FAULTS_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)

    # Processes.

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
        servers = {} if self.embedded else {"DATABASE_URL": self.postgres.url, "REDIS_URL": self.redis.url}
        own = {"DATA_DIR": str(self.data), "FAULTS_WITHOUT": self.without}
        return {**kept, **templates.ENVIRONMENT, **servers, **own, **more}

    def cluster(
        self, name: str = "a", *, workers: int = 3, command: list[str] | None = None, **more: str
    ) -> Cluster:
        """Start a worker cluster and wait until it is whole. `command` is put before it."""
        made = Cluster(
            name, self.environment(**more), self.directory / f"cluster-{name}.log", workers, command or []
        )
        self.clusters.append(made)
        wait(made.ready, 60, f"cluster {name} to start")
        return made

    def web(self, **more: str) -> Web:
        """Start a web process and wait until it answers."""
        made = Web(self.environment(**more), self.directory / "web.log")
        self.webs.append(made)
        made.ready()
        return made

    # Jobs.

    @contextmanager
    def load(self, web: Web, *, every: float, **args: Any) -> Iterator[None]:
        """Jobs that are created all the time, by another client of the web process."""
        client, over = web.another_client(), threading.Event()

        def create() -> None:
            while not over.wait(every):
                self.submit(client, **args)

        with ThreadPoolExecutor(1) as pool:
            creating = pool.submit(create)
            try:
                yield
            finally:
                over.set()
                creating.result()
                client.close()

    def submit(self, web: Client, kind: str = "faults.work", *, times: int = 1, **body: Any) -> list[str]:
        """Create jobs one by one through the API; returns the ids that were accepted."""
        new: list[str] = []
        for _ in range(times):
            try:
                job = web.create(kind, effects=str(self.effects.path), **body)
            except Refused as error:
                if 400 <= error.status < 500:
                    raise  # the suite itself is wrong
                self.refused.append(error)
                continue
            new.append(job)
            self.accepted.append(job)
        return new

    def warm(self, web: Web) -> None:
        """Let each worker do a job, so that what follows is not measured on a cluster that still starts."""
        jobs = self.submit(web, times=2 * sum(cluster.workers_wanted for cluster in self.clusters))
        wait(lambda: self.ledger.unfinished() == 0, 60, f"{len(jobs)} first jobs to end")

    def django_task(self) -> str:
        """Give django-q2 an ordinary task of its own; returns its id."""
        script = (
            "import django; django.setup()\n"
            "from django_q.tasks import async_task\n"
            "print(async_task('builtins.len', [1], save=True))\n"
        )
        return self.python(script).strip()

    def python(self, script: str, **more: str) -> str:
        """Run a script in a process of its own, with the site's settings; returns what it prints."""
        return templates.python(script, self.environment(**more))

    def started(self, job: str, attempt: int = 1) -> None:
        """Wait until an attempt of a job has really begun its work."""
        wait(lambda: self.effects.read().started(job, attempt), self.patience, f"attempt {attempt} to start")

    def some_running(self, hurt: set[str]) -> tuple[str, int, int, int]:
        """Wait for a job that works and was not hurt before: id, attempt, pids of its worker and sandbox."""

        def look() -> tuple[str, int, int, int] | None:
            rows = self.ledger.rows("SELECT id, attempt, worker FROM background_jobs WHERE state = 'running'")
            self.random.shuffle(rows)
            effects = self.effects.read()
            for row in rows:
                if row["id"] in hurt or not effects.started(row["id"], row["attempt"]):
                    continue
                worker = int(row["worker"].split(":")[-2])
                box = sandbox_of(worker)
                if box:
                    return row["id"], row["attempt"], worker, box
            return None

        return wait(look, self.patience, "a job that works")

    def noticed(self, job: str, attempt: int, since: float, seconds: float) -> float:
        """Wait until the ledger does not show this attempt as running; returns after how many seconds."""

        def gone() -> bool:
            row = self.ledger.job(job)
            return bool(row["state"] != "running" or row["attempt"] != attempt)

        try:
            wait(gone, seconds, "the ledger to notice", every=0.01)
        except TooLate:
            pass
        took = time.monotonic() - since
        self.outcome.recoveries.append(took)
        return took

    def settle(self, seconds: float = 0.0) -> None:
        """Wait until every job has ended; what has not is counted as stuck by the audit."""
        try:
            wait(
                lambda: self.ledger.unfinished() == 0, seconds or self.patience, "all jobs to end", every=0.2
            )
        except TooLate:
            pass

    # Findings.

    def expect(self, holds: bool, promise: str, seen: str) -> None:
        if not holds:
            self.outcome.faults.append(Fault(promise, seen))

    def within(self, took: float, limit: float, what: str) -> None:
        """A promise about time. Reported exactly, asserted with room for a machine that does other things."""
        self.outcome.notes.append(f"{what} {took:.2f} s")
        self.expect(took <= 2 * limit + 1, "late", f"{what} took {took:.1f} s, promised {limit:g} s")

    def no_orphans(self) -> None:
        """Nothing of a cluster that is gone lives on."""
        gone = [cluster for cluster in self.clusters if cluster.process.poll() is not None]

        def none() -> bool:
            return not any(cluster.leftovers() for cluster in gone)

        try:
            wait(none, 10, "orphans to end")
        except TooLate:
            pids = [pid for cluster in gone for pid in cluster.leftovers()]
            self.expect(False, "orphans", f"{len(pids)} processes live on")

    def judge(self) -> Outcome:
        """The audit, and the promises every check stands for."""
        self.outcome.count = count = audit(self.ledger, self.effects, self.accepted, self.reruns)
        self.expect(bool(self.accepted), "staging", "no job was accepted at all")
        for promise in ("lost", "committed_twice", "stuck"):
            number = getattr(count, promise)
            self.expect(number == 0, promise, f"{number} jobs {promise.replace('_', ' ')}")
        if self.no_second_start:
            number = count.started_twice
            self.expect(number == 0, "started_twice", f"{number} jobs were started twice without a fault")
        return self.outcome
