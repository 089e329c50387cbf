"""What people send to do harm, through the API and the job: refused with a code, nothing left behind."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs.exceptions import InvalidInput
from jobs.models import Job
from tests.uploads.documents import docx, odt, paragraph, pdf, zipped
from tests.uploads.sending import DOCUMENTS, VIDEO, file, post, run, stored
from uploads.models import Document, Upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
ENTITY = '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/secret">]>'
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


def bomb(megabytes: int = 60) -> bytes:
    return docx(paragraph("a" * (megabytes * 1024 * 1024)))


def lying() -> bytes:
    """A document whose directory says that its 8 MB are 80 kB."""
    data = bytearray(docx(paragraph("b" * (8 * 1024 * 1024))))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo("word/document.xml").file_size
    return bytes(data.replace(size.to_bytes(4, "little"), (80_000).to_bytes(4, "little")))


def nested() -> bytes:
    inner = zipped({"[Content_Types].xml": TYPES})
    return zipped({"[Content_Types].xml": TYPES, "word/document.xml": "<x/>", "word/more.zip": inner})


def climbing() -> bytes:
    return zipped({"[Content_Types].xml": TYPES, "word/document.xml": "<x/>", "../../evil.xml": "<x/>"})


def refused(api: APIClient, scratch: Path, content: bytes, name: str) -> str:
    """The code with which the file is refused: at the door, or by its job."""
    response = post(api, DOCUMENTS, file(content, name))
    if response.status_code == 400:
        return str(response.json()["code"])
    assert response.status_code == 202, response.content
    with pytest.raises(InvalidInput) as refusal:
        run(Job.objects.order_by("-id")[0], scratch)
    assert len(refusal.value.message) > 20
    return refusal.value.code


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (bomb, "bomb.docx", "archive_limit"), (lying, "lying.docx", "archive_limit"),
        (nested, "nested.docx", "archive_limit"), (climbing, "climbing.docx", "archive_limit"),
        (lambda: docx(prolog=ENTITY), "entity.docx", "unsafe_xml"),
        (lambda: docx(prolog=LAUGHS), "laughs.docx", "unsafe_xml"),
        (lambda: pdf(1) + zipped({"a": "b"}), "both.pdf", "type_mismatch"),
        (lambda: b"%PDF-1.4\n<html><script>alert(1)</script>", "page.pdf", "type_mismatch"),
        (lambda: b"MZ\x90\x00" + bytes(500), "program.docx", "type_mismatch"),
        (lambda: b"GIF89a" + bytes(500), "picture.txt", "not_text"),
        (lambda: pdf(1)[:-200], "cut.pdf", "damaged"),
    ],
)  # fmt: skip
def test_a_hostile_document_is_refused_with_a_reason(
    api: APIClient, tmp_path: Path, content: Any, name: str, code: str
) -> None:
    assert refused(api, tmp_path, content(), name) == code
    assert not Document.objects.exclude(characters=0).exists()


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "ffconcat version 1.0\nfile '/etc/passwd'\n",
        "v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n", "RIFF\x00\x00\x00\x00AVI #EXTM3U\n/etc/passwd",
    ],
)  # fmt: skip
def test_a_playlist_is_no_video_whatever_its_name(api: APIClient, media: Path, content: str) -> None:
    for name in ("a.mp4", "a.webm", "a.mov"):
        body = post(api, VIDEO, file(content, name)).json()
        assert body["success"] is False and body["error"]["code"] == "type_mismatch"
    assert not list(stored(media)) and not Upload.objects.exists()


def test_an_encrypted_document_names_its_remedy_and_opens_with_its_password(
    api: APIClient, tmp_path: Path
) -> None:
    from tests.uploads.documents import FIXTURES

    path = FIXTURES / "encrypted" / "r4-aes-user-password.pdf"
    if not path.exists():
        pytest.skip("the fixtures are not there (FIXTURES)")
    assert refused(api, tmp_path, path.read_bytes(), "locked.pdf") == "password_required"
    Job.objects.update(state="failed", claim=None, lease_until=None, finished_at="2026-01-01T00:00Z")
    again = post(api, DOCUMENTS, file(path, "locked.pdf"), password="asdfzxcv")
    assert again.status_code == 202
    _, result = run(Job.objects.order_by("-id")[0], tmp_path)
    assert result["pagesRead"] >= 1


def test_a_text_of_another_kind_is_taken_for_what_it_is(api: APIClient, tmp_path: Path) -> None:
    response = post(api, DOCUMENTS, file(odt("<office:body/>"), "wrong.docx"))
    assert (response.status_code, response.json()["code"]) == (400, "type_mismatch")
