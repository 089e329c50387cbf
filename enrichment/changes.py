"""From a provider's answer to a difference that a person can accept: field, old, new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enrichment.analysis.sentences import clean

Change = dict[str, Any]


def of_profile(profile: dict[str, Any], answer: dict[str, Any]) -> list[Change]:
    """`profile.enhance`: headline, summary, and single lines of the experience."""
    found = [
        _change(name, profile.get(name), answer[name], _reason(answer, name))
        for name in ("headline", "summary")
        if answer.get(name) and answer[name] != profile.get(name)
    ]
    for one in answer.get("suggestions") or []:
        position = one["field"].removeprefix("experience.")
        if position.isdigit():
            found += _line(profile, int(position), one["current"], one["proposed"], one["why"])
    return _once(found)


def of_skills(profile: dict[str, Any], answer: dict[str, Any]) -> list[Change]:
    """`skills.optimise`: one new list in place of the old. Suggested skills are for the person to confirm."""
    after = [
        {"name": skill["name"], "group": group["name"], "level": skill["level"], "years": skill["years"]}
        for group in answer["groups"]
        for skill in group["skills"]
    ]
    before = profile.get("skills") or []
    if not after or (
        _names(before) == _names(after) and all(_same(b, a) for b, a in zip(before, after, strict=True))
    ):
        return []
    merged = [f"{', '.join(one['merged'])} → {one['kept']}" for one in answer.get("merged") or []]
    why = "One usual name for each skill, grouped, the best supported first."
    return [
        _change(
            "skills", before, after, " ".join([why, *([f"Merged: {'; '.join(merged)}."] if merged else [])])
        )
    ]


def of_experience(profile: dict[str, Any], answer: dict[str, Any]) -> list[Change]:
    """`experience.enhance`: each line that reads better otherwise."""
    found: list[Change] = []
    for entry in answer["entries"]:
        for line in entry["bullets"]:
            if line["rewritten"] and line["rewritten"] != line["original"]:
                why = "; ".join(line["changes"])
                found += _line(profile, entry["index"], line["original"], line["rewritten"], why)
    return _once(found)


BY_KIND: dict[str, tuple[str, Callable[[dict[str, Any], dict[str, Any]], list[Change]]]] = {
    "candidate_profile_enhancement": ("profile.enhance", of_profile),
    "skills_optimization": ("skills.optimise", of_skills),
    "experience_enhancement": ("experience.enhance", of_experience),
}
"""Public name of a kind → the task a provider is asked for, and how its answer changes a profile."""


def sides(diff: list[Change]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the changed fields were, and what they may become, by path."""
    return {c["path"]: c["before"] for c in diff}, {c["path"]: c["after"] for c in diff}


def value_at(profile: Any, path: str) -> Any:
    """What stands at a path such as "experience.0.bullets.2"; None where there is no such place."""
    for step in path.split("."):
        if isinstance(profile, list) and step.isdigit() and int(step) < len(profile):
            profile = profile[int(step)]
        elif isinstance(profile, dict):
            profile = profile.get(step)
        else:
            return None
    return profile


def _line(profile: dict[str, Any], position: int, original: str, rewritten: str, why: str) -> list[Change]:
    """The change of one line, found by its words: providers leave out empty and repeated lines, so that
    their numbers are not ours."""
    positions = profile.get("experience") or []
    lines = positions[position].get("bullets") or [] if position < len(positions) else []
    for number, line in enumerate(lines):
        same = clean(rewritten).rstrip(" .") == clean(str(line)).rstrip(" .")
        if clean(str(line)) == clean(original) and not same:
            return [_change(f"experience.{position}.bullets.{number}", line, rewritten, why)]
    return []


def _change(path: str, before: Any, after: Any, why: str) -> Change:
    return {"path": path, "before": before, "after": after, "why": why}


def _reason(answer: dict[str, Any], name: str) -> str:
    return next((s["why"] for s in answer.get("suggestions") or [] if s["field"] == name), "")


def _once(changes: list[Change]) -> list[Change]:
    return list({change["path"]: change for change in changes}.values())


def _names(skills: list[Any]) -> list[str]:
    return [str(one.get("name")) for one in skills if isinstance(one, dict)]


def _same(before: Any, after: dict[str, Any]) -> bool:
    return isinstance(before, dict) and all(before.get(k) == after[k] for k in ("group", "level", "years"))
