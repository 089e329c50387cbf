"""OpenDocument text: content.xml streamed through one listener; notes stand where they are referred to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jobs.exceptions import InvalidInput
from uploads.archives import SafeArchive
from uploads.extraction.base import (
    Extraction,
    Limits,
    Link,
    SectionedExtraction,
    damaged,
    sections,
    tidy_metadata,
    web_address,
)
from uploads.extraction.xml import Enough, fields, listen

_SKIPPED = frozenset(
    {"tracked-changes", "annotation", "note-citation", "forms", "scripts", "font-face-decls"}
)
_BLOCKS = frozenset({"p", "h"})
_METADATA = {
    "title": "title",
    "initial-creator": "author",
    "creator": "author",
    "subject": "subject",
    "creation-date": "created",
    "date": "modified",
    "generator": "producer",
}


def open_file(path: Path, limits: Limits, password: str | None = None) -> Extraction:
    """Read an .odt whole. Pages come from the soft page breaks its program noted, else sections.

    Raises InvalidInput `archive_limit`, `encrypted`, `damaged`, `unsafe_xml` or `too_many_pages`.
    """
    with SafeArchive(path) as archive:
        if "content.xml" not in archive:
            raise damaged("it has no main text part")
        if _is_encrypted(archive):
            raise InvalidInput(
                "The document is password protected. Save a copy without a password and upload that.",
                code="encrypted",
            )
        content = _Content(limits.characters)
        listen(archive.chunks("content.xml"), content)
        values = fields(archive.read("meta.xml")) if "meta.xml" in archive else {}
    pages = content.finished()
    paged = len(pages) > 1
    return SectionedExtraction(
        pages if paged else sections(pages[0]),
        limits,
        paged=paged,
        links=content.links,
        metadata=tidy_metadata({ours: values.get(theirs) for theirs, ours in reversed(_METADATA.items())}),
    )


class _Content:
    def __init__(self, characters: int) -> None:
        self.links: list[Link] = []
        self._left = characters + 1  # one more than allowed, so that the excess shows
        self._pages: list[str] = []
        self._page: list[str] = []
        self._blocks = 0
        self._cells = 0
        self._skip = 0

    def start(self, tag: str, attrib: Mapping[str, str]) -> None:
        name = tag[tag.rfind("}") + 1 :]
        if self._skip or name in _SKIPPED:
            self._skip += 1
        elif name in _BLOCKS:
            self._blocks += 1
        elif name == "tab":
            self._write("\t")
        elif name == "line-break":
            self._write("\n")
        elif name == "s":
            self._write(" " * _spaces(attrib))
        elif name == "soft-page-break":
            self._end_page()
        elif name == "note":
            self._write(" [")
        elif name == "table-cell":
            self._cells += 1
        elif name == "a" and (url := web_address(_value(attrib, "href"))):
            self.links.append(Link(url, len(self._pages) + 1))

    def data(self, text: str) -> None:
        # Outside paragraphs there is only the white space of the file itself.
        if self._blocks and not self._skip:
            self._write(" ".join(text.split("\n")))

    def end(self, tag: str) -> None:
        if self._skip:
            self._skip -= 1
            return
        name = tag[tag.rfind("}") + 1 :]
        if name in _BLOCKS:
            self._blocks -= 1
            # A paragraph inside another one belongs to a note or a frame.
            self._write(" " if self._blocks or self._cells else "\n\n")
        elif name == "note":
            self._write("] ")
        elif name == "table-cell":
            self._cells -= 1
            self._write("\t")
        elif name == "table-row":
            self._write("\n")

    def close(self) -> None: ...

    def finished(self) -> list[str]:
        """Return the texts of the pages, at least one."""
        self._end_page()
        return self._pages

    def _write(self, text: str) -> None:
        self._page.append(text)
        self._left -= len(text)
        if self._left <= 0:
            raise Enough

    def _end_page(self) -> None:
        lines = "".join(self._page).split("\n")
        self._pages.append("\n".join(line.rstrip() for line in lines).strip("\n"))
        self._page = []


def _is_encrypted(archive: SafeArchive) -> bool:
    name = "META-INF/manifest.xml"
    return name in archive and b"encryption-data" in archive.read(name)


def _spaces(attrib: Mapping[str, str]) -> int:
    count = _value(attrib, "c")
    return min(int(count), 100) if count.isascii() and count.isdigit() and len(count) < 5 else 1


def _value(attrib: Mapping[str, str], name: str) -> str:
    return next((value for key, value in attrib.items() if key[key.rfind("}") + 1 :] == name), "")
