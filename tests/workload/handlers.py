"""Kinds that misbehave on purpose. Effects are appended to a file, so that they are counted, not assumed."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import struct
import time
from typing import Any

from pydantic import BaseModel

from jobs.exceptions import InvalidInput, PermanentError, RetryLater
from jobs.registry import job_handler
from jobs.retry import RetryPolicy

FAST = RetryPolicy(base=0.05, cap=0.2)


class Args(BaseModel):
    seconds: float = 0.0
    effects: str = ""
    steps: int = 10
    children: int = 0
    fail_children: int = 0
    mode: str = ""


def effect(context: Any, args: Any, word: str = "run", run: str = "-") -> None:
    """One line, written by one system call: appends of this size are not torn. `run`: of a handler."""
    if args.effects:
        line = f"{context.job_id} {context.attempt} {word} {time.time():.6f} {run}\n".encode()
        descriptor = os.open(args.effects, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def native_connect(port: int) -> int:
    """Connect to a port of this machine as a C library does, past Python; the error's number, or 0."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    address = struct.pack("=HHI8x", socket.AF_INET, socket.htons(port), socket.htonl(0x7F000001))
    failed = libc.connect(descriptor, address, len(address))
    error = ctypes.get_errno() if failed else 0
    os.close(descriptor)
    return error


@job_handler("work.call", queue="document", args=Args, public=True, retry=FAST, network=True)
def call(context: Any, args: Args) -> dict[str, Any]:
    socket.create_connection(("127.0.0.1", args.steps), timeout=1).close()
    return {"errno": native_connect(args.steps)}


@job_handler("work.noop", queue="document", args=Args, public=True, retry=FAST)
def noop(context: Any, args: Args) -> dict[str, Any]:
    effect(context, args)
    return {"ok": True}


@job_handler("work.sleep", queue="document", args=Args, public=True, retry=FAST)
def sleep(context: Any, args: Args) -> dict[str, Any]:
    effect(context, args, "start")
    time.sleep(args.seconds)
    effect(context, args, "end")
    return {"slept": args.seconds}


@job_handler("work.steps", queue="document", args=Args, public=True, retry=FAST)
def steps(context: Any, args: Args) -> dict[str, Any]:
    start = (context.last_checkpoint or {}).get("step", 0)
    context.stages(count=9, tidy=1)
    context.stage("count")
    for step in range(start, args.steps):
        effect(context, args, f"step-{step}")
        time.sleep(args.seconds / args.steps)
        context.progress(step + 1, args.steps, message=f"step {step + 1}")
        context.checkpoint({"step": step + 1})
        if step == args.steps // 2:
            context.partial("half", step)
    context.stage("tidy")
    context.log("nearly there")
    effect(context, args, "end")
    return {"steps": args.steps, "resumed_at": start}


@job_handler("work.bad", queue="document", args=Args, public=True, retry=FAST, timeout=2, memory_mb=300)
def bad(context: Any, args: Args) -> Any:
    effect(context, args, "start")
    match args.mode:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(3)
        case "system_exit":
            raise SystemExit(1)
        case "error":
            raise ValueError("this failed with 42")
        case "permanent":
            raise PermanentError("this can never work", code="never")
        case "invalid":
            raise InvalidInput("send something else", code="unusable")
        case "later" if context.attempt == 1:
            raise RetryLater("the provider is busy", delay=0.3)
        case "native":
            # A loop inside a library that knows nothing of Python's signals: catastrophic backtracking.
            re.match(r"(a+)+$", "a" * 64 + "b")
        case "sleep_native":
            ctypes.CDLL(None).sleep(600)
        case "swallow":
            while True:
                try:
                    time.sleep(600)
                except BaseException:  # noqa: BLE001, S110
                    pass
        case "memory":
            hoard = []
            while True:
                hoard.append(bytearray(16 * 1024 * 1024))
                time.sleep(0.01)
        case "memory_fast":
            return len(bytearray(20 * 1024 * 1024 * 1024))
        case "nan":
            return {"x": float("nan")}
        case "nul":
            return {"x": "a\x00b"}
        case "surrogate":
            return {"x": "\ud800"}
        case "object":
            return {"x": object()}
        case "big":
            return {"x": "y" * 5_000_000}
        case "environment":
            with open("/proc/self/environ", "rb") as environ:
                return {"environ": environ.read().decode(errors="replace"), "os": dict(os.environ)}
        case "native_connect":
            return {"errno": native_connect(args.steps)}
        case "signal_worker":
            os.kill(os.getppid(), 0)
        case "connect":
            socket.create_connection(("127.0.0.1", 9), timeout=1)
    return {"mode": args.mode}


@job_handler(
    "work.cpu",
    queue="document",
    args=Args,
    public=True,
    cpu_seconds=1,
    timeout=30,
    retry=RetryPolicy(attempts=1),
)
def cpu(context: Any, args: Args) -> None:
    while True:
        pass


def family_end(context: Any, args: Args, result: Any, children: list[Any]) -> dict[str, Any]:
    effect(context, args, "finish")
    return {**result, "states": sorted(child.state for child in children)}


@job_handler("work.family", queue="document", args=Args, public=True, retry=FAST, finish=family_end)
def family(context: Any, args: Args) -> dict[str, Any]:
    for number in range(args.children):
        wrong = number < args.fail_children
        context.spawn(
            "work.bad" if wrong else "work.sleep",
            {"seconds": args.seconds, "effects": args.effects, "mode": "permanent" if wrong else ""},
        )
    return {"spawned": args.children}


@job_handler("bench.clock", queue="document", args=Args)
def clock(context: Any, args: Args) -> dict[str, Any]:
    return {"began": time.time()}


@job_handler("work.scratch", queue="document", args=Args)
def scratch(context: Any, args: Args) -> dict[str, Any]:
    found = sorted(path.name for path in context.scratch.iterdir())
    (context.scratch / "deep").mkdir()
    (context.scratch / "deep" / "file").write_text("left behind")
    (context.scratch / "file").write_text("left behind")
    os.chdir("/")
    return {"found": found}
