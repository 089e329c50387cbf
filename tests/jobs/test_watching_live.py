"""Watching as it is used: a real server, real sockets, and the job moved by another process."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.jobs.live import Site, free_port, redis_server

APP = "tests.jobs.live_app:application"
WAIT = 20.0


class Worker:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, *words: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the worker process ended"
        return json.loads(line)

    def do(self, *words: object) -> Any:
        self.tell(*words)
        return self.answer()


class Place:
    """A served site and the process that moves its jobs."""

    def __init__(self, site: Site, worker: Worker) -> None:
        self.site, self.worker, self.port = site, worker, free_port()
        self.token = worker.do("user", "ada")
        self.server: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/jobs"

    async def watching(self, job: str, since: int | None = None) -> ClientConnection:
        client = await connect(self.socket, open_timeout=WAIT)
        await client.send(json.dumps({"action": "authenticate", "token": self.token}))
        await client.send(json.dumps({"action": "subscribe", "jobId": job, "since": since}))
        return client


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: Any) -> Site:
    """Both databases, made once."""
    return Site.new(tmp_path_factory.mktemp("embedded"))


@pytest.fixture(scope="module", params=["embedded", "redis"])
def place(request: Any, migrated: Site, tmp_path_factory: Any) -> Iterator[Place]:
    """A site that loses 30 % of its hints and waits a second for slow readers, on each channel layer."""
    with ExitStack() as stack:
        site = migrated
        if request.param == "redis":
            try:
                url = stack.enter_context(redis_server())
            except LookupError as missing:
                pytest.skip(str(missing))
            site = migrated.copy(tmp_path_factory.mktemp("redis"), url)
        site.environment |= {"TEST_LOST_HINTS": "0.3", "TEST_SEND_SECONDS": "1"}
        place = Place(site, Worker(stack.enter_context(site.worker())))
        place.server = stack.enter_context(site.served(place.port, APP))
        yield place


async def heard(client: ClientConnection, until: Any = lambda message: message.get("final")) -> list[Any]:
    messages = []
    async with asyncio.timeout(WAIT):
        while not messages or not until(messages[-1]):
            messages.append(json.loads(await client.recv()))
    return messages


def numbers(messages: list[Any]) -> list[int]:
    return [message["seq"] for message in messages if "seq" in message and message["type"] != "snapshot"]


def assert_progress_rises(messages: list[Any]) -> None:
    shown = [(m["attempt"], m["counter"]) for m in messages if m["type"] == "progress"]
    assert shown == sorted(set(shown))


async def test_twenty_watchers_see_snapshot_progress_and_end(place: Place) -> None:
    job = place.worker.do("create", "ada")
    clients = [await place.watching(job) for _ in range(20)]
    for client in clients:
        assert (await heard(client, lambda m: True))[0]["type"] == "snapshot"
    place.worker.tell("run", job, 20, 0.01)
    for messages in await asyncio.gather(*map(heard, clients)):
        assert numbers(messages) == list(range(2, 24))
        assert_progress_rises(messages)
        assert any(message["type"] == "progress" for message in messages)
        assert messages[-1]["job"]["status"] == "completed"
    assert place.worker.answer() == "done"
    await asyncio.gather(*(client.close() for client in clients))


async def test_a_client_that_is_cut_off_comes_back_and_misses_nothing(place: Place) -> None:
    job = place.worker.do("create", "ada")
    client = await place.watching(job)
    await heard(client, lambda m: m["type"] == "snapshot")
    place.worker.tell("run", job, 40, 0.02)
    first = await heard(client, lambda m: m.get("seq", 0) >= 10)
    client.transport.abort()
    seen = max(numbers(first))
    again = await place.watching(job, since=seen)
    second = await heard(again)
    assert numbers(first) + numbers(second) == list(range(2, 44))
    assert place.worker.answer() == "done"
    await again.close()


async def test_fifty_clients_end_with_the_ledgers_state_though_hints_are_lost(place: Place) -> None:
    jobs = [place.worker.do("create", "ada") for _ in range(10)]
    clients = [await place.watching(jobs[n % 10]) for n in range(50)]
    for job in jobs:
        place.worker.tell("run", job, 5, 0.005)
    for n, messages in enumerate(await asyncio.gather(*map(heard, clients))):
        assert messages[-1]["jobId"] == jobs[n % 10] and messages[-1]["job"]["status"] == "completed"
        after = messages[0]["seq"]
        assert numbers(messages) == list(range(after + 1, 9)) or after == 8
    assert [place.worker.answer() for _ in jobs] == ["done"] * 10
    await asyncio.gather(*(client.close() for client in clients))


async def test_a_client_that_never_reads_is_closed_and_slows_nobody(place: Place) -> None:
    job = place.worker.do("create", "ada")
    place.worker.do("claim", job)
    lazy = await connect(place.socket, open_timeout=WAIT, max_queue=1, compression=None)
    await lazy.send(json.dumps({"action": "authenticate", "token": place.token}))
    await lazy.send(json.dumps({"action": "subscribe", "jobId": job, "since": 0}))
    lazy.transport.pause_reading()
    quick = await connect(place.socket, open_timeout=WAIT, compression=None)
    await quick.send(json.dumps({"action": "authenticate", "token": place.token}))
    await quick.send(json.dumps({"action": "subscribe", "jobId": job}))
    await heard(quick, lambda m: m["type"] == "snapshot")
    place.worker.tell("flood", job, 200, 60_000)
    place.worker.tell("complete", job)
    assert numbers(await heard(quick))[-1] == 203
    assert (place.worker.answer(), place.worker.answer()) == ("done", "done")
    await cut_off(lazy)
    again = await place.watching(job, since=203)
    assert (await heard(again))[-1]["final"]
    await asyncio.gather(quick.close(), again.close())


async def cut_off(client: ClientConnection) -> None:
    """Wait, without reading, until the server has given up on `client`; then read how that ends."""
    async with asyncio.timeout(WAIT):
        while is_established(client):
            await asyncio.sleep(0.1)
    client.transport.resume_reading()
    messages = 0
    with pytest.raises(ConnectionClosed):
        messages = len([message async for message in strictly(client)])
    assert messages < 200


def is_established(client: ClientConnection) -> bool:
    """Whether the server still holds its end of the connection."""
    mine, theirs = client.local_address[1], client.remote_address[1]
    return any(
        c.status == psutil.CONN_ESTABLISHED and c.laddr.port == theirs and c.raddr and c.raddr.port == mine
        for c in psutil.net_connections("tcp")
    )


async def strictly(client: ClientConnection) -> AsyncIterator[Any]:
    while True:
        yield await client.recv()


async def test_idle_sockets_stay_open_longer_than_redis_blocks(place: Place) -> None:
    job = place.worker.do("create", "ada")
    clients = [await place.watching(job) for _ in range(2)]
    for client in clients:
        await heard(client, lambda m: m["type"] == "snapshot")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(clients[0].recv(), 6)
    place.worker.tell("run", job, 1, 0)
    for client in clients:
        assert (await heard(client))[-1]["final"]
        await client.close()
    assert place.worker.answer() == "done"


async def test_a_server_that_stops_says_so_and_ends_in_time(place: Place) -> None:
    assert place.server is not None
    job = place.worker.do("create", "ada")
    client = await place.watching(job)
    await heard(client, lambda m: m["type"] == "snapshot")
    headers = {"Authorization": f"Bearer {place.token}", "Accept": "text/event-stream"}
    url = f"http://127.0.0.1:{place.port}/api/jobs/{job}/events"
    async with (
        httpx.AsyncClient(timeout=WAIT) as http,
        http.stream("GET", url, headers=headers) as stream,
    ):
        lines = stream.aiter_lines()
        while "snapshot" not in await anext(lines):
            pass
        place.server.send_signal(signal.SIGTERM)
        assert (await heard(client, lambda m: True))[-1]["type"] == "reconnect"
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
        assert any("reconnect" in line for line in [line async for line in lines])
    assert await asyncio.to_thread(place.server.wait, 10) is not None
