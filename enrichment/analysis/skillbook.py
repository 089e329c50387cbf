"""Finds skills in text: the product's taxonomy, and the words roles ask for that are in no taxonomy."""

from __future__ import annotations

import re
from functools import cache
from typing import Protocol

from enrichment.analysis.roles import roles

OTHER = "Other"


class Skillbook(Protocol):
    """What the analyses need to know of skills; a deployment may bring its own."""

    def find(self, text: str, *, listing: bool = False) -> list[str]:
        """Return the usual names of the skills in a text, in order, each once.

        `listing` says that the text is a list of skills, where "Go" may be taken for one.
        """

    def name(self, text: str) -> str:
        """Return the usual name of one skill; the text itself, trimmed, when it is not known."""

    def group(self, name: str) -> str:
        """Return the group a skill belongs to, `OTHER` when it is not known."""


class TaxonomySkillbook:
    """The skills of `enrichment.profiles.taxonomy`, and those of `analysis.roles`."""

    def find(self, text: str, *, listing: bool = False) -> list[str]:
        """Return the usual names of the skills in a text; see `Skillbook`."""
        from enrichment.profiles import taxonomy

        found = {one.start: one.skill.name for one in taxonomy.find(text, listing=listing)}
        for match in _extra_pattern().finditer(text):
            found.setdefault(match.start(), _extra()[match.group().lower()])
        return list(dict.fromkeys(found[start] for start in sorted(found)))

    def name(self, text: str) -> str:
        """Return the usual name of one skill; see `Skillbook`."""
        from enrichment.profiles import taxonomy

        text = text.strip()
        known = taxonomy.lookup(text)
        if known:
            return known.name
        return _extra().get(text.lower(), text)

    def group(self, name: str) -> str:
        """Return a skill's group; see `Skillbook`."""
        from enrichment.profiles import taxonomy

        known = taxonomy.lookup(name)
        return known.group if known else OTHER


def names(skills: tuple[str, ...], book: Skillbook) -> list[str]:
    """Return the usual names of a role's skills, each once, in order."""
    return list(dict.fromkeys(book.name(skill) for skill in skills))


@cache
def _extra() -> dict[str, str]:
    """Skills of roles that the taxonomy does not know, by their lower-case name."""
    from enrichment.profiles import taxonomy

    asked = {skill for role in roles() for skill in (*role.essential, *role.useful)}
    return {skill.lower(): skill for skill in sorted(asked) if taxonomy.lookup(skill) is None}


@cache
def _extra_pattern() -> re.Pattern[str]:
    terms = sorted(_extra(), key=len, reverse=True)
    body = "|".join(re.escape(term).replace(r"\ ", r"[\s-]+") for term in terms)
    return re.compile(rf"(?<![\w+#.])(?:{body})(?![\w+#])", re.IGNORECASE)
