"""One proposal for one candidate, whichever kind of job makes it."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Max, Model, QuerySet

from enrichment import asking, changes
from enrichment.arguments import CandidateData
from enrichment.models import Candidate, Enrichment
from jobs.context import JobContext
from jobs.exceptions import PermanentError


def find(context: JobContext, candidate_id: uuid.UUID | None, data: CandidateData | None) -> Candidate:
    """The candidate of this job's owner: the stored one, or one made of `data`, once however often it runs.

    Raises PermanentError `candidate_not_found`, also for somebody else's.
    """
    if candidate_id is not None:
        found = Candidate.objects.filter(pk=candidate_id, owner_id=context.owner_id).first()
        if found is None:
            raise PermanentError(
                "There is no such candidate among yours; it may have been deleted.",
                code="candidate_not_found",
            )
        return found
    if data is None:
        raise AssertionError("arguments have either an id or data")
    known = uuid.uuid5(context.job_id, "candidate")
    candidate = Candidate(id=known, owner_id=context.owner_id, profile=data.profile())
    candidate.rename()
    with context.commit():
        return Candidate.objects.get_or_create(
            pk=known,
            defaults={
                "owner_id": context.owner_id,
                "profile": candidate.profile,
                "name": candidate.name,
            },
        )[0]


def improve(context: JobContext, candidate: Candidate, kind: str, provider: str | None) -> dict[str, Any]:
    """Ask for a proposal of `kind`, store it as the next version, and return it as results show it.

    A second run of the same job gives the version it has made before.
    """
    known = Enrichment.objects.filter(job_id=context.job_id, kind=kind).first()
    if known is None:
        known = _make(context, candidate, kind, provider)
    return {
        "enrichmentId": str(known.pk),
        "candidateId": str(candidate.pk),
        "kind": kind,
        "version": known.version,
        "decision": known.decision,
        "changes": known.diff,
        **known.data,
    }


def next_version(rows: QuerySet[Any]) -> int:
    """One more than the highest version among `rows`."""
    return int(rows.aggregate(top=Max("version"))["top"] or 0) + 1


def hold(candidate: Model) -> None:
    """Until the transaction ends nobody else counts versions of this candidate."""
    list(Candidate.objects.select_for_update().filter(pk=candidate.pk).values_list("pk"))


def _make(context: JobContext, candidate: Candidate, kind: str, provider: str | None) -> Enrichment:
    task, compare = changes.BY_KIND[kind]
    profile = candidate.shown()
    answer = asking.ask(
        context,
        task,
        {"candidate": {k: v for k, v in profile.items() if k != "evidence"}},
        provider=provider,
        progress=lambda done, total: context.progress(done, total, message=f"{done} of {total}"),
    )
    diff = compare(profile, answer.data)
    before, after = changes.sides(diff)
    with context.commit():
        hold(candidate)
        return Enrichment.objects.create(
            candidate=candidate,
            kind=kind,
            version=next_version(Enrichment.objects.filter(candidate=candidate, kind=kind)),
            job_id=context.job_id,
            provider=answer.provider,
            model=answer.model,
            data={**answer.data, "usage": answer.facts()},
            before=before,
            after=after,
            diff=diff,
        )
