"""An extractive summary: the sentences most like the rest, chosen so that they do not repeat each other.

TextRank (Mihalcea and Tarau, EMNLP 2004) over TF-IDF cosines, then maximal marginal relevance (Carbonell and
Goldstein, SIGIR 1998). The similarity matrix is never built: one power iteration is `Y @ (Y.T @ q)`, so
memory stays linear in the text.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from enrichment.analysis.passages import Passage, Progress
from enrichment.analysis.sentences import Sentence, is_cjk, is_prose, split
from enrichment.analysis.stopwords import STOPWORDS

METHOD = "extractive: TextRank and MMR"

MAX_RANKED = 6000
_DAMPING = 0.85
_ROUNDS = 40
_DIVERSITY = 0.45
_SIGNPOST = re.compile(
    r"(?:\d*\s*)?(?:in (?:the )?(?:this|next|previous|following|last) (?:sub)?(?:section|"
    r"chapter)|next, we|then, we|"
    r"before we|we now|this (?:section|chapter)|the rest of|the remainder|similar to|that is|"
    r"for example|see )|"
    r".{0,80}\b(?:described|discussed|shown) (?:in|above|below|earlier|later)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Sentences worth quoting, their TextRank scores (the best has 1.0) and their TF-IDF rows."""

    sentences: list[Sentence]
    scores: list[float]
    rows: Any


def rank(sentences: Sequence[Sentence], *, progress: Progress | None = None) -> Ranking:
    """Score how central each prose sentence is.

    Args:
        sentences: from `sentences.split`; of more than `MAX_RANKED` prose sentences an even sample is ranked.
        progress: called as `progress(rounds done, rounds)`.
    Returns:
        the ranked sentences in document order; empty when there is no prose.
    """
    prose = [sentence for sentence in sentences if is_prose(sentence)]
    if not prose:
        prose = [s for s in sentences if s.words >= 3 and any(c.isalpha() for c in s.text)]
    prose = _sample(_distinct(prose))
    rows = _rows([sentence.text for sentence in prose])
    if rows is None:
        return Ranking(prose, [1.0] * len(prose), None)
    scores = [
        score * (0.4 if _SIGNPOST.match(sentence.text) else 1.0)
        for score, sentence in zip(_power(rows, progress), prose, strict=True)
    ]
    return Ranking(prose, scores, rows)


def pick(ranking: Ranking, scores: Sequence[float], limit: int) -> list[int]:
    """Return positions of up to `limit` sentences, best first, that do not repeat each other."""
    import numpy as np

    worth = np.asarray(scores, dtype="float64")
    if ranking.rows is None:
        return [int(i) for i in np.argsort(-worth, kind="stable")[:limit]]
    redundancy = np.zeros(len(worth))
    free = np.ones(len(worth), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(limit, len(worth)):
        value = np.where(free, (1 - _DIVERSITY) * worth - _DIVERSITY * redundancy, -np.inf)
        best = int(np.argmax(value))
        if redundancy[best] > 0.8 or worth[best] <= 0:
            free[best] = False
            if not free.any():
                break
            continue
        chosen.append(best)
        free[best] = False
        similarity = np.asarray((ranking.rows @ ranking.rows[best].T).todense()).ravel()
        redundancy = np.maximum(redundancy, similarity)
    return chosen


def summarise(
    passages: Sequence[Passage],
    *,
    limit: int = 6,
    ranking: Ranking | None = None,
    progress: Progress | None = None,
) -> list[Sentence]:
    """Choose up to `limit` sentences that together stand for the text, in document order.

    Args:
        passages: the document.
        ranking: a ranking of the same document, when the caller has one already.
        progress: see `rank`.
    """
    ranking = ranking or rank(split(passages), progress=progress)
    scores = [score * _place(ranking, i) for i, score in enumerate(ranking.scores)]
    return [ranking.sentences[i] for i in sorted(pick(ranking, scores, limit))]


def _place(ranking: Ranking, position: int) -> float:
    """Weigh by place and form: abstracts and conclusions summarise; questions, captions and lists do not."""
    sentence = ranking.sentences[position]
    heading = sentence.heading.lower()
    weight = 1.0
    if "abstract" in heading or "summary" in heading or "zusammenfassung" in heading:
        weight *= 1.5
    elif "conclusion" in heading or "fazit" in heading:
        weight *= 1.25
    elif position < 0.03 * len(ranking.sentences):
        weight *= 1.15
    if sentence.text[-1] in "?:" or sentence.text.startswith(
        ("Figure", "Table", "Fig.", "See ", "For example")
    ):
        weight *= 0.3
    if sentence.words > 45:
        weight *= 0.7
    return weight


def _distinct(sentences: list[Sentence]) -> list[Sentence]:
    seen: set[str] = set()
    kept: list[Sentence] = []
    for sentence in sentences:
        key = "".join(c for c in sentence.text.lower() if c.isalpha())
        if key not in seen:
            seen.add(key)
            kept.append(sentence)
    return kept


def _sample(sentences: list[Sentence]) -> list[Sentence]:
    if len(sentences) <= MAX_RANKED:
        return sentences
    step = len(sentences) / MAX_RANKED
    return [sentences[int(i * step)] for i in range(MAX_RANKED)]


def _rows(texts: list[str]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    if len(texts) < 2:
        return None
    cjk = is_cjk(texts[len(texts) // 2])
    vectorizer = TfidfVectorizer(
        analyzer="char" if cjk else "word",
        ngram_range=(2, 2) if cjk else (1, 1),
        token_pattern=None if cjk else r"[^\W\d_]{3,}",
        stop_words=None if cjk else sorted(STOPWORDS),
        dtype="float64",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return vectorizer.fit_transform(texts).tocsr()
        except ValueError:  # nothing but stop words
            return None


def _power(rows: Any, progress: Progress | None) -> list[float]:
    import numpy as np

    count = rows.shape[0]
    columns = rows.T.tocsr()
    own = np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
    degree = rows @ (columns @ np.ones(count)) - own
    degree[degree <= 1e-12] = np.inf  # a sentence like no other passes nothing on
    q = np.full(count, 1.0 / count)
    for done in range(_ROUNDS):
        flow = q / degree
        new = (1 - _DAMPING) / count + _DAMPING * (rows @ (columns @ flow) - own * flow)
        change = float(np.abs(new - q).sum())
        q = new
        if progress and done % 10 == 9:
            progress(done + 1, _ROUNDS)
        if change < 1e-6:
            break
    return [float(value) for value in q / q.max()]
