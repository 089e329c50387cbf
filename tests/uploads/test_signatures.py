from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.exceptions import InvalidInput
from tests.uploads.documents import FIXTURES, docx, odt, pdf, zipped
from uploads.signatures import ACCEPTED, DOCUMENTS, VIDEOS, claimed, identify

DOCX, PDF = docx(), pdf()
ODT = odt("<office:body/>")
MAIL = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: Hi\r\n\r\nHello\r\n"
EXE = b"MZ\x90\x00" + b"\0" * 200
GIF = b"GIF89a\x01\x00\x01\x00" + b"\0" * 50
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 64
MOV = b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + b"\0" * 64
OLD_MOV = b"\0\0\0\x08wide\0\0\1\0mdat" + b"\0" * 64
WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm" + b"\0" * 64

GOOD = [
    ("a.pdf", PDF, "pdf"),
    ("A.PDF", b"\xef\xbb\xbf\r\n" + PDF, "pdf"),
    ("a.docx", DOCX, "docx"),
    ("a.odt", ODT, "odt"),
    ("a.html", b"<!doctype html><p>Hi", "html"),
    ("a.htm", "<p>Grüße".encode("utf-16"), "html"),
    ("a.rtf", b"{\\rtf1 Hi}", "rtf"),
    ("a.txt", b"Get free stuff, it says at byte four", "txt"),
    ("a.txt", "Grüße aus Köln".encode("cp1252"), "txt"),
    ("a.txt", "Grüße".encode("utf-16"), "txt"),
    ("a.md", b"# Title\n\n<div>text</div>", "md"),
    ("a.eml", MAIL, "eml"),
    ("a.json", b' {"basics": {}}', "json"),
    ("a.mp4", MP4, "mp4"),
    ("a.mov", MOV, "mov"),
    ("a.mov", OLD_MOV, "mov"),
    ("a.mov", MP4, "mov"),
    ("a.webm", WEBM, "webm"),
]
REFUSALS = {
    "archive_limit",
    "damaged",
    "empty_file",
    "encrypted",
    "not_text",
    "type_mismatch",
    "unsupported_type",
}
BAD = [
    ("empty.pdf", b"", "empty_file"),
    ("blank.txt", b" \n\t\n", "empty_file"),
    ("a.exe", EXE, "unsupported_type"),
    ("a.pdf.exe", PDF, "unsupported_type"),
    ("noending", PDF, "unsupported_type"),
    ("a.xlsx", DOCX, "unsupported_type"),
    ("a.docx", EXE, "type_mismatch"),
    ("a.docx", PDF, "type_mismatch"),
    ("a.docx", b"just text", "type_mismatch"),
    ("a.docx", zipped({"xl/workbook.xml": "x", "[Content_Types].xml": "x"}), "type_mismatch"),
    ("a.docx", ODT, "type_mismatch"),
    ("a.docx", OLE, "encrypted"),
    ("a.pdf", OLE, "type_mismatch"),
    ("a.pdf", DOCX, "type_mismatch"),
    ("a.pdf", GIF, "type_mismatch"),
    ("a.pdf", b"x" * 100 + PDF, "type_mismatch"),
    ("a.pdf", b"<html><script>alert(1)</script>" + PDF, "type_mismatch"),
    ("a.pdf", b"%PDF-1.4\n<script>alert(1)</script>\n" + PDF, "type_mismatch"),
    ("a.pdf", PDF + DOCX, "type_mismatch"),
    ("gifar.docx", GIF + DOCX, "type_mismatch"),
    ("a.txt", PDF, "type_mismatch"),
    ("a.txt", b"<!DOCTYPE html><p>Hi", "type_mismatch"),
    ("a.txt", b"nul \0 inside", "not_text"),
    ("a.txt", b"x" * 200_000 + b"\0", "not_text"),
    ("a.txt", bytes(range(1, 32)) * 9, "not_text"),
    ("a.html", b"no markup here", "type_mismatch"),
    ("a.eml", b"Dear Sir,\n\nhello", "type_mismatch"),
    ("a.json", b"not json", "type_mismatch"),
    ("a.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n", "type_mismatch"),
    ("a.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/x\n", "type_mismatch"),
    ("a.webm", b"\n\n#EXTM3U\n", "type_mismatch"),
    ("a.mov", b"file '/etc/passwd'\n", "type_mismatch"),
    ("a.mp4", b"v=0\no=- 0 0 IN IP4 127.0.0.1\n", "type_mismatch"),
    ("a.mp4", b"RIFF\x24\0\0\0AVI LIST" + b"\0" * 40, "type_mismatch"),
    ("a.mp4", WEBM, "type_mismatch"),
    ("a.webm", WEBM.replace(b"\x84webm", b"\x88matroska"), "type_mismatch"),
    ("a.mp4", MP4.replace(b"ftypmp42", b"ftypheic"), "type_mismatch"),
    ("a.docx", DOCX[:-30], "damaged"),
]


@pytest.mark.parametrize(("name", "content", "kind"), GOOD)
def test_a_file_whose_bytes_and_name_agree_is_accepted(
    name: str, content: bytes, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "stored"
    path.write_bytes(content)
    assert (
        identify(content, name)
        == identify(path, name)
        == identify(io.BytesIO(content), name)
        == ACCEPTED[kind]
    )


@pytest.mark.parametrize(("name", "content", "code"), BAD)
def test_anything_else_is_refused_with_its_reason(name: str, content: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        identify(content, name)
    assert caught.value.code == code and len(caught.value.message) > 30


def test_the_refusal_says_what_the_file_is_and_what_is_accepted() -> None:
    with pytest.raises(InvalidInput, match="Graphics interchange"):
        identify(GIF, "a.pdf")
    with pytest.raises(InvalidInput, match=r"\.exe.*Accepted: \.pdf.*Executable"):
        identify(EXE, "a.exe")
    with pytest.raises(InvalidInput, match="playlist"):
        identify(b"#EXTM3U\n", "a.mp4")
    with pytest.raises(InvalidInput, match="password protected"):
        identify(OLE, "a.docx")


def test_a_route_takes_only_its_own_types() -> None:
    assert claimed("a.pdf", accept=DOCUMENTS).mime == "application/pdf"
    for name, accept in (("a.mp4", DOCUMENTS), ("a.pdf", VIDEOS), ("a.json", DOCUMENTS)):
        with pytest.raises(InvalidInput) as caught:
            claimed(name, accept=accept)
        assert caught.value.code == "unsupported_type"


@pytest.mark.parametrize("path", sorted((FIXTURES / "video").glob("*.*")), ids=lambda path: path.name)
def test_real_videos_are_recognised(path: Path) -> None:
    assert identify(path, path.name, accept=VIDEOS).family == "video"


class _Counting(io.BytesIO):
    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def test_a_large_file_is_judged_by_its_ends() -> None:
    file = _Counting(b"%PDF-1.7\n" + b"0" * 20_000_000)
    assert identify(file, "a.pdf").name == "pdf"
    assert file.taken < 200_000


@given(
    st.sampled_from(
        [b"", b"%PDF-", b"PK\x03\x04", DOCX[:300], DOCX, b"{\\rtf", b"\x1a\x45\xdf\xa3", MP4, b"\xff\xfe"]
    ),
    st.binary(max_size=400),
    st.sampled_from([ending for kind in ACCEPTED.values() for ending in kind.extensions] + ["exe", ""]),
)
def test_no_bytes_make_it_fail_otherwise(head: bytes, rest: bytes, ending: str) -> None:
    try:
        outcome = identify(head + rest, f"x.{ending}").name
    except InvalidInput as refusal:
        outcome = refusal.code
    assert outcome in ACCEPTED or outcome in REFUSALS
