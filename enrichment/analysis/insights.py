"""Findings a reader would mark: figures, claims, contrasts, definitions, advice, limits, causes, questions.

Each kind has its own signal words (English, with the common ones in German, French and Spanish). A sentence
counts for the strength of its signal and for how central it is; the kinds take turns so that one of them,
usually figures, does not fill the list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from enrichment.analysis.passages import Passage, Progress
from enrichment.analysis.sentences import Sentence, split
from enrichment.analysis.summary import Ranking, rank

METHOD = "extractive: signal words for eight kinds of finding, weighed by TextRank"


@dataclass(frozen=True, slots=True)
class Insight:
    """A sentence of the text, the kind of finding it is, and the words that told."""

    text: str
    kind: str
    passage: int
    page: int | None
    offset: int
    reason: str
    score: float


_KINDS: tuple[tuple[str, float, str, re.Pattern[str]], ...] = tuple(
    (kind, weight, reason, re.compile(pattern, re.IGNORECASE))
    for kind, weight, reason, pattern in (
        (
            "claim",
            1.0,
            "Says what the authors found or hold",
            r"(?<!before )\bwe (?:show|find|found|demonstrate|prove|conclude|argue|report|observe|"
            r"achieve|establish)\b|"
            r"\b(?:results?|study|analysis|evidence|experiments?|data) (?:\w+ )?(?:show|suggest|"
            r"indicate|demonstrate|"
            r"confirm|reveal)s?\b|\boutperform\w*|\bconsistently\b|\bwir zeigen\b|\bnous montrons\b|"
            r"\bmostramos\b",
        ),
        (
            "number",
            0.9,
            "Gives a figure",
            r"(?<![\w.-])[$€£]\s?\d[\d.,]*(?:\s?(?:million|billion|[kKMB]))?|"
            r"(?<![\w.-])\d[\d.,]*\s?(?:%|percent|"
            r"per cent|Prozent|million|billion|thousand|[kKMB]\b|x\b|times\b|(?:F1 )?points?\b|years?\b|"
            r"hours?\b)",
        ),
        (
            "recommendation",
            1.0,
            "Says what should be done",
            r"\b(?:should|must|ought to|need(?:s)? to|recommend\w*|it is (?:important|essential|"
            r"necessary|advisable) to|"
            r"sollten?|müssen|empfehl\w+|il faut|devrait|recommand\w+|debería\w*|hay que|recomend\w+)\b",
        ),
        (
            "contrast",
            0.8,
            "Sets one thing against another",
            r"\b(?:however|whereas|in contrast|on the other hand|despite|although|nevertheless|unlike|"
            r"rather than|"
            r"instead of|jedoch|hingegen|obwohl|trotz|cependant|en revanche|malgré|sin embargo|aunque)\b",
        ),
        (
            "definition",
            0.8,
            "Explains a term",
            r"\b(?:is|are) (?:defined as|called|known as|referred to as)\b|\brefers? to (?:a|an|the)\b|"
            r"\bwe (?:define|call)\b|\b(?:is|are) an? (?:\w+[ -]){1,3}(?:that|which|with|of|for|in which)\b|"
            r"\bcollectively\s+referred to\b|\bbezeichnet\b|\bwird \w+ genannt\b|\bse define\b|\bdésigne\b",
        ),
        (
            "limitation",
            1.0,
            "Admits a limit",
            r"\blimit(?:ation|ed|ing|s)\b|\blacks?\b|\bunable to\b|\bfails? to\b|\bcannot\b|"
            r"\bsuffer(?:s|ed)\b|"
            r"\bdifficult(?:y)?\b|\bat the cost of\b|\bdrawback\b|\bunrealistic\b|\bnur begrenzt\b|"
            r"\blimite\b",
        ),
        (
            "cause",
            0.7,
            "Gives a cause or an effect",
            r"\b(?:because|therefore|as a result|resulted in|resulting in|leads? to|due to|in order to|"
            r"thereby|weil|deshalb|"
            r"führt zu|parce que|donc|porque|por lo tanto)\b",
        ),
        ("question", 0.7, "Asks a question", r"[?？]$"),
    )
)
KINDS: tuple[str, ...] = tuple(kind for kind, *_ in _KINDS)
_DEPENDENT = re.compile(r"(?:This|These|Those|It|They|He|She|That|Such|Also|Both|Then)\b")


def find(
    passages: Sequence[Passage],
    *,
    limit: int = 16,
    ranking: Ranking | None = None,
    progress: Progress | None = None,
) -> list[Insight]:
    """Find up to `limit` findings, in document order.

    Args:
        passages: the document.
        ranking: a ranking of the same document, when the caller has one already.
        progress: see `summary.rank`.
    Returns:
        findings of the kinds in `KINDS`; a sentence appears once, under its strongest kind.
    """
    ranking = ranking or rank(split(passages), progress=progress)
    by_kind: dict[str, list[Insight]] = {kind: [] for kind in KINDS}
    for sentence, score in zip(ranking.sentences, ranking.scores, strict=True):
        insight = classify(sentence, score)
        if insight:
            by_kind[insight.kind].append(insight)
    for found in by_kind.values():
        found.sort(key=lambda insight: (-insight.score, insight.passage, insight.offset))
    chosen: list[Insight] = []
    turn = 0
    while len(chosen) < limit and any(len(found) > turn for found in by_kind.values()):
        chosen.extend(found[turn] for found in by_kind.values() if len(found) > turn)
        turn += 1
    return sorted(chosen[:limit], key=lambda insight: (insight.passage, insight.offset))


def classify(sentence: Sentence, score: float = 0.5) -> Insight | None:
    """Tell which kind of finding a sentence is.

    Args:
        sentence: any sentence.
        score: how central it is, 0..1.
    Returns:
        the finding under its strongest kind, or None when no signal word is there.
    """
    best: Insight | None = None
    for kind, weight, reason, pattern in _KINDS:
        match = pattern.search(sentence.text)
        if not match:
            continue
        value = weight * (0.4 + score) * (0.7 if _DEPENDENT.match(sentence.text) else 1.0)
        if sentence.words > 50:
            value *= 0.6
        if best is None or value > best.score:
            signal = match.group().strip().lower() if kind != "question" else "?"
            best = Insight(
                sentence.text,
                kind,
                sentence.passage,
                sentence.page,
                sentence.offset,
                f"{reason} (“{signal}”).",
                round(value, 3),
            )
    return best
