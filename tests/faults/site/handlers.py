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
from tests.workload.handlers import effect

SOON = RetryPolicy(base=0.05, cap=0.2)


class Args(BaseModel):
    seconds: float = 0.0
    effects: str
    megabytes: int = 0
    mode: str = ""


class Run:
    """One run of a handler: an attempt's number is given again when a crash has lost the claim."""

    def __init__(self, context: Any, args: Args) -> None:
        self.context = context
        self.args = args
        self.id = os.urandom(6).hex()

    def say(self, word: str) -> None:
        effect(self.context, self.args, word, self.id)

    def result(self) -> dict[str, Any]:
        return {"attempt": self.context.attempt, "run": self.id}


@job_handler("faults.work", queue="document", args=Args, public=True, retry=SOON, timeout=120)
def work(context: Any, args: Args) -> dict[str, Any]:
    """Works for a while. The result names its attempt, so that a foreign attempt's result is seen."""
    (context.scratch / "draft").write_text(str(context.job_id))
    run = Run(context, args)
    run.say("start")
    end = time.monotonic() + args.seconds
    while time.monotonic() < end:
        time.sleep(min(0.1, max(0.0, end - time.monotonic())))
        run.say("tick")
    run.say("end")
    return run.result()


@job_handler("faults.talk", queue="document", args=Args, public=True, retry=SOON, timeout=120)
def talk(context: Any, args: Args) -> dict[str, Any]:
    """Shows 16 KB of a partial result ten times a second."""
    run = Run(context, args)
    run.say("start")
    end = time.monotonic() + args.seconds
    while time.monotonic() < end:
        context.partial("text", os.urandom(8192).hex())
        time.sleep(0.1)
    run.say("end")
    return run.result()


@job_handler("faults.store", queue="document", args=Args, public=True, retry=SOON, timeout=120, file_mb=4096)
def store(context: Any, args: Args) -> dict[str, Any]:
    """Makes a file in its scratch, then publishes it whole: write beside, rename."""
    run = Run(context, args)
    run.say("start")
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
    run.say("end")
    return run.result()


@job_handler("faults.odd", queue="document", args=Args, public=True, retry=SOON, timeout=20)
def odd(context: Any, args: Args) -> dict[str, Any]:
    """Leaves the engine in a corner: see `tests.faults.poison`."""
    run = Run(context, args)
    run.say("start")
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
            child = os.fork()
            if child == 0:
                os.setsid()
                time.sleep(120)
                os._exit(0)
            run.say(f"child:{child}")
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGKILL)
    run.say("end")
    return run.result()
