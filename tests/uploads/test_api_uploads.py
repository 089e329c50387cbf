"""Files in over HTTP: what is answered, what is stored, and what is left when something fails."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs.models import Job
from jobs.states import State
from tests.factories import JobFactory, ProgressFactory
from tests.uploads.documents import pdf
from tests.uploads.sending import DOCUMENTS, RESUME, VIDEO, file, post, stored
from uploads import passwords
from uploads.models import Document, Upload, Video

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


def test_one_document_is_answered_exactly_as_the_contract_says(api: APIClient, user: Any) -> None:
    response = post(api, DOCUMENTS, file(pdf(2), "paper.pdf"))
    assert response.status_code == 202
    body = response.json()
    job = Job.objects.get()
    assert body == {
        "success": True,
        "message": "1 documents queued for processing",
        "jobs": [{"jobId": str(job.pk), "filename": "paper.pdf", "size": len(pdf(2))}],
        "queueStatus": {"waiting": 1, "active": 0, "completed": 0, "failed": 0},
    }
    document = Document.objects.get()
    assert (document.owner, document.job, job.kind, job.queue) == (user, job, "document.process", "document")
    assert Path(document.upload.key).name == f"{document.upload.pk.hex}.pdf"


@pytest.mark.parametrize(
    ("fields", "priority"), [({}, 8), ({"useAI": "true"}, 12), ({"reprocess": "true", "useAI": "true"}, 4)]
)
def test_documents_with_ai_come_first_and_reprocessing_last(
    api: APIClient, fields: dict[str, str], priority: int
) -> None:
    post(api, DOCUMENTS, file("Some text.", "a.txt"), **fields)
    assert Job.objects.get().priority == priority


def test_several_files_are_stored_together(api: APIClient, media: Path) -> None:
    response = post(api, DOCUMENTS, *(file(f"Text number {n}.", f"{n}.txt") for n in range(3)))
    assert [job["filename"] for job in response.json()["jobs"]] == ["0.txt", "1.txt", "2.txt"]
    assert Job.objects.count() == Upload.objects.count() == len(list(stored(media))) == 3


def test_one_bad_file_among_good_ones_leaves_nothing(api: APIClient, media: Path) -> None:
    response = post(api, DOCUMENTS, file("Fine.", "a.txt"), file(b"MZ\x90\x00", "b.pdf"))
    assert response.status_code == 400 and response.json()["code"] == "type_mismatch"
    assert not Job.objects.exists() and not Upload.objects.exists() and not list(stored(media))


def test_a_database_error_leaves_no_file(
    api: APIClient, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("jobs.ledger.insert", away)
    assert post(api, DOCUMENTS, file("Fine.", "a.txt")).status_code == 503
    assert not Upload.objects.exists() and not list(stored(media))


def test_the_same_bytes_are_answered_with_the_same_job(api: APIClient, media: Path) -> None:
    first = post(api, DOCUMENTS, file("Same.", "a.txt")).json()["jobs"][0]
    second = post(api, DOCUMENTS, file("Same.", "other.txt")).json()["jobs"][0]
    twice = post(api, DOCUMENTS, file("Twin.", "c.txt"), file("Twin.", "d.txt")).json()["jobs"]
    assert first["jobId"] == second["jobId"] and second["filename"] == "other.txt"
    assert twice[0]["jobId"] == twice[1]["jobId"]
    assert Job.objects.count() == Upload.objects.count() == len(list(stored(media))) == 2


@pytest.mark.parametrize(
    ("state", "fields", "again"),
    [
        (State.COMPLETED, {}, False), (State.COMPLETED, {"reprocess": "1"}, True),
        (State.FAILED, {}, True), (State.CANCELLED, {}, True), (State.RUNNING, {"reprocess": "1"}, False),
    ],
)  # fmt: skip
def test_the_same_bytes_are_processed_again_when_asked_or_when_it_failed(
    api: APIClient, user: Any, media: Path, state: State, fields: dict[str, str], again: bool
) -> None:
    post(api, DOCUMENTS, file("Same.", "a.txt"))
    old = JobFactory(owner=user, state=state, kind="document.process", queue="document")
    document = Document.objects.get()
    Document.objects.update(job=old)
    job_id = post(api, DOCUMENTS, file("Same.", "a.txt"), **fields).json()["jobs"][0]["jobId"]
    assert (job_id != str(old.pk)) is again
    assert Document.objects.get().pk == document.pk
    assert str(Document.objects.get().job_id) == job_id
    assert Upload.objects.count() == len(list(stored(media))) == 1


def test_somebody_elses_same_bytes_are_his_own(
    api: APIClient, other_user: Any, api_for: Callable[[Any], APIClient]
) -> None:
    first = post(api, DOCUMENTS, file("Same.", "a.txt")).json()["jobs"][0]["jobId"]
    assert post(api_for(other_user), DOCUMENTS, file("Same.", "a.txt")).json()["jobs"][0]["jobId"] != first


def test_an_idempotency_key_replays_and_refuses_another_file(api: APIClient, media: Path) -> None:
    first = post(api, DOCUMENTS, file("One.", "a.txt"), key="k1")
    again = post(api, DOCUMENTS, file("One.", "a.txt"), key="k1")
    assert again.json() == first.json() and again["Idempotency-Replayed"] == "true"
    assert post(api, DOCUMENTS, file("Two.", "a.txt"), key="k1").status_code == 422
    assert Job.objects.count() == len(list(stored(media))) == 1


def test_a_password_is_never_stored_in_plain_text(api: APIClient) -> None:
    post(api, DOCUMENTS, file(pdf(1), "a.pdf"), password="open sesame")
    kept = Job.objects.get().args["password"]
    assert "sesame" not in str(Job.objects.get().args) and passwords.unseal(kept) == "open sesame"
    assert passwords.seal(kept) == kept


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("a.txt", b"", 400, "empty_file"), ("a.exe", b"MZ", 400, "unsupported_type"),
        ("a.pdf", b"<html><script>alert(1)</script>", 400, "type_mismatch"),
        ("a.txt", b"x" * (1024 * 1024 + 1), 413, "too_large"),
    ],
)  # fmt: skip
def test_what_is_refused_has_a_code_and_a_remedy(
    api: APIClient, media: Path, settings: Any, name: str, content: bytes, status: int, code: str
) -> None:
    settings.MAX_DOCUMENT_MB = 1
    response = post(api, DOCUMENTS, file(content, name))
    assert (response.status_code, response.json()["code"]) == (status, code), response.content
    assert not Upload.objects.exists() and not list(stored(media))


def test_the_storage_quota_holds_over_all_files_of_a_request(
    api: APIClient, media: Path, settings: Any
) -> None:
    settings.QUOTA_STORAGE_MB = 1
    half = b"half a megabyte " * 40_000
    response = post(api, DOCUMENTS, file(half, "a.txt"), file(half + b".", "b.txt"))
    assert (response.status_code, response.json()["code"]) == (413, "storage_quota")
    assert not list(stored(media))


def test_a_form_without_a_file_or_with_a_bad_flag_names_the_field(api: APIClient) -> None:
    assert "files" in api.post(DOCUMENTS, {"useAI": "true"}, format="multipart").json()["errors"]
    assert "useAI" in post(api, DOCUMENTS, file("x y", "a.txt"), useAI="perhaps").json()["errors"]


def test_a_full_disk_is_507_and_nothing_is_stored(
    api: APIClient, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("uploads.storage.keep", full)
    response = post(api, DOCUMENTS, file("Fine.", "a.txt"))
    assert response.status_code == 507 and response["Retry-After"]
    assert not Upload.objects.exists() and not list(stored(media))


@pytest.mark.parametrize("path", [RESUME, VIDEO])
def test_single_files_are_answered_in_the_wrapped_shape(api: APIClient, path: str) -> None:
    sent = file("Ada Lovelace\nada@example.org", "cv.txt") if path == RESUME else file(WEBM, "me.webm")
    response = post(api, path, sent)
    assert response.status_code == 202, response.content
    body = response.json()
    job = Job.objects.get()
    row = Upload.objects.get()
    ending = "txt" if path == RESUME else "webm"
    assert body == {
        "success": True,
        "data": {
            "jobId": str(job.pk),
            "status": "queued",
            "estimatedWait": None,
            "fileName": f"{row.pk}.{ending}",
        },
        "message": f"{'Resume' if path == RESUME else 'Video'} upload queued for processing",
    }
    assert job.kind == ("resume.process" if path == RESUME else "video.process")


def test_problems_of_wrapped_routes_are_wrapped(api: APIClient) -> None:
    body = post(api, VIDEO, file("#EXTM3U\n/etc/passwd", "me.mp4")).json()
    assert body["success"] is False and body["error"]["code"] == "type_mismatch"
    assert not Video.objects.exists()


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (State.QUEUED, "waiting"), (State.RUNNING, "active"), (State.WAITING, "active"),
        (State.RETRYING, "delayed"), (State.COMPLETED, "completed"), (State.FAILED, "failed"),
        (State.CANCELLED, "failed"),
    ],
)  # fmt: skip
def test_the_status_has_the_words_of_this_route(api: APIClient, user: Any, state: State, shown: str) -> None:
    result = {"documentId": "d", "status": "COMPLETED", "chunks": 3, "themes": 1, "quotes": 2, "insights": 4}
    job = JobFactory(owner=user, state=state, kind="document.process", queue="document")
    Job.objects.filter(pk=job.pk).update(result={**result, "more": 1} if state == State.COMPLETED else None)
    ProgressFactory(job=job, percent=42.0)
    body = api.get(f"{DOCUMENTS}?jobId={job.pk}").json()
    assert (body["id"], body["state"]) == (str(job.pk), shown)
    if state != State.QUEUED:
        assert body["progress"] == (100 if state == State.COMPLETED else 42)
    assert body["result"] == (result if state == State.COMPLETED else None)
    assert body["createdAt"] == int(job.created_at.timestamp() * 1000)
    assert (body["finishedAt"] is None) is (state not in (State.COMPLETED, State.FAILED, State.CANCELLED))


def test_the_status_of_what_is_not_there_is_404_and_without_a_job_the_counts(
    api: APIClient, other_user: Any
) -> None:
    theirs = JobFactory(owner=other_user, kind="document.process", queue="document")
    assert api.get(f"{DOCUMENTS}?jobId={theirs.pk}").status_code == 404
    assert api.get(f"{DOCUMENTS}?jobId={uuid.uuid4()}").status_code == 404
    assert api.get(f"{DOCUMENTS}?jobId=nonsense").status_code == 400
    assert api.get(DOCUMENTS).json() == {
        "queueStatus": {"waiting": 0, "active": 0, "completed": 0, "failed": 0}
    }


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd.txt", "a\x00b.txt",
        'quo"te\r\nX-Evil: 1.txt', "\u202etxt.exe.txt", "ü" * 300 + ".txt",
        "C:\\dir\\file.txt", "<img src=x onerror=alert(1)>.txt",
    ],
)  # fmt: skip
def test_a_strange_name_stays_data(api: APIClient, media: Path, name: str) -> None:
    sent = file("Some words.", "plain.txt")
    sent._name = name  # Django's own setter would tidy it before we see it
    response = post(api, DOCUMENTS, sent)
    assert response.status_code in (202, 400), response.content
    for path in stored(media):
        assert path.resolve().is_relative_to(media) and path.stem == Upload.objects.get().pk.hex
    if response.status_code == 202:
        document = Document.objects.get()
        answer = api.get(f"/api/documents/{document.pk}/file")
        assert "\n" not in answer["Content-Disposition"] and "attachment" in answer["Content-Disposition"]


WEBM = (
    b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm"
    b"\x42\x87\x81\x04\x42\x85\x81\x02" + bytes(200)
)
