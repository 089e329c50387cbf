from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from jobs.exceptions import InvalidInput
from tests.uploads.documents import FIXTURES, pdf
from uploads.extraction import Limits, Link, Page, PageFailed, open_document

ROOT = Path(__file__).resolve().parents[2]


def _stored(folder: Path, content: bytes) -> Path:
    path = folder / "stored"
    path.write_bytes(content)
    return path


def test_pages_come_in_order_and_reading_can_start_at_any(tmp_path: Path) -> None:
    path = _stored(tmp_path, pdf(5))
    with open_document(path, "application/pdf") as document:
        assert (document.page_count, document.paged) == (5, True)
        assert [page.text for page in document.pages() if isinstance(page, Page)][4] == "Page 5 says hello."
    with open_document(path, "pdf") as document:
        assert [page.number for page in document.pages(start=4)] == [4, 5]
        assert document.summary.pages_read == 2 and document.summary.pages_total == 5
        assert list(document.pages(start=6)) == []


def test_two_readings_around_a_checkpoint_add_up_to_one(tmp_path: Path) -> None:
    path = _stored(tmp_path, pdf(5))
    with open_document(path, "pdf") as document:
        pages = document.pages()
        before = [next(pages), next(pages)]
        first = document.summary
    with open_document(path, "pdf") as document:
        after = list(document.pages(start=3))
        second = document.summary
    with open_document(path, "pdf") as document:
        assert before + after == list(document.pages())
        assert first + second == document.summary


def test_one_damaged_page_does_not_spoil_the_others(tmp_path: Path) -> None:
    content = pdf(3).replace(b"/Kids [4 0 R 6 0 R 8 0 R]", b"/Kids [4 0 R 66 0 R 8 0 R]")
    with open_document(_stored(tmp_path, content), "pdf") as document:
        results = list(document.pages())
        assert document.links == []
    assert [type(result) for result in results] == [Page, PageFailed, Page]
    assert document.summary.sentence == "2 of 3 pages could be read."


def test_link_annotations_are_found_with_their_page_before_and_after_reading(tmp_path: Path) -> None:
    link = (
        "/Annots [<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /URI "
        "/URI (https://example.org/me) >> >> "
        "<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /URI /URI (javascript:alert\\(1\\)) >> >>]"
    )
    path = _stored(tmp_path, pdf(2, links=link))
    with open_document(path, "pdf") as document:
        assert document.links == [Link("https://example.org/me", 1), Link("https://example.org/me", 2)]
    with open_document(path, "pdf") as document:
        list(document.pages(start=2))
        assert [link.page for link in document.links] == [1, 2]


def test_more_pages_than_allowed_are_refused_and_longer_text_is_cut_and_said(tmp_path: Path) -> None:
    path = _stored(tmp_path, pdf(5))
    with pytest.raises(InvalidInput, match="5 pages; at most 4") as caught:
        open_document(path, "pdf", limits=Limits(pages=4))
    assert caught.value.code == "too_many_pages"
    with open_document(path, "pdf", limits=Limits(characters=25)) as document:
        texts = [page.text for page in document.pages() if isinstance(page, Page)]
    assert texts == ["Page 1 says hello.", "Page 2 "]
    assert document.summary.truncated and "end was left out" in document.summary.sentence


def test_a_page_without_text_is_said_to_be_scanned() -> None:
    with open_document(FIXTURES / "documents/grayscale-image.pdf", "pdf") as document:
        list(document.pages())
    assert document.summary.scanned and "scanned?" in document.summary.sentence


LOOP = pdf(1).replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]")
ENDLESS_XREF = b"%PDF-1.4\nxref\n0 1\ntrailer << /Prev 9 /Size 1 /Root 1 0 R >>\nstartxref\n9\n%%EOF"
BROKEN = {
    "no pages": pdf(0),
    "truncated": pdf(3)[:300],
    "random bytes": b"%PDF-1.7\n" + random.Random(1).randbytes(5000),
    "page tree that contains itself": LOOP,
    "cross-references that point to themselves": ENDLESS_XREF,
    "header repeated": b"%PDF-1.4\n" * 50_000,
    "only a header": b"%PDF-1.7",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_pdf_is_refused_or_has_no_readable_text(content: bytes, tmp_path: Path) -> None:
    try:
        with open_document(_stored(tmp_path, content), "pdf", limits=Limits(pages=50)) as document:
            text = "".join(page.text for page in document.pages() if isinstance(page, Page))
        outcome = "nothing" if not text.strip() else "text"
    except InvalidInput as refusal:
        outcome = refusal.code
    assert outcome in {"damaged", "nothing"}


def test_a_page_count_that_lies_is_refused_at_once(tmp_path: Path) -> None:
    path = _stored(tmp_path, pdf(1).replace(b"/Count 1", b"/Count 2000000000"))
    try:
        with open_document(path, "pdf") as document:
            outcome = str(document.page_count)
    except InvalidInput as refusal:
        outcome = refusal.code
    assert outcome in {"1", "too_many_pages", "damaged"}


def test_a_missing_file_is_not_the_senders_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_document(tmp_path / "gone", "pdf")


def test_a_damaged_file_after_an_encrypted_one_is_not_said_to_need_a_password(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        open_document(FIXTURES / "encrypted/r4-aes-user-password.pdf", "pdf")
    with pytest.raises(InvalidInput) as caught:
        open_document(_stored(tmp_path, pdf(0)), "pdf")
    assert caught.value.code == "damaged"


def test_headings_and_table_rows_are_no_part_of_the_sentence_after_them() -> None:
    """The layout tells where a block ends; the text alone runs on."""
    (guide,) = (ROOT / "uploads" / "demo").rglob("field-guide-to-job-queues.pdf")
    with open_document(guide, "application/pdf") as document:
        pages = [page.text for page in document.pages() if isinstance(page, Page)]
    text = "\n\n".join(pages)
    assert "The lease\n\nA worker that takes a job" in text
    assert "Good for\n\nAt most\nonce" in text
    assert "It is born when somebody asks, it waits,\nit is worked on" in text, "a paragraph stays whole"


def test_columns_and_ligatures_do_not_break_sentences() -> None:
    with open_document(FIXTURES / "papers" / "N18-3011.pdf", "application/pdf") as document:
        pages = [page.text for page in document.pages() if isinstance(page, Page)]
    broken = [
        (above, below)
        for page in pages
        for above, below in pairwise(page.split("\n\n"))
        if above and below and above[-1].islower() and below[0].islower()
    ]
    assert len(broken) <= 3 * len(pages), broken[:5]
