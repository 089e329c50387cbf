"""The event stream and polling at `/api/jobs/{id}/events`."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from jobs import streams, tickets
from jobs.hub import hub
from tests.jobs.watched import Work, do, job_token_of, token_of, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def _nothing_left_behind(monkeypatch: Any) -> AsyncIterator[None]:
    monkeypatch.setattr("jobs.events._resting_until", 0.0)
    yield
    home = hub()
    assert not home._jobs and not home._owners and not home._groups and not home._sessions


async def ask(user: Any, job: Work, query: str = "", **headers: str) -> Any:
    if user is not None:
        headers = {"Authorization": f"Bearer {await sync_to_async(token_of)(user)}", **headers}
    return await AsyncClient().get(f"/api/jobs/{job.id}/events{query}", headers=headers)


async def poll(user: Any, job: Work, query: str = "") -> dict[str, Any]:
    answer = await ask(user, job, query, Accept="application/json")
    assert answer.status_code == 200 and answer["Content-Type"] == "application/json"
    return json.loads(await body_of(answer))


async def body_of(answer: Any) -> bytes:
    if not answer.streaming:
        return bytes(answer.content)
    return b"".join([piece async for piece in answer.streaming_content])


class Stream:
    """Reads the events of a streamed answer."""

    def __init__(self, answer: Any) -> None:
        assert answer.status_code == 200 and answer["Content-Type"] == "text/event-stream"
        self._answer = answer
        self._pieces = aiter(answer.streaming_content)

    async def piece(self) -> str:
        async with asyncio.timeout(5):
            return (await anext(self._pieces)).decode()

    async def event(self) -> tuple[str | None, str, dict[str, Any]]:
        while True:
            lines = dict(line.split(": ", 1) for line in (await self.piece()).strip().splitlines())
            if "event" in lines:
                return lines.get("id"), lines["event"], json.loads(lines["data"])

    async def rest(self) -> list[tuple[str | None, str, dict[str, Any]]]:
        events = []
        try:
            while True:
                events.append(await self.event())
        except StopAsyncIteration:
            return events

    async def close(self) -> None:
        """What Django does when the client goes: it drops the stream and closes the answer."""
        await sync_to_async(self._answer.close)()
        async with asyncio.timeout(5):
            while hub()._sessions:
                await asyncio.sleep(0)


async def test_a_stream_goes_from_snapshot_to_the_end_and_closes(user: Any) -> None:
    job = await work(user)
    stream = Stream(await ask(user, job, Accept="text/event-stream"))
    assert (await stream.piece()).startswith("retry:")
    number, kind, snapshot = await stream.event()
    assert (number, kind, snapshot["job"]["status"]) == ("1", "snapshot", "queued")
    await do(job, "claim")
    assert (await stream.event())[2]["event"] == "started"
    await do(job, "report", percent=30.0)
    number, kind, shown = await stream.event()
    assert (number, kind, shown["progress"]["percent"]) == (None, "progress", 30.0)
    await do(job, "complete")
    assert [event[2]["final"] for event in await stream.rest()] == [True]


async def test_a_stream_resumes_after_the_last_event_id(user: Any) -> None:
    job = await work(user, "claim", "note", "note", "note", "complete")
    answer = await ask(user, job, "?since=1", **{"Accept": "text/event-stream", "Last-Event-ID": "3"})
    heard = await Stream(answer).rest()
    assert [number for number, _, _ in heard] == ["3", "4", "5", "6"]


async def test_an_event_source_that_has_seen_the_end_is_told_to_stop(user: Any) -> None:
    job = await work(user, "claim", "complete")
    answer = await ask(user, job, **{"Accept": "text/event-stream", "Last-Event-ID": "3"})
    assert answer.status_code == 204


async def test_an_idle_stream_shows_that_it_lives(user: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.1)
    stream = Stream(await ask(user, await work(user), Accept="text/event-stream"))
    await stream.event()
    assert (await stream.piece()).startswith(":")
    await stream.close()


async def test_a_stream_ends_with_its_viewers_right(user: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("jobs.viewer.CHECK_SECONDS", 0.1)
    stream = Stream(await ask(user, await work(user), Accept="text/event-stream"))
    await stream.event()
    user.is_active = False
    await user.asave()
    assert [kind for _, kind, _ in await stream.rest()] == ["error"]


async def test_a_stopping_server_sends_its_streams_elsewhere(user: Any) -> None:
    stream = Stream(await ask(user, await work(user), Accept="text/event-stream"))
    await stream.event()
    farewell = asyncio.create_task(hub().say_farewell())
    assert [kind for _, kind, _ in await stream.rest()] == ["reconnect"]
    await farewell


async def test_polling_answers_what_is_new_and_where_to_go_on(user: Any) -> None:
    job = await work(user, "claim", "note")
    await do(job, "report", percent=12.5)
    answer = await poll(user, job)
    assert [event["seq"] for event in answer["events"]] == [1, 2, 3]
    assert (answer["seq"], answer["status"], answer["final"], answer["more"]) == (3, "running", False, False)
    assert answer["progress"]["percent"] == 12.5
    await do(job, "complete")
    answer = await poll(user, job, "?since=3")
    assert [event["event"] for event in answer["events"]] == ["completed"] and answer["final"]
    answer = await poll(user, job, "?since=4")
    assert answer["events"] == [] and answer["final"] and answer["seq"] == 4


async def test_a_long_history_is_polled_in_pages(user: Any) -> None:
    job = await work(user, "claim", *["note"] * 60, "complete")
    seen, answer = 0, {"final": False}
    numbers = []
    while not answer["final"]:
        answer = await poll(user, job, f"?since={seen}")
        numbers += [event["seq"] for event in answer["events"]]
        seen = answer["seq"]
    assert numbers == list(range(1, 64))


async def test_a_long_poll_answers_when_something_happens(user: Any) -> None:
    job = await work(user, "claim")
    waiting = asyncio.create_task(poll(user, job, "?since=2&wait=20"))
    while not hub()._jobs:
        await asyncio.sleep(0.01)
    await do(job, "complete")
    async with asyncio.timeout(5):
        assert (await waiting)["final"]


async def test_a_long_poll_answers_in_time_when_nothing_happens(user: Any) -> None:
    job = await work(user, "claim")
    answer = await poll(user, job, "?since=2&wait=1")
    assert answer["events"] == [] and not answer["final"] and answer["seq"] == 2


async def test_whoever_may_not_see_the_job_gets_a_problem(user: Any, other_user: Any) -> None:
    job = await work(user)
    assert (await ask(other_user, job)).status_code == 404
    assert (await ask(None, job)).status_code == 401
    assert (await ask(None, job, Authorization="Bearer nonsense")).status_code == 401
    refused = await ask(user, job, "?since=-1")
    assert refused.status_code == 400 and refused["Content-Type"] == "application/problem+json"
    assert (await AsyncClient().post(f"/api/jobs/{job.id}/events")).status_code in (403, 405)
    job.job.id = uuid.uuid4()
    assert (await ask(user, job)).status_code == 404


async def test_tickets_sessions_and_job_tokens_open_streams(user: Any) -> None:
    job, other = await work(user, "claim", "complete"), await work(user)
    ticket = await sync_to_async(tickets.issue)(user, job.job.id)
    assert (await ask(None, job, f"?since=0&ticket={ticket}")).status_code == 200
    assert (await ask(None, job, f"?since=0&ticket={ticket}")).status_code == 401
    token = f"Bearer {await sync_to_async(job_token_of)(user, job.job)}"
    assert (await ask(None, job, "?since=0", Authorization=token)).status_code == 200
    assert (await ask(None, other, "?since=0", Authorization=token)).status_code == 404
    client = AsyncClient()
    await client.aforce_login(user)
    assert (await client.get(f"/api/jobs/{job.id}/events?since=0")).status_code == 200


async def test_the_stream_stands_in_the_api_document() -> None:
    from drf_spectacular.generators import SchemaGenerator

    schema = await sync_to_async(SchemaGenerator().get_schema)(request=None, public=True)
    answers = schema["paths"]["/api/jobs/{job_id}/events"]["get"]["responses"]
    assert set(answers["200"]["content"]) == {"text/event-stream", "application/json"}
