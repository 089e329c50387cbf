"""Text cut into chunks of about one screen, at paragraph or sentence ends, each knowing its pages."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from uploads.extraction.base import Page

SIZE = 1600
PAGE_JOIN = "\n\n"
_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’»)\]]*(?=\s)|[。！？]")
_SPACE = re.compile(r"\s")


@dataclass(frozen=True)
class Chunk:
    """`text` is `joined[char_start : char_start + len(text)]`, where `joined` is `join_pages(pages)`."""

    index: int
    text: str
    page_start: int
    page_end: int
    char_start: int


def join_pages(pages: Iterable[Page]) -> str:
    """Return the text chunks are cut from: the pages' texts with an empty line between."""
    return PAGE_JOIN.join(page.text for page in pages)


def chunk(pages: Iterable[Page], *, size: int = SIZE) -> list[Chunk]:
    """Cut pages (in order) into chunks of at most `size` characters, without overlap, in linear time.

    A chunk ends, in the second half of its room, after a paragraph if one ends there, else a sentence, a
    line, a word; only a word longer than that is cut. Joined, the chunks lose white space at their ends and
    nothing else.
    Raises ValueError for a size under 2.
    """
    if size < 2:
        raise ValueError("a chunk needs room for two characters")
    listed = list(pages)
    text = join_pages(listed)
    starts: list[int] = []
    at = 0
    for page in listed:
        starts.append(at)
        at += len(page.text) + len(PAGE_JOIN)

    def page_at(position: int) -> int:
        return listed[bisect_right(starts, position) - 1].number

    chunks: list[Chunk] = []
    at = 0
    while at < len(text):
        end = _end(text, at, size)
        piece = text[at:end]
        body = piece.strip()
        if body:
            start = at + len(piece) - len(piece.lstrip())
            chunks.append(Chunk(len(chunks), body, page_at(start), page_at(start + len(body) - 1), start))
        at = end
    return chunks


def _end(text: str, start: int, size: int) -> int:
    """Return where the chunk beginning at `start` ends; always beyond `start`."""
    if len(text) - start <= size:
        return len(text)
    middle, limit = start + max(1, size // 2), start + size
    paragraph = text.rfind("\n\n", middle, limit)
    if paragraph >= 0:
        return paragraph + 2
    sentence = None
    for sentence in _SENTENCE_END.finditer(text, middle, limit):  # noqa: B007 (the last one is wanted)
        pass
    if sentence:
        return sentence.end()
    for mark in ("\n", " "):
        found = text.rfind(mark, middle, limit)
        if found >= 0:
            return found + 1
    # A combining mark belongs to the letter before it; sixteen are more than any script stacks.
    end = limit
    while end > max(start + 1, limit - 16) and unicodedata.combining(text[end]):
        end -= 1
    return end
