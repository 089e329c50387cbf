"""tus 1.0: the protocol from a client's side, broken connections included."""

from __future__ import annotations

import base64
import hashlib
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from jobs.models import Job
from tests.uploads.sending import stored
from tests.uploads.test_gate import bearer, client, closing, connection
from uploads.models import Document, ResumableUpload
from uploads.resumable import janitor, leases

__all__ = ["client", "closing"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

TEXT = b"A text that comes in pieces. " * 5000
BYTES = "application/offset+octet-stream"
UPLOADS = "/api/uploads"


def tus(**more: Any) -> dict[str, str]:
    headers = {"Tus-Resumable": "1.0.0", "Authorization": bearer()}
    return headers | {name.replace("_", "-"): str(value) for name, value in more.items()}


def metadata(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


async def create(client: httpx.AsyncClient, length: int = len(TEXT), **values: str) -> str:
    headers = tus(Upload_Length=length, Upload_Metadata=metadata(**({"filename": "a.txt"} | values)))
    response = await client.post(UPLOADS, headers=headers)
    assert response.status_code == 201, response.text
    return response.headers["location"]


async def patch(client: httpx.AsyncClient, url: str, offset: int, body: Any, **more: Any) -> httpx.Response:
    return await client.patch(
        url, content=body, headers=tus(Upload_Offset=offset, Content_Type=BYTES, **more)
    )


async def offset(client: httpx.AsyncClient, url: str) -> int:
    return int((await client.head(url, headers=tus())).headers["upload-offset"])


async def test_the_server_says_what_it_can_do(client: httpx.AsyncClient) -> None:
    response = await client.options(UPLOADS)
    assert response.status_code == 204 and response.headers["tus-version"] == "1.0.0"
    assert set(response.headers["tus-extension"].split(",")) == {
        "creation", "creation-with-upload", "checksum", "expiration", "termination",
    }  # fmt: skip
    assert response.headers["tus-checksum-algorithm"] == "sha1,sha256"


async def test_pieces_become_the_job_that_the_metadata_names(client: httpx.AsyncClient, media: Path) -> None:
    url = await create(client, kind="document", useAI="true", password="secret")
    first = await patch(client, url, 0, TEXT[:1000])
    assert first.status_code == 204 and first.headers["upload-offset"] == "1000"
    assert "upload-expires" in first.headers and "upload-job-id" not in first.headers
    last = await patch(client, url, 1000, TEXT[1000:])
    job = await Job.objects.aget()
    assert last.headers["upload-job-id"] == str(job.pk)
    assert (job.kind, job.priority) == ("document.process", 12) and "secret" not in str(job.args["password"])
    document = await Document.objects.select_related("upload").aget()
    assert (media / document.upload.key).read_bytes() == TEXT
    assert len(list(stored(media))) == 1
    head = await client.head(url, headers=tus())
    assert (
        head.headers["upload-length"] == str(len(TEXT)) and "password" not in head.headers["upload-metadata"]
    )


async def test_a_small_file_comes_with_its_creation(client: httpx.AsyncClient) -> None:
    headers = tus(Upload_Length=11, Upload_Metadata=metadata(filename="a.txt"), Content_Type=BYTES)
    response = await client.post(UPLOADS, content=b"hello world", headers=headers)
    assert response.status_code == 201 and response.headers["upload-offset"] == "11"
    assert response.headers["upload-job-id"] == str((await Job.objects.aget()).pk)


async def test_what_came_before_the_connection_broke_is_kept(client: httpx.AsyncClient) -> None:
    url = await create(client)

    path = httpx.URL(url).path
    communicator = connection("PATCH", path, tus(Upload_Offset=0, Content_Type=BYTES))
    await communicator.send_input({"type": "http.request", "body": TEXT[:70_000], "more_body": True})
    await communicator.send_input({"type": "http.disconnect"})
    await communicator.wait(timeout=20)
    assert await offset(client, url) == 70_000
    assert (await patch(client, url, 70_000, TEXT[70_000:])).headers["upload-job-id"]


@pytest.mark.parametrize("left", [None, 400])
async def test_bytes_that_are_gone_from_this_host_are_never_made_up(
    client: httpx.AsyncClient, media: Path, left: int | None
) -> None:
    url = await create(client)
    await patch(client, url, 0, TEXT[:1000])
    part = leases.part_path(uuid.UUID(url.rpartition("/")[2]))
    if left is None:
        part.unlink()
    else:
        part.write_bytes(TEXT[:left])
    answer = await patch(client, url, 1000, TEXT[1000:])
    assert (answer.status_code, answer.json()["code"]) == (410, "upload_lost")
    assert (await client.head(url, headers=tus())).status_code == 410
    assert not await Job.objects.aexists()
    assert (await client.delete(url, headers=tus())).status_code == 204


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_bytes_that_do_not_fit_their_checksum_are_not_kept(
    client: httpx.AsyncClient, algorithm: str
) -> None:
    url = await create(client)
    good = base64.b64encode(hashlib.new(algorithm, TEXT[:500]).digest()).decode()
    bad = await patch(client, url, 0, TEXT[1:501], Upload_Checksum=f"{algorithm} {good}")
    assert bad.status_code == 460 and bad.json()["code"] == "checksum_mismatch"
    assert await offset(client, url) == 0
    assert (await patch(client, url, 0, TEXT[:500], Upload_Checksum=f"{algorithm} {good}")).status_code == 204
    unknown = await patch(client, url, 500, TEXT[500:600], Upload_Checksum="md5 AAAA")
    assert unknown.status_code == 400 and await offset(client, url) == 500


async def test_a_wrong_offset_a_wrong_type_and_too_much_are_refused(client: httpx.AsyncClient) -> None:
    url = await create(client, length=10)
    assert (await patch(client, url, 5, b"12345")).status_code == 409
    assert (await patch(client, url, 0, b"12345678901")).status_code == 413
    wrong = await client.patch(url, content=b"1", headers=tus(Upload_Offset=0, Content_Type="text/plain"))
    assert wrong.status_code == 415
    assert await offset(client, url) == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "10"}, 412),
        ({"Tus-Resumable": "0.2.2", "Upload-Length": "10"}, 412),
        ({"Tus-Resumable": "1.0.0"}, 400),
        ({"Tus-Resumable": "1.0.0", "Upload-Length": "-1"}, 400),
        ({"Tus-Resumable": "1.0.0", "Upload-Length": "0"}, 400),
        ({"Tus-Resumable": "1.0.0", "Upload-Defer-Length": "1"}, 400),
        ({"Tus-Resumable": "1.0.0", "Upload-Length": "999999999999"}, 413),
        ({"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": "filename !!"}, 400),
        (
            {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": metadata(filename="a.exe")},
            400,
        ),
        ({"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": metadata(kind="paper")}, 400),
    ],
)
async def test_a_bad_creation_is_a_problem_and_leaves_nothing(
    client: httpx.AsyncClient, media: Path, headers: dict[str, str], status: int
) -> None:
    response = await client.post(UPLOADS, headers={"Authorization": bearer(), **headers})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert not await ResumableUpload.objects.aexists() and not list(stored(media))


async def test_a_whole_file_that_is_something_else_is_refused_and_gone(
    client: httpx.AsyncClient, media: Path
) -> None:
    url = await create(client, length=11, filename="a.pdf")
    response = await patch(client, url, 0, b"not a pdf!!")
    assert (response.status_code, response.json()["code"]) == (400, "type_mismatch")
    assert not await ResumableUpload.objects.aexists() and not list(stored(media))


async def test_nobody_sees_or_steers_somebody_elses_upload(client: httpx.AsyncClient) -> None:
    url = await create(client)
    theirs = tus() | {"Authorization": bearer("grace")}
    assert (await client.head(url, headers=theirs)).status_code == 404
    assert (await client.delete(url, headers=theirs)).status_code == 404
    body = theirs | {"Upload-Offset": "0", "Content-Type": BYTES}
    assert (await client.patch(url, content=b"x", headers=body)).status_code == 404
    assert (await client.post(UPLOADS, headers={"Tus-Resumable": "1.0.0"})).status_code == 401


async def test_one_request_at_a_time_may_write(client: httpx.AsyncClient) -> None:
    url = await create(client)
    row = await ResumableUpload.objects.aget()
    row.writer, row.writer_until = uuid.uuid4(), timezone.now() + timedelta(seconds=30)
    await row.asave()
    assert (await patch(client, url, 0, TEXT)).status_code == 423
    row.writer_until = timezone.now() - timedelta(seconds=1)
    await row.asave()
    assert (await patch(client, url, 0, TEXT)).status_code == 204


async def test_removing_an_upload_removes_its_bytes(client: httpx.AsyncClient, media: Path) -> None:
    url = await create(client)
    await patch(client, url, 0, TEXT[:1000])
    assert (await client.delete(url, headers=tus())).status_code == 204
    assert (await client.head(url, headers=tus())).status_code == 404 and not list(stored(media))


async def test_an_expired_upload_is_410_and_then_removed(client: httpx.AsyncClient, media: Path) -> None:
    url = await create(client)
    await ResumableUpload.objects.aupdate(expires_at=timezone.now() - timedelta(seconds=1))
    assert (await client.head(url, headers=tus())).status_code == 410
    assert await sync_to_async(janitor.tidy)() == 1
    assert not await ResumableUpload.objects.aexists() and not list(stored(media))


async def test_a_whole_upload_whose_process_died_still_becomes_a_job(client: httpx.AsyncClient) -> None:
    await create(client)
    row = await ResumableUpload.objects.aget()
    leases.part_path(row.pk).write_bytes(TEXT)
    early = timezone.now() - timedelta(minutes=5)
    await ResumableUpload.objects.aupdate(offset=len(TEXT), created_at=early)
    await sync_to_async(janitor.tidy)()
    assert (await Job.objects.aget()).kind == "document.process"


async def test_what_is_promised_counts_against_the_quota(client: httpx.AsyncClient, settings: Any) -> None:
    settings.QUOTA_STORAGE_MB = 1
    await create(client, length=600_000)
    headers = tus(Upload_Length=600_000, Upload_Metadata=metadata(filename="b.txt"))
    response = await client.post(UPLOADS, headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "storage_quota")
