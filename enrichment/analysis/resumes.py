"""Judges a résumé for a role and rewrites it, by rules that can be read and argued with.

Five sub-scores, each explained: the role's skills (40 %), proof in figures (20 %), wording (15 %), structure
(15 %) and contact (10 %). A skill only listed counts 0.6 of one shown at work, so a long list alone does not
make a match; a skill counts once however often it stands there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from enrichment.analysis import bullets as lines
from enrichment.analysis import injections
from enrichment.analysis.candidate import Candidate
from enrichment.analysis.keyphrases import stem
from enrichment.analysis.roles import Role, match
from enrichment.analysis.skillbook import Skillbook, names
from enrichment.analysis.stopwords import STOPWORDS

METHOD = "rules: role skills, figures, wording, structure and contact; text is reordered, never invented"
LISTED_WORTH = 0.6

_SECTIONS = {
    "summary": r"(?:professional )?(?:summary|profile|about(?: me)?|objective|profil|zusammenfassung)",
    "skills": r"(?:technical |key |core )?(?:skills|competenc\w+|technologies|kenntnisse|"
    "expertise|compétences|habilidades)",
    "experience": r"(?:work |professional |relevant |research )?(?:experience|employment(?: history)?|career|"
    r"berufserfahrung|expérience|experiencia|work history)",
    "projects": r"(?:relevant |research |selected |personal )?(?:projects|repositories|projekte)",
    "education": r"(?:education|studies|ausbildung|formation|academic background|educación)",
    "certifications": r"certifi\w+|licen[cs]es",
    "publications": r"publications?|patents?",
    "languages": r"languages|sprachen|langues|idiomas",
    "other": r"interests|hobbies|awards|honou?rs|references|volunteer\w*|activities|selected honors",
}
_SECTION = re.compile(
    "|".join(f"(?P<{name}>{pattern})" for name, pattern in _SECTIONS.items()), re.IGNORECASE
)
_ORDER = ("header", *_SECTIONS)
_MARK = re.compile(r"^\s*[•◦▪‣●○■□◆❖➤·*–-]\s+")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_PHONE = re.compile(r"\+?\d[\d ()/.-]{7,}\d")
_LINK = re.compile(r"(?:linkedin\.com|github\.com|gitlab\.com|https?://|www\.)\S*", re.IGNORECASE)
_DATES = re.compile(r"\b(?:19|20)\d\d\b")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a résumé, the section it is in, and whether it is a bullet."""

    text: str
    section: str
    bullet: bool


@dataclass(frozen=True, slots=True)
class Score:
    """A sub-score, 0..100, its part of the whole and why."""

    name: str
    score: int
    weight: float
    explanation: str


@dataclass(frozen=True, slots=True)
class Advice:
    """One suggestion: the line as it is (empty: add one), why, the better line, and how much it matters."""

    section: str
    original: str
    why: str
    rewritten: str
    importance: str


@dataclass(frozen=True, slots=True)
class Review:
    """What was found in a résumé, and the résumé rewritten."""

    role: Role | None
    score: int
    scores: list[Score]
    found: list[tuple[str, bool, str]]
    missing: list[tuple[str, str, str]]
    found_keywords: list[str]
    missing_keywords: list[str]
    advice: list[Advice] = field(default_factory=list)
    rewritten: str = ""
    left_out: int = 0


def review(text: str, target: str, book: Skillbook) -> Review:
    """Judge a résumé for a role and rewrite it.

    Args:
        text: the résumé, a line for each line of the page.
        target: the role, in the person's words.
        book: finds the skills.
    """
    kept, left_out = injections.remove(text)
    rows = parse(kept)
    role = match(target)
    found = _found(rows, book)
    wanted = names(role.essential, book) if role else book.find(target, listing=True)
    helpful = names(role.useful, book) if role else []
    keywords = [w for w in dict.fromkeys(re.findall(r"[^\W\d_]{3,}", target.lower())) if w not in STOPWORDS]
    present = {stem(word) for word in re.findall(r"[^\W\d_]{3,}", kept.lower())}
    have = {name: used for name, used, _ in found}
    missing = _missing(wanted, helpful, have, role)
    scores = [
        _skill_score(wanted, helpful, have, role),
        _figure_score(rows),
        _wording_score(rows),
        _structure_score(rows),
        _contact_score(kept),
    ]
    asked = set(wanted) | set(helpful)
    return Review(
        role=role,
        score=round(sum(one.score * one.weight for one in scores)),
        scores=scores,
        found=sorted(found, key=lambda one: (one[0] not in asked, not one[1])),
        missing=missing,
        found_keywords=[word for word in keywords if stem(word) in present],
        missing_keywords=[word for word in keywords if stem(word) not in present],
        advice=_advice(rows, kept, missing, target),
        rewritten=rewrite(rows),
        left_out=left_out,
    )


def parse(text: str) -> list[Line]:
    """Cut a résumé into lines with their sections; wrapped bullets become one line."""
    rows: list[Line] = []
    section = "header"
    for raw in text.splitlines():
        stripped = raw.strip()
        if not stripped:
            continue
        heading = _SECTION.fullmatch(stripped.rstrip(":").strip()) if len(stripped) < 45 else None
        if heading and heading.lastgroup:
            section = heading.lastgroup
            continue
        mark = _MARK.match(raw)
        words = _MARK.sub("", stripped)
        wrapped = (
            rows and rows[-1].bullet and not mark and words[:1].islower() and rows[-1].section == section
        )
        if wrapped:
            rows[-1] = Line(f"{rows[-1].text} {words}", section, True)
        else:
            rows.append(Line(words, section, bool(mark)))
    return rows


# What the program that made a résumé printed on it.
_STAMP = re.compile(r"(?:last )?(?:updated|modified)\b.{0,30}$|page \d+(?: of \d+)?$", re.IGNORECASE)


def rewrite(rows: list[Line]) -> str:
    """Return the résumé in the usual order of sections, each bullet improved, no fact added."""
    parts: list[str] = []
    for section in _ORDER:
        own = [row for row in rows if row.section == section and not _STAMP.match(row.text)]
        if not own:
            continue
        if section != "header":
            parts.append(("\n" if parts else "") + section.upper())
        deeds = section in ("experience", "projects")
        parts.extend(
            f"• {lines.improve(row.text).rewritten if deeds else row.text}" if row.bullet else row.text
            for row in own
        )
    return "\n".join(parts)


def of_candidate(candidate: Candidate) -> str:
    """Lay a profile out as résumé text, so that it can be judged like one."""
    parts = [candidate.name, candidate.headline, *candidate.emails, *candidate.phones, *candidate.links]
    if candidate.summary:
        parts += ["Summary", candidate.summary]
    if candidate.skills:
        parts += ["Skills", ", ".join(skill.name for skill in candidate.skills)]
    if candidate.experience:
        parts.append("Experience")
    for entry in candidate.experience:
        parts.append(" ".join(p for p in (entry.title, entry.company, entry.period) if p))
        parts += [f"• {bullet}" for bullet in entry.bullets]
    if candidate.education:
        parts += ["Education", *(", ".join(v for v in entry.values() if v) for entry in candidate.education)]
    return "\n".join(part for part in parts if part)


def _found(rows: list[Line], book: Skillbook) -> list[tuple[str, bool, str]]:
    found: dict[str, tuple[str, bool, str]] = {}
    for row in rows:
        used = row.section in ("experience", "projects", "publications")
        for name in book.find(row.text, listing=row.section == "skills"):
            if name not in found or (used and not found[name][1]):
                found[name] = (name, used, row.text)
    return list(found.values())


def _missing(
    wanted: list[str], helpful: list[str], have: dict[str, bool], role: Role | None
) -> list[tuple[str, str, str]]:
    who = f"a {role.name}" if role else "the role"
    essential = [(n, "high", f"Most postings for {who} ask for it.") for n in wanted if n not in have]
    useful = [(n, "medium", f"Often asked of {who}.") for n in helpful if n not in have]
    return essential + useful


def _skill_score(wanted: list[str], helpful: list[str], have: dict[str, bool], role: Role | None) -> Score:
    def worth(name: str) -> float:
        return (1.0 if have[name] else LISTED_WORTH) if name in have else 0.0

    total = 2 * len(wanted) + len(helpful)
    reached = 2 * sum(map(worth, wanted)) + sum(map(worth, helpful))
    if not total:
        text = "This role is not among the known ones, so its skills could not be compared."
        return Score("Skills for the role", 50, 0.4, text)
    # three quarters of everything a role may ask for is as good as a person needs
    score = min(100, round(100 * reached / (0.75 * total)))
    shown = sum(1 for name in (*wanted, *helpful) if have.get(name))
    listed = sum(1 for name in (*wanted, *helpful) if name in have and not have[name])
    asked = f"{len(wanted)} essential and {len(helpful)} useful skills"
    text = f"Of {asked}, {shown} are shown at work and {listed} only listed."
    return Score(f"Skills for {role.name}" if role else "Skills for the role", score, 0.4, text)


def _deeds(rows: list[Line]) -> list[Line]:
    return [row for row in rows if row.bullet and row.section in ("experience", "projects")]


def _figure_score(rows: list[Line]) -> Score:
    deeds = _deeds(rows)
    measured = sum(lines.has_figure(row.text) for row in deeds)
    score = min(100, round(200 * measured / len(deeds))) if deeds else 0
    text = f"{measured} of {len(deeds)} lines about work give a figure; every second one is a good share."
    return Score(
        "Results in figures", score, 0.2, text if deeds else "There are no lines about what was done."
    )


def _wording_score(rows: list[Line]) -> Score:
    deeds = _deeds(rows)
    strong = sum(lines.starts_strong(row.text) for row in deeds)
    long = sum(len(row.text.split()) > 35 for row in deeds)
    score = max(0, round(100 * strong / len(deeds)) - 5 * long) if deeds else 0
    text = f"{strong} of {len(deeds)} lines about work begin with what was done; "
    text += f"{long} are longer than 35 words."
    return Score("Wording", score, 0.15, text if deeds else "There are no lines about what was done.")


def _structure_score(rows: list[Line]) -> Score:
    have = {row.section for row in rows}
    dated = any(_DATES.search(row.text) for row in rows if row.section in ("experience", "projects"))
    words = sum(len(row.text.split()) for row in rows)
    checks = {
        "a summary": "summary" in have,
        "a skills section": "skills" in have,
        "experience": bool({"experience", "projects"} & have),
        "education": "education" in have,
        "dates": dated,
        "150 to 1,100 words": 150 <= words <= 1100,
    }
    lacking = [name for name, fine in checks.items() if not fine]
    text = f"Lacks {', '.join(lacking)}." if lacking else "Has every usual part, dates and a readable length."
    return Score("Structure", round(100 * (len(checks) - len(lacking)) / len(checks)), 0.15, text)


def _contact_score(text: str) -> Score:
    checks = {
        "an e-mail address": bool(_EMAIL.search(text)),
        "a phone number": bool(_PHONE.search(text)),
        "a profile link": bool(_LINK.search(text)),
    }
    lacking = [name for name, fine in checks.items() if not fine]
    score = 50 * checks["an e-mail address"] + 25 * checks["a phone number"] + 25 * checks["a profile link"]
    return Score(
        "Contact",
        score,
        0.1,
        f"Lacks {', '.join(lacking)}." if lacking else "E-mail, phone and link are there.",
    )


def _advice(rows: list[Line], text: str, missing: list[tuple[str, str, str]], target: str) -> list[Advice]:
    found: list[Advice] = []
    have = {row.section for row in rows}
    essential = [name for name, importance, _ in missing if importance == "high"]
    if essential:
        asked = ", ".join(essential[:5])
        why = f"The role usually asks for {asked}. Add those you have, with where you used them."
        found.append(Advice("skills", "", why, f"[Only if true] {', '.join(essential[:5])}", "high"))
    for row in _deeds(rows):
        bullet = lines.improve(row.text)
        weak = not lines.starts_strong(row.text)
        if bullet.changes:
            better = (
                f"{bullet.rewritten} [add: {bullet.question[:-1].lower()}]"
                if bullet.question
                else bullet.rewritten
            )
            why = "; ".join(bullet.changes).capitalize() + (
                f". {bullet.question}" if bullet.question else "."
            )
            found.append(Advice(row.section, row.text, why, better, "high" if weak else "medium"))
        elif bullet.question and len(row.text.split()) >= 5 and not re.match(r"[\w &/]{3,25}:", row.text):
            why = f"Says what was done but not what came of it. {bullet.question}"
            better = f"{bullet.rewritten} [add: {bullet.question[:-1].lower()}]"
            found.append(Advice(row.section, row.text, why, better, "medium"))
    if "summary" not in have:
        why = f"A summary of two or three lines lets a reader see at once why you fit “{target}”."
        found.append(Advice("summary", "", why, _summary_hint(target), "medium"))
    if not _EMAIL.search(text):
        found.append(Advice("header", "", "There is no e-mail address.", "[your e-mail address]", "high"))
    rank = {"high": 0, "medium": 1, "low": 2}
    return sorted(found, key=lambda one: rank[one.importance])[:20]


def _summary_hint(target: str) -> str:
    return (
        f"{target} with [number] years in [field]. Best known for [result with a figure]. Looking for [aim]."
    )
