"""What goes into a competence file, cleaned once for every format.

Text comes from strangers' documents: control characters that XML forbids are dropped, lengths bounded,
missing and odd values become absent, and a section without content does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Valid in neither XML 1.0 nor print.
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u200b\u202a-\u202e\u2066-\u2069]"
)
MAX_TEXT, MAX_ITEMS = 3_000, 200
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
LEVEL_NAMES = {"native": "Native", "fluent": "Fluent", "intermediate": "Intermediate", "basic": "Basic"}


@dataclass(frozen=True, slots=True)
class Item:
    """One entry: what stands bold, what beside it, the dates, and points below."""

    title: str
    subtitle: str = ""
    dates: str = ""
    points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SkillGroup:
    """A group of the matrix: (skill, level, years as text) where something is known, the rest by name."""

    group: str
    skills: tuple[tuple[str, str, str], ...]
    others: str = ""


@dataclass(slots=True)
class Content:
    """All texts of a competence file in their order on the page."""

    name: str = "Candidate"
    headline: str = ""
    contact: list[str] = field(default_factory=list)
    summary: str = ""
    competences: list[Item] = field(default_factory=list)
    matrix: list[SkillGroup] = field(default_factory=list)
    experience: list[Item] = field(default_factory=list)
    education: list[Item] = field(default_factory=list)
    languages: list[tuple[str, str]] = field(default_factory=list)
    certifications: list[str] = field(default_factory=list)


def read_content(sections: Mapping[str, Any]) -> Content:
    """Return the Content of `sections` (keys as for `compose_docx`); nothing is raised for odd values."""
    contact = sections.get("contact")
    return Content(
        name=text(sections.get("name")) or "Candidate",
        headline=text(sections.get("headline")),
        contact=_contact(contact if isinstance(contact, Mapping) else {}),
        summary=text(sections.get("summary")),
        competences=[
            Item(text(one.get("title")), points=_evidence(one.get("evidence")))
            for one in _objects(sections.get("core_competences"))
            if text(one.get("title"))
        ],
        matrix=[group for one in _objects(sections.get("skill_matrix")) if _has_skills(group := _group(one))],
        experience=[item for one in _objects(sections.get("experience")) if (item := _position(one)).title],
        education=[item for one in _objects(sections.get("education")) if (item := _study(one)).title],
        languages=[
            (text(one.get("name")), LEVEL_NAMES.get(text(one.get("level")), text(one.get("level"))))
            for one in _objects(sections.get("languages"))
            if text(one.get("name"))
        ],
        certifications=[one for one in map(text, _list(sections.get("certifications"))) if one],
    )


def text(value: Any) -> str:
    """Return `value` as printable text, "" for anything that is neither text nor number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    clean = " ".join(FORBIDDEN.sub(" ", str(value)).split())
    return clean if len(clean) <= MAX_TEXT else clean[: MAX_TEXT - 1] + "…"


def dates(start: Any, end: Any, current: Any) -> str:
    """Return "Jun 2023 – present" of "2023-06" and the like; "" without any date."""
    first, last = _date(text(start)), "present" if current else _date(text(end))
    return " – ".join(dict.fromkeys(part for part in (first, last) if part))


def _date(value: str) -> str:
    year, _, month = value.partition("-")
    if month[:2].isdigit() and 1 <= int(month[:2]) <= 12:
        return f"{MONTHS.split()[int(month[:2]) - 1]} {year}"
    return year


def _contact(contact: Mapping[str, Any]) -> list[str]:
    # Publications are links of the résumé, but no way to reach anybody.
    links = [
        one.get("url") if isinstance(one, Mapping) else one
        for one in _list(contact.get("links"))
        if not (isinstance(one, Mapping) and one.get("kind") == "publication")
    ]
    shown = [re.sub(r"^https?://(?:www\.)?", "", text(url)).rstrip("/") for url in links[:4]]
    values = [text(contact.get("location"))]
    values += [text(one) for one in _list(contact.get("emails"))[:2] + _list(contact.get("phones"))[:2]]
    return [one for one in dict.fromkeys(values + shown) if one]


def _position(one: Mapping[str, Any]) -> Item:
    title, company = text(one.get("title")), text(one.get("company"))
    beside = [company if title else "", text(one.get("location"))]
    points = tuple(point for point in map(text, _list(one.get("bullets"))) if point)
    when = dates(one.get("start"), one.get("end"), one.get("current"))
    return Item(title or company, " · ".join(part for part in beside if part), when, points)


def _study(one: Mapping[str, Any]) -> Item:
    degree, institution = text(one.get("degree")), text(one.get("institution"))
    when = dates(one.get("start"), one.get("end"), False)
    return Item(degree or institution, institution if degree else "", when)


def _group(one: Mapping[str, Any]) -> SkillGroup:
    skills = [
        (text(skill.get("name")), text(skill.get("level")).capitalize(), _years(skill.get("years")))
        for skill in _objects(one.get("skills"))
        if text(skill.get("name"))
    ]
    known = tuple(skill for skill in skills if skill[1] or skill[2])
    others = ", ".join(skill[0] for skill in skills if not (skill[1] or skill[2]))
    return SkillGroup(text(one.get("group")) or "Other", known, others)


def _has_skills(group: SkillGroup) -> bool:
    return bool(group.skills or group.others)


def _years(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 80:
        return ""
    return "< 1" if value < 1 else f"{value:.1f}".removesuffix(".0")


def _evidence(value: Any) -> tuple[str, ...]:
    points = map(text, value if isinstance(value, list | tuple) else [value])
    return tuple(point for point in points if point)


def _list(value: Any) -> list[Any]:
    return list(value)[:MAX_ITEMS] if isinstance(value, list | tuple) else []


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in _list(value) if isinstance(one, Mapping)]
