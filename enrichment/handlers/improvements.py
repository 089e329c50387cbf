"""The three kinds that propose a better profile: as a whole, its skills, its experience."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from enrichment.arguments import CandidateArgs, check_request
from enrichment.improving import find, improve
from enrichment.routing import by_priority
from jobs.context import JobContext
from jobs.registry import job_handler

SECRETS: Final = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")


def _register(kind: str, type_: str, summary: str) -> Callable[[JobContext, CandidateArgs], dict[str, Any]]:
    def propose(context: JobContext, args: CandidateArgs) -> dict[str, Any]:
        context.stages(read=1, ask=9)
        context.stage("read")
        candidate = find(context, args.candidate_id, args.candidate_data)
        context.partial("candidateId", str(candidate.pk))
        context.stage("ask", message=summary)
        return improve(context, candidate, type_, args.provider)

    propose.__doc__ = f"Propose {summary}; a person accepts or rejects it."
    propose.__qualname__ = propose.__name__ = f"propose_{type_}"
    job_handler(
        kind,
        queue="enrichment-normal",
        route=by_priority,
        args=CandidateArgs,
        type=type_,
        public=True,
        precheck=check_request,
        timeout=300,
        memory_mb=768,
        cpu_seconds=120,
        network=True,
        secrets=SECRETS,
    )(propose)
    return propose


enhance_profile = _register(
    "enrichment.profile", "candidate_profile_enhancement", "a better headline, summary and wording"
)
optimise_skills = _register(
    "enrichment.skills", "skills_optimization", "one ordered, grouped and dated list of skills"
)
enhance_experience = _register(
    "enrichment.experience", "experience_enhancement", "clearer lines of experience"
)
