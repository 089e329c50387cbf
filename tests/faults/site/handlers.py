"""Kinds that are hurt. Each says in the effects file what it does, so that it is counted, not assumed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from pydantic import BaseModel

from jobs.registry import job_handler
from jobs.retry import RetryPolicy

SOON = RetryPolicy(base=0.05, cap=0.2)


class Args(BaseModel):
    seconds: float = 0.0
    effects: str
    megabytes: int = 0
    mode: str = ""


def say(context: Any, args: Args, word: str) -> None:
    """One line, written by one system call: appends of this size are not torn."""
    line = f"{context.job_id} {context.attempt} {word} {time.time():.6f}\n".encode()
    descriptor = os.open(args.effects, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


@job_handler("faults.work", queue="document", args=Args, public=True, retry=SOON, timeout=120)
def work(context: Any, args: Args) -> dict[str, Any]:
    """Works for a while. The result names its attempt, so that a foreign attempt's result is seen."""
    (context.scratch / "draft").write_text(str(context.job_id))
    say(context, args, "start")
    end = time.monotonic() + args.seconds
    while time.monotonic() < end:
        time.sleep(min(0.1, max(0.0, end - time.monotonic())))
        say(context, args, "tick")
    say(context, args, "end")
    return {"attempt": context.attempt}


@job_handler("faults.store", queue="document", args=Args, public=True, retry=SOON, timeout=120, file_mb=4096)
def store(context: Any, args: Args) -> dict[str, Any]:
    """Makes a file in its scratch, then publishes it whole: write beside, rename."""
    say(context, args, "start")
    made = context.scratch / "made"
    with open(made, "wb") as file:
        for _ in range(args.megabytes):
            file.write(b"\x5a" * 1_048_576)
    folder = Path(settings.MEDIA_ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{context.job_id}.part"
    try:
        part.write_bytes(made.read_bytes())
        part.rename(folder / f"{context.job_id}.done")
    finally:
        part.unlink(missing_ok=True)
    say(context, args, "end")
    return {"attempt": context.attempt}


@job_handler("faults.odd", queue="document", args=Args, public=True, retry=SOON, timeout=20)
def odd(context: Any, args: Args) -> dict[str, Any]:
    """Leaves the engine in a corner: see `tests.faults.poison`."""
    say(context, args, "start")
    match args.mode:
        case "heir":
            # A grandchild inherits the pipe and keeps it open after its parent's death.
            if os.fork() == 0:
                time.sleep(120)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
        case "unstorable_partial":
            context.partial("text", "\ud800")
            time.sleep(1)
        case "unstorable_progress":
            context.progress(2**70, 2**71)
            time.sleep(1)
        case "escape":
            # A grandchild in a session of its own, which a kill of the group does not reach.
            if os.fork() == 0:
                os.setsid()
                time.sleep(120)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
    say(context, args, "end")
    return {"attempt": context.attempt}
