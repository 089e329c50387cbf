"""HTML, RTF, text and e-mail: what is read, what is dropped, and that hostile ones end in time."""

from __future__ import annotations

import time
from email.message import EmailMessage
from pathlib import Path

import pytest

from jobs.exceptions import InvalidInput
from uploads.extraction import Extraction, Limits, Link, Page, TextSummary, open_document


def _open(folder: Path, content: bytes, kind: str, limits: Limits | None = None) -> Extraction:
    path = folder / "stored"
    path.write_bytes(content)
    return open_document(path, kind, limits=limits)


def _text(document: Extraction) -> str:
    return "\f".join(page.text for page in document.pages() if isinstance(page, Page))


def test_html_keeps_blocks_and_drops_what_no_reader_sees(tmp_path: Path) -> None:
    page = (
        "<!doctype html><html><head><title>My &amp; page</title><meta name=author content=Ann>"
        "<style>p{}</style></head><body><script>evil()</script><noscript>no</noscript>"
        "<template>no</template><!-- no -->"
        "<h1>Top</h1><p>One\n  two<br>three<ul><li>a<li>b</ul><table><tr><td>x<td>y<tr><td>z</table>"
        "<pre>  kept\n    so</pre><a href='https://example.org/'>link</a><a href='javascript:x()'>bad</a>"
    )
    document = _open(tmp_path, page.encode(), "text/html; charset=utf-8")
    text = _text(document)
    assert text.startswith("Top\n\nOne two\nthree\n\n- a\n- b\n\nx\ty")
    assert "evil" not in text and "no" not in text.replace("no more", "")
    assert dict(document.metadata) == {"title": "My & page", "author": "Ann"}
    assert document.links == [Link("https://example.org/", 1)] and not document.paged


@pytest.mark.parametrize(
    "content",
    [
        '<meta charset="windows-1251"><p>Привет мир'.encode("cp1251"),
        "<p>Привет мир".encode("utf-16"),
        '<meta charset="nonsense"><p>Привет мир'.encode(),
        "<p>Привет мир".encode("cp1251"),
    ],
)
def test_html_is_read_in_its_encoding(content: bytes, tmp_path: Path) -> None:
    assert "Привет мир" in _text(_open(tmp_path, content, "html"))


def test_rtf_gives_text_links_pages_and_characters_beyond_the_basic_plane(tmp_path: Path) -> None:
    source = (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\title My title}{\author Ann}}"
        rb"Gr\'fc\'dfe \u-10179?\u-8704? "
        rb'{\field{\*\fldinst{HYPERLINK "https://example.org/"}}{\fldrslt{link}}}\par next\page second}'
    )
    document = _open(tmp_path, source, "rtf")
    first, second = _text(document).split("\f")
    assert first.startswith("Grüße 😀") and "link" in first and second == "second" and document.paged
    assert document.links == [Link("https://example.org/", 1)]
    assert document.metadata["title"] == "My title"


@pytest.mark.parametrize(
    "source",
    [
        rb"{\rtf1 " + rb"{\field{\*\fldinst{ " * 20_000,
        rb"{\rtf1 " + rb'{\field{\*\fldinst{HYPERLINK "x' * 20_000,
        rb"{\rtf1{\fonttbl" + rb"{\f0 \fcharset0 x" * 20_000,
        rb"{\rtf1{\pict\bin999999999 " + b"{" * 100_000,
        rb"{\rtf1{\pict " + b"0a" * 500_000 + b"} text}",
        rb"{\rtf1 \u9999999999 \ansicpg99999 text}",
        b"{\\rtf1" + b"{" * 200_000,
    ],
)
def test_a_hostile_rtf_ends_in_time(source: bytes, tmp_path: Path) -> None:
    began = time.process_time()
    try:
        outcome = str(len(_text(_open(tmp_path, source, "rtf"))))
    except InvalidInput as refusal:
        outcome = refusal.code
    assert outcome.isdigit() or outcome == "damaged"
    assert time.process_time() - began < 3


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_text_is_decoded_by_its_mark_or_its_bytes(codec: str, tmp_path: Path) -> None:
    mark = b"\xff\xfe" if codec == "utf-16-le" else b""
    document = _open(tmp_path, mark + "Grüße aus Köln\r\nan alle".encode(codec), "text/plain")
    assert _text(document) == "Grüße aus Köln\nan alle"


def test_form_feeds_end_pages_of_a_text_and_its_addresses_are_links(tmp_path: Path) -> None:
    document = _open(tmp_path, b"one\ftwo (see https://example.org/x).\f", "txt")
    assert document.paged and document.page_count == 2
    assert document.links == [Link("https://example.org/x", 2)]
    assert not _open(tmp_path, b"# Title\n\ntext", "md").paged


def test_text_with_nuls_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        _open(tmp_path, b"a\0b", "txt")
    assert caught.value.code == "not_text"


def test_a_message_shows_headers_text_and_attachment_names(tmp_path: Path) -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "Zoë <zoe@example.org>", "Grüße"
    message.set_content("Plain words")
    message.add_alternative("<p>Rich words</p>", subtype="html")
    message.add_attachment(b"PK\x03\x04", maintype="application", subtype="zip", filename="../évil.zip")
    document = _open(tmp_path, message.as_bytes(), "message/rfc822")
    text = _text(document)
    assert "From: Zoë <zoe@example.org>" in text and "Subject: Grüße" in text
    assert "Plain words" in text and "Rich" not in text
    assert "Attachments (not opened): évil.zip" in text
    assert document.metadata["title"] == "Grüße"


def test_a_message_without_plain_text_gives_its_html_as_text(tmp_path: Path) -> None:
    message = EmailMessage()
    message["From"] = "a@example.org"
    message.set_content(
        "<p>Rich <a href='https://example.org'>words</a></p><script>x</script>", subtype="html"
    )
    document = _open(tmp_path, message.as_bytes(), "eml")
    assert "Rich words" in _text(document) and document.links == [Link("https://example.org", 1)]


@pytest.mark.parametrize(
    "source",
    [
        b"Subject: " + b"=?utf-8?q?" * 50_000 + b"\n\nx",
        b"From: " + b"(" * 100_000 + b"\n\nx",
        b"To: " + b"a" * 400_000,
        b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3000)),
        b"From: a\nContent-Type: text/plain; charset=hex\nContent-Transfer-Encoding: base64\n\n!!!!",
        b"From: a\nContent-Type: text/plain; charset=\xff\xfe\n\nhi",
        b'From: a\nContent-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\nx\n" * 20_000,
    ],
)
def test_a_hostile_message_ends_in_time(source: bytes, tmp_path: Path) -> None:
    began = time.process_time()
    try:
        outcome = str(len(_text(_open(tmp_path, source, "eml"))))
    except InvalidInput as refusal:
        outcome = refusal.code
    assert outcome.isdigit() or outcome in {"damaged", "not_text"}
    assert time.process_time() - began < 3


def test_hostile_html_ends_in_time(tmp_path: Path) -> None:
    for source in (b"<div>" * 200_000, b"<a " * 200_000, b"<p>" + b"&amp;" * 300_000, b"<!--" * 100_000):
        began = time.process_time()
        try:
            _text(_open(tmp_path, source, "html"))
        except InvalidInput as refusal:
            print(refusal.code)
        assert time.process_time() - began < 3


def test_unknown_empty_and_oversized_files_are_refused(tmp_path: Path) -> None:
    for content, kind, limits, code in (
        (b"x", "video/mp4", None, "unsupported_type"),
        (b"", "txt", None, "empty_file"),
        (b"x" * 100, "txt", Limits(file_bytes=99), "too_large"),
    ):
        with pytest.raises(InvalidInput) as caught:
            _open(tmp_path, content, kind, limits)
        assert caught.value.code == code


def test_an_empty_reading_is_recognisable() -> None:
    assert TextSummary(3, pages_read=3).scanned
    assert not TextSummary(3, pages_read=0, pages_failed=3).scanned
    assert not TextSummary(3, pages_read=3, characters=1).scanned
