"""Jobs for the tests of watching, moved along as a worker would move them, and sockets that look at them."""

from __future__ import annotations

import json
from typing import Any

from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from jobs import enqueue, ledger, progress, transitions
from jobs.ledger import Fence
from jobs.local_tokens import issue_for_job, issue_pair
from jobs.models import Job
from jobs.retry import Judgement, RetryPolicy
from jobs.routing import WebSockets
from jobs.states import Category, Event
from jobs.transitions import Failure

WAIT = 5.0


class Work:
    """One job and the attempt that holds it."""

    def __init__(self, owner: Any) -> None:
        self.job: Job = enqueue.create("tests.echo", owner=owner)
        self.counter = 0

    @property
    def id(self) -> str:
        return str(self.job.id)

    def claim(self) -> Work:
        claimed = transitions.claim(self.job.id, worker="tests", lease=60)
        assert claimed is not None
        self.job, self.counter = claimed, 0
        return self

    @property
    def fence(self) -> Fence:
        return Fence(self.job.id, self.job.attempt, self.job.claim)

    def note(self, event: Event = Event.LOG, **data: Any) -> Work:
        noted = ledger.note(self.job.id, event, data=data or {"level": "info", "message": "hello"})
        assert noted is not None
        return self

    def report(self, percent: float, *, write: bool = True) -> Work:
        self.counter += 1
        values = {"percent": percent, "stage": "extract", "message": "", "current": None, "total": None}
        progress.report(self.job, self.fence, self.counter, {**values, "metadata": {}}, write=write)
        return self

    def complete(self, result: Any = None) -> Work:
        assert transitions.complete(self.job, self.fence, result or {"text": "done"})
        return self

    def fail(self) -> Work:
        judgement = Judgement(Category.PERMANENT, "boom", "It broke.")
        assert transitions.fail(self.job, self.fence, Failure(judgement), RetryPolicy())
        return self

    def retry(self) -> Work:
        self.job = transitions.retry(Job.objects.get(pk=self.job.pk))
        return self


async def work(owner: Any, *steps: str) -> Work:
    """A new job of `owner`, taken through `steps` (methods of Work)."""
    made = await sync_to_async(Work)(owner)
    await do(made, *steps)
    return made


async def do(made: Work, *steps: str, **arguments: Any) -> None:
    for step in steps:
        await sync_to_async(getattr(made, step))(**arguments)


class Socket(WebsocketCommunicator):
    """A client of `/ws/jobs` inside this process."""

    def __init__(self, **headers: str) -> None:
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        super().__init__(WebSockets(), "/ws/jobs", headers=encoded)

    async def say(self, **message: Any) -> None:
        await self.send_json_to(message)

    async def hear(self, timeout: float = WAIT) -> dict[str, Any]:
        message = await self.receive_output(timeout)
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])

    async def hear_until(self, condition: Any, timeout: float = WAIT) -> list[dict[str, Any]]:
        """Every message up to the first that meets `condition`."""
        heard = [await self.hear(timeout)]
        while not condition(heard[-1]):
            heard.append(await self.hear(timeout))
        return heard

    async def hear_the_end(self, timeout: float = WAIT) -> list[dict[str, Any]]:
        return await self.hear_until(lambda message: message.get("final"), timeout)

    async def hear_closing(self, timeout: float = WAIT) -> int:
        """The code it is closed with, whatever is said before."""
        while (message := await self.receive_output(timeout))["type"] != "websocket.close":
            pass
        await self.disconnect()
        return int(message["code"])


async def signed_in(user: Any) -> Socket:
    socket = Socket()
    assert (await socket.connect())[0]
    await socket.say(action="authenticate", token=await sync_to_async(token_of)(user))
    return socket


def token_of(user: Any) -> str:
    return str(issue_pair(user)["access"])


def job_token_of(user: Any, job: Any) -> str:
    return issue_for_job(user, job.id)
