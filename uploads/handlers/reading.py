"""Reading a stored document page by page, in a way that a retry can go on with."""

from __future__ import annotations

import uuid
from typing import Any

from jobs.context import JobContext
from jobs.exceptions import PermanentError
from uploads.extraction.base import Extraction, Limits, PageFailed, TextSummary
from uploads.models import Document, Page

# Pages are stored this many at a time: a retry repeats at most so many, and writes cost little.
_BATCH = 50


def find_document(context: JobContext, document_id: uuid.UUID) -> Document:
    """The row this job works on. Raises PermanentError when it was deleted, or given to a newer job."""
    document = Document.objects.select_related("upload").filter(pk=document_id).first()
    if document is None:
        raise PermanentError("The document was deleted.", code="document_deleted")
    if document.job_id not in (None, context.job_id):
        raise PermanentError("A newer job processes this document: look at that one.", code="superseded")
    return document


def limits_left(context: JobContext) -> Limits:
    """How much may still be read: all attempts together read no more than one would."""
    everything = Limits()
    done = int((context.last_checkpoint or {}).get("characters", 0))
    return Limits(pages=everything.pages, characters=max(0, everything.characters - done))


def read_pages(context: JobContext, document: Document, extraction: Extraction) -> TextSummary:
    """Store every page's text, going on from the page that an earlier attempt had reached."""
    saved = context.last_checkpoint or {}
    start = int(saved.get("page", 0)) + 1
    read, failed, characters = (int(saved.get(k, 0)) for k in ("read", "failed", "characters"))
    before = TextSummary(0, read, failed, characters)
    context.stage("extract")
    if start == 1:
        with context.commit():
            Page.objects.filter(document=document).delete()
    rows: list[Page] = []
    unit = "page" if extraction.paged else "section"
    total = extraction.page_count
    number = start - 1
    for page in extraction.pages(start):
        number = page.number
        rows.append(
            Page(document=document, number=number, failed=page.reason[:300])
            if isinstance(page, PageFailed)
            else Page(document=document, number=number, text=page.text.replace("\x00", ""))
        )
        context.progress(
            number, total or number, message=f"{unit} {number}" + (f" of {total}" if total else "")
        )
        if len(rows) >= _BATCH:
            _keep(context, rows, number, before + extraction.summary)
            rows = []
    _keep(context, rows, number, before + extraction.summary)
    return before + extraction.summary


def _keep(context: JobContext, rows: list[Page], number: int, read: TextSummary) -> None:
    with context.commit():
        Page.objects.bulk_create(rows, ignore_conflicts=True)
    context.checkpoint(
        {"page": number, "read": read.pages_read, "failed": read.pages_failed, "characters": read.characters}
    )


def found_in(extraction: Extraction) -> dict[str, Any]:
    """What a format says beside its pages, as fields of `Document`."""
    return {
        "metadata": dict(extraction.metadata),
        "paged": extraction.paged,
        "links": [{"url": link.url, "page": link.page} for link in extraction.links],
    }
