"""Page texts made fit for reading and analysis: no page furniture, whole words, plain spaces."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

EDGE = 3  # lines at the top and at the bottom of a page that may be furniture
MIN_PAGES = 3  # twice may be chance
MIN_SHARE = 0.1  # of all pages: headers change with the chapter and between left and right pages
_MAX_LINE = 150

_DIGITS = re.compile(r"\d+")
_ROMAN = re.compile(r"\b[ivxlc]{1,7}\b")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\u200b\u2060\ufeff\ufff9-\ufffb]")
_SOFT_END = re.compile(r"(?:\x02|\ufffe|\xad)(\n?)")
_BLANKS = re.compile(r"[ \xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_TABS = re.compile(r" ?\t[ \t]*")
_AROUND_LINE_END = re.compile(r"[ \t]*\n[ ]*")
_EMPTY_LINES = re.compile(r"\n{3,}")
# Looking behind lets a match begin at a word's first letter only: without it, a long word takes square time.
_BROKEN = re.compile(r"(?<![^\W\d_])([^\W\d_]{2,})-\n([^\W\d_]{2,})")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})


def clean(pages: Sequence[str]) -> list[str]:
    """Return as many texts as given, without running headers and footers, de-hyphenated, spaces normalised.

    Time is linear in the characters. Nothing but repeated edge lines, line-end hyphens, spaces and invisible
    characters goes.
    """
    return join_words(remove_running_lines([normalise(page) for page in pages]))


def normalise(text: str) -> str:
    """Return text in NFC: single spaces, "\\n" line ends, no two empty lines, nothing invisible."""
    text = unicodedata.normalize("NFC", text).translate(_LIGATURES)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").replace("\x0b", "\n")
    # PDFium marks a line-end hyphen by a character of its own; elsewhere a soft hyphen is invisible.
    text = _SOFT_END.sub(lambda match: "-\n" if match[1] else "", text)
    text = _CONTROL.sub("", text)
    text = _TABS.sub("\t", _BLANKS.sub(" ", text))
    return _EMPTY_LINES.sub("\n\n", _AROUND_LINE_END.sub("\n", text)).strip()


def remove_running_lines(pages: Sequence[str]) -> list[str]:
    """Drop lines that stand at the same edge of many pages, whatever number they carry.

    Looks at the first and last three lines of each page; a line goes when it is at most 150 long and at
    least three pages and a tenth of all pages have it there. Lines between stay, and so do lines said once,
    and pages that hold nothing else.
    """
    split = [page.split("\n") for page in pages]
    edges = [_edges(lines) for lines in split]
    counts: Counter[tuple[int, str]] = Counter()
    for edge in edges:
        counts.update({(side, _key(line)) for side in (0, 1) for _, line in edge[side]})
    needed = max(MIN_PAGES, MIN_SHARE * len(pages))
    cleaned = []
    for lines, (top, bottom) in zip(split, edges, strict=True):
        gone = {at for at, line in top if counts[0, _key(line)] >= needed}
        gone |= {at for at, line in bottom if counts[1, _key(line)] >= needed}
        kept = "\n".join(line for at, line in enumerate(lines) if at not in gone).strip("\n")
        # A page of nothing but repeated lines is a form or a slide, and those lines are its text.
        cleaned.append(kept if gone and kept.strip() else "\n".join(lines))
    return cleaned


def join_words(pages: Sequence[str]) -> list[str]:
    """Join words broken at line ends; a hyphen stays when the document elsewhere writes the word with it."""
    if not any(_BROKEN.search(page) for page in pages):
        return list(pages)
    whole = {word.casefold() for page in pages for word in _WORD.findall(page)}

    def joined(match: re.Match[str]) -> str:
        first, second = match[1], match[2]
        together, hyphened = (first + second).casefold(), f"{first}-{second}".casefold()
        compound = second[0].isupper() or (hyphened in whole and together not in whole)
        return f"{first}-{second}" if compound else first + second

    return [_BROKEN.sub(joined, page) for page in pages]


def _edges(lines: list[str]) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    top = _first([*enumerate(lines)])
    bottom = _first([*enumerate(lines)][::-1])
    return top, bottom


def _first(numbered: list[tuple[int, str]]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for at, line in numbered:
        if line.strip():
            found.append((at, line))
            if len(found) == EDGE:
                break
    return [(at, line) for at, line in found if len(line) <= _MAX_LINE]


def _key(line: str) -> str:
    folded = " ".join(line.casefold().split())
    return _DIGITS.sub("#", _ROMAN.sub("#", folded) if len(folded) < 8 else folded)
