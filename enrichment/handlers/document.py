"""`document.analyse`: what stands in a document, written to its rows; spawned by `document.process`."""

from __future__ import annotations

import uuid
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from enrichment import asking, engines
from enrichment.analysis import embeddings
from enrichment.providers.base import Provider
from jobs.context import JobContext
from jobs.exceptions import PermanentError
from jobs.registry import job_handler
from uploads.models import Chunk, Document

# Vectors are made and stored so many chunks at a time: progress moves, and a retry repeats little.
_BATCH = 256


class AnalyseArgs(BaseModel):
    """What `document.analyse` is told. `summary` and `embeddings` say whether to make them."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    document_id: uuid.UUID
    use_ai: bool = False
    summary: bool = True
    embeddings: bool = True


@job_handler(
    "document.analyse",
    queue="ai",
    args=AnalyseArgs,
    timeout=900,
    memory_mb=1536,
    cpu_seconds=600,
    network=True,
    secrets=("OPENAI_API_KEY", "ANTHROPIC_API_KEY"),
)
def analyse_document(context: JobContext, args: AnalyseArgs) -> dict[str, Any]:
    """Themes, summary, quotes and insights by a provider, then a vector for each chunk."""
    context.stages(analyse=5, embed=4 if args.embeddings else 0.01)
    document = Document.objects.get(pk=args.document_id)
    chunks = list(document.chunks.order_by("number").only("id", "number", "text", "page_start", "page_end"))
    provider = engines.preferred() if args.use_ai else engines.builtin()
    if not (context.last_checkpoint or {}).get("analysed"):
        _analyse(context, args, document, chunks)
        context.checkpoint({"analysed": True})
    made = _embed(context, document, chunks, provider) if args.embeddings else None
    if made:
        with context.commit():
            fresh = Document.objects.get(pk=document.pk)
            Document.objects.filter(pk=document.pk).update(analysis={**fresh.analysis, "embeddings": made})
    return {"documentId": str(document.pk), "embeddings": made}


def _analyse(context: JobContext, args: AnalyseArgs, document: Document, chunks: list[Chunk]) -> None:
    context.stage("analyse", message=f"reading {len(chunks)} chunks")
    passages = [
        {
            "index": c.number,
            "text": c.text,
            "page_start": c.page_start if document.paged else None,
            "page_end": c.page_end if document.paged else None,
        }
        for c in chunks
    ]
    answer = asking.ask(
        context,
        "document.analyse",
        {"title": document.title, "passages": passages},
        provider=None if args.use_ai else "builtin",
        progress=lambda n, total: context.progress(n, total, message="themes, summary, quotes, insights"),
    )
    found = answer.data
    if not args.summary:
        found["summary"] = []
    with context.commit():
        Document.objects.filter(pk=document.pk).update(
            summary=found["summary"],
            themes=found["themes"],
            quotes=found["quotes"],
            insights=found["insights"],
            keyphrases=found["keyphrases"],
            analysis={
                "method": found["method"],
                "coverage": found["coverage"],
                "warnings": found["warnings"],
                **answer.facts(),
            },
        )
    for name in ("summary", "themes"):
        context.partial(name, found[name])


def _embed(
    context: JobContext, document: Document, chunks: list[Chunk], provider: Provider
) -> dict[str, Any]:
    """Vectors by the provider, or by the built-in engine where it has none; one engine for all."""
    context.stage("embed")
    engine, dimension = "", 0
    for start in range(0, len(chunks), _BATCH):
        batch = chunks[start : start + _BATCH]
        texts = [chunk.text for chunk in batch]
        try:
            vectors = asking.embed(context, provider, texts)
        except PermanentError as error:
            if error.code != "no_embeddings" or start:
                raise
            provider = engines.builtin()
            vectors = provider.embed(texts)
        for chunk, vector in zip(batch, vectors.vectors, strict=True):
            chunk.engine, chunk.dimension = vectors.engine, vectors.dimension
            chunk.vector = embeddings.pack(vector)
        with context.commit():
            Chunk.objects.bulk_update(batch, ["engine", "dimension", "vector"], batch_size=_BATCH)
        engine, dimension = vectors.engine, vectors.dimension
        context.progress(start + len(batch), len(chunks), message=f"vectors of {len(chunks)} chunks")
    return {"engine": engine, "dimension": dimension, "count": len(chunks)}
