"""Compare our PDF reading with a bare PDFium loop on a 1,000-page file merged from real ones.

Run `python -m tests.uploads.measure_pdf`; prints processor seconds of each (best of three) and their ratio.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pypdfium2

from tests.uploads.documents import FIXTURES
from uploads.extraction import Page, open_document

PAGES = 1000


def merge(target: Path) -> None:
    """Write a PDF of `PAGES` pages with text."""
    merged = pypdfium2.PdfDocument.new()
    sources = sorted([*FIXTURES.glob("papers/*.pdf"), *FIXTURES.glob("resumes/*.pdf")])
    while len(merged) < PAGES:
        for path in sources:
            source = pypdfium2.PdfDocument(path)
            merged.import_pages(source, list(range(min(len(source), PAGES - len(merged)))))
            source.close()
    merged.save(target)
    merged.close()


def bare(path: Path) -> int:
    """Read every page with nothing around it; return the number of characters."""
    document, characters = pypdfium2.PdfDocument(path), 0
    for page in document:
        text_page = page.get_textpage()
        characters += len(text_page.get_text_range())
        text_page.close()
        page.close()
    document.close()
    return characters


def ours(path: Path) -> int:
    """Read every page as a job does, links included; return the number of characters."""
    with open_document(path, "pdf") as document:
        return sum(len(page.text) for page in document.pages() if isinstance(page, Page))


def seconds(read: Callable[[Path], int], path: Path) -> float:
    """Return the processor seconds of one reading."""
    began = time.process_time()
    read(path)
    return time.process_time() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "merged.pdf"
        merge(path)
        times = {read: min(seconds(read, path) for _ in range(3)) for read in (bare, ours)}
    print(
        f"bare {times[bare]:.2f} s, ours {times[ours]:.2f} s, speed {times[bare] / times[ours]:.0%} of bare"
    )


if __name__ == "__main__":
    main()
