"""Plain text, Markdown and JSON: characters as they are, pages where form feeds stand."""

from __future__ import annotations

import re
from pathlib import Path

from uploads.extraction import encoding
from uploads.extraction.base import Extraction, Limits, Link, SectionedExtraction, sections, web_address

_URL = re.compile(r"(?:https?://|mailto:)[^\s<>\"'()\[\]{}]{3,2000}", re.IGNORECASE)


def open_file(path: Path, limits: Limits, password: str | None = None) -> Extraction:
    """Read a text file whole; form feeds end pages, without any it is cut into sections.

    Raises InvalidInput `not_text`.
    """
    text = encoding.decode(path.read_bytes())
    pages = text.split("\f")
    if not pages[-1].strip() and len(pages) > 1:
        pages.pop()
    paged = len(pages) > 1
    texts = pages if paged else sections(text)
    links = [
        Link(url, number)
        for number, page in enumerate(texts, start=1)
        for match in _URL.finditer(page)
        if (url := web_address(match[0].rstrip(".,;:!?")))
    ]
    return SectionedExtraction(texts, limits, paged=paged, links=links)
