"""Every real file is read, or refused with a reason a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.exceptions import InvalidInput
from tests.uploads.documents import FIXTURES
from uploads.extraction import Page, open_document
from uploads.signatures import identify

FOLDERS = ("documents", "encrypted", "hostile", "papers", "resumes")
FILES = sorted(path for folder in FOLDERS for path in (FIXTURES / folder).glob("*") if path.is_file())

REFUSED = {
    "bug53475-password-is-solrcell.docx": "encrypted",
    "r4-aes-user-password.pdf": "password_required",
    "poppler-742-0-fuzzed.pdf": "damaged",
    "clusterfuzz-testcase-minimized-POIXWPFFuzzer-5313273089884160.docx": "damaged",
    "clusterfuzz-testcase-minimized-POIXWPFFuzzer-5166796835258368.docx": "archive_limit",
}
WITHOUT_TEXT = {
    "grayscale-image.pdf",
    "GHOSTSCRIPT-698804-1-fuzzed.pdf",
    "no-contents-none.pdf",
    "git.pdf",  # PDFium finds no character in it, with or without us
}


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    rows: list[str] = []
    yield rows
    title = f"{'file':<68} {'outcome':<18} {'pages':>5} {'characters':>10} {'links':>5}"
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n" + "\n".join([title, *rows]))


def test_the_shared_files_are_there() -> None:
    assert len(FILES) >= 36


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_shared_file_is_read_or_refused_with_a_reason(path: Path, table: list[str]) -> None:
    try:
        kind = identify(path, path.name)
        with open_document(path, kind.name) as document:
            results = list(document.pages())
            summary, links = document.summary, len(document.links)
    except InvalidInput as refusal:
        table.append(f"{path.name:<68} {refusal.code:<18} {refusal.message[:70]}")
        outcome, reason = refusal.code, refusal.message
    else:
        outcome, reason = "no text (scanned?)" if summary.scanned else "read", ""
    if reason:
        assert outcome == REFUSED.get(path.name) and len(reason) > 40
        return
    assert path.name not in REFUSED
    outcome = "no text (scanned?)" if summary.scanned else "read"
    table.append(
        f"{path.name:<68} {outcome:<18} {summary.pages_total:>5} {summary.characters:>10} {links:>5}"
    )
    assert path.name not in REFUSED
    assert summary.scanned == (path.name in WITHOUT_TEXT)
    assert summary.pages_read + summary.pages_failed == summary.pages_total == document.page_count
    assert [result.number for result in results] == list(range(1, summary.pages_total + 1))
    assert all("\r" not in result.text for result in results if isinstance(result, Page))


def test_profile_links_of_a_cv_are_found_in_its_annotations() -> None:
    with open_document(FIXTURES / "resumes/John_Doe_EmberTheme_CV.pdf", "application/pdf") as document:
        urls = {link.url for link in document.links}
    assert any(url.startswith("mailto:") for url in urls)
    assert any("linkedin.com" in url for url in urls) and any("github.com" in url for url in urls)


def test_a_word_file_keeps_the_pages_word_noted() -> None:
    with open_document(FIXTURES / "documents/par-rendered-page-breaks.docx", "docx") as document:
        texts = [page.text for page in document.pages() if isinstance(page, Page)]
    assert document.paged and len(texts) == 6
    assert texts[0].endswith("Page break here>>") and texts[1].startswith("<<followed by more text.")


def test_paragraphs_and_tables_come_in_the_order_of_the_page() -> None:
    with open_document(FIXTURES / "documents/blk-paras-and-tables.docx", "docx") as document:
        text = "\n".join(page.text for page in document.pages() if isinstance(page, Page))
    assert text.index("Left-side\tRight-side") < text.index("Lorem ipsum") < text.index("Text after")


def test_the_right_password_opens_and_a_wrong_one_says_what_to_do() -> None:
    path = FIXTURES / "encrypted/r4-aes-user-password.pdf"
    for attempt in (None, "wrong"):
        with pytest.raises(InvalidInput, match="`password` argument") as caught:
            open_document(path, "pdf", password=attempt)
        assert caught.value.code == "password_required" and caught.value.field == "password"
    with open_document(path, "pdf", password="asdfzxcv") as document:
        assert document.page_count == 1
