"""Listens to a part of a Word document and writes its text, page by page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from uploads.extraction.base import Link, web_address
from uploads.extraction.xml import Enough

# Transitional and strict documents name the same elements in different namespaces; local names suffice.
_SKIPPED = frozenset({"Fallback", "del", "moveFrom", "rPrChange", "pPrChange", "sectPrChange"})
_FIELD_LINK = re.compile(r'HYPERLINK\s+"([^"]{1,2000})"')


@dataclass
class _Row:
    cells: int = 0
    floor: int = 0


class WordText:
    """A listener for `xml.listen`. Text boxes stand inside a paragraph and are written after it."""

    def __init__(
        self, characters: int, relations: Mapping[str, str], notes: Mapping[str, Mapping[str, str]]
    ) -> None:
        self.links: list[Link] = []
        self._left = characters + 1  # one more than allowed, so that the excess shows
        self._relations = relations
        self._notes = notes
        self._pages: list[str] = []
        self._page: list[str] = []
        self._page_notes: list[str] = []
        self._note_count = 0
        self._boxes: list[list[str]] = []
        self._after: list[str] = []
        self._skip = 0
        self._into: str | None = None
        self._rows: list[_Row] = []
        self._field: list[str] = []
        self._section_break = False
        self._fresh = True

    def start(self, tag: str, attrib: Mapping[str, str]) -> None:
        name = tag[tag.rfind("}") + 1 :]
        if self._skip or name in _SKIPPED:
            self._skip += 1
            return
        if name == "t" or name == "instrText":
            self._into = name
        elif name in _STARTS:
            _STARTS[name](self, attrib)

    def data(self, text: str) -> None:
        if self._into == "t" and not self._skip:
            self._write(text)
        elif self._into == "instrText" and not self._skip and len(self._field) < 100:
            self._field.append(text)

    def end(self, tag: str) -> None:
        if self._skip:
            self._skip -= 1
            return
        name = tag[tag.rfind("}") + 1 :]
        if name == "t" or name == "instrText":
            self._into = None
        elif name in _ENDS:
            _ENDS[name](self)

    def close(self) -> None: ...

    def finished(self) -> list[str]:
        """Return the texts of the pages, at least one, and begin anew."""
        while self._boxes:
            self._end_box()
        self._page.extend(f"\n{text}" for text in self._after)
        self._after = []
        self._end_page()
        pages, self._pages = self._pages, []
        return pages

    def _write(self, text: str) -> None:
        self._fresh = False
        self._target().append(text)
        self._left -= len(text)
        if self._left <= 0:
            raise Enough

    def _end_page(self) -> None:
        text = "".join(self._page).strip("\n")
        self._pages.append("\n\n".join([text, *self._page_notes]) if self._page_notes else text)
        self._page, self._page_notes, self._fresh = [], [], True

    def _tab(self, attrib: Mapping[str, str]) -> None:
        # The same element name defines tab stops, with attributes, in paragraph properties.
        if not attrib:
            self._write("\t")

    def _break(self, attrib: Mapping[str, str]) -> None:
        if attribute(attrib, "type") == "page" and not self._boxes:
            self._end_page()
        else:
            self._write("\n")

    def _noted_break(self, attrib: Mapping[str, str]) -> None:
        # After a break the author set, Word notes the same break again on the new, still empty page.
        if not self._fresh and not self._boxes:
            self._end_page()

    def _break_before(self, attrib: Mapping[str, str]) -> None:
        if attribute(attrib, "val") not in ("0", "false") and not self._fresh and not self._boxes:
            self._end_page()

    def _section_type(self, attrib: Mapping[str, str]) -> None:
        if attribute(attrib, "val") in ("continuous", "nextColumn"):
            self._section_break = False

    def _section(self, attrib: Mapping[str, str]) -> None:
        self._section_break = True

    def _start_box(self, attrib: Mapping[str, str]) -> None:
        self._boxes.append([])

    def _end_box(self) -> None:
        self._after.append("".join(self._boxes.pop()).strip("\n"))

    def _start_row(self, attrib: Mapping[str, str]) -> None:
        self._rows.append(_Row())

    def _start_cell(self, attrib: Mapping[str, str]) -> None:
        if self._rows:
            row = self._rows[-1]
            if row.cells:
                self._end_cell(row)
                self._write("\t")
            row.cells += 1
            row.floor = len(self._target())

    def _end_row(self) -> None:
        if self._rows:
            self._end_cell(self._rows.pop())
            self._write("\n")

    def _end_cell(self, row: _Row) -> None:
        """Take back the line ends after a cell's last paragraph, none from before the cell."""
        target = self._target()
        while len(target) > row.floor and target[-1] == "\n":
            target.pop()

    def _target(self) -> list[str]:
        return self._boxes[-1] if self._boxes else self._page

    def _end_paragraph(self) -> None:
        # Paragraphs in a cell are lines of it; elsewhere they are paragraphs.
        fresh = self._fresh
        self._write("\n" if self._rows else "\n\n")
        self._fresh = fresh
        if not self._boxes and self._after:
            for text in self._after:
                if text:
                    self._write(text + "\n\n")
            self._after = []
        if self._field and (match := _FIELD_LINK.search("".join(self._field))):
            self._link(match[1])
        self._field = []
        if self._section_break and not self._boxes:
            self._end_page()
        self._section_break = False

    def _hyperlink(self, attrib: Mapping[str, str]) -> None:
        self._link(self._relations.get(attribute(attrib, "id"), ""))

    def _link(self, url: str) -> None:
        if address := web_address(url):
            self.links.append(Link(address, len(self._pages) + 1))

    def _footnote(self, attrib: Mapping[str, str]) -> None:
        self._note("footnote", attribute(attrib, "id"))

    def _endnote(self, attrib: Mapping[str, str]) -> None:
        self._note("endnote", attribute(attrib, "id"))

    def _note(self, kind: str, key: str) -> None:
        if text := self._notes.get(kind, {}).get(key):
            self._note_count += 1
            self._write(f"[{self._note_count}]")
            self._page_notes.append(f"[{self._note_count}] {text}")
            self._left -= len(text)


_STARTS = {
    "tab": WordText._tab,
    "ptab": lambda body, attrib: body._write("\t"),
    "br": WordText._break,
    "cr": lambda body, attrib: body._write("\n"),
    "noBreakHyphen": lambda body, attrib: body._write("-"),
    "lastRenderedPageBreak": WordText._noted_break,
    "pageBreakBefore": WordText._break_before,
    "sectPr": WordText._section,
    "type": WordText._section_type,
    "txbxContent": WordText._start_box,
    "tr": WordText._start_row,
    "tc": WordText._start_cell,
    "hyperlink": WordText._hyperlink,
    "footnoteReference": WordText._footnote,
    "endnoteReference": WordText._endnote,
}
_ENDS = {"p": WordText._end_paragraph, "tr": WordText._end_row, "txbxContent": WordText._end_box}


def attribute(attrib: Mapping[str, str], name: str) -> str:
    """Return an attribute by its local name, "" when absent."""
    for key, value in attrib.items():
        if key[key.rfind("}") + 1 :] == name:
            return value
    return ""
