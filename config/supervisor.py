"""Keeping the processes of one site alive: what `make up` runs.

One supervisor starts the web process and the clusters of workers as children. A child that dies is started
again with a backoff; a stop signal drains them all within a deadline; none of them outlives the supervisor.
It is one thread and one loop: signals only set a flag, so nothing is joined inside a handler.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

import psutil

BACKOFF_FIRST: Final = 0.5
BACKOFF_CAP: Final = 30.0
HEALTHY_AFTER: Final = 60.0
TICK_SECONDS: Final = 0.1

_PR_SET_PDEATHSIG: Final = 1
# Looked up before any fork: loading a library between fork and exec can deadlock.
_libc: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Program:
    """What to run: `name` is what the person reads; `env` is added to the supervisor's environment."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)


class Child:
    """One supervised program: its process, and when it may be started again."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.delay = BACKOFF_FIRST
        self.started = 0.0
        self.start_at = 0.0

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.program.argv,
            env=os.environ | self.program.env,
            stdin=subprocess.DEVNULL,
            # Its own session: a terminal's Ctrl-C reaches only the supervisor, which then drains. Sent to the
            # whole group it would kill work in the middle (FACTS).
            start_new_session=True,
            preexec_fn=_die_with_parent(os.getpid()),
        )

    def ended(self) -> int | None:
        """The exit status if the process has ended since it was started, else None."""
        return self.process.poll() if self.process else None

    def backoff(self) -> float:
        """Plan the next start; returns the seconds until then. A long healthy run forgives the past."""
        if time.monotonic() - self.started >= HEALTHY_AFTER:
            self.delay = BACKOFF_FIRST
        delay = self.delay
        self.delay = min(self.delay * 2, BACKOFF_CAP)
        self.start_at = time.monotonic() + delay
        self.process = None
        return delay


class Supervisor:
    """Runs programs until told to stop.

    `say` prints one line to the person. `drain_seconds` is how long children may take to end after SIGTERM
    before they are killed with everything they started.
    """

    def __init__(
        self, programs: Iterable[Program], *, drain_seconds: float, say: Callable[[str], None] = print
    ) -> None:
        self.children = [Child(program) for program in programs]
        self.drain_seconds = drain_seconds
        self.say = say
        self.stop_signal: int | None = None
        self.impatient = False

    def run(self, each_tick: Callable[[], None] | None = None) -> int:
        """Start everything, keep it running, and drain on SIGTERM or SIGINT. Returns the exit status.

        0 when every child ended by itself in time, 1 when one had to be killed. `each_tick` is called about
        ten times a second while the site runs; it must not block.
        """
        raise_file_limit()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        for child in self.children:
            child.start()
        while self.stop_signal is None:
            for child in self.children:
                self._attend(child)
            if each_tick:
                each_tick()
            time.sleep(TICK_SECONDS)
        return self._drain()

    def _attend(self, child: Child) -> None:
        if child.process is None:
            if time.monotonic() >= child.start_at:
                child.start()
            return
        status = child.ended()
        if status is not None:
            # What the dead process had started would go on working, unseen and uncounted.
            kill_session(child.process.pid)
            delay = child.backoff()
            self.say(f"{child.program.name}: {exit_reason(status)}; starts again in {delay:g} s")

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.stop_signal is not None and number == signal.SIGINT:
            self.impatient = True
        self.stop_signal = self.stop_signal or number

    def _drain(self) -> int:
        living = [child for child in self.children if child.process and child.ended() is None]
        trees = {child.program.name: descendants(child.process.pid) for child in living if child.process}
        names = ", ".join(child.program.name for child in living)
        self.say(
            f"stopping: {names or 'nothing runs'} (at most {self.drain_seconds:g} s; Ctrl-C again kills)"
        )
        for child in living:
            if child.process:
                child.process.terminate()
        deadline = time.monotonic() + self.drain_seconds
        while living and time.monotonic() < deadline and not self.impatient:
            living = [child for child in living if child.ended() is None]
            time.sleep(TICK_SECONDS)
        killed = [child for child in living if child.ended() is None]
        for child in killed:
            self.say(f"{child.program.name}: did not end in time, killed")
        for child in self.children:
            if child.process:
                kill_tree([*trees.get(child.program.name, []), *descendants(child.process.pid)])
                if child.ended() is None:
                    child.process.kill()
                child.process.wait()
        self.say("stopped")
        return 1 if killed else 0


def exit_reason(status: int) -> str:
    """An exit status of `subprocess` in words."""
    if status >= 0:
        return f"ended with exit code {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    hint = " (the kernel kills like this when memory runs out)" if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"


def descendants(pid: int) -> list[psutil.Process]:
    """Every process below `pid`, as handles that a reused pid can not fool."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def kill_tree(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            pass


def kill_session(sid: int) -> None:
    """Kill what is left of the session a dead child led."""
    left = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == sid and process.pid != sid:
                left.append(process)
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue
    kill_tree(left)


def raise_file_limit() -> None:
    """Every watcher is an open socket, and the usual soft limit of 1,024 files is soon met."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _die_with_parent(parent: int) -> Callable[[], None]:
    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl: nobody will tell us
            os._exit(1)

    return prepare
