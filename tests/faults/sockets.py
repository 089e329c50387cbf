"""Fault 12: watchers whose messages get lost, whose server dies, and who do not read."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.faults.check import check
from tests.faults.web import Web
from tests.faults.world import World


def opened(web: Web, **more: Any) -> Any:
    return connect(f"ws://127.0.0.1:{web.port}/ws/jobs", max_size=None, open_timeout=30, **more)


async def greet(socket: ClientConnection, web: Web, **subscription: Any) -> None:
    await socket.send(json.dumps({"action": "authenticate", "token": web.bearer}))
    await socket.send(json.dumps({"action": "subscribe", **subscription}))


async def _final(web: Web, job: str, seconds: float) -> str:
    """What a client that watches one job is told at the end."""
    async with asyncio.timeout(seconds), opened(web) as socket:
        await greet(socket, web, jobId=job)
        async for text in socket:
            message = json.loads(text)
            if message.get("final"):
                return str(message["job"]["status"])
    return "closed"


def _lossy(world: World, clients: int) -> None:
    """Three of ten messages never reach the channel layer; each client still ends with the ledger's state."""
    web = world.web(FAULTS_WITHOUT=f"{world.without},messages".strip(","))
    world.cluster(FAULTS_WITHOUT=f"{world.without},messages".strip(","))
    jobs = world.submit(web, times=clients // 10, seconds=2)

    async def watch() -> list[str]:
        told = [_final(web, jobs[number % len(jobs)], world.patience) for number in range(clients)]
        return [str(word) for word in await asyncio.gather(*told, return_exceptions=True)]

    words = asyncio.run(watch())
    world.settle()
    right = sum(
        word == world.ledger.job(jobs[number % len(jobs)])["state"] for number, word in enumerate(words)
    )
    world.expect(
        right == clients, "told", f"{right} of {clients} clients end with the ledger's state: {words[:1]}"
    )


@check(
    "30 % of channel messages dropped", without="second_look", breaks="told", proof=lambda w: _lossy(w, 40)
)
def lossy(world: World) -> None:
    _lossy(world, 200)


def _reborn(world: World, clients: int) -> None:
    """The web process is killed under its sockets; a new one has them all back within 30 s."""
    web = world.web()
    (job,) = world.submit(web, seconds=0)
    back: list[float] = []

    async def client(died: asyncio.Event) -> None:
        try:
            async with opened(web) as socket:
                await greet(socket, web, scope="mine")
                async for _ in socket:
                    pass
        except (ConnectionClosed, OSError):
            pass
        await died.wait()
        begun = time.monotonic()
        while time.monotonic() - begun < 60:
            try:
                async with opened(web) as socket:
                    await greet(socket, web, jobId=job)
                    await socket.recv()
                    back.append(time.monotonic() - begun)
                    return
            except (ConnectionClosed, OSError, TimeoutError):
                await asyncio.sleep(world.random.uniform(0.1, 1.0))

    async def all_of_them() -> None:
        died = asyncio.Event()
        tasks = [asyncio.create_task(client(died)) for _ in range(clients)]
        await asyncio.sleep(5)
        os.kill(web.process.pid, signal.SIGKILL)
        web.process.wait()
        if not world.without:
            world.webs.append(Web(world.environment(), world.directory / "web.log", web.port))
        died.set()
        await asyncio.wait(tasks, timeout=70)

    asyncio.run(all_of_them())
    world.outcome.recoveries += back
    world.cluster()
    world.settle()
    world.expect(len(back) == clients, "back", f"{len(back)} of {clients} sockets came back")
    world.within(max(back, default=0.0), 30, "last socket back after")


@check(
    "500 sockets reconnect after the server was killed",
    without="supervisor",
    breaks="back",
    proof=lambda w: _reborn(w, 10),
)
def reborn(world: World) -> None:
    _reborn(world, 500)


def _idle(world: World, seconds: float) -> None:
    """Sockets on which nothing happens stay open: no timeout of a part ends them."""
    web = world.web(FAULTS_WITHOUT=world.without)

    async def sit(number: int) -> bool:
        async with opened(web) as socket:
            await greet(socket, web, scope="mine")
            try:
                async with asyncio.timeout(seconds):
                    async for _ in socket:
                        pass
            except TimeoutError:
                return True
            except ConnectionClosed:
                pass
            return False

    async def everybody() -> list[bool]:
        return await asyncio.gather(*(sit(number) for number in range(20)))

    stayed = sum(asyncio.run(everybody()))
    world.cluster()
    world.submit(web, times=3)
    world.settle()
    world.expect(stayed == 20, "closed", f"{20 - stayed} of 20 idle sockets were closed")


@check("20 sockets idle for 120 s", without="own_ear", breaks="closed", proof=lambda world: _idle(world, 20))
def idle(world: World) -> None:
    _idle(world, 120)
