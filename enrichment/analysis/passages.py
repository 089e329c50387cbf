"""The unit every analysis reads: a stretch of a document that knows its pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

Progress = Callable[[int, int], None]
"""Called now and then as `progress(done, total)`; both count steps of the same unit."""

PASSAGE_CHARS = 1600

_BACK_MATTER = re.compile(
    r"^[ \t]*(?:\d{1,2}\.?[ \t]+)?(?:references|bibliography|literature cited|acknowledge?ments?|"
    r"literatur(?:verzeichnis)?|danksagung|bibliographie|referencias|参考文献)[ \t]*:?[ \t]*\r?$",
    re.IGNORECASE | re.MULTILINE,
)
_BODY_AGAIN = re.compile(r"^[ \t]*(?:appendix|appendices|anhang|chapter|supplement)\b.{0,60}$", re.I | re.M)
_ABSTRACT = re.compile(r"^[ \t]*(?:abstract|zusammenfassung|résumé)[ \t]*:?[ \t]*\r?$", re.I | re.M)


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of text, in document order.

    `page_start` and `page_end` count from 1 and are None where a document has no pages. `breaks` are the
    character offsets in `text` at which the second, third... page begins; without them a finding in a
    passage over several pages is given the page the passage starts on.
    """

    index: int
    text: str
    page_start: int | None = None
    page_end: int | None = None
    breaks: tuple[int, ...] = ()

    def page_at(self, offset: int) -> int | None:
        """Return the page on which the character at `offset` of `text` stands."""
        if self.page_start is None:
            return None
        page = self.page_start + sum(1 for start in self.breaks if start <= offset)
        return min(page, self.page_end) if self.page_end is not None else page

    @property
    def pages(self) -> range:
        """The pages this passage touches; empty when the document has none."""
        if self.page_start is None:
            return range(0)
        return range(self.page_start, max(self.page_start, self.page_end or 0) + 1)


def from_pages(pages: Sequence[str], *, size: int = PASSAGE_CHARS) -> list[Passage]:
    """Cut pages into passages of about `size` characters that never lose a page number.

    Cuts fall after a line or a word. Blank pages keep their number and add nothing.
    """
    passages: list[Passage] = []
    for number, page in enumerate(pages, start=1):
        start = 0
        while start < len(page):
            end = _cut(page, start, size)
            text = page[start:end]
            if text.strip():
                passages.append(Passage(len(passages), text, number, number))
            start = end
    return passages


def from_text(text: str, *, size: int = PASSAGE_CHARS) -> list[Passage]:
    """Cut a text without pages (form feeds count as page breaks) into passages of about `size` characters."""
    if "\f" in text:
        return from_pages(text.split("\f"), size=size)
    return [Passage(passage.index, passage.text) for passage in from_pages([text], size=size)]


def from_data(data: dict[str, Any]) -> list[Passage]:
    """Read passages from a request's data: `passages` (Passage or dict), else `pages`, else `text`.

    Raises:
        ValueError: when there is none of the three.
    """
    if data.get("passages") is not None:
        return [_passage(item, index) for index, item in enumerate(data["passages"])]
    if data.get("pages") is not None:
        return from_pages([str(page) for page in data["pages"]])
    if data.get("text") is not None:
        return from_text(str(data["text"]))
    raise ValueError("the data has neither passages, pages nor text")


def body(passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages without the title page before an abstract, the references and the thanks.

    Names and venues there would pass for subjects. Indexes and pages stay; offsets do not, so this is for
    counting words, not for quoting.
    """
    kept: list[Passage] = []
    inside = True
    for position, passage in enumerate(passages):
        text = passage.text
        abstract = _ABSTRACT.search(text) if position < 3 else None
        if abstract:
            kept = []
            text = text[abstract.end() :]
        parts: list[str] = []
        while text:
            # a heading in the first half of a long document is its table of contents
            mark = (_BACK_MATTER if inside else _BODY_AGAIN).search(text)
            if mark is None or (inside and len(passages) > 40 and position < len(passages) // 2):
                parts.append(text if inside else "")
                break
            parts.append(text[: mark.start()] if inside else "")
            inside, text = not inside, text[mark.end() :]
        left = "".join(parts)
        if left.strip():
            kept.append(replace(passage, text=left))
    return kept


def characters(passages: Iterable[Passage]) -> int:
    """Return the number of characters in all passages together."""
    return sum(len(passage.text) for passage in passages)


def _passage(item: Any, index: int) -> Passage:
    if isinstance(item, Passage):
        return item
    return Passage(
        index=int(item.get("index", index)),
        text=str(item.get("text", "")),
        page_start=item.get("page_start"),
        page_end=item.get("page_end"),
        breaks=tuple(item.get("breaks") or ()),
    )


def _cut(text: str, start: int, size: int) -> int:
    """Return where a passage starting at `start` ends: at a line, else a word, else hard."""
    limit = start + size
    if limit >= len(text):
        return len(text)
    earliest = start + size // 2
    for separator in ("\n\n", ". ", ".\r\n", ".\n", "\n", " "):
        found = text.rfind(separator, earliest, limit)
        if found != -1:
            return found + len(separator)
    return limit
