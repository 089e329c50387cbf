"""`bulk_candidate_enrichment`: a parent with one child for each candidate."""

from __future__ import annotations

from typing import Any, Final

from enrichment.arguments import BulkArgs, MemberArgs, check_request, read_candidate
from enrichment.handlers.improvements import SECRETS
from enrichment.improving import find, improve
from enrichment.routing import by_priority
from jobs.context import Child, JobContext
from jobs.exceptions import PermanentError
from jobs.registry import job_handler

MEMBER: Final = "enrichment.bulk_member"


def finish_bulk(
    context: JobContext, args: BulkArgs, result: dict[str, Any], children: list[Child]
) -> dict[str, Any]:
    """Put the next ones in line, or say what became of each. Fails only when not one succeeded."""
    total = len(args.candidates) or len(args.candidate_ids)
    started = len(children)
    if started < total:
        _start(context, args, started)
        return {"started": min(total, started + (args.batch_size or total)), "total": total}
    outcomes = [_outcome(child) for child in children]
    counts = {
        name: sum(one["status"] == name for one in outcomes) for name in ("completed", "failed", "cancelled")
    }
    if not counts["completed"]:
        context.partial("outcomes", outcomes)
        raise PermanentError(
            f"Not one of {total} candidates could be enriched. `partial.outcomes` says why for each.",
            code="all_failed",
        )
    return {
        "total": total,
        **counts,
        "partialSuccess": counts["completed"] < total,
        "kinds": args.kinds,
        "outcomes": outcomes,
    }


@job_handler(
    "enrichment.bulk",
    queue="enrichment-normal",
    route=by_priority,
    args=BulkArgs,
    type="bulk_candidate_enrichment",
    public=True,
    precheck=check_request,
    timeout=300,
    memory_mb=768,
    cpu_seconds=120,
    finish=finish_bulk,
)
def enrich_many(context: JobContext, args: BulkArgs) -> dict[str, Any]:
    """Start the first `batch_size` candidates; `finish_bulk` starts the others in their turn."""
    total = len(args.candidates) or len(args.candidate_ids)
    context.stages(start=1, children=99)
    # The percentage is of all candidates, also while only a part of them is in line.
    context.stage("start")
    context.progress(1, 1, message=f"{total} candidates", metadata={"children_expected": total})
    _start(context, args, 0)
    return {"started": min(total, args.batch_size or total), "total": total}


@job_handler(
    MEMBER,
    queue="enrichment-normal",
    route=by_priority,
    args=MemberArgs,
    timeout=600,
    memory_mb=768,
    cpu_seconds=240,
    network=True,
    secrets=SECRETS,
)
def enrich_one(context: JobContext, args: MemberArgs) -> dict[str, Any]:
    """All the kinds asked for, for one candidate. A retry goes on behind the last one done."""
    data = read_candidate(args.candidate_data) if args.candidate_data is not None else None
    candidate = find(context, args.candidate_id, data)
    context.partial("candidateId", str(candidate.pk))
    made: dict[str, str] = {}
    for done, kind in enumerate(args.kinds):
        context.progress(done, len(args.kinds), message=kind)
        made[kind] = improve(context, candidate, kind, args.provider)["enrichmentId"]
    return {
        "number": args.number,
        "candidateId": str(candidate.pk),
        "name": candidate.name,
        "enrichments": made,
    }


def _start(context: JobContext, args: BulkArgs, first: int) -> None:
    members = args.candidates or args.candidate_ids
    last = min(len(members), first + (args.batch_size or len(members)))
    for number in range(first, last):
        member = members[number]
        who = {"candidateData": member} if isinstance(member, dict) else {"candidateId": str(member)}
        context.spawn(MEMBER, {"number": number, "kinds": args.kinds, "provider": args.provider, **who})


def _outcome(child: Child) -> dict[str, Any]:
    result = child.result or {}
    args = child.args
    name = result.get("name") or str((args.get("candidate_data") or {}).get("name") or "")[:300]
    return {
        "number": args.get("number"),
        "jobId": str(child.id),
        "candidateId": result.get("candidateId") or args.get("candidate_id"),
        "name": name,
        "status": child.state,
        **({"enrichments": result["enrichments"]} if child.state == "completed" else {"error": child.error}),
    }
