"""The protocol of `/ws/jobs`, one client in this process."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import consumers, subscriptions, tickets, viewer
from jobs.states import Event
from tests.jobs.watched import Socket, do, job_token_of, signed_in, token_of, work

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_job_is_shown_from_its_snapshot_to_its_end(user: Any) -> None:
    job = await work(user)
    socket = await signed_in(user)
    await socket.say(action="subscribe", jobId=job.id)
    snapshot = await socket.hear()
    assert (snapshot["type"], snapshot["job"]["status"], snapshot["seq"]) == ("snapshot", "queued", 1)
    await do(job, "claim")
    assert (await socket.hear())["event"] == "started"
    await do(job, "report", percent=40.0)
    shown = await socket.hear()
    assert shown["type"] == "progress" and shown["progress"]["percent"] == 40.0
    await do(job, "complete")
    end = await socket.hear()
    assert (end["type"], end["event"], end["final"]) == ("state", "completed", True)
    assert end["job"]["result"] == {"text": "done"} and end["seq"] == 3
    await socket.disconnect()


async def test_since_brings_back_every_durable_event_once_and_in_order(user: Any) -> None:
    job = await work(user, "claim")
    for _ in range(120):
        await do(job, "note")
    await do(job, "complete")
    socket = await signed_in(user)
    await socket.say(action="subscribe", jobId=job.id, since=3)
    heard = await socket.hear_the_end()
    assert heard[0]["seq"] == 3 and heard[0]["lastSeq"] == 123
    assert [message["seq"] for message in heard[1:]] == list(range(4, 124))
    await socket.disconnect()


async def test_a_job_that_had_ended_says_so_again(user: Any) -> None:
    job = await work(user, "claim", "complete")
    socket = await signed_in(user)
    for since in (None, 3, 99):
        await socket.say(action="subscribe", jobId=job.id, since=since)
        heard = await socket.hear_the_end()
        assert [message["type"] for message in heard] == ["snapshot", "state"]
    await socket.disconnect()


async def test_the_end_of_an_earlier_run_is_not_the_end(user: Any) -> None:
    job = await work(user, "claim", "fail", "retry", "claim")
    socket = await signed_in(user)
    await socket.say(action="subscribe", jobId=job.id, since=0)
    heard = await socket.hear_until(lambda message: message.get("seq") == 5)
    assert not any(message.get("final") for message in heard)
    await do(job, "complete")
    assert (await socket.hear())["final"]
    await socket.disconnect()


async def test_everything_is_learned_without_a_single_hint(user: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("jobs.events.publish", lambda *arguments: None)
    monkeypatch.setattr("jobs.hub.LOOK_SECONDS", 0.1)
    job = await work(user)
    socket = await signed_in(user)
    await socket.say(action="subscribe", jobId=job.id)
    await socket.hear()
    await do(job, "claim")
    await do(job, "report", percent=25.0)
    await do(job, "complete")
    events = [m["event"] for m in await socket.hear_the_end() if m["type"] == "state"]
    assert events == ["started", "completed"]
    await socket.disconnect()


async def test_a_channel_layer_that_is_away_keeps_nothing_from_the_watcher(
    user: Any, monkeypatch: Any
) -> None:
    class Away:
        def __getattr__(self, name: str) -> Any:
            raise ConnectionError("no layer")

    monkeypatch.setattr("jobs.hub.get_channel_layer", Away)
    monkeypatch.setattr("jobs.events.get_channel_layer", Away)
    monkeypatch.setattr("jobs.hub.LOOK_SECONDS", 0.1)
    job = await work(user)
    socket = await signed_in(user)
    await socket.say(action="subscribe", jobId=job.id)
    await socket.hear()
    await do(job, "claim", "complete")
    assert (await socket.hear_the_end())[-1]["event"] == "completed"
    await socket.disconnect()


async def test_of_much_progress_a_slow_reader_gets_the_latest(user: Any) -> None:
    job = await work(user, "claim")
    socket = await signed_in(user)
    await socket.say(action="subscribe", jobId=job.id)
    await socket.hear()
    for percent in range(1, 90):
        await do(job, "report", percent=float(percent), write=False)
    heard = await socket.hear_until(lambda m: m["type"] == "progress" and m["progress"]["percent"] == 89.0)
    counters = [message["counter"] for message in heard]
    assert counters == sorted(set(counters))
    await socket.disconnect()


async def test_durable_events_of_every_type_have_their_shape(user: Any) -> None:
    job = await work(user, "claim")
    await sync_to_async(job.note)(Event.STAGE, stage="extract")
    await sync_to_async(job.note)(Event.PARTIAL, key="pages", value=3)
    await sync_to_async(job.note)(Event.LOG, level="info", message="hello")
    await do(job, "fail")
    socket = await signed_in(user)
    await socket.say(action="subscribe", jobId=job.id, since=2)
    _, stage, partial, log, end = await socket.hear_the_end()
    assert (stage["type"], stage["stage"]) == ("stage", "extract")
    assert (partial["type"], partial["key"], partial["value"]) == ("partial", "pages", 3)
    assert (log["type"], log["message"]) == ("log", "hello")
    assert end["error"]["code"] == "boom" and "reason" not in end
    await socket.disconnect()


async def test_somebody_elses_job_is_one_that_does_not_exist(
    user: Any, other_user: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(consumers, "REFUSED_SECONDS", 0.1)
    job = await work(other_user)
    socket = await signed_in(user)
    answers = []
    for asked in (job.id, str(uuid.uuid4())):
        await socket.say(action="subscribe", jobId=asked)
        error = await socket.hear()
        answers.append((error["type"], error["error"]["status"], error["error"]["code"]))
        assert error["jobId"] == asked
    assert answers == [("error", 404, "job_not_found")] * 2
    assert await socket.hear_closing() == 4404


async def test_a_refused_job_does_not_end_the_others(user: Any, other_user: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(consumers, "REFUSED_SECONDS", 0.05)
    mine, theirs = await work(user), await work(other_user)
    socket = await signed_in(user)
    await socket.say(action="subscribe", jobId=mine.id)
    await socket.hear()
    await socket.say(action="subscribe", jobId=theirs.id)
    assert (await socket.hear())["type"] == "error"
    assert await socket.receive_nothing(0.2)
    await do(mine, "claim")
    assert (await socket.hear())["event"] == "started"
    await socket.disconnect()


async def test_staff_see_everybodys_jobs_until_they_are_staff_no_more(
    staff: Any, user: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(viewer, "CHECK_SECONDS", 0.1)
    job = await work(user)
    socket = await signed_in(staff)
    await socket.say(action="subscribe", jobId=job.id)
    assert (await socket.hear())["type"] == "snapshot"
    staff.is_staff = False
    await staff.asave()
    assert (await socket.hear())["error"]["code"] == "job_not_found"
    await socket.disconnect()


async def test_a_jobs_token_shows_that_job_and_nothing_else(user: Any) -> None:
    job, other = await work(user), await work(user)
    socket = Socket()
    await socket.connect()
    await socket.say(action="authenticate", token=await sync_to_async(job_token_of)(user, job.job))
    await socket.say(action="subscribe", jobId=job.id)
    assert (await socket.hear())["type"] == "snapshot"
    await socket.say(action="subscribe", jobId=other.id)
    assert (await socket.hear())["error"]["status"] == 404
    await socket.say(action="subscribe", scope="mine")
    assert (await socket.hear())["error"]["status"] == 403
    await socket.disconnect()


async def test_a_ticket_opens_one_socket(user: Any) -> None:
    ticket = await sync_to_async(tickets.issue)(user)
    job = await work(user)
    first, second = Socket(), Socket()
    await first.connect()
    await first.say(action="authenticate", ticket=ticket)
    await first.say(action="subscribe", jobId=job.id)
    heard = await first.hear()
    assert heard["type"] == "snapshot", heard
    await second.connect()
    await second.say(action="authenticate", ticket=ticket)
    assert await second.hear_closing() == 4401
    await first.disconnect()


async def test_whoever_says_nothing_is_closed(user: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(consumers, "AUTHENTICATE_SECONDS", 0.1)
    socket = Socket()
    await socket.connect()
    assert await socket.hear_closing() == 4408


async def test_a_forged_token_is_closed(user: Any) -> None:
    socket = Socket()
    await socket.connect()
    await socket.say(action="authenticate", token=await sync_to_async(token_of)(user) + "x")
    assert (await socket.hear())["error"]["status"] == 401
    assert await socket.hear_closing() == 4401


async def test_a_deactivated_account_is_closed_at_its_next_check(user: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(viewer, "CHECK_SECONDS", 0.1)
    socket = await signed_in(user)
    await socket.say(action="ping")
    await socket.hear()
    user.is_active = False
    await user.asave()
    assert await socket.hear_closing() == 4401


async def test_a_token_ends_its_socket_when_it_expires(user: Any, monkeypatch: Any) -> None:
    from datetime import timedelta

    from rest_framework_simplejwt.tokens import AccessToken

    monkeypatch.setattr(AccessToken, "lifetime", timedelta(seconds=1))
    socket = await signed_in(user)
    assert await socket.hear_closing() == 4401


async def test_another_ask_with_a_newer_token_keeps_the_socket_open(user: Any, monkeypatch: Any) -> None:
    from datetime import timedelta

    from rest_framework_simplejwt.tokens import AccessToken

    newer = await sync_to_async(token_of)(user)
    monkeypatch.setattr(AccessToken, "lifetime", timedelta(seconds=1))
    socket = await signed_in(user)
    await socket.say(action="authenticate", token=newer)
    assert await socket.receive_nothing(1.6)
    await socket.disconnect()


def session_cookie(user: Any) -> str:
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"


async def test_the_session_cookie_serves_our_own_pages(user: Any) -> None:
    cookie = await sync_to_async(session_cookie)(user)
    job = await work(user)
    socket = Socket(cookie=cookie, origin="http://localhost:8000", host="localhost:8000")
    await socket.connect()
    await socket.say(action="subscribe", jobId=job.id)
    assert (await socket.hear())["type"] == "snapshot"
    await socket.disconnect()


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "localhost"),
        ("http://localhost:9000", "localhost:8000"),
        ("http://rebound.example", "rebound.example"),
        ("null", "localhost"),
        ("", "localhost"),
        ("http://[", "localhost"),
    ],
)
async def test_a_cookie_from_a_foreign_page_is_worth_nothing(user: Any, origin: str, host: str) -> None:
    cookie = await sync_to_async(session_cookie)(user)
    job = await work(user)
    socket = Socket(cookie=cookie, origin=origin, host=host)
    await socket.connect()
    await socket.say(action="subscribe", jobId=job.id)
    assert await socket.hear_closing() == 4403


async def test_signing_out_ends_the_socket_of_that_session(user: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(viewer, "CHECK_SECONDS", 0.1)
    cookie = await sync_to_async(session_cookie)(user)
    socket = Socket(cookie=cookie, origin="http://localhost", host="localhost")
    await socket.connect()
    await socket.say(action="ping")
    await socket.hear()
    await sync_to_async(SessionStore(cookie.partition("=")[2]).delete)()
    assert await socket.hear_closing() == 4401


async def test_mine_shows_active_jobs_and_those_that_begin(user: Any, other_user: Any) -> None:
    active, ended, theirs = await work(user), await work(user, "claim", "complete"), await work(other_user)
    socket = await signed_in(user)
    await socket.say(action="subscribe", scope="mine")
    first = await socket.hear()
    assert (first["type"], first["jobIds"]) == ("subscribed", [active.id])
    assert (await socket.hear())["jobId"] == active.id
    later = await work(user)
    assert (await socket.hear())["jobId"] == later.id
    await do(later, "claim", "complete")
    heard = await socket.hear_the_end()
    assert {message["jobId"] for message in heard} == {later.id}
    assert ended.id != theirs.id
    await do(ended, "note")
    assert await socket.receive_nothing(0.3)
    await socket.say(action="unsubscribe", scope="mine")
    assert (await socket.hear())["type"] == "unsubscribed"
    await do(active, "claim")
    assert await socket.receive_nothing(0.3)
    await socket.disconnect()


async def test_mine_finds_new_jobs_without_a_hint(user: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("jobs.events.publish", lambda *arguments: None)
    monkeypatch.setattr("jobs.belongings.LOOK_SECONDS", 0.1)
    socket = await signed_in(user)
    await socket.say(action="subscribe", scope="mine")
    await socket.hear()
    job = await work(user, "claim", "complete")
    heard = await socket.hear_the_end()
    assert heard[-1]["jobId"] == job.id
    await socket.disconnect()


async def test_nothing_more_comes_after_unsubscribed(user: Any) -> None:
    job = await work(user)
    socket = await signed_in(user)
    await socket.say(action="subscribe", jobId=job.id)
    await socket.hear()
    await socket.say(action="unsubscribe", jobId=job.id)
    assert (await socket.hear())["type"] == "unsubscribed"
    await do(job, "claim")
    assert await socket.receive_nothing(0.3)
    await socket.disconnect()


async def test_subscriptions_have_a_limit(user: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(subscriptions, "MAX_SUBSCRIPTIONS", 2)
    socket = await signed_in(user)
    for _ in range(3):
        await socket.say(action="subscribe", jobId=(await work(user)).id)
    assert await socket.hear_closing() == 4409


async def test_too_large_a_message_is_closed(user: Any) -> None:
    socket = await signed_in(user)
    await socket.say(action="ping", id="x" * consumers.MAX_MESSAGE_BYTES)
    assert await socket.hear_closing() == 4413


async def test_too_many_messages_are_closed(user: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(consumers, "BURST", 5.0)
    socket = await signed_in(user)
    for _ in range(10):
        await socket.say(action="ping")
    assert await socket.hear_closing() == 4429


async def test_a_client_that_makes_no_sense_is_told_and_in_the_end_closed(user: Any) -> None:
    socket = await signed_in(user)
    await socket.send_to(text_data="{not json")
    error = await socket.hear()
    assert (error["type"], error["error"]["code"], error["error"]["status"]) == ("error", "bad_json", 400)
    await socket.say(action="ping", id=7)
    assert await socket.hear() == {"type": "pong", "id": 7}
    for _ in range(10):
        await socket.say(action="dance")
    assert await socket.hear_closing() == 4400


async def test_a_deleted_job_is_told_of_and_let_go(user: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("jobs.hub.LOOK_SECONDS", 0.1)
    job = await work(user)
    socket = await signed_in(user)
    await socket.say(action="subscribe", jobId=job.id)
    await socket.hear()
    await job.job.adelete()
    assert (await socket.hear())["error"]["code"] == "job_not_found"
    await socket.disconnect()


async def test_a_server_that_stops_asks_its_clients_to_come_back(user: Any) -> None:
    from jobs.hub import hub

    socket = await signed_in(user)
    await socket.say(action="ping")
    await socket.hear()
    farewell = asyncio.create_task(hub().say_farewell())
    assert (await socket.hear())["type"] == "reconnect"
    assert await socket.hear_closing() == 1012
    await farewell


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
actions = st.sampled_from(["authenticate", "subscribe", "unsubscribe", "ping", "PING", ""])
names = st.sampled_from(["jobId", "since", "scope", "token", "ticket", "id"])
likely = st.sampled_from(["mine", str(uuid.UUID(int=1)), "\ud800", "-1"]) | json_values
almost = st.builds(lambda action, rest: {**rest, "action": action}, actions, st.dictionaries(names, likely))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    messages=st.lists(
        almost | json_values | st.text(max_size=30) | st.binary(min_size=1, max_size=30), max_size=5
    ),
    authenticated=st.booleans(),
)
def test_no_message_kills_the_consumer(
    messages: list[Any], authenticated: bool, django_user_model: Any
) -> None:
    user = django_user_model.objects.get_or_create(username="fuzz")[0]

    async def talk() -> None:
        import json

        socket = await signed_in(user) if authenticated else Socket()
        if not authenticated:
            await socket.connect()
        for message in messages:
            if isinstance(message, bytes):
                await socket.send_to(bytes_data=message)
            else:
                await socket.send_input(
                    {
                        "type": "websocket.receive",
                        "text": message if isinstance(message, str) else json.dumps(message),
                    }
                )
        await socket.send_input({"type": "websocket.receive", "text": '{"action": "ping", "id": "last"}'})
        while True:
            heard = await socket.receive_output(5)
            if heard["type"] == "websocket.close":
                assert heard["code"] in {4401, 4404, 4408}
                break
            if '"last"' in heard["text"] and "pong" in heard["text"]:
                break
        await socket.disconnect()

    asyncio.run(talk())


@pytest.fixture(autouse=True)
async def _nothing_left_behind(monkeypatch: Any) -> AsyncIterator[None]:
    """Whatever a socket did, it leaves no listener; and no test waits for another's broken layer."""
    from jobs.hub import hub

    monkeypatch.setattr("jobs.events._resting_until", 0.0)
    yield
    home = hub()
    assert not home._jobs and not home._owners and not home._groups and not home._sessions
