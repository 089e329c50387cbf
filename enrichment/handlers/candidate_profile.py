"""`candidate.profile`: a résumé that was read becomes a candidate's profile; spawned by `resume.process`."""

from __future__ import annotations

import re
import uuid
from typing import Any

from enrichment import profiles
from enrichment.arguments import Arguments
from enrichment.models import Candidate
from jobs.context import JobContext
from jobs.exceptions import InvalidInput
from jobs.registry import job_handler
from uploads.models import Document

# Where a PDF's layout divided a word: these pages are as they were read, not yet cleaned.
_DIVIDED = re.compile("[\x02\ufffe\xad]\n?")


class ProfileArgs(Arguments):
    """The document; `candidate_id` when it is a newer résumé of somebody known."""

    document_id: uuid.UUID
    candidate_id: uuid.UUID | None = None


@job_handler("candidate.profile", queue="ai", args=ProfileArgs, timeout=120, memory_mb=768, cpu_seconds=60)
def read_profile(context: JobContext, args: ProfileArgs) -> dict[str, Any]:
    """Parse the document's text; create its candidate, or renew the one it has. Corrections stay."""
    document = (
        Document.objects.select_related("upload").filter(owner_id=context.owner_id).get(pk=args.document_id)
    )
    pages = page_texts(document)
    if not any(page.strip() for page in pages):
        raise InvalidInput(document.note or "The résumé holds no text to read.", code="no_text")
    context.stage("parse", message=f"reading {len(pages)} pages")
    links = [str(link["url"] if isinstance(link, dict) else link) for link in document.links]
    parsed = profiles.parse_profile(pages, links, filename=document.upload.name).to_dict()
    with context.commit():
        candidate = _candidate(context, args, document)
        candidate.profile = profiles.merge(candidate.profile or {}, parsed, {})
        candidate.document = document
        candidate.rename()
        candidate.save()
    return {
        "candidateId": str(candidate.pk),
        "documentId": str(document.pk),
        "profile": candidate.shown(),
        "corrected": sorted(candidate.corrections),
    }


def page_texts(document: Document) -> list[str]:
    """The text of each page: as it was read while that is kept, else put together from the chunks."""
    kept = list(document.pages.order_by("number").values_list("text", flat=True))
    if kept:
        return [_DIVIDED.sub("", page) for page in kept]
    texts: dict[int, list[str]] = {}
    for chunk in document.chunks.order_by("number").only("text", "page_start"):
        texts.setdefault(chunk.page_start, []).append(chunk.text)
    return ["\n".join(texts[number]) for number in sorted(texts)]


def _candidate(context: JobContext, args: ProfileArgs, document: Document) -> Candidate:
    """The candidate to write to: the one asked for, the document's own, or a new one."""
    mine = Candidate.objects.select_for_update().filter(owner_id=context.owner_id)
    if args.candidate_id:
        return mine.get(pk=args.candidate_id)
    known = mine.filter(document=document).order_by("id").first()
    return known or Candidate(id=uuid.uuid5(document.pk, "candidate"), owner_id=context.owner_id)
