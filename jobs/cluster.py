"""A worker cluster: django-q2's processes, under a parent that keeps watch.

django-q2's parent is idle once its sentinel runs. Ours runs the janitors, replaces a cluster that does
not start waiting work (a killed idle worker leaves django-q2's queue locked for ever), and drains within
a deadline.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
import uuid
from collections.abc import Callable
from types import FrameType
from typing import Any

import psutil
from django.conf import settings
from django.db import Error, connections
from django_q import cluster as q2
from django_q.conf import Conf
from django_q.signals import post_execute_in_worker, pre_execute
from redis.exceptions import RedisError

from jobs import brokers, confinement, events, janitors, tasks, workers
from jobs.board import Board
from jobs.conf import Pool

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.5
_KILL_WAIT_SECONDS = 5.0


class _Process(q2.get_mp_context().Process):  # type: ignore[misc]
    """A process of the cluster. It ignores SIGTERM, so django-q2 ending one has to kill it."""

    def terminate(self) -> None:
        self.kill()


class Sentinel(q2.Sentinel):
    """django-q2's sentinel, whose processes die with it and leave stopping to the parent."""

    def __init__(self, board: Board, parent: int, *args: Any, **kwargs: Any) -> None:
        self.board = board
        super().__init__(*args, start=False, **kwargs)
        _enter(parent)  # after django-q2, which lets SIGTERM end its sentinel
        self.start()

    def spawn_process(self, target: Callable[..., Any], *args: Any) -> Any:
        is_worker = target is q2.worker
        slot = self.board.free_slot() if is_worker else None
        process = _Process(
            target=_process,
            args=(self.board, slot, self.broker, os.getpid(), target, *args),
            name=f"Process-{uuid.uuid4().hex}",
        )
        process.daemon = True
        if is_worker:
            process.timer = args[2]
            self.pool.append(process)
        process.start()
        if slot is not None:
            # The sentinel writes it too, so that two workers started at once never share a slot.
            self.board.slots[slot].pid = process.pid
        return process

    def reincarnate(self, process: Any) -> None:
        if process is self.monitor:
            # Killed idle, it holds the lock of the results, and only it ever takes that lock.
            lock = self.result_queue._rlock
            lock.acquire(block=False)
            lock.release()
        super().reincarnate(process)


def _process(
    board: Board, slot: int | None, broker: Any, sentinel: int, target: Callable[..., Any], *args: Any
) -> None:
    _enter(sentinel)
    if slot is not None:
        board.join(slot)
        pre_execute.connect(lambda **kwargs: board.busy(), weak=False)
        post_execute_in_worker.connect(lambda **kwargs: board.idle(), weak=False)
        tasks.enter_worker(board, broker)
    target(*args)


def _enter(parent: int) -> None:
    """Every process of the cluster dies with the one above, and leaves signals to the parent process."""
    confinement.die_with_parent(parent)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Cluster(q2.Cluster):
    """django-q2's cluster with our sentinel and a board in shared memory."""

    def __init__(self, pool: Pool) -> None:
        handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        broker = brokers.worker_broker()
        super().__init__(broker)
        # django-q2 joins its processes inside the signal handler; ours only sets a flag.
        signal.signal(signal.SIGTERM, handlers[0])
        signal.signal(signal.SIGINT, handlers[1])
        self.board = Board(pool.concurrency, pool.guests)
        broker.serve(pool, self.board)

    def start(self) -> int:
        context = q2.get_mp_context()
        self.stop_event = context.Event()
        self.start_event = context.Event()
        self.sentinel = context.Process(
            target=Sentinel,
            args=(
                self.board,
                os.getpid(),
                self.stop_event,
                self.start_event,
                self.cluster_id,
                self.broker,
                None,
            ),
            name=f"Process-{uuid.uuid4().hex}",
        )
        self.sentinel.start()
        return self.pid


class Keeper:
    """The parent process of one pool's cluster: `run` returns the exit code when it has drained."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.stopping = False
        self.asked_twice = False
        self.watch = Watchdog()
        self.janitors = janitors.Janitors()
        self.cluster: Cluster | None = None

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        confinement.adopt_orphans()
        Conf.WORKERS = self.pool.concurrency + self.pool.guests
        self.start()
        while not self.stopping:
            self.tick()
            time.sleep(_TICK_SECONDS)
        return self.drain()

    def start(self) -> None:
        # Nothing of the parent's may be shared with the processes it forks.
        connections.close_all()
        events.drop_runner()
        # What is loaded by now is left alone by every collector below, so its pages stay shared and a new
        # sandbox is there in milliseconds.
        gc.collect()
        gc.freeze()
        self.cluster = Cluster(self.pool)
        self.cluster.start()
        self.watch = Watchdog()
        events.use_runner()
        logger.info(
            "pool %s: cluster started, %d workers and %d for guests, for %s",
            self.pool.name,
            self.pool.concurrency,
            self.pool.guests,
            ", ".join(self.pool.queues),
        )

    def tick(self) -> None:
        assert self.cluster is not None
        self.end_orphans()
        reason = self.watch.complaint(self.cluster)
        if reason:
            logger.error("pool %s: cluster replaced: %s", self.pool.name, reason)
            self.kill()
            self.cluster.board.close()
            self.start()
        self.housekeeping()

    def housekeeping(self) -> None:
        """The janitors' round. The database or Redis being away ends it, not the cluster."""
        assert self.cluster is not None
        try:
            workers.record(self.pool, self.cluster.board)
            self.janitors.round(self.cluster.broker)
        except (Error, RedisError) as error:
            logger.warning("pool %s: janitors wait: %s", self.pool.name, error)
            connections.close_all()
        except Exception:
            # The workers go on without their janitors; without this process they would end.
            logger.exception("pool %s: a janitor went wrong", self.pool.name)
        events.flush()

    def drain(self) -> int:
        """Claim nothing more, let attempts end until the deadline, then hand the rest back and exit."""
        assert self.cluster is not None
        board = self.cluster.board
        board.drain(settings.DRAIN_SECONDS)
        if self.cluster.sentinel.is_alive():
            # Setting it waits for whoever sleeps on it, and a dead sentinel never wakes.
            self.cluster.stop_event.set()
        deadline = time.monotonic() + settings.DRAIN_SECONDS + _KILL_WAIT_SECONDS
        logger.info("pool %s: draining, at most %g s", self.pool.name, settings.DRAIN_SECONDS)
        while self.cluster.sentinel.is_alive() and time.monotonic() < deadline:
            if self.asked_twice:
                board.drain_deadline.value = time.monotonic()
            if not any(slot.busy_since for slot in board.live()):
                deadline = min(deadline, time.monotonic() + _KILL_WAIT_SECONDS)
            self.housekeeping()
            time.sleep(0.1)
        self.kill()
        try:
            workers.forget(board)
            self.janitors.rescue_local()
        except (Error, RedisError) as error:
            logger.warning("pool %s: left to the rescuers of other clusters: %s", self.pool.name, error)
        logger.info("pool %s: stopped", self.pool.name)
        return 0

    def kill(self) -> None:
        """End the cluster's whole tree."""
        tree = psutil.Process().children(recursive=True)
        for process in tree:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass
        psutil.wait_procs(tree, timeout=_KILL_WAIT_SECONDS)
        if self.cluster and self.cluster.sentinel:
            self.cluster.sentinel.join(_KILL_WAIT_SECONDS)

    def end_orphans(self) -> None:
        """Kill and reap what was handed to this process because its own parent died."""
        assert self.cluster is not None
        for pid in confinement.children():
            if pid == self.cluster.sentinel.pid:
                continue
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                continue

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked_twice = self.stopping
        self.stopping = True


class Watchdog:
    """Notices a cluster that cannot do its work any more."""

    def __init__(self) -> None:
        self.taken = 0
        self.stuck_since: float | None = None
        self.short_since: float | None = None

    def complaint(self, cluster: Cluster) -> str:
        """Why the cluster must be replaced; "" while it need not be."""
        if not cluster.sentinel.is_alive():
            return "its sentinel died"
        now = time.monotonic()
        board = cluster.board
        live = list(board.live())
        taken = sum(slot.taken for slot in board.slots)
        # A message is on its way, a worker has nothing to do, and none takes it: the queue's lock is lost.
        stuck = board.on_the_way() > 0 and taken == self.taken and any(not slot.busy_since for slot in live)
        self.taken = taken
        self.stuck_since = (self.stuck_since or now) if stuck else None
        self.short_since = (self.short_since or now) if len(live) < board.workers else None
        if self.stuck_since and now - self.stuck_since > settings.WATCHDOG_SECONDS:
            return "an idle worker does not take the work that waits"
        if self.short_since and now - self.short_since > settings.WATCHDOG_SECONDS + 5:
            return f"only {len(live)} of {board.workers} workers live"
        return ""
