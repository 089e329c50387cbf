"""Uploads kept in S3: a server on loopback that speaks its protocol, and what happens when it is away."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError
from rest_framework.test import APIClient

from jobs import events, executor
from jobs.executor import Worker
from jobs.models import Job
from jobs.retry import classify
from jobs.states import Category, State
from tests.factories import JobFactory
from tests.faults.servers import free_port
from tests.services import REQUIRED
from tests.uploads.sending import DOCUMENTS, file, post
from uploads import storage
from uploads.models import Document, Upload
from uploads.s3 import StorageAway

BUCKET = "millrace-tests"
SECRET = "a-secret-of-the-bucket"


class Store:
    """The server, and its bucket seen from outside."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="tests",
            aws_secret_access_key=SECRET,
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                self.client.create_bucket(Bucket=BUCKET)
                return
            except BotoCoreError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.end()
                    raise
                time.sleep(0.1)

    def content(self) -> list[str]:
        return [found["Key"] for found in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    def end(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    if importlib.util.find_spec("moto") is None:
        reason = "no S3 server here: pip install -r requirements-ci.lock"
        assert not REQUIRED, reason
        pytest.skip(reason)
    made = Store()
    yield made
    made.end()


def use(settings: Any, url: str) -> None:
    settings.SANDBOX_PORTS = [*settings.SANDBOX_PORTS, int(url.rpartition(":")[2])]
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = "tests", SECRET
    settings.STORAGES = {
        **settings.STORAGES,
        "uploads": {
            "BACKEND": "uploads.s3.S3Uploads",
            "OPTIONS": {"bucket_name": BUCKET, "endpoint_url": url, "region_name": "us-east-1"},
        },
    }


@pytest.fixture
def store(server: Store, media: Path, settings: Any) -> Store:
    """The bucket, empty, as the storage of uploads."""
    use(settings, server.url)
    for key in server.content():
        server.client.delete_object(Bucket=BUCKET, Key=key)
    return server


@pytest.fixture
def nobody(media: Path, settings: Any) -> None:
    """A storage at an address where nobody answers."""
    use(settings, f"http://127.0.0.1:{free_port()}")


@pytest.fixture
def worker(transactional_db: None) -> Iterator[Worker]:
    made = Worker("host/1:1:1")
    yield made
    made.end_sandbox()
    events.drop_runner()


TEXT = "A bucket is not a disk, but it keeps what it is given. " * 20_000


@pytest.mark.django_db
def test_an_upload_goes_to_the_bucket_and_comes_back_whole_and_in_parts(
    store: Store, api: APIClient, media: Path
) -> None:
    post(api, DOCUMENTS, file(TEXT, "bucket.txt"))
    upload = Upload.objects.get()
    assert store.content() == [upload.key]
    assert not [path for path in media.rglob("*") if path.is_file()]
    address = f"/api/documents/{Document.objects.get().pk}/file"
    whole = api.get(address)
    assert whole.status_code == 200 and b"".join(whole.streaming_content).decode() == TEXT
    part = api.get(address, headers={"Range": "bytes=300000-900009"})
    assert part.status_code == 206
    assert b"".join(part.streaming_content).decode() == TEXT[300_000:900_010]


@pytest.mark.django_db
def test_what_was_refused_or_removed_is_not_in_the_bucket(
    store: Store, api: APIClient, user: Any, django_capture_on_commit_callbacks: Any
) -> None:
    refused = post(api, DOCUMENTS, file(TEXT, "good.txt"), file(b"MZ\x90\x00" * 50, "bad.exe"))
    assert refused.status_code == 400 and store.content() == []
    post(api, DOCUMENTS, file(TEXT, "good.txt"))
    Document.objects.update(job=JobFactory(owner=user, state=State.COMPLETED))
    with django_capture_on_commit_callbacks(execute=True):
        assert api.delete(f"/api/documents/{Document.objects.get().pk}").status_code == 204
    assert store.content() == []


@pytest.mark.django_db
def test_a_file_that_is_gone_is_404(store: Store, api: APIClient) -> None:
    post(api, DOCUMENTS, file(TEXT, "bucket.txt"))
    store.client.delete_object(Bucket=BUCKET, Key=Upload.objects.get().key)
    answer = api.get(f"/api/documents/{Document.objects.get().pk}/file")
    assert (answer.status_code, answer.json()["code"]) == (404, "file_missing")
    with pytest.raises(FileNotFoundError):
        list(storage.read("document/00/none.txt", 0, 10))


@pytest.mark.django_db
def test_a_job_makes_replaces_and_removes_files(store: Store, tmp_path: Path) -> None:
    made = tmp_path / "made"
    for text in ("first", "second"):
        made.write_text(text)
        storage.keep_path("video-made/00/one.mp4", made)
    with storage.local("video-made/00/one.mp4", tmp_path) as path:
        assert path.read_text() == "second"
    storage.discard("video-made/00/one.mp4")
    storage.discard("video-made/00/one.mp4")
    assert store.content() == []


def test_a_sandbox_without_the_network_reaches_the_storage_and_nothing_else(
    store: Store, api: APIClient, worker: Worker, user: Any
) -> None:
    from tests.jobs.test_executor import performed

    post(api, DOCUMENTS, file(TEXT, "bucket.txt"))
    job = Job.objects.get()
    executor.run(job.pk, worker)
    job.refresh_from_db()
    assert job.state == State.RUNNING or job.error is None, job.error
    assert Document.objects.get().characters > 1_000_000
    # The same child, right after it.
    refused = performed(worker, user, "work.bad", mode="connect")
    assert refused.failures.get().error_class == "builtins.PermissionError"


@pytest.mark.django_db
def test_a_store_that_is_away_is_503_and_nothing_is_half_stored(nobody: None, api: APIClient) -> None:
    answer = post(api, DOCUMENTS, file(TEXT, "bucket.txt"))
    assert (answer.status_code, answer.json()["code"]) == (503, "storage")
    assert not Upload.objects.exists() and not Job.objects.exists()


@pytest.mark.django_db
def test_a_store_that_went_away_is_503_for_readers_and_another_try_for_jobs(
    store: Store, api: APIClient, settings: Any, tmp_path: Path
) -> None:
    post(api, DOCUMENTS, file(TEXT, "bucket.txt"))
    use(settings, f"http://127.0.0.1:{free_port()}")
    answer = api.get(f"/api/documents/{Document.objects.get().pk}/file")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage")
    with pytest.raises(StorageAway) as caught, storage.local(Upload.objects.get().key, tmp_path):
        pass
    assert classify(caught.value).category == Category.TRANSIENT
    assert SECRET not in str(caught.value)


@pytest.mark.django_db
def test_a_refused_key_is_no_500_and_does_not_show(
    store: Store, api: APIClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(api, DOCUMENTS, file(TEXT, "bucket.txt"))
    store.client.delete_object(Bucket=BUCKET, Key=Upload.objects.get().key)
    settings.STORAGES = {
        **settings.STORAGES,
        "uploads": {
            "BACKEND": "uploads.s3.S3Uploads",
            "OPTIONS": {"bucket_name": "nobodys", "endpoint_url": store.url, "region_name": "us-east-1"},
        },
    }
    answer = post(api, DOCUMENTS, file(TEXT + "!", "bucket.txt"))
    assert answer.status_code == 503 and SECRET not in answer.content.decode()
