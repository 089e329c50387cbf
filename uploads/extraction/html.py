"""HTML as the text a reader would see: scripts and styles dropped, blocks kept apart, tables by tabs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from lxml import etree

from uploads.extraction import encoding
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
from uploads.extraction.xml import Enough

_SKIPPED = frozenset(
    {
        "script",
        "style",
        "noscript",
        "template",
        "iframe",
        "object",
        "embed",
        "svg",
        "math",
        "select",
        "textarea",
    }
)
_VOID = frozenset(
    {"embed", "br", "hr", "img", "input", "link", "meta", "wbr", "source", "track", "col", "area", "base"}
)
_PARAGRAPHS = frozenset(
    [
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "dl",
        "table",
        "blockquote",
        "pre",
        "section",
        "article",
        "main",
        "header",
        "footer",
        "aside",
        "nav",
        "form",
        "figure",
    ]
)
_LINES = frozenset(
    [
        "div",
        "li",
        "dt",
        "dd",
        "tr",
        "address",
        "figcaption",
        "caption",
        "summary",
        "details",
        "fieldset",
        "legend",
        "option",
        "body",
    ]
)
_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\f]+")
_MANY = re.compile(r"\n{3,}")
_PIECE = 64 * 1024


def open_file(path: Path, limits: Limits, password: str | None = None) -> Extraction:
    """Read an HTML file whole, as sections. Raises InvalidInput `not_text` or `damaged`."""
    data = path.read_bytes()
    declared = _DECLARED.search(data[:4096])
    text, links, metadata = read_html(
        encoding.decode(data, declared[1].decode() if declared else None), limits.characters
    )
    return SectionedExtraction(sections(text), limits, links=links, metadata=metadata)


def read_html(markup: str, characters: int) -> tuple[str, list[Link], dict[str, str]]:
    """Return the visible text (a little more than `characters` at most), links and metadata of HTML.

    Raises InvalidInput `damaged` when nothing can be made of it.
    """
    visible = _Visible(characters)
    parser = etree.HTMLParser(target=visible, no_network=True, huge_tree=False, encoding="utf-8")
    try:
        # The encoding is settled, so the document's own (now wrong) declaration must not be believed.
        data = markup.encode("utf-8", errors="replace")
        for at in range(0, len(data), _PIECE):
            parser.feed(data[at : at + _PIECE])
        parser.close()
    except Enough:
        pass
    except (etree.LxmlError, AssertionError) as error:
        if not visible.parts:
            raise damaged("its HTML is broken") from error
    return visible.text(), visible.links, tidy_metadata(visible.metadata)


class _Visible:
    def __init__(self, characters: int) -> None:
        self.parts: list[str] = []
        self.links: list[Link] = []
        self.metadata: dict[str, str | None] = {}
        self._left = characters + 1  # one more than allowed, so that the excess shows
        self._skip = 0
        self._pre = 0
        self._title = False

    def start(self, tag: str, attrib: Mapping[str, str]) -> None:
        if self._skip or tag in _SKIPPED:
            self._skip += tag not in _VOID
        elif tag == "br":
            self._write("\n")
        elif tag == "title":
            self._title = True
        elif tag == "meta":
            self._meta(attrib)
        elif tag == "a" and (url := web_address(attrib.get("href", ""))):
            self.links.append(Link(url, 1))
        else:
            self._pre += tag == "pre"
            self._block(tag)
            if tag == "li":
                self._write("- ")

    def data(self, text: str) -> None:
        if self._skip:
            return
        if self._title:
            self.metadata["title"] = ((self.metadata.get("title") or "") + text)[:4000]
        else:
            self._write(text if self._pre else self._flowing(text))

    def end(self, tag: str) -> None:
        if self._skip:
            self._skip -= tag not in _VOID
            return
        if tag == "title":
            self._title = False
        elif tag in ("td", "th"):
            self._write("\t")
        else:
            self._pre -= tag == "pre"
            self._block(tag)

    def comment(self, text: str) -> None:
        """Comments are not visible."""

    def close(self) -> None: ...

    def text(self) -> str:
        """Return what was heard, blocks apart by one empty line."""
        lines = (line.rstrip() for line in "".join(self.parts).split("\n"))
        return _MANY.sub("\n\n", "\n".join(lines)).strip("\n")

    def _block(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._write("\n\n")
        elif tag in _LINES and self.parts and not self.parts[-1].endswith("\n"):
            self._write("\n")

    def _meta(self, attrib: Mapping[str, str]) -> None:
        name = attrib.get("name", "").lower()
        if name in ("author", "keywords", "generator", "description"):
            key = {"generator": "producer", "description": "subject"}.get(name, name)
            self.metadata[key] = attrib.get("content")

    def _flowing(self, text: str) -> str:
        """Collapse spaces; those at a line's start are the file's own indentation."""
        collapsed = _SPACE.sub(" ", text)
        return collapsed.lstrip() if not self.parts or self.parts[-1].endswith(("\n", "\t")) else collapsed

    def _write(self, text: str) -> None:
        if text:
            self.parts.append(text)
        self._left -= len(text)
        if self._left <= 0:
            raise Enough
