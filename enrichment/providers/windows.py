"""Fits long material to a model's window, and says what was left out.

A document that does not fit is represented by selected passages: the first and the last, then the most
central passage of each stretch in turn, so that every part of the document keeps a voice. Nothing is cut
silently: the result's `coverage` says how much was read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from enrichment.analysis.passages import Passage, from_data
from enrichment.prompts import passage_text
from jobs.exceptions import InvalidInput

_STRETCHES = 20


@dataclass(frozen=True, slots=True)
class Fitted:
    """Data that fits, and a sentence about how much of the material it is."""

    data: dict[str, Any]
    coverage: str


def fit(data: dict[str, Any], budget: int, count: Callable[[str], int]) -> Fitted:
    """Make a request's data fit.

    Args:
        data: what the task reads.
        budget: tokens the material may take.
        count: estimates the tokens of a text.
    Raises:
        InvalidInput: code `too_large`, for material that is no running text and does not fit.
    """
    if any(data.get(key) is not None for key in ("passages", "pages", "text")):
        rest = {key: value for key, value in data.items() if key not in ("passages", "pages", "text")}
        passages = from_data(data)
        chosen = select(passages, budget - count(str(rest)), count)
        coverage = (
            "the whole text"
            if len(chosen) == len(passages)
            else f"{len(chosen)} of {len(passages)} passages, selected evenly by how central they are"
        )
        return Fitted({**rest, "passages": chosen}, coverage)
    for key in ("resumeText", "resume_text"):
        text = data.get(key)
        if isinstance(text, str) and count(text) > budget:
            kept = text[: int(len(text) * budget / count(text))]
            return Fitted({**data, key: kept}, f"the first {len(kept)} of {len(text)} characters")
    if count(str(data)) > budget:
        raise InvalidInput("This is too long to be read in one go; shorten it.", code="too_large")
    return Fitted(data, "the whole text")


def select(passages: Sequence[Passage], budget: int, count: Callable[[str], int]) -> list[Passage]:
    """Return passages, in document order, that together take at most `budget` tokens (at least one)."""
    costs = [count(passage_text(passage)) for passage in passages]
    if sum(costs) <= budget or len(passages) <= 1:
        return list(passages)
    scores = _centrality(passages)
    chosen: set[int] = set()
    left = budget
    for position in [0, len(passages) - 1, *_turns(scores)]:
        if position not in chosen and (costs[position] <= left or not chosen):
            chosen.add(position)
            left -= costs[position]
    return [passages[position] for position in sorted(chosen)]


def _turns(scores: list[float]) -> list[int]:
    """Return positions so that every stretch of the document gives its best, then its second best, ..."""
    size = max(1, -(-len(scores) // _STRETCHES))
    stretches = [
        sorted(range(start, min(start + size, len(scores))), key=lambda i: (-scores[i], i))
        for start in range(0, len(scores), size)
    ]
    return [stretch[turn] for turn in range(size) for stretch in stretches if turn < len(stretch)]


def _centrality(passages: Sequence[Passage]) -> list[float]:
    """Return each passage's likeness to the document's mean vector."""
    from enrichment.analysis.embeddings import cosine, embed

    vectors = embed([passage.text for passage in passages])
    return [float(value) for value in cosine(vectors.mean(axis=0), vectors)]
