"""What the processes of one cluster know of each other: plain shared memory, no locks.

A lock here would be the next thing a killed process leaves held. Every field has one writer, and readers
live with a value that is a moment old.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import select
import time
import uuid
from collections.abc import Iterator

from jobs import identity


class _Slot(ctypes.Structure):
    _fields_ = [
        ("pid", ctypes.c_int64),
        ("busy_since", ctypes.c_double),  # monotonic seconds; 0 when idle
        ("taken", ctypes.c_uint64),  # messages taken from django-q2's queue
        ("done", ctypes.c_uint64),  # jobs run
        ("job", ctypes.c_ubyte * 16),
        ("sandbox_pid", ctypes.c_int64),
    ]


class Board:
    """Made by the parent before the cluster is forked; the pusher and every worker inherit it.

    A cluster has `places` for whatever is next in line, and `guest_places` more, with a worker each, for
    owners who have no job running: see `jobs.brokers.JobBroker.take_guest`.
    """

    def __init__(self, places: int, guest_places: int = 0) -> None:
        self.places = places
        self.workers = places + guest_places
        # Reincarnated workers take slots of dead ones, so a few spare ones are enough.
        self.slots = multiprocessing.RawArray(_Slot, self.workers + 4)
        self.handed = multiprocessing.RawValue(ctypes.c_uint64, 0)
        self.drain_deadline = multiprocessing.RawValue(ctypes.c_double, 0.0)
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(self.wake_write, False)
        self.mine: int | None = None

    def close(self) -> None:
        os.close(self.wake_read)
        os.close(self.wake_write)

    # the worker's side

    def join(self, slot: int) -> None:
        """Called in a new worker process: from now on `slot` is this process's."""
        self.mine = slot
        self.slots[slot].busy_since = 0.0
        self.slots[slot].sandbox_pid = 0
        self.slots[slot].pid = os.getpid()

    def busy(self) -> None:
        if self.mine is not None:
            self.slots[self.mine].busy_since = time.monotonic()
            self.slots[self.mine].taken += 1

    def idle(self) -> None:
        if self.mine is not None:
            self.slots[self.mine].busy_since = 0.0
            ctypes.memset(ctypes.addressof(self.slots[self.mine].job), 0, 16)
            self.ring()

    def on_job(self, job_id: uuid.UUID) -> None:
        if self.mine is not None:
            ctypes.memmove(ctypes.addressof(self.slots[self.mine].job), job_id.bytes, 16)
            self.slots[self.mine].done += 1

    def on_sandbox(self, pid: int) -> None:
        if self.mine is not None:
            self.slots[self.mine].sandbox_pid = pid

    def ring(self) -> None:
        """Wake the pusher: a worker has come free."""
        try:
            os.write(self.wake_write, b".")
        except OSError:
            pass  # full pipe: it is awake anyway

    def over(self) -> bool:
        """Whether more are busy than there are places: after this job comes a guest's, or nothing."""
        return self._busy() + self.on_the_way() > self.places

    # the pusher's side

    def wait_for_place(self, timeout: float) -> bool:
        """Whether a message can be handed out, waiting up to `timeout` seconds for a worker and a place.

        Handing out no more than can be started keeps the order of the line, and loses nothing with a cluster.
        """
        if self._free() > 0:
            return True
        if select.select([self.wake_read], [], [], timeout)[0]:
            try:
                os.read(self.wake_read, 4096)
            except OSError:
                pass
        return self._free() > 0

    def guest_place(self) -> bool:
        """Whether every place is taken, and a worker for guests is not."""
        idle, busy, coming = self._idle(), self._busy(), self.on_the_way()
        return idle > coming and self.places <= busy + coming < self.workers

    def _free(self) -> int:
        return min(self._idle(), self.places - self._busy()) - self.on_the_way()

    def _idle(self) -> int:
        return sum(1 for slot in self.live() if slot.busy_since == 0.0)

    def _busy(self) -> int:
        return sum(1 for slot in self.live() if slot.busy_since > 0.0)

    # the parent's side

    def on_the_way(self) -> int:
        """Messages handed out by the pusher that no worker has taken yet."""
        return max(0, self.handed.value - sum(slot.taken for slot in self.slots))

    def live(self) -> Iterator[_Slot]:
        return (slot for slot in self.slots if slot.pid and identity.start_time(slot.pid))

    def free_slot(self) -> int:
        """The number of a slot whose process is gone."""
        for number, slot in enumerate(self.slots):
            if not slot.pid or not identity.start_time(slot.pid):
                return number
        raise RuntimeError("every slot of the board is taken by a live worker")

    @property
    def draining(self) -> bool:
        return self.drain_deadline.value > 0

    def drain(self, seconds: float) -> None:
        """Claim nothing more; attempts that run have `seconds` to end."""
        self.drain_deadline.value = time.monotonic() + seconds
        self.ring()


def job_of(slot: _Slot) -> uuid.UUID | None:
    raw = bytes(slot.job)
    return uuid.UUID(bytes=raw) if any(raw) else None
