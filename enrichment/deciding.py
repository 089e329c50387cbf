"""A person's word: corrections of a profile, and accepting or rejecting what was proposed."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from enrichment.arguments import CandidateData
from enrichment.changes import value_at
from enrichment.models import Candidate, Decision, Enrichment
from enrichment.profiles.merge import LISTS, SCALARS
from jobs.exceptions import InvalidArgs
from jobs.problems import Problem

MAX_CORRECTIONS: Final = 500


def correct(candidate: Candidate, corrections: dict[str, Any], remove: list[str]) -> Candidate:
    """Set and take back corrections of a profile, all or none; returns the candidate as it is then.

    Raises InvalidArgs naming each path that does not exist or whose value does not fit.
    """
    with transaction.atomic():
        fresh = Candidate.objects.select_for_update().get(pk=candidate.pk)
        errors: dict[str, list[str]] = {}
        for path in remove:
            if path not in fresh.corrections:
                errors[path] = ["There is no correction of this."]
            fresh.corrections.pop(path, None)
        before = fresh.shown()
        for path, value in corrections.items():
            if problem := _problem_of(path, before):
                errors[path] = [problem]
            else:
                fresh.corrections[path] = value
        if len(fresh.corrections) > MAX_CORRECTIONS:
            errors["corrections"] = [f"At most {MAX_CORRECTIONS} corrections: set whole fields instead."]
        errors.update(_misfits(fresh.shown(), corrections) if not errors else {})
        if errors:
            raise InvalidArgs(errors)
        _save(fresh)
        return fresh


def accept(proposal: Enrichment, paths: list[str] | None, actor: str) -> Enrichment:
    """Put a proposal's changes (all, or those of `paths`) into the profile's corrections.

    Raises Problem 409 when it is decided already, or when a field has changed since it was proposed.
    """
    with transaction.atomic():
        candidate = Candidate.objects.select_for_update().get(pk=proposal.candidate_id)
        fresh = _undecided(proposal)
        known = {change["path"]: change for change in fresh.diff}
        chosen = list(known) if paths is None else paths
        if unknown := [path for path in chosen if path not in known]:
            raise InvalidArgs({"paths": [f"The proposal does not change {unknown[0][:100]!r}."]})
        shown = candidate.shown()
        stale = [path for path in chosen if value_at(shown, path) != known[path]["before"]]
        if stale:
            raise Problem(
                409,
                "profile_changed",
                f"The profile has changed since this was proposed: {', '.join(stale[:5])}. Accept the other "
                "paths, or have it enriched again.",
                paths=stale,
            )
        candidate.corrections.update({path: known[path]["after"] for path in chosen})
        _save(candidate)
        return _decide(fresh, Decision.ACCEPTED, actor)


def reject(proposal: Enrichment, actor: str) -> Enrichment:
    """Turn a proposal down; the profile stays. Raises Problem 409 when it is decided already."""
    with transaction.atomic():
        Candidate.objects.select_for_update().get(pk=proposal.candidate_id)
        return _decide(_undecided(proposal), Decision.REJECTED, actor)


def _undecided(proposal: Enrichment) -> Enrichment:
    fresh = Enrichment.objects.get(pk=proposal.pk)
    if fresh.decision != Decision.PENDING:
        raise Problem(409, "already_decided", f"This proposal was {fresh.decision} by {fresh.decided_by}.")
    return fresh


def _decide(proposal: Enrichment, decision: Decision, actor: str) -> Enrichment:
    proposal.decision, proposal.decided_at, proposal.decided_by = decision, timezone.now(), actor[:200]
    proposal.save(update_fields=["decision", "decided_at", "decided_by"])
    return proposal


def _save(candidate: Candidate) -> None:
    candidate.rename()
    candidate.updated_at = timezone.now()
    candidate.save(update_fields=["corrections", "name", "updated_at"])


def _problem_of(path: str, profile: dict[str, Any]) -> str:
    top, *rest = path.split(".")
    if top not in SCALARS and top not in LISTS:
        return f"Not a field of a profile. One of: {', '.join((*SCALARS, *LISTS))}."
    if len(path) > 200 or len(rest) > 3:
        return "No such place in the profile."
    *parents, last = path.split(".")
    place = value_at(profile, ".".join(parents)) if parents else profile
    if isinstance(place, list):
        return "" if last.isdigit() and int(last) < len(place) else "The list has no such item."
    return "" if isinstance(place, dict) and (not rest or last in place) else "No such place in the profile."


def _misfits(profile: dict[str, Any], corrections: dict[str, Any]) -> dict[str, list[str]]:
    """Where the corrected profile does not have the shape of one, by the correction at fault."""
    try:
        CandidateData.model_validate({name: profile.get(name) for name in (*SCALARS, *LISTS)})
    except ValidationError as error:
        found: dict[str, list[str]] = {}
        for item in error.errors(include_url=False, include_input=False, include_context=False):
            place = ".".join(str(part) for part in item["loc"])
            path = next((p for p in corrections if place == p or place.startswith(f"{p}.")), None)
            if path is not None:
                found.setdefault(path, []).append(item["msg"])
        return found
    return {}
