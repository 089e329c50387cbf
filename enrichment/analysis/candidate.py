"""Reads a candidate profile as people and importers send it: incomplete, with nulls, in either spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from enrichment.analysis import injections
from enrichment.analysis.sentences import clean

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan januar january janvier enero", "feb februar february février febrero", "mar märz "
            "march mars marzo",
            "apr april avril abril", "may mai mayo", "jun juni june juin junio", "jul juli july "
            "juillet julio",
            "aug august août agosto", "sep sept september septembre septiembre", "oct okt oktober "
            "october octobre",
            "nov november novembre noviembre", "dec dez dezember december décembre diciembre",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_LISTED = 0.9
_PRESENT = {"present", "now", "today", "current", "heute", "jetzt", "aujourd'hui", "actualidad", "ongoing"}


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill as the person wrote it; `listed` is false for one that was only read out of other text."""

    name: str
    group: str = ""
    level: str = ""
    years: float | None = None
    listed: bool = True


@dataclass(frozen=True, slots=True)
class Experience:
    """One position; `start` and `end` as written, `end` empty or "present" while it lasts."""

    title: str = ""
    company: str = ""
    location: str = ""
    start: str = ""
    end: str = ""
    bullets: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Everything said about the position, a line each."""
        return "\n".join(part for part in (self.title, *self.bullets) if part)

    @property
    def period(self) -> str:
        """The dates as shown, empty without a start."""
        return f"{self.start} – {self.end or 'present'}" if self.start else self.end


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile, every text cleaned; `left_out` counts lines that spoke to a machine."""

    name: str = ""
    headline: str = ""
    summary: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    skills: tuple[Skill, ...] = ()
    experience: tuple[Experience, ...] = ()
    education: tuple[dict[str, str], ...] = ()
    languages: tuple[dict[str, str], ...] = ()
    certifications: tuple[str, ...] = ()
    left_out: int = field(default=0, compare=False)


class _Reader:
    """Cleans texts and counts what was left out of them."""

    def __init__(self) -> None:
        self.left_out = 0

    def text(self, value: Any, limit: int = 4000) -> str:
        if value is None or isinstance(value, Mapping | list):
            return ""
        kept, count = injections.remove(str(value)[:limit])
        self.left_out += count
        return clean(kept)

    def texts(self, value: Any, *keys: str) -> tuple[str, ...]:
        items = value if isinstance(value, list | tuple) else [value] if value else []
        read = (
            self.text(_first(item, *keys)) if isinstance(item, Mapping) else self.text(item) for item in items
        )
        return tuple(dict.fromkeys(text for text in read if text))


def read(data: Mapping[str, Any]) -> Candidate:
    """Read a profile; whatever is missing or has the wrong type is empty. Never raises.

    Args:
        data: the profile's dict; experience may have `bullets`, `highlights` or a `description`.
    """
    reader = _Reader()
    skills: list[Skill] = []
    for item in _list(data.get("skills")):
        entry = item if isinstance(item, Mapping) else {"name": item}
        name = reader.text(entry.get("name"), 120)
        if name:
            level = reader.text(entry.get("level"), 40)
            # A parsed profile says how sure it is: what stood in a list of skills is surer than a topic.
            sure = _number(entry.get("confidence"))
            skills.append(
                Skill(
                    name,
                    reader.text(entry.get("group"), 80),
                    level,
                    _number(entry.get("years")),
                    sure is None or sure >= _LISTED,
                )
            )
    experience = [
        _experience(item, reader) for item in _list(data.get("experience")) if isinstance(item, Mapping)
    ]
    return Candidate(
        name=reader.text(data.get("name"), 200),
        headline=reader.text(data.get("headline"), 300),
        summary=reader.text(data.get("summary")),
        emails=reader.texts(data.get("emails") or data.get("email")),
        phones=reader.texts(data.get("phones") or data.get("phone")),
        links=tuple(
            link
            for link in reader.texts(data.get("links"), "url", "href")
            if re.match(r"(?:https?://|[\w-]+(?:\.[\w-]+)+)", link) and " " not in link
        ),
        skills=tuple(skills),
        experience=tuple(experience),
        education=_entries(data.get("education"), reader, ("degree", "institution", "start", "end")),
        languages=_entries(data.get("languages"), reader, ("name", "level")),
        certifications=reader.texts(data.get("certifications"), "name", "title"),
        left_out=reader.left_out,
    )


def month(text: str, *, end: bool = False) -> int | None:
    """Return a date as months since year 0, or None when it cannot be read.

    Args:
        text: "2019", "2019-04", "04/2019", "Apr 2019", "present"; empty counts as present for an end.
        end: a bare year means its December, not its January.
    """
    lowered = text.strip().lower()
    if lowered in _PRESENT or (end and not lowered):
        today = date.today()
        return today.year * 12 + today.month
    year = re.search(r"(?:19|20)\d\d", lowered)
    if not year:
        return None
    rest = lowered.replace(year.group(), " ", 1)
    named = next((_MONTHS[w] for w in re.findall(r"[^\W\d_]+", rest) if w in _MONTHS), None)
    digits = re.search(r"\d{1,2}", rest)
    numbered = int(digits.group()) if digits and 1 <= int(digits.group()) <= 12 else None
    return int(year.group()) * 12 + (named or numbered or (12 if end else 1))


def months(entry: Experience) -> int | None:
    """Return how many months a position lasted, or None when a date cannot be read."""
    start, end = month(entry.start), month(entry.end, end=True)
    return end - start + 1 if start and end and end >= start else None


def years(entries: Iterable[Experience]) -> float:
    """Return the years the positions cover together, overlaps counted once."""
    spans = sorted(
        (start, end)
        for entry in entries
        for start, end in [(month(entry.start), month(entry.end, end=True))]
        if start and end and end >= start
    )
    total, reached = 0, 0
    for start, end in spans:
        total += max(0, end - max(start - 1, reached))
        reached = max(reached, end)
    return round(total / 12, 1)


def _experience(item: Mapping[str, Any], reader: _Reader) -> Experience:
    bullets = reader.texts(item.get("bullets") or item.get("highlights"))
    if not bullets:
        text = str(item.get("description") or item.get("summary") or "")
        bullets = reader.texts([line.strip(" •◦·*-") for line in text.splitlines()])
    return Experience(
        title=reader.text(_first(item, "title", "position"), 200),
        company=reader.text(_first(item, "company", "employer"), 200),
        location=reader.text(item.get("location"), 200),
        start=reader.text(_first(item, "start", "startDate"), 40),
        end=reader.text(_first(item, "end", "endDate"), 40),
        bullets=bullets,
    )


def _entries(value: Any, reader: _Reader, keys: tuple[str, ...]) -> tuple[dict[str, str], ...]:
    found = []
    for item in _list(value):
        entry = item if isinstance(item, Mapping) else {keys[0]: item}
        read_entry = {key: reader.text(entry.get(key), 300) for key in keys}
        if any(read_entry.values()):
            found.append(read_entry)
    return tuple(found)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _first(item: Mapping[str, Any], *keys: str) -> Any:
    return next((item[key] for key in keys if item.get(key)), None)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number <= 70 else None
