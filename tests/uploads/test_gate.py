"""What is refused from its headers, and bodies that lie about their length or end too early."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings as site
from django.db import connections

from jobs.models import Job
from tests.uploads.sending import DOCUMENTS, VIDEO, stored

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
FORM = "multipart/form-data; boundary=B"


def bearer(subject: str = "ada") -> str:
    claims = {"userId": subject, "exp": int(time.time()) + 600}
    return "Bearer " + jwt.encode(claims, site.JWT_SECRET, algorithm="HS256")


def part(content: bytes, name: str = "a.txt", field: str = "files") -> bytes:
    head = f'--B\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


@pytest.fixture(autouse=True)
async def closing(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Connections of other threads end with their request, and with the test."""
    monkeypatch.setitem(connections["default"].settings_dict, "CONN_MAX_AGE", 0)
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    from config.asgi import application

    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as made:
        yield made


def connection(method: str, path: str, headers: dict[str, str]) -> ApplicationCommunicator:
    """A request to the site's ASGI application, whose messages the test sends one by one."""
    from config.asgi import application

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "scheme": "http", "server": ("localhost", 80),
        "client": ("127.0.0.1", 5), "root_path": "",
        "headers": [(b"host", b"localhost")] + [(k.lower().encode(), v.encode()) for k, v in headers.items()],
    }  # fmt: skip
    return ApplicationCommunicator(application, scope)


async def refused(path: str, headers: dict[str, str]) -> tuple[int, dict[str, Any], bool]:
    """Status, body and whether the connection ends, of a request whose body must not be read."""
    communicator = connection("POST", path, headers)
    # Nothing is sent: an application that waits for the body never answers.
    start = await communicator.receive_output(timeout=20)
    body = await communicator.receive_output(timeout=5)
    await communicator.send_input({"type": "http.disconnect"})
    await communicator.wait(timeout=5)
    return start["status"], json.loads(body["body"]), (b"connection", b"close") in start["headers"]


@pytest.mark.parametrize(
    "token", [None, "Bearer nonsense", "Bearer " + jwt.encode({"userId": "x"}, "k" * 40)]
)
async def test_without_a_good_token_no_byte_is_read(token: str | None) -> None:
    headers = {"Content-Type": FORM, "Content-Length": "500000000"}
    if token:
        headers["Authorization"] = token
    headers["Content-Length"] = "1000000"
    status, body, closes = await refused(DOCUMENTS, headers)
    assert (status, body["status"], closes) == (401, 401, True)


async def test_a_body_over_the_limit_is_refused_from_its_length_in_the_routes_own_shape() -> None:
    headers = {"Content-Type": FORM, "Content-Length": "900000000", "Authorization": bearer()}
    status, body, _ = await refused(DOCUMENTS, headers)
    assert (status, body["code"]) == (413, "too_large")
    status, body, _ = await refused(VIDEO, headers)
    assert (status, body["success"], body["error"]["code"]) == (413, False, "too_large")


async def test_a_made_up_session_is_nobody() -> None:
    headers = {"Content-Type": FORM, "Content-Length": "1000", "Cookie": "sessionid=abcdefgh"}
    assert (await refused(DOCUMENTS, headers))[0] in (401, 403)


async def test_a_body_without_a_length_is_taken(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield part(b"Sent in pieces.")
        yield b"--B--\r\n"

    headers = {"Authorization": bearer(), "Content-Type": FORM}
    response = await client.post(DOCUMENTS, content=pieces(), headers=headers)
    assert response.status_code == 202, response.text


async def test_a_body_without_a_length_is_cut_at_the_limit(
    client: httpx.AsyncClient, settings: Any, media: Path
) -> None:
    settings.MAX_DOCUMENT_MB = 1
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        yield part(b"x")[:-2]
        for _ in range(200):
            sent += 1
            yield b"y" * 100_000

    headers = {"Authorization": bearer(), "Content-Type": FORM}
    response = await client.post(DOCUMENTS, content=pieces(), headers=headers)
    assert response.status_code == 413 and sent
    assert not list(stored(media))


async def test_a_body_without_its_last_boundary_stores_nothing(
    client: httpx.AsyncClient, media: Path
) -> None:
    headers = {"Authorization": bearer(), "Content-Type": FORM}
    response = await client.post(DOCUMENTS, content=part(b"Half of a"), headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "incomplete_body")
    assert not list(stored(media)) and not await Job.objects.aexists()


async def test_a_connection_that_breaks_stores_nothing(media: Path) -> None:
    headers = {"Authorization": bearer(), "Content-Type": FORM, "Content-Length": "5000"}
    communicator = connection("POST", DOCUMENTS, headers)
    await communicator.send_input({"type": "http.request", "body": part(b"Half of"), "more_body": True})
    await communicator.send_input({"type": "http.disconnect"})
    await communicator.wait(timeout=20)
    assert not list(stored(media)) and not await Job.objects.aexists()
