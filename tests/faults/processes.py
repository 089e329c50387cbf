"""Real worker clusters and web processes of one check, found and hurt by process id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]


class Cluster:
    """`manage.py qcluster` and everything below it."""

    def __init__(
        self, name: str, environment: dict[str, str], log: Path, workers: int, command: list[str]
    ) -> None:
        self.name = name
        # One more waits for guests: see `jobs.board.Board`.
        self.workers_wanted = workers + 1
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [*command, sys.executable, "manage.py", "qcluster", "--pool", "all"],
                cwd=ROOT,
                env={**environment, "JOB_CONCURRENCY": f"all={workers}"},
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.seen: set[psutil.Process] = set()

    @property
    def pid(self) -> int:
        return self.process.pid

    def tree(self) -> list[psutil.Process]:
        """Every process of the cluster, the parent process first. Remembers them, to find orphans later."""
        try:
            parent = psutil.Process(self.pid)
            found = [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        self.seen.update(found)
        return found

    def sentinel(self) -> int:
        return min(child.pid for child in psutil.Process(self.pid).children())

    def second_row(self) -> list[int]:
        """The sentinel's children as it started them: workers, then monitor, then pusher."""
        return sorted(child.pid for child in psutil.Process(self.sentinel()).children())

    def workers(self) -> list[int]:
        return self.second_row()[: self.workers_wanted]

    def monitor(self) -> int:
        return self.second_row()[self.workers_wanted]

    def pusher(self) -> int:
        return self.second_row()[self.workers_wanted + 1]

    def ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"cluster {self.name} ended with {self.process.returncode}; see {self.log}")
        try:
            return len(self.second_row()) == self.workers_wanted + 2
        except (psutil.NoSuchProcess, ValueError):
            return False

    def term(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def stop(self, number: int) -> None:
        """Send a signal (SIGSTOP, SIGCONT) to the whole tree."""
        for process in self.tree():
            send(process.pid, number)

    def kill_tree(self) -> None:
        """SIGKILL everything at once, as a host that loses its power."""
        tree = self.tree()
        for process in tree:
            send(process.pid, signal.SIGSTOP)
        for process in {*tree, *self.tree()}:
            send(process.pid, signal.SIGKILL)
        self.process.wait(10)

    def leftovers(self) -> list[int]:
        """Processes it ever had that live although the parent process is gone."""
        return [process.pid for process in self.seen if process.is_running() and lives(process)]

    def end(self) -> None:
        self.tree()
        for process in self.seen:
            if process.is_running():
                send(process.pid, signal.SIGKILL)
        self.process.wait(10)


def sandbox_of(worker: int) -> int | None:
    try:
        children = psutil.Process(worker).children()
    except psutil.NoSuchProcess:
        return None
    return children[0].pid if children else None


def lock_holder(workers: list[int]) -> int | None:
    """The idle worker that sleeps in the queue's pipe, and so holds its lock; the others wait for that."""
    for worker in workers:
        with open(f"/proc/{worker}/wchan") as where:
            if "pipe" in where.read():
                return worker
    return None


def leave_nothing_behind() -> None:
    """SIGTERM ends this process as an exception does: with every server and process it started."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def kill(pid: int) -> float:
    """SIGKILL; returns when, on the monotonic clock."""
    at = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    return at


def lives(process: psutil.Process) -> bool:
    try:
        return process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may have gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
