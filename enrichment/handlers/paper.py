"""`paper.analyse`: one provider reads one paper."""

from __future__ import annotations

import uuid
from typing import Any

from enrichment import asking
from enrichment.arguments import Arguments
from enrichment.handlers.improvements import SECRETS
from enrichment.models import Analysis, Paper
from jobs.context import JobContext
from jobs.exceptions import InvalidInput, PermanentError
from jobs.registry import job_handler


class ReadPaperArgs(Arguments):
    """Which paper, and who reads it."""

    paper_id: uuid.UUID
    provider: str


@job_handler(
    "paper.analyse",
    queue="ai",
    args=ReadPaperArgs,
    timeout=600,
    memory_mb=1024,
    cpu_seconds=300,
    network=True,
    secrets=SECRETS,
)
def analyse_paper(context: JobContext, args: ReadPaperArgs) -> dict[str, Any]:
    """Claims, methods, results, limitations and open questions, stored beside the readings of others."""
    known = Analysis.objects.filter(job_id=context.job_id).first()
    if known is None:
        known = _read(context, args)
    return {
        "analysisId": str(known.pk),
        "provider": known.provider,
        "model": known.model,
        "inputTokens": known.input_tokens,
        "outputTokens": known.output_tokens,
        "costUsd": str(known.cost_usd),
        "data": known.data,
    }


def find_paper(context: JobContext, paper_id: uuid.UUID) -> Paper:
    """The owner's paper. Raises PermanentError `paper_not_found`, also for somebody else's."""
    paper = Paper.objects.select_related("document").filter(pk=paper_id, owner_id=context.owner_id).first()
    if paper is None:
        raise PermanentError("There is no such paper among yours.", code="paper_not_found")
    return paper


def material(paper: Paper) -> dict[str, Any]:
    """What providers read of a paper. Raises InvalidInput when it holds no text."""
    if paper.document is None:
        return {"title": paper.title, "text": paper.text}
    paged = paper.document.paged
    passages = [
        {
            "index": chunk.number,
            "text": chunk.text,
            "page_start": chunk.page_start if paged else None,
            "page_end": chunk.page_end if paged else None,
        }
        for chunk in paper.document.chunks.order_by("number").only("number", "text", "page_start", "page_end")
    ]
    if not passages:
        raise InvalidInput(paper.document.note or "The paper's text has not been read yet.", code="no_text")
    return {"title": paper.title or paper.document.title, "passages": passages}


def _read(context: JobContext, args: ReadPaperArgs) -> Analysis:
    paper = find_paper(context, args.paper_id)
    context.stage("ask", message=f"{args.provider} reads")
    answer = asking.ask(
        context,
        "paper.analyse",
        material(paper),
        provider=args.provider,
        progress=lambda done, total: context.progress(done, total),
    )
    with context.commit():
        if not paper.title and answer.data.get("title"):
            Paper.objects.filter(pk=paper.pk, title="").update(title=str(answer.data["title"])[:500])
        return Analysis.objects.create(
            paper=paper,
            provider=answer.provider,
            model=answer.model,
            job_id=context.job_id,
            data=answer.data,
            input_tokens=answer.usage.input_tokens,
            output_tokens=answer.usage.output_tokens,
            cost_usd=answer.cost_usd,
        )
