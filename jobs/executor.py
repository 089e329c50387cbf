"""One attempt, from its claim to what the ledger keeps of it.

Runs in a django-q2 worker process, which is single-threaded and never runs handler code: it waits on the
sandbox with a deadline and does its heartbeats in between.
"""

from __future__ import annotations

import json
import logging
import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, DataError, InterfaceError, OperationalError, connections

from jobs import conf, events, progress, registry, transitions
from jobs.board import Board
from jobs.enqueue import Spec, build
from jobs.exceptions import InvalidArgs, UnknownKind
from jobs.ledger import Fence
from jobs.models import Job
from jobs.pipe import Closed, Misplaced, TooLarge
from jobs.redaction import fingerprint, traceback_of
from jobs.registry import Handler
from jobs.retry import Judgement, RetryPolicy
from jobs.sandbox import Sandbox
from jobs.states import Category, Cause
from jobs.transitions import Failure

logger = logging.getLogger(__name__)
T = TypeVar("T")

_CANCEL_LOOK_SECONDS = 0.5
_PROGRESS_WRITE_SECONDS = 0.5
_DATABASE_AWAY = (OperationalError, InterfaceError)


class LeaseLost(Exception):
    """The database was away for longer than the lease: the attempt may be somebody else's by now."""


@dataclass
class Worker:
    """What a worker process keeps from one attempt to the next."""

    id: str
    board: Board | None = None
    sandbox: Sandbox | None = None

    def warm_sandbox(self, *, calls_out: bool = False) -> Sandbox:
        """The child, or a new one: when it has died, or has given up the network that the next job needs."""
        if self.sandbox and (not self.sandbox.alive() or (calls_out and self.sandbox.closed)):
            self.end_sandbox()
        if self.sandbox is None:
            self.sandbox = Sandbox()
            if self.board:
                self.board.on_sandbox(self.sandbox.pid)
        return self.sandbox

    def end_sandbox(self) -> int:
        status = self.sandbox.kill() if self.sandbox else 0
        self.sandbox = None
        return status


def run(job_id: uuid.UUID, worker: Worker) -> None:
    """Run the next attempt of a job, if it is to be had. Raises what the database raises on the claim."""
    # The child is made before the claim: its fork closes connections, and its time is not the job's.
    worker.warm_sandbox()
    job = transitions.claim(job_id, worker=worker.id, lease=settings.LEASE_SECONDS)
    if job is None:
        return
    if worker.board:
        worker.board.on_job(job.id)
    attempt = Attempt(job, worker)
    try:
        attempt.perform()
    except LeaseLost:
        logger.error("job %s: database away for a whole lease; left to the rescuer", job.id)
        worker.end_sandbox()
    except Exception as error:
        # Our own mistake. The sandbox may be in the middle of anything, so the next job gets a new one.
        logger.exception("job %s: the worker went wrong", job.id)
        worker.end_sandbox()
        attempt.gone_wrong(error)


@dataclass
class Attempt:
    """One claimed job on its way through the sandbox."""

    job: Job
    worker: Worker
    started: float = field(default_factory=time.monotonic)
    peak_rss: int = 0
    stage: str = ""
    counter: int = 0
    shown: dict[str, Any] | None = None
    shown_written: float = 0.0

    def __post_init__(self) -> None:
        self.fence = Fence(self.job.id, self.job.attempt, self.job.claim)
        self.lease_end = self.started + settings.LEASE_SECONDS
        self.next_renewal = self.started + settings.LEASE_SECONDS / conf.HEARTBEATS_PER_LEASE
        self.next_cancel_look = self.started + _CANCEL_LOOK_SECONDS

    def perform(self) -> None:
        try:
            handler = registry.get(self.job.kind)
        except UnknownKind as error:
            # During a deploy the next worker may know it, so this is not final.
            self.failed(Judgement(Category.TRANSIENT, "unknown_kind", str(error)), RetryPolicy())
            return
        box = self.worker.warm_sandbox(calls_out=handler.calls_out)
        try:
            box.run(self.job, calls_out=handler.calls_out)
            self.started = time.monotonic()  # the job's own time begins here
            name, value = self.watch(handler, box)
        except Closed:
            self.died(handler)
            return
        except (TooLarge, Misplaced, ValueError) as error:
            self.killed(
                handler,
                Cause.SANDBOX_DIED,
                Category.PERMANENT,
                "bad_message",
                f"The job broke its pipe: {error}",
            )
            return
        if name == "done":
            try:
                self.done(handler, value)
            except DataError as error:
                logger.warning("job %s: result not storable: %s", self.job.id, error)
                message = "The result holds text that the database cannot store."
                self.failed(Judgement(Category.PERMANENT, "result_not_storable", message), handler.retry)
        elif name == "failed":
            judgement = Judgement(
                Category(value["category"]), str(value["code"]), str(value["message"]), value["delay"]
            )
            self.failed(judgement, handler.retry, Cause.ERROR, value)
        if self.worker.sandbox and self.worker.sandbox.worn():
            self.worker.end_sandbox()

    def watch(self, handler: Handler, box: Sandbox) -> tuple[str, Any]:
        """Handle what the sandbox says until its last word; end it when it must not go on.

        Returns `done`, `failed`, `lost` (somebody else has the job), or `over` (ended here, and recorded).
        """
        while True:
            alive = box.alive()
            patience = events.HOLD_SECONDS if events.holding() else conf.TICK_SECONDS
            message = box.pipe.receive(patience if alive else 0)
            if message is None:
                if not alive:
                    raise Closed  # what it started may keep the pipe open
                events.flush()
            if message:
                name, value = message
                if name in ("done", "failed", "lost"):
                    return name, value
                self.persist(partial(self.hear, name, value))
            verdict = self.overdue(handler, box)
            if verdict:
                return verdict

    def hear(self, name: str, value: Any) -> None:
        """One message of a running handler. What is durable is written before the next is read."""
        if name == "progress":
            self.counter += 1
            self.shown = value
            write = time.monotonic() - self.shown_written >= _PROGRESS_WRITE_SECONDS
            if write:
                self.shown_written = time.monotonic()
            progress.report(self.job, self.fence, self.counter, value, write=write)
            if write:
                self.shown = None
        elif name == "stage":
            self.write_shown()
            self.stage = str(value)
            progress.stage(self.job, self.fence, self.stage)
        elif name == "partial":
            progress.partial(self.job, self.fence, str(value[0]), value[1])
        elif name == "checkpoint":
            progress.checkpoint(self.fence, value)
        elif name == "log":
            progress.log(self.job, self.fence, str(value[0]), str(value[1]))

    def write_shown(self) -> None:
        if self.shown is not None:
            shown, self.shown = self.shown, None
            self.counter += 1
            progress.report(self.job, self.fence, self.counter, shown, write=True)

    def overdue(self, handler: Handler, box: Sandbox) -> tuple[str, Any] | None:
        """The checks between messages. A verdict means the sandbox was ended and the outcome recorded."""
        now = time.monotonic()
        limit_mb = settings.MEMORY_LIMIT or handler.memory_mb
        rss = box.rss()
        self.peak_rss = max(self.peak_rss, rss)
        if box.growth(rss) > limit_mb * 1024 * 1024:
            return self.killed(
                handler,
                Cause.MEMORY,
                Category.RESOURCE,
                "memory_limit",
                f"The job needed more than its {limit_mb} MiB of memory. Send a smaller input.",
            )
        if now - self.started > handler.timeout:
            return self.killed(
                handler,
                Cause.TIMEOUT,
                Category.TIMEOUT,
                "timeout",
                f"The job took longer than its limit of {handler.timeout:g} s.",
            )
        if self.worker.board and 0 < self.worker.board.drain_deadline.value < now:
            return self.handed_back()
        if now >= self.next_cancel_look:
            self.next_cancel_look = now + _CANCEL_LOOK_SECONDS
            return self.persist(self.look)
        return None

    def look(self) -> tuple[str, Any] | None:
        """Renew the lease when it is time, and obey a cancel."""
        now = time.monotonic()
        if self.shown is not None and now - self.shown_written >= _PROGRESS_WRITE_SECONDS:
            self.shown_written = now
            self.write_shown()
        if now >= self.next_renewal:
            if not transitions.renew(self.fence, lease=settings.LEASE_SECONDS):
                return self.lost()
            self.lease_end = now + settings.LEASE_SECONDS
            self.next_renewal = now + settings.LEASE_SECONDS / conf.HEARTBEATS_PER_LEASE
        row = (
            Job.objects.filter(pk=self.job.pk, attempt=self.fence.attempt, claim=self.fence.claim)
            .order_by()
            .values_list("cancel_requested_at", flat=True)[:1]
        )
        found = list(row)
        if not found:
            return self.lost()
        if found[0] is not None:
            self.worker.end_sandbox()
            self.persist(lambda: transitions.cancelled(self.job, self.fence))
            return "over", None
        return None

    def lost(self) -> tuple[str, Any]:
        logger.warning("job %s: attempt %d lost its job, stopping it", self.job.id, self.job.attempt)
        self.worker.end_sandbox()
        return "over", None

    def done(self, handler: Handler, value: dict[str, Any]) -> None:
        self.persist(self.write_shown)
        size = len(json.dumps(value["result"]))
        if size > conf.MAX_RESULT_BYTES:
            self.failed(
                Judgement(
                    Category.PERMANENT,
                    "result_too_large",
                    f"The result has {size} bytes; at most {conf.MAX_RESULT_BYTES} are kept in a job.",
                ),
                handler.retry,
            )
            return
        try:
            children = [
                build(Spec(**spec), owner_id=self.job.owner_id, parent=self.job) for spec in value["children"]
            ]
        except (InvalidArgs, UnknownKind) as error:
            self.failed(
                Judgement(Category.PERMANENT, "bad_child", f"A part of this job is not valid: {error}"),
                handler.retry,
            )
            return
        if children:
            ended = self.persist(
                lambda: transitions.wait_for_children(self.job, self.fence, children, value["result"])
            )
        else:
            ended = self.persist(lambda: transitions.complete(self.job, self.fence, value["result"]))
        if ended is None:
            self.persist(lambda: transitions.cancelled(self.job, self.fence))

    def failed(
        self,
        judgement: Judgement,
        policy: RetryPolicy,
        cause: Cause = Cause.ERROR,
        seen: dict[str, Any] | None = None,
    ) -> None:
        seen = seen or {}
        failure = Failure(
            judgement,
            cause,
            str(seen.get("error_class", "")),
            str(seen.get("traceback", "")),
            str(seen.get("fingerprint", "")),
            str(seen.get("stage", self.stage)),
            self.peak_rss or None,
        )
        self.persist(self.write_shown)
        if self.persist(lambda: transitions.fail(self.job, self.fence, failure, policy)) is None:
            self.persist(lambda: transitions.cancelled(self.job, self.fence))

    def killed(
        self, handler: Handler, cause: Cause, category: Category, code: str, message: str
    ) -> tuple[str, Any]:
        self.worker.end_sandbox()
        self.failed(Judgement(category, code, message), handler.retry, cause)
        return "over", None

    def died(self, handler: Handler) -> None:
        """The sandbox ended by itself, or somebody killed it."""
        status = self.worker.end_sandbox()
        number = status & 0x7F
        if number == signal.SIGXCPU:
            self.failed(
                Judgement(
                    Category.RESOURCE,
                    "cpu_limit",
                    f"The job used more than its {handler.cpu_seconds:g} s of processor time.",
                ),
                handler.retry,
                Cause.CPU,
            )
            return
        how = f"signal {number} ({signal.Signals(number).name})" if number else f"exit code {status >> 8}"
        self.failed(
            Judgement(Category.WORKER_LOST, "process_died", f"The process that ran the job died: {how}."),
            handler.retry,
            Cause.SANDBOX_DIED,
        )

    def gone_wrong(self, error: Exception) -> None:
        """Record an error of the executor itself as the attempt's, or leave it to the rescuer."""
        seen = {
            "error_class": f"{type(error).__module__}.{type(error).__qualname__}",
            "traceback": traceback_of(error),
            "fingerprint": fingerprint(self.job.kind, error),
        }
        judgement = Judgement(
            Category.TRANSIENT, "worker_error", "Something went wrong beside the job itself."
        )
        self.shown = None
        try:
            self.failed(judgement, RetryPolicy(), Cause.ERROR, seen)
        except (DatabaseError, LeaseLost):
            logger.exception("job %s: left to the rescuer", self.job.id)

    def handed_back(self) -> tuple[str, Any]:
        self.worker.end_sandbox()
        released = self.persist(
            lambda: transitions.release(self.job, self.fence, reason="its worker was stopped")
        )
        if released is None:
            self.persist(lambda: transitions.cancelled(self.job, self.fence))
        return "over", None

    def persist(self, write: Callable[[], T]) -> T:
        """Do a database write, trying again while the database is away and the lease may still hold.

        Raises LeaseLost afterwards: then the rescuer gives the job to another.
        """
        while True:
            try:
                return write()
            except _DATABASE_AWAY as error:
                logger.warning("job %s: database away, trying again: %s", self.job.id, error)
                connections.close_all()
                if time.monotonic() >= self.lease_end:
                    raise LeaseLost from error
                time.sleep(0.3)
