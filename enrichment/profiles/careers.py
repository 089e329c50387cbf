"""Positions and studies: which part of an entry's header is what."""

from __future__ import annotations

import re
from collections.abc import Sequence

from enrichment.profiles.entries import Entry, body_bullets, header_parts, is_organisation, split_entries
from enrichment.profiles.lines import Line
from enrichment.profiles.profile import Education, Experience, Field
from enrichment.profiles.vocabulary import DEGREE_PATTERN, INSTITUTION_STEMS, TITLE_STEMS, fold

DEGREE = re.compile(DEGREE_PATTERN)
GRADUATED = re.compile(
    r"^(?:graduated|graduation|abschluss|completed)\s*(?:as|with|als|:)?\s+(?:an?\s+)?", re.IGNORECASE
)


def read_experience(lines: Sequence[Line]) -> list[Field[Experience]]:
    """Return the positions of a section in the order written.

    Confidence: 0.9 with title, company and a range; less for each that is missing.
    """
    positions = []
    for entry in split_entries(lines):
        parts, place = header_parts(entry.headers)
        title, company, rest = _title_and_company(parts)
        if not title and not company:
            continue
        span = entry.span
        bullets = tuple(rest) + body_bullets(entry.body)
        value = Experience(
            title=title,
            company=company,
            location=place,
            start=span.start if span else None,
            end=span.end if span else None,
            current=bool(span and span.current),
            bullets=bullets,
        )
        confidence = 0.9 - 0.2 * (not title) - 0.2 * (not company) - 0.1 * bool(span and span.single)
        positions.append(Field(value, round(confidence, 2), entry.line.raw, entry.line.page))
    return positions


def read_education(lines: Sequence[Line]) -> list[Field[Education]]:
    """Return the studies of a section in the order written; confidence as for positions."""
    studies = []
    for entry in split_entries(lines) or _undated(lines):
        parts, _ = header_parts(entry.headers)
        degree, institution = _degree_and_institution(parts)
        if not degree and not institution:
            continue
        span = entry.span
        value = Education(degree, institution, span.start if span else None, span.end if span else None)
        confidence = 0.9 - 0.2 * (not degree) - 0.2 * (not institution) - 0.2 * (span is None)
        studies.append(Field(value, round(confidence, 2), entry.line.raw, entry.line.page))
    return studies


def title_weight(text: str) -> int:
    """Return how much `text` looks like a job title: positive for titles, negative for organisations."""
    words = [word.strip(".,()") for word in re.split(r"[\s/&-]+", fold(text))]
    hits = sum(1 for word in words if _is_title_word(word))
    # "Research Intern" has a word of each: the title word says more.
    return 2 * bool(hits) - (1 if hits else 2) * is_organisation(text) + (hits > 1)


def _is_title_word(word: str) -> bool:
    # German feminine ("Entwicklerin"), English plural and compounds ("Softwareentwickler").
    stem = word.removesuffix("innen").removesuffix("in").removesuffix("s")
    return (
        word in TITLE_STEMS
        or stem in TITLE_STEMS
        or any(
            word.endswith(tail)
            for tail in ("entwickler", "ingenieur", "leiter", "berater", "student", "manager")
        )
    )


def _title_and_company(parts: list[str]) -> tuple[str | None, str | None, list[str]]:
    if not parts:
        return None, None, []
    if len(parts) == 1:
        return (parts[0], None, []) if title_weight(parts[0]) >= 0 else (None, parts[0], [])
    first, second, *rest = parts
    # Title first is the more frequent order: it gives way only to evidence.
    if title_weight(second) > title_weight(first):
        first, second = second, first
    return first, second, [text for text in rest if len(text) > 3]


def _degree_and_institution(parts: list[str]) -> tuple[str | None, str | None]:
    if not parts:
        return None, None
    ranked = sorted(parts, key=_institution_weight, reverse=True)
    institution = ranked[0] if _institution_weight(ranked[0]) > 0 else None
    if institution is None and len(parts) > 1:
        institution = next((part for part in parts if not DEGREE.search(fold(part))), None)
    rest = [part for part in parts if part is not institution]
    with_degree = [part for part in rest if DEGREE.search(fold(part))] or rest
    degree = ", ".join(
        dict.fromkeys([*with_degree[:1], *[part for part in rest if part not in with_degree][:1]])
    )
    return GRADUATED.sub("", degree) or None, institution


def _institution_weight(text: str) -> int:
    folded = fold(text)
    named = any(
        re.search(rf"\b{stem}" if len(stem) > 4 else rf"\b{stem}\b", folded) for stem in INSTITUTION_STEMS
    )
    return 2 * named + is_organisation(text) - 2 * bool(re.match(DEGREE_PATTERN, folded))


def _undated(lines: Sequence[Line]) -> list[Entry]:
    """Studies without any date: each line that names a degree, with its neighbour as institution."""
    entries = []
    for index, line in enumerate(lines):
        if DEGREE.search(fold(line.text)) and len(line.text) < 120 and not line.bullet:
            near = [one.text for one in lines[index + 1 : index + 2] if _institution_weight(one.text) > 0]
            entries.append(Entry([line.text, *near], None, line))
    return entries
