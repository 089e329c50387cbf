"""The skills Millrace knows: names, aliases and groups, kept as text in `skills/*.txt`.

The list is written for this product. A line is `name | alias | alias`; `[…]` opens a group; `=` before a
term makes its capitals count (`SQL`, `AI`), `~` also confines it to lists of skills, because the word
means something else in prose (`Go`, `R`, `Spring`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("skills")
# "\b" would end C++ at the C and start .NET at the N.
BEFORE, AFTER = r"(?<![\w+#.])", r"(?![\w+#])(?!\.\w)"
FUZZY_LENGTH, FUZZY_SCORE = 5, 88.0


@dataclass(frozen=True, slots=True)
class Skill:
    """One skill of the taxonomy; `aliases` are without their marks."""

    name: str
    group: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    """A skill found in a text at `start`..`end`; `term` is what was written."""

    skill: Skill
    term: str
    start: int
    end: int


@dataclass(frozen=True)
class _Index:
    skills: tuple[Skill, ...]
    loose: dict[str, Skill]
    exact: dict[str, Skill]
    listed: dict[str, Skill]
    loose_pattern: re.Pattern[str]
    exact_pattern: re.Pattern[str]
    listed_pattern: re.Pattern[str]


def all_skills() -> tuple[Skill, ...]:
    """Return every skill, in the order of the files."""
    return _index().skills


def find(text: str, *, listing: bool = False) -> list[Mention]:
    """Return the skills named in `text`, in order, longest reading first, never overlapping.

    `listing` says that the text is a list of skills, where words such as "Go" may be taken for one.
    """
    index = _index()
    tables = [(index.loose_pattern, index.loose), (index.exact_pattern, index.exact)]
    if listing:
        tables.append((index.listed_pattern, index.listed))
    mentions = [
        Mention(table.get(match[0]) or table[_folded(match[0])], match[0], *match.span())
        for pattern, table in tables
        for match in pattern.finditer(text)
    ]
    mentions.sort(key=lambda one: (one.start, -one.end))
    kept: list[Mention] = []
    for one in mentions:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def nearest(word: str) -> tuple[Skill, float] | None:
    """Return the skill that `word` is a slip of ("postgress"), with a similarity of 0..1, or None.

    Words under five letters are never corrected; the first letter must agree and rapidfuzz's ratio be 88
    or more, which keeps "Angola" from becoming "Angular".
    """
    from rapidfuzz import fuzz, process

    folded = _folded(word)
    if len(folded) < FUZZY_LENGTH or not folded[0].isalpha():
        return None
    found = process.extractOne(
        folded, _initials().get(folded[0], ()), scorer=fuzz.ratio, score_cutoff=FUZZY_SCORE
    )
    return (_index().loose[found[0]], found[1] / 100) if found else None


def lookup(name: str) -> Skill | None:
    """Return the skill with exactly this name or alias, capitals ignored; None when unknown."""
    index = _index()
    return index.exact.get(name) or index.listed.get(name) or index.loose.get(_folded(name))


def _folded(text: str) -> str:
    return re.sub(r"[\s-]+", " ", text.casefold())


@cache
def _index() -> _Index:
    skills: list[Skill] = []
    tables: dict[str, dict[str, Skill]] = {"": {}, "=": {}, "~": {}}
    for group, terms in _lines():
        marks = [term[0] if term[0] in "=~" else "" for term in terms]
        plain = [term.lstrip("=~") for term in terms]
        skill = Skill(plain[0], group, tuple(plain[1:]))
        skills.append(skill)
        for mark, term in zip(marks, plain, strict=True):
            tables[mark].setdefault(term if mark else _folded(term), skill)
    return _Index(
        tuple(skills),
        tables[""],
        tables["="],
        tables["~"],
        *(_pattern(tables[mark], mark) for mark in ("", "=", "~")),
    )


@cache
def _initials() -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for term in _index().loose:
        if len(term) >= FUZZY_LENGTH:
            table.setdefault(term[0], []).append(term)
    return table


def _lines() -> Iterator[tuple[str, list[str]]]:
    for path in sorted(FOLDER.glob("*.txt")):
        group = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                group = line.strip("[]")
            elif line and not line.startswith("#"):
                yield group, [term.strip() for term in line.split("|")]


def _pattern(table: dict[str, Skill], mark: str) -> re.Pattern[str]:
    terms = sorted(table, key=len, reverse=True)
    # Any space or hyphen in a term stands for either: "full stack", "full-stack", across a line end too.
    body = "|".join(re.sub(r"(\\ |\\-|\s)+", r"[\\s-]+", re.escape(term)) for term in terms)
    return re.compile(f"{BEFORE}(?:{body}){AFTER}", 0 if mark else re.IGNORECASE)
