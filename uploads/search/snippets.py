"""The part of a chunk that shows why it was found: plain text, and where the words stand in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

LENGTH: Final = 280
_SPACE = re.compile(r"\s+")


def snippet(text: str, terms: Sequence[str], *, length: int = LENGTH) -> dict[str, Any]:
    """About `length` characters around where most of `terms` stand close together.

    Returns `{"text", "highlights": [[start, end], …]}`, offsets in characters of that text.
    """
    flat = _SPACE.sub(" ", text).strip()
    found = _places(flat, terms)
    start = _densest(found, length)
    if start > 0:
        start = flat.find(" ", max(0, start - 30), start + 1) + 1 or start
    end = min(len(flat), start + length)
    if end < len(flat):
        end = flat.rfind(" ", start + length // 2, end) if " " in flat[start + length // 2 : end] else end
    lead, tail = ("… " if start else ""), (" …" if end < len(flat) else "")
    shift = len(lead) - start
    return {
        "text": f"{lead}{flat[start:end]}{tail}",
        "highlights": [[a + shift, b + shift] for a, b in found if a >= start and b <= end],
    }


def _places(text: str, terms: Sequence[str]) -> list[tuple[int, int]]:
    """Where words stand that begin with a term (short ones: that are the term), in order."""
    if not terms:
        return []
    words = "|".join(
        re.escape(term) + (r"\w*" if len(term) > 3 else r"(?!\w)")
        for term in sorted(terms, key=len, reverse=True)
    )
    return [match.span() for match in re.finditer(rf"(?<!\w)(?:{words})", text, re.IGNORECASE)]


def _densest(found: list[tuple[int, int]], length: int) -> int:
    best, most = 0, 0
    for index, (start, _) in enumerate(found):
        count = sum(1 for a, b in found[index:] if b <= start + length - 40)
        if count > most:
            best, most = start, count
    return best
