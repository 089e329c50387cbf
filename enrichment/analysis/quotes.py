"""Words worth repeating: what the text puts between quotation marks, and its own strongest sentences."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from enrichment.analysis.passages import Passage, Progress
from enrichment.analysis.sentences import Sentence, clean, count_words, split
from enrichment.analysis.summary import Ranking, pick, rank

METHOD = "extractive: quotation marks and TextRank with claim words"

_PAIRS = (("“", "”"), ("„", "“"), ("«", "»"), ("»", "«"), ("「", "」"), ("『", "』"), ("‘", "’"))
_MARKED = re.compile(
    "|".join(
        f"{re.escape(a)}(?P<q{i}>[^{re.escape(a + b)}]{{12,500}}){re.escape(b)}"
        for i, (a, b) in enumerate(_PAIRS)
    )
    + r'|(?<![\w"])"(?P<plain>[^"]{20,500})"(?!\w)'
)
_SPEECH = re.compile(
    r"\b(?:said|says|wrote|writes|argue[sd]?|claim(?:s|ed)|explain(?:s|ed)|stat(?:es|ed)|"
    r"ask(?:s|ed)|according to|"
    r"sagte?|schrieb|laut|erklärte?|dit|écrit|selon|dijo|según|declar[oó])\b",
    re.IGNORECASE,
)
_CLAIM = re.compile(
    r"\b(?:we (?:show|find|found|demonstrate|conclude|argue|believe|propose)|shows? that|"
    r"proves?|never|always|"
    r"must|best|worst|significant(?:ly)?|crucial|essential|surprising(?:ly)?|outperforms?|"
    r"the (?:goal|point|reason|problem|result|question) (?:of|is)|zeigt|muss|niemals|immer|entscheidend|"
    r"toujours|jamais|il faut|siempre|nunca|debe)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.-])\d[\d.,]*\s?(?:%|percent|million|billion|times|[kKMB]\b|x\b|points?\b)")
_MIN_WORDS, _MAX_WORDS = 8, 60


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote, word for word.

    `kind` is `quotation` (between quotation marks in the text) or `statement` (a sentence of the text
    itself); `offset` counts characters in the passage's own text; `reason` says in words why it was chosen.
    """

    text: str
    kind: str
    passage: int
    page: int | None
    offset: int
    reason: str
    score: float


def find(
    passages: Sequence[Passage],
    *,
    limit: int = 10,
    ranking: Ranking | None = None,
    progress: Progress | None = None,
) -> list[Quote]:
    """Find up to `limit` quotes, in document order; at most two thirds are quotations.

    Args:
        passages: the document.
        ranking: a ranking of the same document, when the caller has one already.
        progress: see `summary.rank`.
    """
    ranking = ranking or rank(split(passages), progress=progress)
    quotations = _distinct(_quotations(passages, ranking))[: -(-2 * limit // 3)]
    taken = {(quote.passage, quote.offset) for quote in quotations}
    statements = [q for q in _statements(ranking, limit) if not _overlaps(q, taken)]
    chosen = quotations + statements[: limit - len(quotations)]
    return sorted(chosen, key=lambda quote: (quote.passage, quote.offset))


def _quotations(passages: Sequence[Passage], ranking: Ranking) -> list[Quote]:
    hosts: dict[int, list[tuple[int, float]]] = {}
    for sentence, score in zip(ranking.sentences, ranking.scores, strict=True):
        hosts.setdefault(sentence.passage, []).append((sentence.offset, score))
    found: list[Quote] = []
    for passage in passages:
        for match in _MARKED.finditer(passage.text):
            group = match.lastgroup or "plain"
            text = clean(match[group])
            if not _MIN_WORDS <= count_words(text) <= _MAX_WORDS or not _speaks(text):
                continue
            around = clean(passage.text[max(0, match.start() - 120) : match.end() + 80])
            speech = bool(_SPEECH.search(around))
            score = _host_score(hosts.get(passage.index, []), match.start()) + (0.5 if speech else 0.0)
            offset = match.start(group)
            reason = (
                "Between quotation marks and attributed to a speaker or source nearby."
                if speech
                else "Between quotation marks in the text."
            )
            page = passage.page_at(offset)
            found.append(Quote(text, "quotation", passage.index, page, offset, reason, round(score, 3)))
    return sorted(found, key=lambda quote: (-quote.score, quote.passage, quote.offset))


def _statements(ranking: Ranking, limit: int) -> list[Quote]:
    values: list[float] = []
    reasons: list[str] = []
    for sentence, score in zip(ranking.sentences, ranking.scores, strict=True):
        value, reason = _strength(sentence, score)
        values.append(value)
        reasons.append(reason)
    return [
        Quote(s.text, "statement", s.passage, s.page, s.offset, reasons[i], round(values[i], 3))
        for i in pick(ranking, values, limit)
        for s in (ranking.sentences[i],)
    ]


def _strength(sentence: Sentence, score: float) -> tuple[float, str]:
    """Return how quotable a sentence is, and why."""
    words = sentence.words
    if not _MIN_WORDS <= words <= _MAX_WORDS or sentence.text[-1] in ":?":
        return 0.0, ""
    why: list[str] = ["shares its vocabulary with much of the text"] if score > 0.45 else []
    value = score
    claim = _CLAIM.search(sentence.text)
    if claim:
        value += 0.35
        why.append(f"makes a claim (“{claim.group().lower()}”)")
    number = _NUMBER.search(sentence.text)
    if number:
        value += 0.25
        why.append(f"gives a figure ({number.group().strip()})")
    if words <= 30:
        value += 0.1
    if re.match(
        r"(?:This|These|Those|It|They|He|She|However|Therefore|Also|Similarly|Thus)\b", sentence.text
    ):
        value *= 0.7  # leans on the sentence before it
    text = " and ".join(why) or "is among the most central sentences"
    return value, f"The sentence {text}."


def _host_score(sentences: list[tuple[int, float]], offset: int) -> float:
    position = bisect_right(sentences, (offset, 2.0)) - 1
    return sentences[position][1] if position >= 0 else 0.0


def _speaks(text: str) -> bool:
    """Tell whether quoted words are language: not a title in capitals, a list or a path."""
    letters = sum(c.isalpha() for c in text)
    if text[:1] in ".…" or text.endswith(". ."):
        return False
    return letters > 0.7 * len(text.replace(" ", "")) and sum(
        w[:1].isupper() for w in text.split()
    ) < 0.6 * max(1, len(text.split()))


def _overlaps(quote: Quote, taken: set[tuple[int, int]]) -> bool:
    return any(p == quote.passage and quote.offset <= o <= quote.offset + len(quote.text) for p, o in taken)


def _distinct(quotes: list[Quote]) -> list[Quote]:
    return list({quote.text.lower(): quote for quote in reversed(quotes)}.values())[::-1]
