"""The shape of a parsed profile: every value with how sure we are and the line it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """A value with `confidence` 0..1, the `source` line it was read from and its `page` (1-based, 0 when
    the source has no pages)."""

    value: T
    confidence: float
    source: str
    page: int


@dataclass(frozen=True, slots=True)
class Link:
    """An address and its kind: linkedin, github, …, website."""

    kind: str
    url: str


@dataclass(frozen=True, slots=True)
class SkillEntry:
    """A skill; `level` as the person wrote it, `years` of use where stated or dated, else None."""

    name: str
    group: str
    level: str | None
    years: float | None


@dataclass(frozen=True, slots=True)
class Experience:
    """A position. `start` and `end` are "YYYY" or "YYYY-MM"; `end` is None while `current`."""

    title: str | None
    company: str | None
    location: str | None
    start: str | None
    end: str | None
    current: bool
    bullets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Education:
    """A course of study; dates as in Experience."""

    degree: str | None
    institution: str | None
    start: str | None
    end: str | None


@dataclass(frozen=True, slots=True)
class Language:
    """A spoken language by its English name; `level` is A1…C2, native, fluent, intermediate, basic, None."""

    name: str
    level: str | None


@dataclass(slots=True)
class Profile:
    """All that was read from one résumé."""

    name: Field[str] | None = None
    headline: Field[str] | None = None
    summary: Field[str] | None = None
    location: Field[str] | None = None
    emails: list[Field[str]] = field(default_factory=list)
    phones: list[Field[str]] = field(default_factory=list)
    links: list[Field[Link]] = field(default_factory=list)
    skills: list[Field[SkillEntry]] = field(default_factory=list)
    experience: list[Field[Experience]] = field(default_factory=list)
    education: list[Field[Education]] = field(default_factory=list)
    languages: list[Field[Language]] = field(default_factory=list)
    certifications: list[Field[str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values, and under `evidence` {field: {confidence, source, page}}.

        Items of a list have the keys "emails.0", "experience.2"; a list as a whole has its weakest item's
        confidence under its own name.
        """
        evidence: dict[str, dict[str, Any]] = {}
        for key in ("name", "headline", "summary", "location"):
            one = getattr(self, key)
            if one is not None:
                evidence[key] = _evidence(one)
        for key in ("emails", "phones", "links", "experience", "education", "languages", "certifications"):
            for index, one in enumerate(getattr(self, key)):
                evidence[f"{key}.{index}"] = _evidence(one)
            if getattr(self, key):
                evidence[key] = _evidence(min(getattr(self, key), key=lambda one: one.confidence))
        if self.skills:
            evidence["skills"] = _evidence(self.skills[0])
        return {
            "name": _value(self.name),
            "headline": _value(self.headline),
            "summary": _value(self.summary),
            "location": _value(self.location),
            "emails": [one.value for one in self.emails],
            "phones": [one.value for one in self.phones],
            "links": [{"kind": one.value.kind, "url": one.value.url} for one in self.links],
            "skills": [
                {
                    "name": one.value.name,
                    "group": one.value.group,
                    "level": one.value.level,
                    "years": one.value.years,
                    "confidence": one.confidence,
                    "source": one.source,
                }
                for one in self.skills
            ],
            "experience": [_position(one.value) for one in self.experience],
            "education": [
                {
                    "degree": one.value.degree,
                    "institution": one.value.institution,
                    "start": one.value.start,
                    "end": one.value.end,
                }
                for one in self.education
            ],
            "languages": [{"name": one.value.name, "level": one.value.level} for one in self.languages],
            "certifications": [one.value for one in self.certifications],
            "evidence": evidence,
        }


def _value(one: Field[str] | None) -> str | None:
    return one.value if one else None


def _evidence(one: Field[Any]) -> dict[str, Any]:
    return {"confidence": one.confidence, "source": one.source, "page": one.page}


def _position(one: Experience) -> dict[str, Any]:
    return {
        "title": one.title,
        "company": one.company,
        "location": one.location,
        "start": one.start,
        "end": one.end,
        "current": one.current,
        "bullets": list(one.bullets),
    }
