"""`competence_file_generation`: what a candidate can do, with the evidence, as DOCX and PDF."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.files.storage import storages

from enrichment import asking
from enrichment.arguments import CompetenceArgs, check_request
from enrichment.handlers.improvements import SECRETS
from enrichment.improving import find, hold, next_version
from enrichment.models import Candidate, CompetenceFile
from enrichment.routing import by_priority
from jobs.context import JobContext
from jobs.exceptions import InvalidInput
from jobs.registry import job_handler


def check(args: CompetenceArgs, owner_id: Any) -> None:
    """The kind's `precheck`: as for its siblings, and PDF can be made here when it is asked for."""
    check_request(args, owner_id)
    if args.formats and "pdf" in args.formats:
        from enrichment.competence import pdf_available

        if not pdf_available():
            raise InvalidInput(
                "PDF is not available on this installation. Choose docx, or install the extra “pdf”.",
                code="pdf_unavailable",
                field="formats",
            )


@job_handler(
    "enrichment.competence_file",
    queue="enrichment-normal",
    route=by_priority,
    args=CompetenceArgs,
    type="competence_file_generation",
    public=True,
    precheck=check,
    timeout=300,
    memory_mb=768,
    cpu_seconds=120,
    network=True,
    secrets=SECRETS,
)
def generate_competence_file(context: JobContext, args: CompetenceArgs) -> dict[str, Any]:
    """Compose the sections by a provider, write the files, and keep them as the candidate's next version."""
    from enrichment import competence

    context.stages(read=1, compose=5, write=4)
    context.stage("read")
    candidate = find(context, args.candidate_id, args.candidate_data)
    profile = candidate.shown()
    context.stage("compose")
    answer = asking.ask(context, "competence.compose", {"candidate": profile}, provider=args.provider)
    sections = sections_of(answer.data, profile)
    context.partial("sections", sections)
    context.stage("write")
    wanted: list[str] = ["docx", "pdf"] if competence.pdf_available() else ["docx"]
    wanted = list(dict.fromkeys(args.formats)) if args.formats else wanted
    writers = {"docx": competence.compose_docx, "pdf": competence.compose_pdf}
    keys: dict[str, str] = {}
    for done, name in enumerate(wanted, start=1):
        path = context.scratch / f"competence-file.{name}"
        writers[name](sections, path)
        keys[name] = _keep(context, path, name)
        context.progress(done, len(wanted), message=f"{name.upper()} written")
    row = _store(context, candidate, sections, keys, answer)
    return {
        "candidateId": str(candidate.pk),
        "competenceFileId": str(row.pk),
        "version": row.version,
        "files": {
            name: f"/api/candidates/{candidate.pk}/competence-file?format={name}&version={row.version}"
            for name in keys
        },
        "sections": sections,
        "warnings": answer.data.get("warnings") or [],
        "method": answer.data.get("method", ""),
        "usage": answer.facts(),
    }


def sections_of(answer: dict[str, Any], profile: dict[str, Any]) -> dict[str, Any]:
    """A composed file in the words of `enrichment.competence`; contact data is the profile's own, never a
    model's."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in answer["skillMatrix"]:
        skill = {"name": row["skill"], "level": row["level"], "years": row["years"]}
        groups.setdefault(row["group"], []).append(skill)
    return {
        "name": profile.get("name") or answer["name"],
        "headline": answer["headline"],
        "contact": {key: profile.get(key) for key in ("emails", "phones", "links", "location")},
        "summary": answer["summary"],
        "core_competences": [
            {"title": one["name"], "evidence": one["evidence"]} for one in answer["competences"]
        ],
        "skill_matrix": [{"group": name, "skills": skills} for name, skills in groups.items()],
        "experience": [
            {**one, "current": bool(one["start"]) and not one["end"]} for one in answer["experience"]
        ],
        "education": answer["education"],
        "languages": answer["languages"],
        "certifications": answer["certifications"],
    }


def _keep(context: JobContext, path: Path, name: str) -> str:
    """Store a file under a key of this attempt: an attempt that lost its job overwrites nobody's."""
    identity = uuid.uuid5(context.job_id, f"{name}-{context.attempt}")
    key = f"competence/{identity.hex[-2:]}/{identity.hex}.{name}"
    files = storages["uploads"]
    if files.exists(key):
        files.delete(key)
    with path.open("rb") as file:
        files.save(key, File(file))
    return key


def _store(
    context: JobContext,
    candidate: Candidate,
    sections: dict[str, Any],
    keys: dict[str, str],
    answer: asking.Answer,
) -> CompetenceFile:
    with context.commit():
        hold(candidate)
        values = {
            "sections": sections,
            "provider": answer.provider,
            "model": answer.model,
            "docx_key": keys.get("docx", ""),
            "pdf_key": keys.get("pdf", ""),
        }
        version = next_version(CompetenceFile.objects.filter(candidate=candidate))
        return CompetenceFile.objects.update_or_create(
            job_id=context.job_id,
            defaults=values,
            create_defaults={**values, "candidate": candidate, "version": version},
        )[0]
