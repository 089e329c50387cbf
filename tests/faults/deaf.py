"""Fault 12, the rest: sockets that never read. They cost nobody else anything, and are closed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil
from websockets.asyncio.client import connect

from tests.faults.check import check
from tests.faults.sockets import greet, opened
from tests.faults.waiting import TooLate, wait
from tests.faults.web import Web
from tests.faults.world import World

_SECONDS = 20.0
# A send may wait 10 s (jobs.outbox); before it waits, the kernel's buffers have to be full.
_CLOSED_WITHIN = 20.0


@contextlib.asynccontextmanager
async def _deaf(web: Web) -> AsyncIterator[None]:
    """A socket that asks for everything and takes nothing: small buffers, and nobody who empties them."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", web.port))
    raw.setblocking(False)
    made = await connect(
        f"ws://127.0.0.1:{web.port}/ws/jobs", sock=raw, max_queue=1, ping_interval=None, close_timeout=0
    )
    try:
        await greet(made, web, scope="mine")
        yield
    finally:
        made.transport.abort()


async def _told(web: Web, jobs: list[str]) -> dict[str, float]:
    """When a client that reads was told of the end of each job, by the wall clock."""
    told: dict[str, float] = {}
    async with opened(web) as made:
        for job in jobs:
            await greet(made, web, jobId=job)
        while len(told) < len(jobs):
            message: dict[str, Any] = json.loads(await made.recv())
            if message.get("final"):
                told[message["jobId"]] = time.time()
    return told


def _connections(web: Web) -> int:
    process = psutil.Process(web.process.pid)
    return sum(
        link.status == psutil.CONN_ESTABLISHED and link.laddr.port == web.port
        for link in process.net_connections("tcp")
    )


def _deaf_sockets(world: World, number: int) -> None:
    web = world.web(FAULTS_WITHOUT=world.without)
    world.cluster()
    world.warm(web)
    before = _connections(web)

    async def everything() -> float:
        async with contextlib.AsyncExitStack() as deaf:
            for _ in range(number):
                await deaf.enter_async_context(_deaf(web))
            jobs = await asyncio.to_thread(world.submit, web, "faults.talk", times=3, seconds=_SECONDS)
            told = await asyncio.gather(*(_told(web, jobs) for _ in range(5)))
            at = time.monotonic()
            try:
                await asyncio.to_thread(
                    wait, lambda: _connections(web) <= before, _CLOSED_WITHIN, "deaf sockets to be closed"
                )
            except TooLate:
                left = _connections(web) - before
                world.expect(False, "closed", f"{left} of {number} deaf sockets are still open")
            world.outcome.recoveries.append(time.monotonic() - at)
        ended = world.ledger.rows("SELECT job, extract(epoch FROM at)::float AS at FROM faults_ends")
        at_end = {row["job"]: row["at"] for row in ended}
        return max(heard[job] - at_end[job] for heard in told for job in jobs)

    slowest = asyncio.run(everything())
    world.settle()
    world.within(slowest, 1, "slowest reader told of an end after")


@check(
    "50 sockets that never read",
    without="send_deadline",
    breaks="closed",
    proof=lambda world: _deaf_sockets(world, 10),
)
def deaf_sockets(world: World) -> None:
    _deaf_sockets(world, 50)
