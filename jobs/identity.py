"""Who a worker process is, and whether it still lives, as far as this host can tell."""

from __future__ import annotations

import os
import socket
from functools import cache


@cache
def host() -> str:
    """This host and pid namespace: two containers may share a name, but a pid means nothing across them."""
    try:
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        namespace = "0"
    return f"{socket.gethostname()[:100]}/{namespace}"


def worker_id(pid: int) -> str:
    """`host/namespace:pid:start`; the start time tells a process from a later one with its pid."""
    return f"{host()}:{pid}:{start_time(pid)}"


def is_dead(worker: str) -> bool:
    """Whether `worker` was a process of this host and has ended. False for another host's: unknown."""
    prefix, _, rest = worker.rpartition(":")
    name, _, pid = prefix.rpartition(":")
    return name == host() and pid.isdigit() and start_time(int(pid)) != rest


def start_time(pid: int) -> str:
    """Clock ticks from boot to the start of `pid`; "" when there is no such process (a zombie is none)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
