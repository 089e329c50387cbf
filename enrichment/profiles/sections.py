"""Cutting a résumé into sections by its headings, in eight languages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from enrichment.profiles.dates import find_single, find_span
from enrichment.profiles.lines import Line
from enrichment.profiles.vocabulary import HEADING_FILLERS, HEADING_KINDS, fold

JOINERS = re.compile(r"\s*(?:&|\+|/|,|\band\b|\bund\b|\bet\b|\by\b|\be\b|\ben\b|\bi\b|\boraz\b)\s*")
LABEL = re.compile(r"^(?P<label>[^\W\d][^:]{1,40}):\s*(?P<rest>\S.*)$")


@dataclass(slots=True)
class Section:
    """Lines under one heading; `kind` is a key of HEADINGS or "header" for what precedes the first."""

    kind: str
    heading: Line | None
    lines: list[Line] = field(default_factory=list)


def heading_kind(text: str) -> str | None:
    """Return the kind a heading such as "WORK EXPERIENCE:" or "Bildung & Sprachen" announces, else None."""
    folded = re.sub(r"[^\w&+/,' ]+", " ", fold(text)).strip(" '&+/,")
    folded = re.sub(r"^\d+\s+", "", " ".join(folded.split()))
    # S P A C E D capitals are a fashion among designers.
    if re.fullmatch(r"(?:\w ){2,}\w", folded):
        folded = folded.replace(" ", "")
    if not folded or len(folded) > 50 or len(folded.split()) > 5:
        return None
    if folded in HEADING_KINDS:
        return HEADING_KINDS[folded]
    parts = [part for part in JOINERS.split(folded) if part]
    kinds = [_phrase_kind(part) for part in parts]
    return kinds[0] if kinds and all(kinds) else None


def label_kind(text: str) -> tuple[str, str] | None:
    """Return (kind, rest) of a line "Skills: Python, Go" whose label is a known heading, else None."""
    found = LABEL.match(text)
    kind = heading_kind(found["label"]) if found else None
    return (kind, found["rest"]) if found and kind else None


def split_sections(lines: list[Line]) -> list[Section]:
    """Return the sections in order; the first is the header and may be empty."""
    sections = [Section("header", None)]
    known = [line.text for line in lines if not line.bullet and heading_kind(line.text)]
    plain = [text for text in known if not text.endswith(":")]
    shouted = len(plain) >= 2 and sum(map(str.isupper, plain)) > len(plain) / 2
    for index, line in enumerate(lines):
        after = lines[index + 1] if index + 1 < len(lines) else None
        kind = None if line.bullet else heading_kind(line.text)
        if kind and not _looks_like_heading(line, shouted):
            kind = None
        # Where headings stand without a colon, "Publications:" belongs to an entry.
        if kind and len(plain) >= 2 and line.text.endswith(":"):
            kind = None
        if not kind and index > 3 and not line.bullet and shouted and _unknown_heading(line, after):
            kind = "other"
        if kind:
            sections.append(Section(kind, line))
        else:
            sections[-1].lines.append(line)
    return sections


def _phrase_kind(phrase: str) -> str | None:
    if phrase in HEADING_KINDS:
        return HEADING_KINDS[phrase]
    words = [word for word in phrase.split() if word not in HEADING_FILLERS]
    return HEADING_KINDS.get(" ".join(words)) if words else None


def _looks_like_heading(line: Line, shouted: bool) -> bool:
    """Keep "Teaching" as a heading and "experience" at the end of a wrapped sentence out of it."""
    if line.text.rstrip().endswith((".", ",")) or not line.text[:1].isupper():
        return False
    return line.text.isupper() or not shouted


def _unknown_heading(line: Line, after: Line | None) -> bool:
    """A short line in capitals, where all known headings are in capitals and no dated line follows."""
    text = line.text.strip()
    return (
        text.isupper()
        and 4 <= len(text) <= 40
        and not any(sign.isdigit() or sign in "@.,:|" for sign in text)
        and (after is None or not (find_span(after.text) or find_single(after.text)))
    )
