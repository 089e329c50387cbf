"""Who this is: the name and the headline, found by score among the first lines.

The first line is often something else ("Last updated in Mar 2026", "SKILLS", the profession), so each of
the first 15 is scored: two to four capitalised words, no section word, agreement with the e-mail address,
the profile links and the file name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from enrichment.profiles.contacts import EMAIL, MASKED, PHONE_RUN, URL
from enrichment.profiles.lines import Line
from enrichment.profiles.places import find_place, is_place
from enrichment.profiles.profile import Field
from enrichment.profiles.sections import heading_kind, label_kind
from enrichment.profiles.taxonomy import lookup
from enrichment.profiles.vocabulary import CV_WORDS, TITLE_STEMS, fold

LINES_READ = 15
PARTICLES = frozenset(
    "von van der den de del della di da dos das du la le el al bin ibn ten ter zu zur und y e".split()
)
ACADEMIC = re.compile(
    r"(?<!\w)(?:(?:prof|dr|dipl|ing|mag|mr|mrs|ms|herr|frau)\.(?:-\w+\.?)?(?:\s?(?:med|rer|nat|phil|ing|inf|jur)\.)*"
    r"|ph\.?d\.?|(?:[bm]|b\.?|m\.?)\.?\s?(?:sc|eng|ed|a)\.|mba|msc|bsc|pmp|cpa|jr\.?|sr\.?)(?!\w)",
    re.IGNORECASE,
)
NAME_WORD = re.compile(r"^[^\W\d_](?:[\w'’-]*[^\W\d_])?\.?$")
SCRIPTS = re.compile(r"[぀-ヿ㐀-鿿가-힯]")
SPLIT = re.compile(r"\s*[|•·,;/]\s*|\s+[–—-]\s+|\s{2,}")
LABELLED = re.compile(r"^(?:name|nom|nombre|nome|naam|imię i nazwisko|full name)\s*:?\s+", re.IGNORECASE)


def find_name(
    lines: Sequence[Line], emails: Sequence[str], urls: Sequence[str], filename: str
) -> Field[str] | None:
    """Return the best-scored name of the first 15 lines, else one taken from the file name or address."""
    hints = _hints(emails, urls, filename)
    best: tuple[float, str, Line] | None = None
    for index, line in enumerate(lines[:LINES_READ]):
        for text in _candidates(line.text):
            score = name_score(text, hints) - index * 0.02
            if LABELLED.match(line.text):
                score += 0.4
            if score > 0 and (best is None or score > best[0]):
                best = (score, text, line)
    if best and best[0] >= 0.35:
        return Field(_cased(best[1]), round(min(0.98, best[0]), 2), best[2].raw, best[2].page)
    words = [word for word in re.split(r"[\W_\d]+", filename.rsplit(".", 1)[0]) if len(word) > 1]
    words = [word for word in words if fold(word) not in CV_WORDS and word[0].isupper()]
    if 2 <= len(words) <= 3:
        return Field(" ".join(words), 0.3, filename, 0)
    return None


def name_score(text: str, hints: set[str]) -> float:
    """Return how much `text` looks like a person's name: at most 1, 0 or less when it is none.

    `hints` are folded words from address, links and file name.
    """
    words = text.split()
    if SCRIPTS.search(text):
        return 0.5 if len(text.replace(" ", "")) <= 12 else 0.0
    if not 2 <= len(words) <= 5 or len(text) > 60 or not all(NAME_WORD.match(word) for word in words):
        return 0.0
    if heading_kind(text) or is_place(text) or lookup(text):
        return 0.0
    folded = [re.sub(r"\W", "", fold(word)) for word in words]
    core = [word for word in folded if word not in PARTICLES]
    if any(word in CV_WORDS or word in TITLE_STEMS for word in core) or len(core) < 2:
        return 0.0
    capital = all(word[0].isupper() or fold(word) in PARTICLES for word in words)
    score = 0.45 if capital else -0.2
    if len(core) > 3:
        score -= 0.15
    joined = " ".join(hints)
    agreeing = sum(1 for word in core if len(word) > 1 and any(f in joined for f in _spellings(word)))
    return score + 0.25 * min(agreeing, 2)


def find_headline(lines: Sequence[Line], name: Field[str] | None) -> Field[str] | None:
    """Return the line near the name that says what the person is, None when no line does."""
    at = next((i for i, line in enumerate(lines[:LINES_READ]) if name and line.raw == name.source), -1)
    for distance, line in enumerate(lines[at + 1 : at + 6]):
        text = line.text.strip(" |•·–-")
        if heading_kind(text) or label_kind(text) or EMAIL.search(text) or URL.search(text) or is_place(text):
            continue
        if PHONE_RUN.search(text) or MASKED.search(text) or len(text) > 110 or text.endswith((".", ",")):
            continue
        words = {re.sub(r"\W", "", fold(word)) for word in re.split(r"[\s/]+", text)}
        place = find_place(text)
        if place:
            text = text.replace(place, "").strip(" ,|•·–-")
        if words & set(TITLE_STEMS) or any(
            w.endswith(("ingenieur", "entwickler", "leiter", "berater")) for w in words
        ):
            return Field(
                _cased(text) if text.isupper() else text, round(0.9 - distance * 0.1, 2), line.raw, line.page
            )
    if name and at >= 0 and not lines[at].text.startswith(name.value):
        return None
    rest = SPLIT.split(lines[at].text)[1:] if at >= 0 else []
    for text in rest:
        if {fold(word) for word in text.split()} & set(TITLE_STEMS):
            return Field(text, 0.7, lines[at].raw, lines[at].page)
    return None


def _candidates(text: str) -> list[str]:
    plain = LABELLED.sub("", ACADEMIC.sub(" ", text))
    words = [word for word in plain.split() if fold(word).strip(".:,-–") not in CV_WORDS]
    whole = re.sub(r"\s+", " ", " ".join(words)).strip(" ,-–|")
    parts = [part.strip() for part in SPLIT.split(plain)]
    # "Doe, John" is a family name first.
    turned = re.fullmatch(r"([^\W\d]+),\s*([^\W\d]+(?: [^\W\d]+)?)", whole)
    options = [whole, *parts[:2]] + ([f"{turned[2]} {turned[1]}"] if turned else [])
    return [option for option in dict.fromkeys(options) if option]


def _hints(emails: Sequence[str], urls: Sequence[str], filename: str) -> set[str]:
    hints = {fold(filename.rsplit(".", 1)[0])}
    for address in emails[:2]:
        hints.add(fold(address))
    for url in urls[:12]:
        hints.add(fold(url.split("://")[-1]))
    return {re.sub(r"[^a-z]+", " ", hint) for hint in hints}


def _spellings(word: str) -> set[str]:
    """A name as it may stand in an address: "kuster" is written "kuester" there."""
    umlauts = {"u": "ue", "o": "oe", "a": "ae"}
    return {word} | {word.replace(plain, spelt, 1) for plain, spelt in umlauts.items() if plain in word}


def _cased(text: str) -> str:
    letters = [sign for sign in text if sign.isalpha()]
    if not letters or sum(map(str.isupper, letters)) < len(letters) * 0.8 or SCRIPTS.search(text):
        return text
    small = PARTICLES | {"of", "and", "for", "in"}
    words = [word.lower() if i and word.lower() in small else word for i, word in enumerate(text.split())]
    return " ".join(
        word if word in small else re.sub(r"[^\W\d_]+", lambda m: m[0][0].upper() + m[0][1:].lower(), word)
        for word in words
    )
