"""A person's word stands: corrections survive every new reading of the résumé."""

from __future__ import annotations

import copy
from typing import Any

from enrichment.profiles.vocabulary import fold

SCALARS = ("name", "headline", "summary", "location")
LISTS = ("emails", "phones", "links", "skills", "experience", "education", "languages", "certifications")


def merge(existing: dict[str, Any], parsed: dict[str, Any], corrections: dict[str, Any]) -> dict[str, Any]:
    """Return the profile to store; the arguments are not changed.

    Args: `existing` what is stored, `parsed` a new `Profile.to_dict()`, `corrections` what the person has
    set: a whole field ("name", "skills", an empty list or None included) or one item of a list under
    "experience.0.title" (the position in the corrected profile).
    A corrected field has the person's value and confidence 1. Else the new reading counts; where it found
    nothing the stored value stays. Addresses, numbers, links, skills, languages and certificates known
    before are kept beside new ones, since another résumé of the same person may leave them out; positions
    and studies are those of the new reading.
    """
    merged: dict[str, Any] = {key: copy.deepcopy(parsed.get(key) or existing.get(key)) for key in SCALARS}
    for key in LISTS:
        new, old = parsed.get(key) or [], existing.get(key) or []
        keep_old = key not in {"experience", "education"} or not new
        merged[key] = _united(new, old) if keep_old else copy.deepcopy(new)
    evidence = {**(existing.get("evidence") or {}), **(parsed.get("evidence") or {})}
    merged["evidence"] = copy.deepcopy(evidence)
    for path, value in sorted(corrections.items(), key=lambda item: item[0].count(".")):
        if _set(merged, path.split("."), copy.deepcopy(value)):
            merged["evidence"][path] = {"confidence": 1.0, "source": "corrected by the person", "page": 0}
    return merged


def _united(new: list[Any], old: list[Any]) -> list[Any]:
    """Return `new`, then what only `old` has."""
    known = {_key(one) for one in new}
    return copy.deepcopy([*new, *(one for one in old if _key(one) not in known)])


def _key(item: Any) -> str:
    if isinstance(item, dict):
        item = item.get("url") or item.get("name") or sorted(item.items(), key=str)
    return fold(str(item)).rstrip("/")


def _set(target: Any, path: list[str], value: Any) -> bool:
    """Put `value` at `path` within `target`; say whether there was such a place."""
    *parents, last = path
    for step in parents:
        if isinstance(target, list) and step.isdigit() and int(step) < len(target):
            target = target[int(step)]
        elif isinstance(target, dict) and step in target:
            target = target[step]
        else:
            return False
    if isinstance(target, dict):
        target[last] = value
        return True
    if isinstance(target, list) and last.isdigit() and int(last) < len(target):
        target[int(last)] = value
        return True
    return False
