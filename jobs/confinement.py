"""What the kernel is asked to hold a process to: Linux calls without a Python wrapper, and limits."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)

# Words in the name of a variable that make its value a secret.
_SECRET_WORDS = (
    "SECRET",
    "KEY",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "CREDENTIAL",
    "DATABASE_URL",
    "REDIS_URL",
    "EMAIL_URL",
    "DSN",
)


def die_with_parent(parent_pid: int, sig: int = signal.SIGKILL) -> None:
    """End this process when its parent ends; at once when the parent already has."""
    _libc.prctl(_PR_SET_PDEATHSIG, sig, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def prefer_as_oom_victim() -> None:
    """Let the kernel take this process before any other when memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write("1000")
    except OSError:
        pass


def forbid_new_privileges() -> None:
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def forget_environment_secrets() -> None:
    """Remove secrets from this process's environment, also from what `/proc/<pid>/environ` shows.

    A forked child shows its parent's environment block; so the block itself is overwritten (in this
    process's own copy of the page), and what is not secret is set anew.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not any(word in name.upper() for word in _SECRET_WORDS)
    }
    os.environ.clear()
    try:
        with open("/proc/self/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
        start, end = int(fields[47]), int(fields[48])
        if 0 < start < end:
            ctypes.memset(start, 0, end - start)
    except (OSError, IndexError, ValueError):
        pass
    os.environ.update(kept)


def limit(*, cpu_seconds: float | None, file_mb: int, memory_mb: int) -> None:
    """Set the soft limits of one job: processor time and file size, and a backstop for memory.

    The worker ends a job that goes over `memory_mb` by what is resident; the backstop (that much and half a
    gigabyte of private writable mappings more) catches what grows faster than the worker looks.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    _soft(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + cpu_seconds) + 1 if cpu_seconds else None)
    _soft(resource.RLIMIT_FSIZE, file_mb * 1024 * 1024)
    _soft(resource.RLIMIT_DATA, _data_bytes() + (memory_mb + 512) * 1024 * 1024)


def _soft(which: int, value: int | None) -> None:
    hard = resource.getrlimit(which)[1]
    wanted = hard if value is None else value
    if hard != resource.RLIM_INFINITY:
        wanted = hard if wanted == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(which, (wanted, hard))


def _data_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[5]) * resource.getpagesize()


def no_core_files() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def children() -> list[int]:
    """The pids of this process's own children, zombies included."""
    found: list[int] = []
    for thread in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{thread}/children") as listing:
                found += [int(pid) for pid in listing.read().split()]
        except OSError:
            continue
    return found
