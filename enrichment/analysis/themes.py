"""What a document talks about: TF-IDF and non-negative matrix factorisation, with names people can read.

Lee and Seung's factorisation (Nature 401, 1999) as scikit-learn implements it, started from NNDSVD so that
the same text always gives the same themes. Memory is linear in the text: the matrices are sparse, and never
passages by passages.
"""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from enrichment.analysis.keyphrases import phrases, stem, without_links
from enrichment.analysis.passages import Passage, Progress, body
from enrichment.analysis.sentences import clean, is_cjk
from enrichment.analysis.stopwords import STOPWORDS

METHOD = "lexical: TF-IDF and NMF over passages, labelled by their own phrases"

MAX_THEMES = 8
MAX_TERMS = 12_000
_SUPPORT = 12
_MIN_WINDOW = 500
_LENGTH_WEIGHT = {1: 0.7, 2: 1.25, 3: 0.9}
_REFERENCE_MARKS = re.compile(
    r"\(\d{4}[a-z]?\)|\b(?:19|20)\d\d[a-z]?[.,)]|\bpages \d+|\barxiv\b|\bdoi\b", re.I
)


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme: a readable label, its share of the document (all shares sum to 1) and where it is found.

    `passages` are indexes and `pages` page numbers, most telling first.
    """

    label: str
    weight: float
    keyphrases: tuple[str, ...]
    passages: tuple[int, ...]
    pages: tuple[int, ...]


def find(
    passages: Sequence[Passage], *, limit: int = MAX_THEMES, progress: Progress | None = None
) -> list[Theme]:
    """Find up to `limit` themes.

    Args:
        passages: the document; 2,000 passages of 1,600 characters take about 1 s.
        progress: called as `progress(step, 3)` after weighing, factorising and naming.
    Returns:
        themes by falling weight; empty for a text without content words.
    """
    windows = _windows(passages)
    weighed = _weigh([text for _, text in windows])
    if weighed is None:
        return []
    matrix, terms = weighed
    _tell(progress, 1)
    share, loads = _factorise(matrix, min(limit, _count(len(windows))))
    _tell(progress, 2)
    themes = [
        _name(windows, share[:, k], loads[k], terms, float(share[:, k].sum()))
        for k in range(loads.shape[0])
        if share[:, k].sum() > 0
    ]
    _tell(progress, 3)
    return _settle([theme for theme in themes if theme is not None])


def _windows(passages: Sequence[Passage]) -> list[tuple[Passage, str]]:
    """Return (passage, clean text); few passages are cut smaller so that there is something to tell apart."""
    windows = [(passage, without_links(clean(passage.text))) for passage in body(passages)]
    windows = [(p, t) for p, t in windows if t and not _is_references(t)]
    if len(windows) >= 12:
        return windows
    cut: list[tuple[Passage, str]] = []
    for passage, text in windows:
        parts = max(1, round(len(text) / _MIN_WINDOW))
        size = math.ceil(len(text) / parts)
        cut.extend((passage, text[i : i + size]) for i in range(0, len(text), size))
    return cut


def _is_references(text: str) -> bool:
    """Tell whether a passage is mostly a list of references: names and venues are nobody's theme."""
    if text.count("19") + text.count("20") < len(text) // 150:  # cheap, and true of nearly every passage
        return False
    return len(_REFERENCE_MARKS.findall(text)) * 90 > len(text) > 300


def _weigh(texts: list[str]) -> tuple[Any, Any] | None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not texts:
        return None
    if is_cjk(texts[len(texts) // 2]):
        texts = [" ".join(p[0] for p in phrases(text) if len(p[0]) == 2) for text in texts]
        pattern = r"\w{2}"
    else:
        pattern = r"[^\W\d_]{3,25}"
    vectorizer = TfidfVectorizer(
        token_pattern=pattern,
        stop_words=sorted(STOPWORDS),
        max_features=MAX_TERMS,
        min_df=2 if len(texts) >= 8 else 1,
        max_df=0.6 if len(texts) >= 8 else 1.0,
        sublinear_tf=True,
        dtype="float32",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # stop words of seven languages tokenise a little differently
        try:
            matrix = vectorizer.fit_transform(texts)
        except ValueError:  # no content word is left
            return None
    return matrix, vectorizer.get_feature_names_out()


def _factorise(matrix: Any, topics: int) -> tuple[Any, Any]:
    from sklearn.decomposition import NMF

    topics = max(1, min(topics, *matrix.shape))
    model = NMF(n_components=topics, init="nndsvd", max_iter=60, tol=5e-3, random_state=0)
    if min(matrix.shape) < 2:
        return matrix.sum(axis=1).A if hasattr(matrix.sum(axis=1), "A") else matrix.sum(axis=1), matrix.mean(
            0
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converging fully only makes edges of themes softer
        share = model.fit_transform(matrix)
    return share, model.components_


def _name(
    windows: list[tuple[Passage, str]], share: Any, loads: Any, terms: Any, weight: float
) -> Theme | None:
    import numpy as np

    share = np.asarray(share).ravel()
    loads = np.asarray(loads).ravel()
    order = np.argsort(-share, kind="stable")[:_SUPPORT]
    support = [int(i) for i in order if share[i] > 0.25 * share[order[0]]]
    top = np.argsort(-loads, kind="stable")[:40]
    worth = {stem(str(terms[i])): float(loads[i]) for i in top if loads[i] > 0}
    names = _phrases([windows[i][1] for i in support], worth)
    if not names:
        return None
    passages = tuple(dict.fromkeys(windows[i][0].index for i in support))
    pages = tuple(dict.fromkeys(p for i in support for p in windows[i][0].pages[:1]))
    return Theme(_label(names), weight, tuple(names), passages, pages)


def _phrases(texts: list[str], worth: dict[str, float], limit: int = 6) -> list[str]:
    """Return the phrases of a theme's passages whose words weigh most in it."""
    counts: Counter[tuple[str, ...]] = Counter()
    forms: dict[tuple[str, ...], Counter[str]] = {}
    for text in texts:
        for words in phrases(text):
            key = tuple(stem(word) for word in words)
            if len(set(key)) == len(key) and all(word in worth for word in key):
                counts[key] += 1
                forms.setdefault(key, Counter())[" ".join(words)] += 1
    scored = sorted(
        counts,
        key=lambda key: (
            -sum(worth[word] for word in key) * math.log1p(counts[key]) * _LENGTH_WEIGHT[len(key)],
            key,
        ),
    )
    names: list[str] = []
    used: list[set[str]] = []
    for key in scored:
        if (counts[key] < 2 and len(key) > 1) or any(set(key) & words for words in used):
            continue
        used.append(set(key))
        form = min(forms[key], key=lambda text: (-forms[key][text], text))
        names.append(form.lower() if form.lower() in forms[key] or form.istitle() else form)
        if len(names) == limit:
            break
    return names


def _label(names: list[str]) -> str:
    chosen = names[:2] if any(" " in name for name in names[:2]) else names[:3]
    text = chosen[0] if len(chosen) == 1 else ", ".join(chosen[:-1]) + " and " + chosen[-1]
    return text[:1].upper() + text[1:]


def _settle(themes: list[Theme]) -> list[Theme]:
    """Turn weights into shares, drop themes named like a heavier one, and order by share."""
    themes.sort(key=lambda theme: (-theme.weight, theme.label))
    kept: list[Theme] = []
    for theme in themes:
        if all(theme.label != other.label for other in kept):
            kept.append(theme)
    total = sum(theme.weight for theme in kept) or 1.0
    return [Theme(t.label, round(t.weight / total, 4), t.keyphrases, t.passages, t.pages) for t in kept]


def _count(windows: int) -> int:
    """Return how many themes a text of so many windows can carry: about its square root, at most eight."""
    return max(1, min(MAX_THEMES, round(math.sqrt(windows))))


def _tell(progress: Progress | None, step: int) -> None:
    if progress:
        progress(step, 3)
