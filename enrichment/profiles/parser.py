"""A résumé's text becomes a profile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from enrichment.profiles.abilities import read_certifications, read_languages, read_skills
from enrichment.profiles.careers import read_education, read_experience, title_weight
from enrichment.profiles.contacts import EMAIL, MASKED, PHONE_RUN, URL, find_emails, find_links, find_phones
from enrichment.profiles.lines import Line, read_lines
from enrichment.profiles.naming import find_headline, find_name
from enrichment.profiles.places import find_place, is_place
from enrichment.profiles.profile import Experience, Field, Profile
from enrichment.profiles.sections import Section, heading_kind, label_kind, split_sections

SUMMARY_LENGTH = 1_500
PROFILE_KINDS = frozenset({"linkedin", "github", "gitlab", "website", "xing", "orcid", "stackoverflow"})


def parse_profile(
    pages: list[str],
    links: list[str],
    *,
    filename: str,
    default_region: str | None = None,
    today: date | None = None,
) -> Profile:
    """Read a résumé. Rules and tables only: no network, no model; 10–40 ms for three pages.

    Args: `pages` the text of each page; `links` the addresses of link annotations (web and mailto);
    `filename` as uploaded, a hint for the name; `default_region` the two-letter country for telephone
    numbers without "+"; `today` for positions that run on (default: the current day).
    Returns a Profile; what is not found stays None or empty. Nothing is raised for odd text.
    """
    lines = read_lines(pages)
    sections = split_sections(lines)
    profile = Profile()
    profile.emails = find_emails(lines, links)
    profile.phones = find_phones(lines, default_region)
    profile.links = find_links(lines, links)
    addresses = [one.value for one in profile.emails]
    urls = [one.value.url for one in profile.links if one.value.kind in PROFILE_KINDS]
    profile.name = find_name(lines, addresses, urls, filename)
    profile.location = _location(sections, lines)
    profile.experience = _experience(sections)
    profile.education = [
        one for section in sections if section.kind == "education" for one in read_education(section.lines)
    ]
    profile.headline = find_headline(lines, profile.name) or _headline_of(profile.experience)
    profile.summary = _summary(sections, profile)
    profile.skills = read_skills(sections, profile.experience, today or date.today())
    profile.languages = read_languages(sections)
    profile.certifications = read_certifications(sections)
    return profile


def _experience(sections: Sequence[Section]) -> list[Field[Experience]]:
    """Read the experience sections; without any, projects that name an organisation stand in for them."""
    for kind in ("experience", "projects"):
        found = [
            one for section in sections if section.kind == kind for one in read_experience(section.lines)
        ]
        found = [one for one in found if kind == "experience" or one.value.company]
        if found:
            return found
    return []


def _location(sections: Sequence[Section], lines: Sequence[Line]) -> Field[str] | None:
    """Find where the person lives: among the header lines and the contact section only."""
    contact = [line for section in sections if section.kind == "contact" for line in section.lines]
    header = sections[0].lines[:12] or list(lines[:12])
    for line in [*header, *contact]:
        for piece in line.text.replace("•", "|").replace("·", "|").split("|"):
            text = piece.strip(" *,#")
            if "," in text and is_place(text):
                return Field(text, 0.95, line.raw, line.page)
    for line in [*header, *contact]:
        place = find_place(line.text)
        if place:
            return Field(place, 0.8, line.raw, line.page)
    for line in [*header, *contact]:
        for piece in line.text.replace("•", "|").replace("·", "|").split("|"):
            if is_place(piece.strip(" *,#")):
                return Field(piece.strip(" *,#"), 0.7, line.raw, line.page)
    return None


def _headline_of(positions: Sequence[Field[Experience]]) -> Field[str] | None:
    """Without a headline of its own, a résumé's current position says what the person is."""
    running = [one for one in positions if one.value.current and one.value.title] or [
        one for one in positions[:1] if one.value.title and title_weight(one.value.title) > 0
    ]
    if not running:
        return None
    one = running[0]
    return Field(one.value.title or "", 0.6 if one.value.current else 0.4, one.source, one.page)


def _summary(sections: Sequence[Section], profile: Profile) -> Field[str] | None:
    for section in sections:
        if section.kind == "summary" and section.lines:
            return _paragraph(section.lines, 0.9)
    taken = {one.source for one in (profile.name, profile.headline) if one}
    prose = [line for line in sections[0].lines if line.raw not in taken and _is_prose(line.text)]
    header = sections[0].lines
    if prose:
        first = header.index(prose[0])
        last = header.index(prose[-1])
        lines = [
            line for line in header[first : last + 2] if line.raw not in taken and not _is_contact(line.text)
        ]
        if sum(len(line.text.split()) for line in lines) >= 12:
            return _paragraph(lines, 0.6)
    return None


def _paragraph(lines: Sequence[Line], confidence: float) -> Field[str]:
    text = " ".join(line.text for line in lines)
    if len(text) > SUMMARY_LENGTH:
        text = text[:SUMMARY_LENGTH].rsplit(" ", 1)[0] + "…"
    return Field(text, confidence, lines[0].raw, lines[0].page)


def _is_prose(text: str) -> bool:
    return len(text.split()) >= 6 and not _is_contact(text) and not label_kind(text) and ": " not in text[:25]


def _is_contact(text: str) -> bool:
    return bool(
        EMAIL.search(text)
        or URL.search(text)
        or PHONE_RUN.search(text)
        or MASKED.search(text)
        or is_place(text)
        or heading_kind(text)
    )
