"""Reads a scientific paper the way a reviewer skims it: claims, methods, results, limits, open questions.

Each list is made of the paper's own sentences, chosen by the section they stand in, by signal words and by
how central they are. Nothing is paraphrased, so nothing is invented.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from enrichment.analysis import keyphrases
from enrichment.analysis.passages import Passage, Progress
from enrichment.analysis.sentences import Sentence, clean, split
from enrichment.analysis.summary import Ranking, pick, rank, summarise

METHOD = "extractive: section headings, signal words and TextRank"

_CLAIM = re.compile(
    r"\b(?:we|this (?:paper|work|article|study)|our (?:results?|approach|method|system|findings|"
    r"work))\s+(?:\w+ )?"
    r"(?:show|describe|present|propose|introduce|demonstrate|find|found|report|reduce|argue|"
    r"prove|release|develop|"
    r"contribute|achieve|conclude|establish|discuss|provide|outperform|make)\w*|"
    r"\bgoal of this\b|\bcontribution",
    re.IGNORECASE,
)
_METHOD = re.compile(
    r"\bwe (?:\w+ )?(?:use|used|train|trained|compute|encode|split|apply|adopt|build|construct|"
    r"define|normali[sz]e|"
    r"represent|model|sample|collect|evaluate|experiment|annotate|feed|rank|select|ask|employ|"
    r"implement|measure|"
    r"recruit|instantiate|remove|obtain)\w*\b|\b(?:algorithm|dataset|data set|corpus|LSTM|"
    r"classifier|regression|"
    r"participants|questionnaire|trained on|pre-?trained)\b",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"(?<![\w.§-])\d+(?:[.,]\d+)*\s?(?:%|percent|[KMB]\b|million|billion)?"
    r"(?:\s?(?:F1 points?|points?|times|x\b|ms\b|"
    r"hours?|nodes|papers|models|participants|patients|documents))?"
)
_RESULT = re.compile(
    r"\b(?:results?|improve\w*|achiev\w+|outperform\w*|increase\w*|decrease\w*|reduc\w+|gain|"
    r"accuracy|precision|"
    r"recall|yield|F1|BLEU|AUC|p\s?[<=]|highest|lowest|significant\w*|consist\w* of|"
    r"resulting in|compared? (?:to|with)|"
    r"within \d|boost\w*)\b",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"\b(?:limit(?:ation|ed|s)|lacks?|unable|cannot|fails? to|suffer\w*|errors?|omits?|"
    r"at the cost of|sacrifices?|"
    r"unrealistic|only (?:include|use|consider)|difficult\w*|conservative|opted not|"
    r"not available|small sample|"
    r"do not identify|bias(?:es|ed)?|incomplete|however)\b",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"\b(?:future work|future research(?! efforts)|remains?|open (?:question|problem|challenge)|"
    r"research (?:directions?|"
    r"challenges?)|actively working|"
    r"need to|needs? to be|we (?:plan|hope|intend) to|further (?:research|work|study)|not yet|"
    r"currently lacks|"
    r"to better understand|would be interesting)\b",
    re.IGNORECASE,
)
# Said of any step of a method too: open only where a paper looks back at what it has done.
_WEAKLY_OPEN = re.compile(
    r"needs? to(?: be)?|research directions?|research challenges?|remains?|not yet", re.IGNORECASE
)
_CITED = re.compile(r"^(?:[A-Z][\w-]+ (?:et al\.|and [A-Z][\w-]+) \(\d{4}\))")


@dataclass(frozen=True, slots=True)
class Paper:
    """What was found in a paper; every sentence is the paper's own and knows its page."""

    title: str
    summary: list[Sentence] = field(default_factory=list)
    claims: list[Sentence] = field(default_factory=list)
    methods: list[Sentence] = field(default_factory=list)
    results: list[tuple[Sentence, list[str]]] = field(default_factory=list)
    limitations: list[Sentence] = field(default_factory=list)
    open_questions: list[Sentence] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)


def analyse(
    passages: Sequence[Passage], *, title: str = "", limit: int = 6, progress: Progress | None = None
) -> Paper:
    """Analyse a paper.

    Args:
        passages: the paper, in order.
        title: its title when known; else taken from the first lines.
        limit: how many sentences each list holds at most.
        progress: called as `progress(step, 3)`.
    Returns:
        the findings, each list in document order, results with the figures they give.
    """
    ranking = rank(split(passages))
    if progress:
        progress(1, 3)
    summary = summarise(passages, limit=limit, ranking=ranking)
    words = [phrase.text for phrase in keyphrases.find(passages, limit=12)]
    if progress:
        progress(2, 3)
    used: set[Sentence] = set()

    def take(weigh: Callable[[Sentence], float]) -> list[Sentence]:
        scores = [
            weigh(s) * (0.35 + score) if s not in used and not _CITED.match(s.text) and s.words <= 60 else 0.0
            for s, score in zip(ranking.sentences, ranking.scores, strict=True)
        ]
        chosen = [ranking.sentences[i] for i in sorted(_best(ranking, scores, limit))]
        used.update(chosen)
        return chosen

    results = [(s, numbers(s.text)) for s in take(_as_result)]
    open_questions = take(_as_open)
    limitations = take(_as_limit)
    claims = take(_as_claim)
    methods = take(_as_method)
    if progress:
        progress(3, 3)
    return Paper(
        title=title or guess_title(passages),
        summary=summary,
        claims=claims,
        methods=methods,
        results=results,
        limitations=limitations,
        open_questions=open_questions,
        keywords=words,
    )


def numbers(text: str) -> list[str]:
    """Return the figures a sentence gives: not years, section numbers, citations or small counts in words."""
    bare = re.sub(
        r"\([^)]*\b(?:19|20)\d\d[a-z]?[^)]*\)|\b(?:Table|Figure|Fig\.|Section|§|Task)\s?\d+(?:\.\d+)*",
        " ",
        text,
    )
    found = [match.group().strip() for match in _FIGURE.finditer(bare)]
    return [n for n in found if not re.fullmatch(r"(?:19|20)\d\d|\d", n)]


def guess_title(passages: Sequence[Passage]) -> str:
    """Return the likeliest title among the first lines: long enough, capitalised, not a journal's line."""
    lines = [clean(line) for line in (passages[0].text if passages else "").splitlines()[:12]]
    for line in lines:
        words = line.split()
        capital = sum(word[:1].isupper() for word in words)
        if (
            4 <= len(words) <= 25
            and capital >= 0.4 * len(words)
            and not re.search(
                r"\d{4}|@|proceedings|conference|journal|volume|arxiv|©|university|,.*,.*,",
                line,
                re.IGNORECASE,
            )
        ):
            return line
    return next((line for line in lines if len(line.split()) >= 3), "")


def _best(ranking: Ranking, scores: list[float], limit: int) -> list[int]:
    return [i for i in pick(ranking, scores, limit) if scores[i] > 0.2]


def _section(sentence: Sentence) -> str:
    heading = sentence.heading.lower()
    for name, pattern in (
        ("abstract", r"abstract|summary"),
        ("limits", r"limitation|error analysis|other research|discussion|threats"),
        ("end", r"conclusion|future work"),
        ("results", r"result|evaluation|findings"),
        (
            "methods",
            r"method|approach|model|data|experiment|setup|layer|scoring|selection|training|implementation",
        ),
        ("start", r"introduction"),
        ("related", r"related|background"),
    ):
        if re.search(pattern, heading):
            return name
    return ""


def _as_claim(sentence: Sentence) -> float:
    place = {"abstract": 2.0, "end": 1.6, "start": 1.2, "related": 0.2}.get(_section(sentence), 0.3)
    if re.match(r"(?:In|Before) the (?:next|previous)|In this section|Then,|Next,|Before we", sentence.text):
        return 0.0
    return place if _CLAIM.search(sentence.text) else 0.25 * place if place > 1.5 else 0.0


def _as_method(sentence: Sentence) -> float:
    if not _METHOD.search(sentence.text):
        return 0.0
    return {"methods": 1.5, "results": 0.9, "abstract": 0.5, "start": 0.4, "related": 0.2, "end": 0.2}.get(
        _section(sentence), 0.8
    )


def _as_result(sentence: Sentence) -> float:
    given = numbers(sentence.text)
    telling = [n for n in given if re.search(r"[.%A-Za-z]|\d{3}", n)]
    if not _RESULT.search(sentence.text) and not telling:
        return 0.0
    place = {"results": 1.5, "abstract": 1.2, "end": 0.9, "related": 0.2}.get(_section(sentence), 0.9)
    finding = (
        1.6
        if re.search(r"\b(?:highest|lowest|improv|outperform|within \d|consist\w* of)", sentence.text)
        else 1.0
    )
    return place * finding * (1.0 if telling else 0.5 if _RESULT.search(sentence.text) else 0.3)


def _as_limit(sentence: Sentence) -> float:
    hits = len({match.group().lower() for match in _LIMIT.finditer(sentence.text)} - {"however"})
    if not hits:
        return 0.0
    return hits * {"limits": 1.5, "results": 1.1, "start": 0.5, "related": 0.3}.get(_section(sentence), 1.0)


def _as_open(sentence: Sentence) -> float:
    found = {match.group().lower() for match in _OPEN.finditer(sentence.text)}
    if _section(sentence) not in ("end", "limits"):
        found = {signal for signal in found if not _WEAKLY_OPEN.fullmatch(signal)}
    hits = len(found)
    if not hits or re.match(r"\d?To |Before we|In this section", sentence.text):
        return 0.0
    return hits * {"end": 1.6, "limits": 1.4, "start": 0.6, "related": 0.3}.get(_section(sentence), 1.0)
