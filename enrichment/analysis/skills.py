"""Puts a candidate's skills in order: one name each, grouped, with level and years where experience shows
them.

Years of a skill are the years of the positions whose text names it, overlaps counted once. A level is only
inferred from such years: 6 and more expert, 3 advanced, 1 intermediate; less is too little to tell. What the
person says about a level is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from enrichment.analysis.candidate import Candidate, years
from enrichment.analysis.roles import Role, roles
from enrichment.analysis.skillbook import OTHER, Skillbook, names

METHOD = "rules: the product's skill taxonomy, and the dates of the positions that name a skill"
LEVELS = ("expert", "advanced", "intermediate", "beginner")

_SAID = (
    ("expert", r"expert|master|native|senior|5/5|profound|c2"),
    ("advanced", r"advanced|proficient|strong|fluent|very good|fortgeschritten|avanc|4/5|c1|b2"),
    ("intermediate", r"intermediate|good|solid|medium|mittel|working|3/5|b1"),
    ("beginner", r"beginner|basic|novice|elementary|junior|grund|début|[12]/5|a[12]"),
)


_SOFT = "Soft skills"


@dataclass(frozen=True, slots=True)
class Known:
    """A skill of a candidate; `listed` is false when only the experience names it."""

    name: str
    group: str
    original: tuple[str, ...]
    level: str | None
    years: float | None
    basis: str
    evidence: tuple[str, ...]
    listed: bool


@dataclass(frozen=True, slots=True)
class Suggested:
    """A skill next to those shown; `evidence` names what of the candidate's it goes with."""

    name: str
    group: str
    why: str
    evidence: str


def gather(candidate: Candidate, book: Skillbook) -> list[Known]:
    """Return the candidate's skills, merged under their usual names, the best shown first."""
    listed: dict[str, list[int]] = {}
    for position, skill in enumerate(candidate.skills):
        listed.setdefault(book.name(skill.name), []).append(position)
    shown: dict[str, list[int]] = {}
    for position, entry in enumerate(candidate.experience):
        for name in book.find(entry.text):
            # a word of prose that no taxonomy knows ("research") is a skill only when the person lists it
            if name in listed or book.group(name) != OTHER:
                shown.setdefault(name, []).append(position)
    found = [
        _known(name, candidate, book, listed.get(name, []), shown.get(name, []))
        for name in {**listed, **shown}
    ]
    # "Communication protocols" is no soft skill; those count when the person says so.
    return sorted((one for one in found if one.listed or one.group != _SOFT), key=_standing)


def suggest(known: list[Known], book: Skillbook, *, limit: int = 8) -> list[Suggested]:
    """Suggest skills of the roles the candidate is closest to, for the candidate to confirm."""
    have = {one.name for one in known}
    found: dict[str, Suggested] = {}
    for role, shared in closest(have, book)[:3]:
        for name in names((*role.essential, *role.useful), book):
            if name in have or name in found:
                continue
            why = f"Usual for a {role.name}, together with skills you already have."
            found[name] = Suggested(name, book.group(name), why, "You show: " + ", ".join(shared[:4]))
    return list(found.values())[:limit]


def closest(have: set[str], book: Skillbook) -> list[tuple[Role, list[str]]]:
    """Return the roles a set of skills fits best, with the skills shared, best first; at least two shared."""
    scored: list[tuple[float, Role, list[str]]] = []
    for role in roles():
        essential, useful = names(role.essential, book), names(role.useful, book)
        shared = [name for name in (*essential, *useful) if name in have]
        score = sum(2 for n in essential if n in have) + sum(1 for n in useful if n in have)
        if len(shared) >= 2:
            scored.append((score / (2 * len(essential) + len(useful)), role, shared))
    scored.sort(key=lambda item: (-item[0], item[1].name))
    return [(role, shared) for _, role, shared in scored]


def _standing(one: Known) -> tuple[bool, bool, float]:
    # Equals stay in the person's own order.
    return (not one.evidence, not one.listed, -(one.years or 0))


def _known(name: str, candidate: Candidate, book: Skillbook, listed: list[int], shown: list[int]) -> Known:
    positions = [candidate.experience[i] for i in shown]
    skills = [candidate.skills[i] for i in listed]
    said_years = max((skill.years for skill in skills if skill.years is not None), default=None)
    counted = years(positions) or None
    level = next((said for skill in skills if (said := said_level(skill.level))), None)
    if level:
        basis = "as stated by the candidate"
    elif said_years is not None or counted:
        amount = said_years if said_years is not None else counted or 0.0
        level = LEVELS[0 if amount >= 6 else 1 if amount >= 3 else 2] if amount >= 1 else None
        basis = (
            "years as stated" if said_years is not None else f"named in {len(positions)} dated position(s)"
        )
    else:
        basis = "listed only; no position names it" if not shown else "named in a position without dates"
    group = book.group(name)
    stated = next((skill.group for skill in skills if skill.group), "")
    return Known(
        name=name,
        group=stated or group if group == OTHER else group,
        original=tuple(dict.fromkeys(skill.name for skill in skills)),
        level=level,
        years=said_years if said_years is not None else counted,
        basis=basis,
        evidence=tuple(_evidence(name, candidate, book, i) for i in shown[:3]),
        listed=any(skill.listed for skill in skills),
    )


def said_level(text: str) -> str | None:
    """Return the level a person's word for it means, or None."""
    return next((level for level, pattern in _SAID if text and re.search(pattern, text, re.I)), None)


def _evidence(name: str, candidate: Candidate, book: Skillbook, position: int) -> str:
    entry = candidate.experience[position]
    line = next((bullet for bullet in entry.bullets if name in book.find(bullet)), entry.title)
    where = ", ".join(part for part in (entry.company or entry.title, entry.period) if part)
    return f"{line} ({where})" if where else line
