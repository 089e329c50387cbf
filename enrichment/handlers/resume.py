"""`resume-optimization`: a résumé judged for a role, with explained suggestions and a rewritten version."""

from __future__ import annotations

from typing import Any

from enrichment import asking
from enrichment.arguments import ResumeArgs, check_request
from enrichment.handlers.improvements import SECRETS
from jobs.context import JobContext
from jobs.registry import job_handler


@job_handler(
    "resume.optimise",
    queue="ai",
    args=ResumeArgs,
    type="resume-optimization",
    public=True,
    precheck=check_request,
    timeout=300,
    memory_mb=768,
    cpu_seconds=120,
    network=True,
    secrets=SECRETS,
)
def optimise_resume(context: JobContext, args: ResumeArgs) -> dict[str, Any]:
    """Score, suggestions and rewritten text; nothing is stored but this result."""
    context.stage("ask", message=f"reading {len(args.resume_text.split())} words")
    answer = asking.ask(
        context,
        "resume.optimise",
        {"resumeText": args.resume_text, "targetRole": args.target_role},
        provider=args.provider,
        progress=lambda done, total: context.progress(done, total),
    )
    return {**answer.data, "usage": answer.facts()}
