"""The words and phrases a document is about, by counting, without a model.

Candidates are runs of up to three content words. A phrase is worth its count, damped, times its length: bare
counts favour single words, and a reader wants "entity linking" before "entity".
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from enrichment.analysis.passages import Passage, Progress, body
from enrichment.analysis.sentences import clean, is_cjk
from enrichment.analysis.stopwords import STOPWORDS

MAX_COUNTED = 300
METHOD = "extractive: frequent phrases of one to three content words"

_RUN_BREAK = re.compile(r"[.,;:!?()\[\]{}\"“”«»…。、，；：！？|/=+<>*]|\s[–—-]\s|['’]s\b|\n")
_WORD = re.compile(r"[^\W\d_](?:[\w’'+#-]*[\w+#])?")
URL = re.compile(r"(?:https?:/|www\.)\S+(?: ?\S+/\S+)?|\S+@\S+")
_CJK_RUN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]{2,}")
_LENGTH_WEIGHT = {1: 0.8, 2: 2.6, 3: 3.0}


@dataclass(frozen=True, slots=True)
class Keyphrase:
    """A phrase as most often written, its weight (the best has 1.0), how often it stands there, and its
    first pages."""

    text: str
    weight: float
    count: int
    pages: tuple[int, ...]


def stem(word: str) -> str:
    """Return a crude key under which singular and plural meet."""
    word = word.lower()
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def without_links(text: str) -> str:
    """Return a text without web and e-mail addresses, whose parts would pass for words."""
    return URL.sub(" ", text) if "://" in text or "www." in text or "@" in text else text


def phrases(text: str) -> Iterator[tuple[str, ...]]:
    """Yield every run of one to three neighbouring content words; for CJK, runs of two to four characters."""
    if is_cjk(text):
        for span in _CJK_RUN.findall(text):
            for size in (2, 4):
                yield from ((span[i : i + size],) for i in range(len(span) - size + 1))
        return
    for part in _RUN_BREAK.split(text):
        run: list[str] = []
        for word in [*_WORD.findall(part), ""]:
            if len(word) > 2 and word.lower() not in STOPWORDS and not word.endswith("ly") and len(word) < 30:
                run.append(word)
                for size in range(1, min(3, len(run)) + 1):
                    yield tuple(run[-size:])
            else:
                run = []


def find(
    passages: Iterable[Passage], *, limit: int = 15, progress: Progress | None = None
) -> list[Keyphrase]:
    """Find the phrases a document is about.

    Args:
        passages: the document; of more than `MAX_COUNTED` passages an even sample is searched for candidates.
        limit: how many phrases at most.
        progress: called as `progress(passages done, passages)`.
    Returns:
        phrases by falling weight; none contains another unless that other stands alone often.
    """
    items = body(list(passages))
    sample = items if len(items) <= MAX_COUNTED else items[:: -(-len(items) // MAX_COUNTED)]
    counts: Counter[tuple[str, ...]] = Counter()
    spread: Counter[tuple[str, ...]] = Counter()
    forms: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for done, passage in enumerate(sample):
        keys: set[tuple[str, ...]] = set()
        for words, count in Counter(phrases(without_links(clean(passage.text)))).items():
            key = tuple(stem(word) for word in words)
            counts[key] += count
            forms[key][" ".join(words)] += count
            keys.add(key)
        spread.update(keys)
        if progress and done % 100 == 99:
            progress(done + 1, len(sample))
    chosen = _choose(counts, spread, len(sample), limit)
    return [_locate(_form(forms[key]), score / chosen[0][1], items) for key, score in chosen]


def _locate(text: str, weight: float, passages: list[Passage]) -> Keyphrase:
    """Count a chosen phrase in the whole document, not only in the sample it was chosen from."""
    pattern = re.compile(r"\s+".join(re.escape(word) for word in text.split()), re.IGNORECASE)
    pages: dict[int, None] = {}
    count = 0
    for passage in passages:
        for match in pattern.finditer(passage.text):
            count += 1
            page = passage.page_at(match.start())
            if page is not None and len(pages) < 20:
                pages[page] = None
    return Keyphrase(text, round(weight, 3), count, tuple(pages))


def _choose(
    counts: Counter[tuple[str, ...]], spread: Counter[tuple[str, ...]], documents: int, limit: int
) -> list[tuple[tuple[str, ...], float]]:
    scores: list[tuple[float, tuple[str, ...]]] = []
    lone = max(counts.values(), default=0) < 2
    for key, count in counts.items():
        if (count < 2 and not lone) or len(set(key)) < len(key):
            continue
        # a word in most passages of a long document says little about any of them
        rarity = math.log1p(documents / spread[key]) if documents > 8 else 1.0
        scores.append((_LENGTH_WEIGHT[len(key)] * (1 + math.log(count)) * math.sqrt(count) * rarity, key))
    scores.sort(key=lambda item: (-item[0], item[1]))
    chosen: list[tuple[tuple[str, ...], float]] = []
    for score, key in scores:
        worn = len(key) == 1 and sum(key[0] in other for other, _ in chosen) >= 2
        if worn or any(_covers(other, key, counts) for other, _ in chosen):
            continue
        chosen.append((key, score))
        if len(chosen) == limit:
            break
    return chosen


def _covers(chosen: tuple[str, ...], key: tuple[str, ...], counts: Counter[tuple[str, ...]]) -> bool:
    """Tell whether `key` says nothing that `chosen` does not say already."""
    if len(key) == 1 and len(chosen) == 1:
        return key[0] in chosen[0] or chosen[0] in key[0]
    shared = set(chosen) & set(key)
    if len(key) < len(chosen):
        return len(shared) == len(key) and counts[key] < 3 * counts[chosen]
    return len(shared) >= 2


def _form(forms: Counter[str]) -> str:
    """Return the commonest spelling; acronyms and names keep their capitals, the rest loses them."""
    form = min(forms, key=lambda text: (-forms[text], text))
    lowered = form.lower()
    return lowered if lowered in forms or not any(w[0].isupper() for w in form.split()) else form
