"""`resume.process`: a résumé becomes text and links; its child `candidate.profile` finds who it is about."""

from __future__ import annotations

import uuid
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from jobs.context import Child, JobContext
from jobs.exceptions import InvalidInput, PermanentError
from jobs.registry import job_handler
from uploads import passwords, storage
from uploads.extraction import language
from uploads.extraction.base import open_document
from uploads.handlers.reading import find_document, found_in, limits_left, read_pages
from uploads.models import Document, Page

# Beyond this nobody's career; a book sent by mistake should say so early.
MAX_PAGES = 60


class ResumeArgs(BaseModel):
    """What `resume.process` is told."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    document_id: uuid.UUID
    password: str | None = Field(default=None, description="sealed by `uploads.passwords`")

    @field_validator("password")
    @classmethod
    def _sealed(cls, value: str | None) -> str | None:
        return passwords.seal(value) if value else None


def finish_resume(
    context: JobContext, args: ResumeArgs, result: dict[str, Any], children: list[Child]
) -> dict[str, Any]:
    """The whole job's result: what was read, and the profile that the child made of it."""
    child = children[-1]
    if child.state != "completed":
        error = child.error or {}
        raise PermanentError(
            f"The text was read, but no profile was made: {error.get('message', 'it was cancelled')} "
            "Retry the failed part alone.",
            code=str(error.get("code", "profile_failed")),
        )
    return {**result, **(child.result or {}), "status": "COMPLETED"}


@job_handler(
    "resume.process",
    queue="document",
    args=ResumeArgs,
    timeout=300,
    memory_mb=1024,
    cpu_seconds=240,
    priority=8,
    finish=finish_resume,
)
def process_resume(context: JobContext, args: ResumeArgs) -> dict[str, Any]:
    """Keep the pages and links of the résumé in its document's rows, where `candidate.profile` reads them."""
    context.stages(open=1, extract=30, children=69)
    context.stage("open")
    document = find_document(context, args.document_id)
    password = passwords.unseal(args.password)
    with (
        storage.local(document.upload.key, context.scratch) as path,
        open_document(
            path, document.upload.media_type, password=password, limits=limits_left(context)
        ) as extraction,
    ):
        if (extraction.page_count or 0) > MAX_PAGES:
            raise InvalidInput(
                f"This has {extraction.page_count} pages; a résumé has at most {MAX_PAGES}. "
                "Upload it as a document instead.",
                code="not_a_resume",
            )
        read = read_pages(context, document, extraction)
        found = found_in(extraction)
    if read.characters == 0:
        raise InvalidInput(read.sentence or "The résumé holds no text.", code="no_text")
    texts = (
        Page.objects.filter(document=document, failed="").order_by("number").values_list("text", flat=True)
    )
    sample = " ".join(texts[:10])[:20_000]
    with context.commit():
        Document.objects.filter(pk=document.pk).update(
            title=document.upload.name[:500],
            language=language.detect(sample) or "",
            note=read.sentence,
            pages_total=read.pages_total,
            pages_read=read.pages_read,
            pages_failed=read.pages_failed,
            characters=read.characters,
            **found,
        )
    facts = {"pages": read.pages_total, "characters": read.characters, "note": read.sentence}
    context.partial("document", facts)
    context.spawn("candidate.profile", {"documentId": str(document.pk)})
    return {"documentId": str(document.pk), "filename": document.upload.name, **facts}
