"""The child process that runs handlers, so that nothing a job does can hurt the worker.

Forked by a worker, kept warm from job to job, replaced after many jobs, after it has grown, and after any
kill. The first half of this file is the worker's side, the second the child's.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

from asgiref.sync import SyncToAsync
from django.conf import settings
from django.db import connections

from jobs import confinement, events, identity, redaction, registry
from jobs.context import JobContext
from jobs.exceptions import FenceLost, JobError, PermanentError
from jobs.models import Job
from jobs.network import NetworkGuard
from jobs.pipe import Closed, Pipe, TooLarge
from jobs.retry import classify
from jobs.states import Category

logger = logging.getLogger(__name__)

# A child that has grown by this much is replaced, in bytes.
_GROWTH_BYTES = 400 * 1024 * 1024
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Sandbox:
    """A warm child. Not thread-safe; belongs to the worker process that started it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        # No connection crosses the fork: the child would share, and on its end close, the worker's session.
        events.drop_runner()
        connections.close_all()
        worker = os.getpid()
        self.scratch = make_scratch()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _live(Pipe(theirs), worker, self.scratch)
        theirs.close()
        events.use_runner()
        self.pipe = Pipe(ours)
        self.jobs = 0
        # Once a job without the network has run in it, the child can never open a connection again.
        self.closed = False
        self.base_rss: int | None = None

    def run(self, job: Job, *, calls_out: bool) -> None:
        """Start a job in the child. Raises `jobs.pipe.Closed` when the child is gone."""
        self.jobs += 1
        self.closed = self.closed or not calls_out
        if self.base_rss is None:
            self.base_rss = self.rss()
        self.pipe.about = job.claim.hex if job.claim else ""
        self.pipe.send(
            "run",
            {
                "job": job.id.hex,
                "kind": job.kind,
                "owner": job.owner_id,
                "attempt": job.attempt,
                "claim": job.claim.hex if job.claim else "",
                "args": job.args,
                "priority": job.priority,
                "parent": job.parent_id.hex if job.parent_id else "",
                "checkpoint": job.checkpoint,
                "calls_out": calls_out,
                "finishing": job.finishing,
                "result": job.result if job.finishing else None,
            },
        )

    def alive(self) -> bool:
        """Whether the child itself runs, whatever it has left behind."""
        return identity.start_time(self.pid) != ""

    def rss(self) -> int:
        """Resident memory of the child and what it started, in bytes; 0 when it is gone."""
        total = _rss(self.pid)
        try:
            with open(f"/proc/{self.pid}/task/{self.pid}/children") as children:
                total += sum(_rss(int(pid)) for pid in children.read().split())
        except OSError:
            pass
        return total

    def worn(self) -> bool:
        """Whether the next job should get a new child."""
        return self.jobs >= settings.SANDBOX_MAX_JOBS or self.growth(self.rss()) > _GROWTH_BYTES

    def growth(self, rss: int) -> int:
        """How much of `rss` jobs have added, in bytes; what a new child shares with the worker is not."""
        return rss - (self.base_rss or 0)

    def kill(self) -> int:
        """End the child and all it started, native code included; returns its wait status."""
        for target in (
            lambda: os.killpg(self.pid, signal.SIGKILL),
            lambda: os.kill(self.pid, signal.SIGKILL),
        ):
            try:
                target()
            except ProcessLookupError:
                pass
        self.pipe.close()
        try:
            status = os.waitpid(self.pid, 0)[1]
        except ChildProcessError:
            status = 0
        shutil.rmtree(self.scratch, ignore_errors=True)
        return status


def _rss(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as statm:
            return int(statm.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def scratch_root() -> Path:
    return settings.DATA_DIR / "scratch"


def make_scratch() -> Path:
    """A directory for one sandbox, empty at the start of each attempt. Its name tells whose it is."""
    root = scratch_root()
    root.mkdir(parents=True, exist_ok=True)
    name = identity.worker_id(os.getpid()).replace("/", "_")
    return Path(tempfile.mkdtemp(prefix=f"{name}~", dir=root))


def scratch_worker(path: Path) -> str:
    """The id of the worker whose sandbox's scratch `path` is."""
    host, _, rest = path.name.partition("~")[0].rpartition("_")
    return f"{host}/{rest}"


# The child's side.


def _live(pipe: Pipe, worker: int, scratch: Path) -> NoReturn:
    try:
        _confine(worker)
        tempfile.tempdir = str(scratch)
        os.chdir(scratch)
        guard = NetworkGuard()
        while True:
            message = pipe.receive(None)
            if message and message[0] == "run":
                _run(pipe, message[1], guard, scratch)
    except Closed:
        os._exit(0)
    except BaseException:  # noqa: BLE001  the child must never return into the worker's stack
        traceback.print_exc()
        os._exit(70)


def _confine(worker: int) -> None:
    os.setpgid(0, 0)
    confinement.die_with_parent(worker)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGHUP, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    # Ctrl-C and a SIGTERM to the group reach everybody; the parent process decides what they mean.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    confinement.prefer_as_oom_victim()
    confinement.forbid_new_privileges()
    confinement.no_core_files()
    confinement.forget_environment_secrets()
    SyncToAsync.single_thread_executor = ThreadPoolExecutor(max_workers=1)


def _run(pipe: Pipe, run: dict[str, Any], guard: NetworkGuard, scratch: Path) -> None:
    pipe.about = run["claim"]
    context = JobContext(run, pipe.send, scratch)
    try:
        handler = registry.get(run["kind"])
        confinement.limit(
            cpu_seconds=handler.cpu_seconds,
            file_mb=handler.file_mb,
            memory_mb=settings.MEMORY_LIMIT or handler.memory_mb,
        )
        args = handler.validate(run["args"])
        with redaction.only(handler.secrets), guard.over(calls_out=run["calls_out"]):
            result = _call(handler, context, args, run)
        context._flush()
        try:
            pipe.send("done", {"result": result, "children": [_child(spec) for spec in context.spawned]})
        except (TypeError, ValueError, TooLarge) as error:
            raise PermanentError(
                f"The result cannot be stored: {error}.", code="result_not_storable"
            ) from error
    except Closed:
        raise
    except FenceLost:
        pipe.send("lost", None)
    except BaseException as error:  # noqa: BLE001  SystemExit and KeyboardInterrupt are a handler's errors too
        pipe.send("failed", _failure(error, context))
    finally:
        _settle(scratch)


def _call(handler: Any, context: JobContext, args: Any, run: dict[str, Any]) -> Any:
    if not run["finishing"]:
        return handler.function(context, args)
    if handler.finish:
        return handler.finish(context, args, run["result"], context.children())
    return _joined(context, run["result"])


def _joined(context: JobContext, result: Any) -> Any:
    """The result of a parent without a finish function: its own, unless every child failed."""
    children = context.children()
    if children and all(child.state == "failed" for child in children):
        error = children[0].error or {}
        raise (
            JobError(
                str(error.get("message", "All parts of this job failed.")),
                code=error.get("code", "children_failed"),
            )
            if error.get("retryable")
            else _permanent(error)
        )
    return result


def _permanent(error: dict[str, Any]) -> JobError:
    return PermanentError(
        str(error.get("message", "All parts of this job failed.")), code=error.get("code", "children_failed")
    )


def _child(spec: Any) -> dict[str, Any]:
    return {
        "kind": spec.kind,
        "args": spec.args,
        "priority": spec.priority,
        "max_attempts": spec.max_attempts,
    }


def _failure(error: BaseException, context: JobContext) -> dict[str, Any]:
    judgement = classify(error)
    return {
        "category": str(judgement.category),
        "code": judgement.code,
        "message": judgement.message,
        "delay": judgement.delay,
        "error_class": f"{type(error).__module__}.{type(error).__qualname__}",
        "traceback": "" if judgement.category == Category.INVALID_INPUT else redaction.traceback_of(error),
        "fingerprint": redaction.fingerprint(context.kind, error),
        "stage": context._stage,
    }


def _settle(scratch: Path) -> None:
    """Leave nothing for the next job: a broken transaction would be its first error."""
    os.chdir(scratch)
    for left in os.scandir(scratch):
        if left.is_dir(follow_symlinks=False):
            shutil.rmtree(left.path, ignore_errors=True)
        else:
            os.unlink(left.path)
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block or connection.needs_rollback:
            connection.close()
        else:
            connection.close_if_unusable_or_obsolete()
    for child in confinement.children():
        try:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        except (ProcessLookupError, ChildProcessError, PermissionError):
            pass
