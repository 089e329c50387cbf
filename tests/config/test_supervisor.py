"""The supervisor, with small programs in place of the web process and the workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from config import site
from config.supervisor import BACKOFF_CAP, HEALTHY_AFTER, Child, Program, exit_reason

ROOT = Path(__file__).resolve().parents[2]

MAIN = """
import sys
from config.supervisor import Program, Supervisor
programs = [Program(f"child{n}", (sys.executable, "-u", "-c", code)) for n, code in enumerate(sys.argv[2:])]
sys.exit(Supervisor(programs, drain_seconds=float(sys.argv[1])).run())
"""
FOREVER = "import os, time; print('pid', os.getpid(), flush=True)\nwhile True: time.sleep(0.05)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOREVER
PARENT = (
    "import subprocess, sys, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    f"subprocess.Popen([sys.executable, '-u', '-c', {STUBBORN!r}], start_new_session=True)\n" + FOREVER
)


def wait_for(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


class Run:
    """A supervisor in a process of its own, and what it and its children have printed."""

    def __init__(self, output: Path, *codes: str, drain: float = 5.0) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-c", MAIN, str(drain), *codes],
                cwd=ROOT, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def text(self) -> str:
        return self.output.read_text()

    def pids(self) -> list[int]:
        return [int(line.split()[1]) for line in self.text().splitlines() if line.startswith("pid ")]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(*codes: str, drain: float = 5.0) -> Run:
        runs.append(Run(tmp_path / f"out{len(runs)}", *codes, drain=drain))
        return runs[-1]

    yield start
    for run in runs:
        for pid in [run.process.pid, *run.pids()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        run.process.wait()


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_child_that_is_killed_is_started_again_and_the_reason_is_said(
    supervise: Callable[..., Run],
) -> None:
    run = supervise(FOREVER)
    wait_for(lambda: len(run.pids()) == 1)
    os.kill(run.pids()[0], signal.SIGKILL)
    wait_for(lambda: len(run.pids()) == 2)
    assert "child0: was killed by SIGKILL" in run.text()
    assert "starts again in 0.5 s" in run.text()


def test_a_child_that_keeps_failing_is_started_ever_less_often(supervise: Callable[..., Run]) -> None:
    run = supervise("raise SystemExit(3)")
    wait_for(lambda: "starts again in 2 s" in run.text())
    assert [f"exit code 3; starts again in {delay} s" in run.text() for delay in ("0.5", "1", "2")] == [
        True
    ] * 3


def test_a_long_healthy_run_forgives_the_failures_before_it() -> None:
    child = Child(Program("x", ("true",)))
    child.started = time.monotonic()
    delays = [child.backoff() for _ in range(9)]
    assert delays[:4] == [0.5, 1, 2, 4]
    assert delays[-1] == BACKOFF_CAP
    child.started = time.monotonic() - HEALTHY_AFTER
    assert child.backoff() == 0.5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_drains_every_child_and_ends_with_0(number: int, supervise: Callable[..., Run]) -> None:
    run = supervise(FOREVER, FOREVER)
    wait_for(lambda: len(run.pids()) == 2)
    run.process.send_signal(number)
    assert run.process.wait(10) == 0
    assert all(gone(pid) for pid in run.pids())


def test_what_does_not_end_in_time_is_killed_with_everything_it_started(
    supervise: Callable[..., Run],
) -> None:
    run = supervise(PARENT, drain=0.5)
    wait_for(lambda: len(run.pids()) == 2)
    run.process.terminate()
    assert run.process.wait(10) == 1
    assert "did not end in time, killed" in run.text()
    wait_for(lambda: all(gone(pid) for pid in run.pids()))


def test_a_second_ctrl_c_does_not_wait_for_the_deadline(supervise: Callable[..., Run]) -> None:
    run = supervise(STUBBORN, drain=60)
    wait_for(lambda: len(run.pids()) == 1)
    run.process.send_signal(signal.SIGINT)
    wait_for(lambda: "stopping: child0" in run.text())
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(10) == 1


def test_children_do_not_outlive_a_supervisor_that_is_killed(supervise: Callable[..., Run]) -> None:
    run = supervise(FOREVER)
    wait_for(lambda: len(run.pids()) == 1)
    run.process.kill()
    run.process.wait()
    wait_for(lambda: gone(run.pids()[0]))


def test_what_a_dead_child_had_started_does_not_go_on_working(supervise: Callable[..., Run]) -> None:
    spawner = (
        f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-u', '-c', {FOREVER!r}])\n" + FOREVER
    )
    run = supervise(spawner)
    wait_for(lambda: len(run.pids()) == 2)
    child = psutil.Process(run.process.pid).children()[0]
    orphan = next(pid for pid in run.pids() if pid != child.pid)
    child.kill()
    wait_for(lambda: gone(orphan))


def test_exit_reasons_are_words() -> None:
    assert exit_reason(3) == "ended with exit code 3"
    assert exit_reason(-9).startswith("was killed by SIGKILL")
    assert exit_reason(-11) == "was killed by SIGSEGV"


def test_port_0_finds_a_free_port() -> None:
    assert site.claim("127.0.0.1", 0).port > 0


def test_a_port_in_use_names_the_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(site.PortInUse, match=rf"Port {port} .* is in use.*PORT={port + 1} make up"):
            site.claim("127.0.0.1", port)


def test_the_address_for_a_browser_is_never_the_wildcard() -> None:
    assert site.Address("0.0.0.0", 8000).url == "http://127.0.0.1:8000"
    assert site.Address("::", 8000).url == "http://[::1]:8000"
    assert site.Address("::1", 8000).url == "http://[::1]:8000"


def test_the_web_process_takes_nobodys_word_for_who_is_calling() -> None:
    assert "--no-proxy-headers" in site.web(site.Address("127.0.0.1", 8000)).argv


def test_pools_are_started_once_each_in_the_order_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLS", "document, ai,document")
    names = [program.name for program in site.programs(site.Address("127.0.0.1", 8000))]
    assert names == ["web", "workers:document", "workers:ai"]
