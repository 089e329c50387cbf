"""What several readers of one paper agree on, and where they differ.

Statements are compared by the words they share (overlap of content words and figures), so two readers who say
the same in other words may be counted as differing. A pair that shares its words but not its figures is a
disagreement, the one worth a person's time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from enrichment.analysis.keyphrases import stem
from enrichment.analysis.papers import numbers
from enrichment.analysis.stopwords import STOPWORDS

METHOD = "lexical: shared content words; the same thing in other words is not recognised"
SIMILAR = 0.4
ASPECTS = ("claims", "methods", "results", "limitations", "open_questions", "summary")

_WORD = re.compile(r"[^\W_]{2,}|[\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Shared:
    """A statement several providers make: `aspect`, one wording, who makes it and how alike they are
    (0..1)."""

    aspect: str
    text: str
    providers: tuple[str, ...]
    similarity: float
    wordings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two providers say nearly the same with other figures."""

    aspect: str
    wordings: dict[str, str]
    numbers: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """`score` (0..1) is the share of statements made by more than one provider; `only` lists the rest."""

    providers: tuple[str, ...]
    score: float
    shared: tuple[Shared, ...]
    conflicts: tuple[Conflict, ...]
    only: dict[str, dict[str, list[str]]]
    shared_keywords: tuple[str, ...]
    method: str = METHOD


def compare(analyses: Mapping[str, Any]) -> Agreement:
    """Compare paper analyses.

    Args:
        analyses: provider name → `PaperAnalysis`, or the dict it dumps to (either spelling of the fields).
    Returns:
        the agreement; with fewer than two analyses everything is in `only` and the score is 0.
    """
    names = tuple(sorted(analyses))
    shared: list[Shared] = []
    conflicts: list[Conflict] = []
    only: dict[str, dict[str, list[str]]] = {name: {} for name in names}
    total = 0
    for aspect in ASPECTS:
        statements = {name: _texts(analyses[name], aspect) for name in names}
        groups = _group(statements)
        for group in groups:
            total += 1
            wordings = dict(group)
            if len(wordings) < 2:
                name, text = group[0]
                only[name].setdefault(aspect, []).append(text)
                continue
            alike = min(similarity(group[0][1], text) for _, text in group[1:])
            shared.append(Shared(aspect, group[0][1], tuple(wordings), round(alike, 3), wordings))
            figures = {name: numbers(text) for name, text in wordings.items()}
            if len({tuple(sorted(f)) for f in figures.values() if f}) > 1:
                conflicts.append(Conflict(aspect, wordings, figures))
    score = round(len(shared) / total, 3) if total and len(names) > 1 else 0.0
    return Agreement(names, score, tuple(shared), tuple(conflicts), only, _keywords(analyses, names))


def similarity(a: str, b: str) -> float:
    """Return how many content words two statements share, 0..1 (Sørensen–Dice over stems)."""
    left, right = _key(a), _key(b)
    if not left or not right:
        return 1.0 if a.strip() == b.strip() else 0.0
    return 2 * len(left & right) / (len(left) + len(right))


def _group(statements: dict[str, list[str]]) -> list[list[tuple[str, str]]]:
    """Put each statement with the most alike one of another provider; at most one per provider in a group."""
    groups: list[list[tuple[str, str]]] = []
    for name in sorted(statements):
        for text in statements[name]:
            best, likeness = None, SIMILAR
            for group in groups:
                if any(other == name for other, _ in group):
                    continue
                alike = max(similarity(text, wording) for _, wording in group)
                if alike >= likeness:
                    best, likeness = group, alike
            if best is None:
                groups.append([(name, text)])
            else:
                best.append((name, text))
    return groups


def _texts(analysis: Any, aspect: str) -> list[str]:
    data = analysis if isinstance(analysis, Mapping) else analysis.model_dump()
    camel = re.sub(r"_(\w)", lambda match: match[1].upper(), aspect)
    items = data.get(aspect, data.get(camel)) or []
    return [str(item["text"] if isinstance(item, Mapping) else item) for item in items]


def _keywords(analyses: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    keys = [{" ".join(sorted(_key(word))): word for word in _texts(analyses[n], "keywords")} for n in names]
    if len(keys) < 2:
        return ()
    common = set(keys[0]).intersection(*keys[1:])
    return tuple(word for key, word in keys[0].items() if key in common)


def _key(text: str) -> set[str]:
    return {stem(word) for word in _WORD.findall(text) if word.lower() not in STOPWORDS}
