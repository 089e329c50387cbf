"""`document.process`: a file becomes text, pages and chunks; its analysis is a child job."""

from __future__ import annotations

import uuid
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from jobs.context import Child, JobContext
from jobs.exceptions import InvalidInput, PermanentError
from jobs.registry import job_handler
from uploads import passwords, storage
from uploads.extraction import chunking, cleaning, language
from uploads.extraction.base import Page as ExtractedPage
from uploads.extraction.base import PageFailed, TextSummary, open_document
from uploads.handlers.reading import find_document, found_in, limits_left, read_pages
from uploads.models import Chunk, Document, Page


class DocumentArgs(BaseModel):
    """What `document.process` is told."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    document_id: uuid.UUID
    use_ai: bool = False
    generate_summary: bool = True
    generate_embeddings: bool = True
    password: str | None = Field(default=None, description="sealed by `uploads.passwords`")

    @field_validator("password")
    @classmethod
    def _sealed(cls, value: str | None) -> str | None:
        return passwords.seal(value) if value else None


def finish_document(
    context: JobContext, args: DocumentArgs, result: dict[str, Any], children: list[Child]
) -> dict[str, Any]:
    """The whole job's result, when its analysis has ended. Fails with the analysis, which can be retried."""
    failed = [child for child in children if child.state != "completed"]
    if failed:
        error = failed[0].error or {}
        raise PermanentError(
            f"The text was read, but its analysis failed: {error.get('message', 'it was cancelled')} "
            "Retry the failed part alone.",
            code=str(error.get("code", "analysis_failed")),
        )
    document = Document.objects.get(pk=args.document_id)
    return {
        **result,
        "status": "COMPLETED",
        "chunks": document.chunks.count(),
        "themes": len(document.themes),
        "quotes": len(document.quotes),
        "insights": len(document.insights),
        "summary": bool(document.summary),
        "embeddings": document.analysis.get("embeddings"),
        "analysis": {k: v for k, v in document.analysis.items() if k in ("provider", "method", "coverage")},
    }


@job_handler(
    "document.process",
    queue="document",
    args=DocumentArgs,
    timeout=900,
    memory_mb=1024,
    cpu_seconds=600,
    priority=8,
    finish=finish_document,
)
def process_document(context: JobContext, args: DocumentArgs) -> dict[str, Any]:
    """Read the document page by page, clean and cut its text, and leave the analysis to a child on `ai`."""
    context.stages(open=1, extract=30, split=5, children=64)
    context.stage("open")
    document = find_document(context, args.document_id)
    password = passwords.unseal(args.password)
    with (
        storage.local(document.upload.key, context.scratch) as path,
        open_document(
            path, document.upload.media_type, password=password, limits=limits_left(context)
        ) as extraction,
    ):
        # Shown at once: what can be said before a page is read.
        context.partial(
            "document",
            {"title": dict(extraction.metadata).get("title", ""), "pages": extraction.page_count},
        )
        read = read_pages(context, document, extraction)
        found = found_in(extraction)
    if read.scanned:
        read = _recognise(context, document, path, password) or read
    note = read.sentence
    context.stage("split")
    chunks, detected = _split(context, document)
    title = found["metadata"].get("title", "")[:500]
    with context.commit():
        Chunk.objects.filter(document=document).delete()
        Chunk.objects.bulk_create(chunks, batch_size=500)
        Document.objects.filter(pk=document.pk).update(
            title=title or document.upload.name[:500],
            language=detected or "",
            note=note,
            pages_total=read.pages_total,
            pages_read=read.pages_read,
            pages_failed=read.pages_failed,
            characters=read.characters,
            **found,
        )
        Page.objects.filter(document=document).delete()
    facts = {
        "pages": read.pages_total,
        "pagesRead": read.pages_read,
        "characters": read.characters,
        "chunks": len(chunks),
        "language": detected,
        "note": note,
    }
    context.partial("document", facts)
    if not chunks:
        raise InvalidInput(note or "The document holds no text.", code="no_text")
    context.spawn(
        "document.analyse",
        {
            "documentId": str(document.pk),
            "useAi": args.use_ai,
            "summary": args.generate_summary,
            "embeddings": args.generate_embeddings,
        },
    )
    return {"documentId": str(document.pk), "filename": document.upload.name, **facts}


def _recognise(
    context: JobContext, document: Document, path: Any, password: str | None
) -> TextSummary | None:
    """Read the pictures of a scanned PDF, where tesseract is installed."""
    from uploads.extraction import ocr  # PDFium belongs into the sandbox, not into every process

    if document.upload.media_type != "pdf" or not ocr.available():
        return None
    context.log("No text was found, so its pages are recognised (OCR). This takes a few seconds a page.")
    pages = {page.number: page for page in Page.objects.filter(document=document, failed="")}
    failed = 0
    for done, found in enumerate(ocr.recognise(path, sorted(pages), password=password), start=1):
        page = pages[found.number]
        if isinstance(found, PageFailed):
            page.failed, failed = found.reason[:300], failed + 1
        else:
            page.text = found.text.replace("\x00", "")
        context.progress(done, len(pages), message=f"recognising page {done} of {len(pages)}")
    with context.commit():
        Page.objects.bulk_update(pages.values(), ["text", "failed"], batch_size=100)
    characters = sum(len(page.text) for page in pages.values() if page.text.strip())
    return TextSummary(len(pages), len(pages) - failed, failed, characters)


def _split(context: JobContext, document: Document) -> tuple[list[Chunk], str | None]:
    rows = list(
        Page.objects.filter(document=document, failed="").order_by("number").values_list("number", "text")
    )
    texts = cleaning.clean([text for _, text in rows])
    pages = [ExtractedPage(number, text) for (number, _), text in zip(rows, texts, strict=True)]
    context.progress(1, 2, message="cutting the text into chunks")
    chunks = [
        Chunk(
            document=document,
            number=c.index,
            text=c.text,
            page_start=c.page_start,
            page_end=c.page_end,
            offset=c.char_start,
        )
        for c in chunking.chunk(pages)
        if c.text.strip()
    ]
    sample = " ".join(chunk.text for chunk in chunks[:: max(1, len(chunks) // 5)][:5])
    return chunks, language.detect(sample[:20_000])
