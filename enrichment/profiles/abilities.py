"""Skills, spoken languages and certificates as a résumé names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from enrichment.profiles import taxonomy
from enrichment.profiles.dates import months_between
from enrichment.profiles.profile import Experience, Field, Language, SkillEntry
from enrichment.profiles.sections import Section, label_kind
from enrichment.profiles.vocabulary import LANGUAGE_LEVELS, LANGUAGE_NAMES, fold

YEARS = re.compile(
    r"(\d{1,2}(?:[.,]5)?)\s*\+?\s*(?:years?|yrs?|jahren?|ans|años|anni|jaar|lat|anos)\b"
    r"(?:\s+(?:of|with|in|experience))*",
    re.IGNORECASE,
)
LEVEL = re.compile(
    r"\b(expert|advanced|proficient|intermediate|beginner|basic|master|experte|fortgeschritten"
    r"|grundkenntnisse|sehr gut|avancé"
    r""
    r"|confirmé|débutant|avanzado|intermedio|básico|avanzato|base|gevorderd)\b",
    re.IGNORECASE,
)
LIST_LABEL = re.compile(r"^[^\W\d][^:]{1,40}:\s+")
SEPARATORS = re.compile(r"\s*[,;|•·/]\s*|\s{2,}|\s+[–—-]\s+")
CONFIDENCE = {
    "skills": 0.95,
    "experience": 0.8,
    "projects": 0.75,
    "header": 0.7,
    "summary": 0.7,
    "education": 0.65,
}
OTHER_GROUP, SOFT_GROUP = "Other", "Soft skills"
CERTIFIED = re.compile(
    r"\b(?:certified|certificate|certification|zertifiziert\w*|certifié\w*|certificad[oa])\b|\b(?:PMP|CISSP|CISA|CEH|CPA|CFA|ACCA|PRINCE2|ITIL)\b"
)
# Titles of papers and names of schools mention subjects without claiming skill in them.
SKIPPED = frozenset({"contact", "languages"})
MAX_SKILLS = 120


def read_skills(
    sections: Sequence[Section], positions: Sequence[Field[Experience]], today: date
) -> list[Field[SkillEntry]]:
    """Return each skill once, surest first.

    Confidence by place: 0.95 in a list of skills, 0.8 in a position, less elsewhere; a corrected slip has
    0.8 times the similarity. What a skills section lists beyond the taxonomy is kept in group "Other".
    `years` are those stated on the line, else the months of all dated positions naming the skill, merged,
    running ones counted up to `today`.
    """
    found: dict[str, Field[SkillEntry]] = {}
    for section in sections:
        for line in section.lines if section.kind not in SKIPPED else ():
            labelled = label_kind(line.text)
            listing = section.kind == "skills" or bool(labelled and labelled[0] == "skills")
            confidence = CONFIDENCE["skills"] if listing else CONFIDENCE.get(section.kind, 0.5)
            for name, group, sure, text in _in_line(line.text, listing, confidence):
                level = LEVEL.search(text) if listing else None
                years = YEARS.search(text) if listing else None
                entry = SkillEntry(
                    name,
                    group,
                    level[1].lower() if level else None,
                    float(years[1].replace(",", ".")) if years else None,
                )
                known = found.get(name)
                if known is None or sure > known.confidence:
                    found[name] = Field(entry, round(sure, 2), line.raw, line.page)
    worked = _years_worked(positions, today)
    for name, one in found.items():
        if one.value.years is None and name in worked:
            entry = SkillEntry(name, one.value.group, one.value.level, worked[name])
            found[name] = Field(entry, one.confidence, one.source, one.page)
    return sorted(found.values(), key=lambda one: -one.confidence)[:MAX_SKILLS]


def read_languages(sections: Sequence[Section]) -> list[Field[Language]]:
    """Return the spoken languages of the languages sections and of lines "Languages: English, German"."""
    found: dict[str, Field[Language]] = {}
    for section in sections:
        for line in section.lines:
            labelled = label_kind(line.text)
            own = section.kind == "languages"
            if own or (labelled and labelled[0] == "languages"):
                for name, level in _spoken(labelled[1] if labelled and not own else line.text):
                    sure = 0.95 if own else 0.8
                    known = found.get(name)
                    if known is None or (known.value.level is None and level):
                        found[name] = Field(
                            Language(name, level), sure if level else sure - 0.1, line.raw, line.page
                        )
    return list(found.values())


def read_certifications(sections: Sequence[Section]) -> list[Field[str]]:
    """Return the lines of certificate sections, and listed lines elsewhere that name a certificate."""
    found: dict[str, Field[str]] = {}
    for section in sections:
        for line in section.lines:
            own = section.kind == "certifications"
            listed = section.kind in {"education", "skills", "other"} and bool(CERTIFIED.search(line.text))
            if (own or listed) and 4 <= len(line.text) <= 140:
                found.setdefault(line.text, Field(line.text, 0.9 if own else 0.6, line.raw, line.page))
    return list(found.values())[:30]


def _in_line(text: str, listing: bool, confidence: float) -> list[tuple[str, str, float, str]]:
    """Return (name, group, confidence, piece of text) of the skills in one line."""
    result = []
    if not listing:
        # "Communication protocols" in a sentence says nothing about its writer's soft skills.
        mentions = [m for m in taxonomy.find(text) if m.skill.group != SOFT_GROUP]
        return [(m.skill.name, m.skill.group, confidence, text) for m in mentions]
    # The label is a heading within the list ("Infrastructure: …") and no skill itself.
    for piece in re.split(r"[,;|•·]+\s*|\s{2,}", LIST_LABEL.sub("", text)):
        mentions = taxonomy.find(piece, listing=True)
        result += [(m.skill.name, m.skill.group, confidence, piece) for m in mentions]
        if mentions:
            continue
        bare = LEVEL.sub("", YEARS.sub("", re.sub(r"\([^)]*\)", "", piece))).strip(" .:-–()/")
        slip = taxonomy.nearest(bare)
        if slip:
            result.append((slip[0].name, slip[0].group, 0.8 * slip[1], piece))
        elif (
            2 <= len(bare) <= 40
            and len(bare.split()) <= 4
            and not re.search(r"[@\d]{2,}|www\.|[.!?]\s|\*", bare)
        ):
            result.append((bare, OTHER_GROUP, 0.5, piece))
    return result


def _years_worked(positions: Sequence[Field[Experience]], today: date) -> dict[str, float]:
    """Return skill → years, from the positions whose text names it; overlapping positions count once."""
    months: dict[str, set[int]] = {}
    now = f"{today.year}-{today.month:02}"
    for one in positions:
        position = one.value
        end = now if position.current else position.end
        if not position.start or not end:
            continue
        first = int(position.start[:4]) * 12 + (
            int(position.start[5:7]) - 1 if len(position.start) > 4 else 0
        )
        # Two bare years, "2012 - 2014", are read as the two years between them.
        span = months_between(position.start, end)
        if len(position.start) == 4 and len(end) == 4 and span > 12:
            span -= 12
        text = " \n ".join([position.title or "", *position.bullets])
        for mention in taxonomy.find(text):
            months.setdefault(mention.skill.name, set()).update(range(first, first + min(span, 720)))
    return {name: round(len(months_) / 12, 1) for name, months_ in months.items()}


def _spoken(text: str) -> list[tuple[str, str | None]]:
    folded = fold(text)
    hits = [
        (m.start(), m.end(), LANGUAGE_NAMES[m[0]])
        for m in re.finditer(r"[a-z]+", folded)
        if m[0] in LANGUAGE_NAMES
    ]
    result = []
    for index, (_, end, name) in enumerate(hits):
        until = hits[index + 1][0] if index + 1 < len(hits) else len(folded)
        level = _level(folded[end:until])
        # "Native: German" puts the level first.
        if level is None and index == 0:
            level = _level(folded[: hits[0][0]])
        result.append((name, level))
    return result


def _level(folded: str) -> str | None:
    for pattern, level in LANGUAGE_LEVELS:
        found = re.search(pattern, folded)
        if found:
            return found[1].upper() if level == "cefr" else level
    return None
