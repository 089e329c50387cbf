"""Improves a candidate's profile: headline, summary, strengths, gaps and what to change, field by field.

The summary is composed from the profile's own facts (titles, companies, years, skills, a line with a figure);
where the person wrote one, its sentences stay and the missing facts are added.
"""

from __future__ import annotations

from dataclasses import dataclass

from enrichment.analysis import bullets
from enrichment.analysis.candidate import Candidate, Experience, month, years
from enrichment.analysis.skillbook import Skillbook
from enrichment.analysis.skills import Known, closest, gather

METHOD = "rules: composed from the profile's own facts"


@dataclass(frozen=True, slots=True)
class Enhanced:
    """Texts to offer; `completeness` is 0..100.

    `strengths` are (text, evidence), `gaps` (area, why, action), `changes` (field, current, proposed, why).
    """

    headline: str
    summary: str
    completeness: int
    strengths: list[tuple[str, str]]
    gaps: list[tuple[str, str, str]]
    changes: list[tuple[str, str, str, str]]


def enhance(candidate: Candidate, book: Skillbook) -> Enhanced:
    """Improve a profile with nothing but what it says."""
    known = gather(candidate, book)
    title = headline(candidate, known)
    text = summary(candidate, known)
    changes = []
    if title and title != candidate.headline:
        changes.append(
            ("headline", candidate.headline, title, "Says role, main skills and years in one line.")
        )
    if text and text != candidate.summary:
        changes.append(("summary", candidate.summary, text, "Says who, how long, with what, and one result."))
    for position, entry in enumerate(candidate.experience[:6]):
        for line in entry.bullets:
            better = bullets.improve(line, ongoing=month(entry.end, end=True) == month("present"))
            if better.changes:
                why = "; ".join(better.changes).capitalize() + "."
                changes.append((f"experience.{position}", line, better.rewritten, why))
    return Enhanced(
        headline=title,
        summary=text,
        completeness=completeness(candidate),
        strengths=_strengths(candidate, known),
        gaps=_gaps(candidate, known, book),
        changes=changes[:20],
    )


def headline(candidate: Candidate, known: list[Known]) -> str:
    """Return a headline: the latest title, up to three skills, the years."""
    latest = recent(candidate)[:1]
    base = candidate.headline.split("|")[0].strip() or (latest[0].title if latest else "")
    # What the person calls a skill comes before what a line of experience is merely about.
    own = sorted(known, key=lambda one: not one.listed)
    shown = [one.name for one in own if one.name.lower() not in base.lower()][:3]
    total = years(candidate.experience)
    parts = [base, ", ".join(shown), f"{total:.0f} years of experience" if total >= 1.5 else ""]
    return " | ".join(part for part in parts if part)


def summary(candidate: Candidate, known: list[Known]) -> str:
    """Return three to five sentences; every fact in them is in the profile."""
    own = candidate.summary.strip()
    parts = [own if not own or own[-1] in ".!?" else f"{own}."]
    latest = recent(candidate)
    total = years(candidate.experience)
    if latest and latest[0].title and latest[0].title.lower() not in own.lower():
        lasting = month(latest[0].end, end=True) == month("present")
        who = "Currently" if lasting else "Most recently"
        at = f" at {latest[0].company}" if latest[0].company else ""
        parts.append(f"{who} {latest[0].title}{at}.")
    if total >= 1 and "year" not in own.lower():
        companies = list(dict.fromkeys(entry.company for entry in latest if entry.company))[:3]
        places = f", at {_and(companies)}" if companies else ""
        parts.append(f"{_years(total)} of experience{places}.")
    names = [one.name for one in known if one.name.lower() not in own.lower()][:5]
    if names:
        parts.append(f"Works with {_and(names)}.")
    result = next((line for entry in latest for line in entry.bullets if _tells(line)), "")
    if result and len(parts) < 5:
        parts.append(f"Among the results: {bullets.improve(result).rewritten}.")
    return " ".join(part for part in parts if part)


def completeness(candidate: Candidate) -> int:
    """Return how complete a profile is, 0..100; experience counts most."""
    checks = (
        (10, bool(candidate.name)),
        (8, bool(candidate.headline)),
        (12, len(candidate.summary.split()) >= 20),
        (10, bool(candidate.emails)),
        (4, bool(candidate.phones)),
        (6, bool(candidate.links)),
        (15, len(candidate.skills) >= 5),
        (15, bool(candidate.experience)),
        (10, any(entry.bullets for entry in candidate.experience)),
        (6, bool(candidate.education)),
        (4, bool(candidate.languages)),
    )
    return sum(points for points, fine in checks if fine)


def recent(candidate: Candidate) -> list[Experience]:
    """Return the positions, the latest first; those without dates last, as written."""

    def ended(entry: Experience) -> tuple[int, int]:
        end = month(entry.end, end=True) if entry.start else None
        return -(end or 0), -(month(entry.start) or 0)

    return sorted(candidate.experience, key=ended)


def distinct(known: list[Known]) -> list[tuple[Known, tuple[str, ...]]]:
    """Return the skills that have a line of their own to show, each with the lines no skill before it has.

    One line often names three skills; as three strengths it would look like padding.
    """
    used: set[str] = set()
    found = []
    for one in known:
        own = tuple(line for line in one.evidence if line not in used)
        if own:
            found.append((one, own))
            used.update(own)
    return found


def _strengths(candidate: Candidate, known: list[Known]) -> list[tuple[str, str]]:
    found = [
        (f"{one.name}, {_years(one.years)}" if one.years and one.years >= 1 else one.name, own[0])
        for one, own in distinct(known)
    ][:4]
    shown = " ".join(line for _, line in found)
    found += [
        ("A result in figures", line)
        for entry in recent(candidate)
        for line in entry.bullets
        if _tells(line) and line not in shown
    ][:3]
    if candidate.certifications:
        found.append(("Certified", _and(list(candidate.certifications[:3]))))
    return found


def _gaps(candidate: Candidate, known: list[Known], book: Skillbook) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    if not candidate.summary:
        found.append(("summary", "There is no summary.", "Use the proposed one and add your aim."))
    if not (candidate.emails or candidate.phones):
        found.append(("contact", "Nobody can reach you.", "Add an e-mail address or a phone number."))
    lines = [line for entry in candidate.experience for line in entry.bullets]
    measured = sum(bullets.has_figure(line) for line in lines)
    if lines and measured * 3 < len(lines):
        why = f"Only {measured} of {len(lines)} lines about work give a figure."
        found.append(("results", why, "Add amounts, percentages or numbers of users where you know them."))
    bare = [entry for entry in candidate.experience if not entry.bullets]
    if bare:
        why = f"{len(bare)} position(s) say nothing about what was done."
        found.append(
            ("experience", why, f"Add two to four lines to {_and([e.title or e.company for e in bare[:3]])}.")
        )
    unshown = [one.name for one in known if one.listed and not one.evidence]
    if len(unshown) >= 3 and candidate.experience:
        why = f"{_and(unshown[:5])} are listed but no position names them."
        found.append(("skills", why, "Say in your experience where you used them."))
    if not known:
        found.append(("skills", "There are no skills.", "List five to fifteen."))
    roles = closest({one.name for one in known}, book)
    if roles:
        role, shared = roles[0]
        lacking = [name for name in map(book.name, role.essential) if name not in shared]
        if lacking:
            why = f"Closest to {role.name}, which usually also asks for {_and(lacking[:4])}."
            found.append(("role", why, "Add those you have; plan to learn one of the others."))
    return found


def _tells(line: str) -> bool:
    return bullets.has_figure(line) and bullets.starts_strong(line) and 5 <= len(line.split()) <= 35


def _years(total: float) -> str:
    rounded = round(total)
    return (
        f"{rounded} years"
        if rounded >= 2
        else f"{max(1, round(total * 12))} months"
        if total < 1
        else "1 year"
    )


def _and(items: list[str]) -> str:
    items = [item for item in items if item]
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else ""
