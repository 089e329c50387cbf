"""Profiles from jsonresume.org documents: the same shape, nothing to guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enrichment.profiles import taxonomy
from enrichment.profiles.abilities import OTHER_GROUP
from enrichment.profiles.contacts import link_kind
from enrichment.profiles.profile import Education, Experience, Field, Language, Link, Profile, SkillEntry
from jobs.exceptions import InvalidInput

SURE = 1.0
SOURCE = "jsonresume"
LEVELS = {"native": "native", "fluent": "fluent", "conversational": "intermediate", "basic": "basic"}


def from_json_resume(data: Any) -> Profile:
    """Return the Profile of a parsed jsonresume.org document; unknown keys are ignored.

    Raises InvalidInput `resume_format` when `data` is no object with `basics`, `work` or `education`.
    """
    if not isinstance(data, Mapping) or not any(key in data for key in ("basics", "work", "education")):
        raise InvalidInput(
            "This is not a JSON Resume document. See jsonresume.org for the format.",
            code="resume_format",
            field="resume",
        )
    basics = _object(data.get("basics"))
    profile = Profile(
        name=_field(basics.get("name"), "basics.name"),
        headline=_field(basics.get("label"), "basics.label"),
        summary=_field(basics.get("summary"), "basics.summary"),
        location=_field(_place(basics.get("location")), "basics.location"),
    )
    profile.emails = _fields(basics.get("email"), "basics.email")
    profile.phones = _fields(basics.get("phone"), "basics.phone")
    urls = [basics.get("url")] + [_object(one).get("url") for one in _list(basics.get("profiles"))]
    profile.links = [
        Field(Link(link_kind(url), url), SURE, SOURCE, 0)
        for url in dict.fromkeys(_text(url) for url in urls)
        if url and url.startswith(("http://", "https://"))
    ]
    profile.experience = [
        _position(_object(one), f"work.{i}") for i, one in enumerate(_list(data.get("work")))
    ]
    profile.education = [
        _study(_object(one), f"education.{i}") for i, one in enumerate(_list(data.get("education")))
    ]
    profile.skills = _skills(_list(data.get("skills")))
    profile.languages = [
        Field(Language(name, _fluency(_text(_object(one).get("fluency")))), SURE, SOURCE, 0)
        for one in _list(data.get("languages"))
        if (name := _text(_object(one).get("language")))
    ]
    profile.certifications = [
        Field(", ".join(filter(None, [name, _text(_object(one).get("issuer"))])), SURE, SOURCE, 0)
        for one in _list(data.get("certificates"))
        if (name := _text(_object(one).get("name")))
    ]
    return profile


def _position(work: Mapping[str, Any], source: str) -> Field[Experience]:
    start, end = _date(work.get("startDate")), _date(work.get("endDate"))
    texts = [_text(work.get("summary")), *(_text(one) for one in _list(work.get("highlights")))]
    value = Experience(
        title=_text(work.get("position")),
        company=_text(work.get("name")) or _text(work.get("company")),
        location=_text(work.get("location")),
        start=start,
        end=end,
        current=bool(start and not end),
        bullets=tuple(text for text in texts if text),
    )
    return Field(value, SURE, source, 0)


def _study(study: Mapping[str, Any], source: str) -> Field[Education]:
    kind, area = _text(study.get("studyType")), _text(study.get("area"))
    degree = f"{kind} in {area}" if kind and area else kind or area
    dates = _date(study.get("startDate")), _date(study.get("endDate"))
    return Field(Education(degree, _text(study.get("institution")), *dates), SURE, source, 0)


def _skills(groups: list[Any]) -> list[Field[SkillEntry]]:
    found: dict[str, Field[SkillEntry]] = {}
    for index, one in enumerate(groups):
        group = _object(one)
        names = _list(group.get("keywords")) or [group.get("name")]
        level = _text(group.get("level"))
        for name in filter(None, map(_text, names)):
            known = taxonomy.lookup(name)
            entry = SkillEntry(
                known.name if known else name,
                known.group if known else OTHER_GROUP,
                level.lower() if level else None,
                None,
            )
            found.setdefault(entry.name, Field(entry, SURE, f"skills.{index}", 0))
    return list(found.values())


def _place(location: Any) -> str | None:
    place = _object(location)
    parts = [_text(place.get("city")), _text(place.get("region")), _text(place.get("countryCode"))]
    return ", ".join(part for part in parts if part) or None


def _fluency(text: str | None) -> str | None:
    return next((level for word, level in LEVELS.items() if text and word in text.lower()), text)


def _date(value: Any) -> str | None:
    text = _text(value)
    return text[:7] if text and text[:4].isdigit() else None


def _field(value: Any, source: str) -> Field[str] | None:
    text = _text(value)
    return Field(text, SURE, source, 0) if text else None


def _fields(value: Any, source: str) -> list[Field[str]]:
    one = _field(value, source)
    return [one] if one else []


def _text(value: Any) -> str | None:
    return value.strip()[:5_000] or None if isinstance(value, str) else None


def _list(value: Any) -> list[Any]:
    return value[:500] if isinstance(value, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
