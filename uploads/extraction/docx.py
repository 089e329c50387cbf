"""Word documents: the zip's parts streamed through one listener, text boxes, tables and notes included."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from uploads.archives import SafeArchive
from uploads.extraction.base import (
    Extraction,
    Limits,
    SectionedExtraction,
    damaged,
    sections,
    tidy_metadata,
)
from uploads.extraction.wordtext import WordText, attribute
from uploads.extraction.xml import fields, listen

_MAIN = re.compile(r"word/document\d*\.xml")
_HEADERS = re.compile(r"word/header\d*\.xml")
_METADATA = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "keywords": "keywords",
    "created": "created",
    "modified": "modified",
}


def open_file(path: Path, limits: Limits, password: str | None = None) -> Extraction:
    """Read a .docx whole (5 M characters take well under a second).

    Pages come from page breaks, those Word noted when it last laid the document out and those the author
    set; a document without any is cut into sections (`paged` False). Page headers come once, before the
    first page, because résumés keep their contacts there. Raises InvalidInput
    `archive_limit`, `encrypted`, `damaged`, `unsafe_xml` or `too_many_pages`.
    """
    with SafeArchive(path) as archive:
        main = next((name for name in archive.entries if _MAIN.fullmatch(name)), None)
        if main is None:
            raise damaged("it has no main text part")
        notes = {kind: _notes(archive, f"word/{kind}s.xml", limits) for kind in ("footnote", "endnote")}
        body = WordText(limits.characters, _relations(archive, main), notes)
        listen(archive.chunks(main), body)
        metadata = _metadata(archive)
        pages = body.finished()
        opening = "\n".join(_header_lines(archive, limits))
    paged = len(pages) > 1
    if not paged:
        pages = sections(pages[0])
    if opening:
        pages[0] = f"{opening}\n\n{pages[0]}"
    return SectionedExtraction(pages, limits, paged=paged, links=body.links, metadata=metadata)


class _Notes:
    """Listens to footnotes.xml or endnotes.xml: note id → its text on one line."""

    def __init__(self, characters: int) -> None:
        self.texts: dict[str, str] = {}
        self._body = WordText(characters, {}, {})
        self._key = ""

    def start(self, tag: str, attrib: Mapping[str, str]) -> None:
        if tag.endswith(("}footnote", "}endnote")):
            self._key = attribute(attrib, "id")
        self._body.start(tag, attrib)

    def data(self, text: str) -> None:
        self._body.data(text)

    def end(self, tag: str) -> None:
        self._body.end(tag)
        if tag.endswith(("}footnote", "}endnote")):
            self.texts[self._key] = " ".join(" ".join(self._body.finished()).split())

    def close(self) -> None: ...


def _notes(archive: SafeArchive, name: str, limits: Limits) -> dict[str, str]:
    if name not in archive:
        return {}
    notes = _Notes(limits.characters)
    listen(archive.chunks(name), notes)
    return notes.texts


class _Relations:
    def __init__(self) -> None:
        self.targets: dict[str, str] = {}

    def start(self, tag: str, attrib: Mapping[str, str]) -> None:
        if attrib.get("Type", "").endswith("/hyperlink"):
            self.targets[attrib.get("Id", "")] = attrib.get("Target", "")

    def data(self, text: str) -> None: ...

    def end(self, tag: str) -> None: ...

    def close(self) -> None: ...


def _relations(archive: SafeArchive, main: str) -> dict[str, str]:
    name = f"word/_rels/{main.rpartition('/')[2]}.rels"
    relations = _Relations()
    if name in archive:
        listen(archive.chunks(name), relations)
    return relations.targets


def _header_lines(archive: SafeArchive, limits: Limits) -> Iterator[str]:
    seen: set[str] = set()
    for name in sorted(entry for entry in archive.entries if _HEADERS.fullmatch(entry)):
        header = WordText(limits.characters, {}, {})
        listen(archive.chunks(name), header)
        for line in "\n".join(header.finished()).split("\n"):
            if any(char.isalpha() for char in line) and line not in seen:
                seen.add(line)
                yield line


def _metadata(archive: SafeArchive) -> dict[str, str]:
    if "docProps/core.xml" not in archive:
        return {}
    values = fields(archive.read("docProps/core.xml"))
    return tidy_metadata({ours: values.get(theirs) for theirs, ours in _METADATA.items()})
