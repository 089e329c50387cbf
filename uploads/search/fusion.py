"""Two rankings made one: reciprocal rank fusion, which needs no scores that compare."""

from __future__ import annotations

import uuid
from typing import Any, Final

from uploads.models import Chunk
from uploads.search import vectors, words
from uploads.search.snippets import snippet

# The constant of the method: how little the first places stand out. 60 is what its authors found to work.
_K: Final = 60
_CANDIDATES: Final = 100


def fused(*rankings: list[int]) -> list[tuple[int, float]]:
    """Ids with their scores, the best first: the sum over rankings of 1 / (60 + place)."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for place, pk in enumerate(ranking, start=1):
            scores[pk] = scores.get(pk, 0.0) + 1.0 / (_K + place)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def search(
    query: str, *, owner_id: Any, limit: int = 10, document_id: uuid.UUID | None = None
) -> dict[str, Any]:
    """The best chunks among the owner's, with pages, snippet, and where each ranking had them."""
    by_words = words.ranked(query, owner_id=owner_id, document_id=document_id, limit=_CANDIDATES)
    near = vectors.nearest(query, owner_id=owner_id, document_id=document_id, limit=_CANDIDATES)
    best = fused(by_words, near.ids)[:limit]
    chunks = (
        Chunk.objects.select_related("document__upload")
        .only("id", "number", "text", "page_start", "page_end", "document__title", "document__paged",
              "document__upload__name")
        .in_bulk([pk for pk, _ in best])
    )  # fmt: skip
    place = [{pk: n for n, pk in enumerate(ranking, start=1)} for ranking in (by_words, near.ids)]
    found = words.terms(query)
    return {
        "query": query,
        "results": [
            {
                "documentId": str(chunk.document_id),
                "title": chunk.document.title or chunk.document.upload.name,
                "filename": chunk.document.upload.name,
                "chunk": chunk.number,
                "pageStart": chunk.page_start if chunk.document.paged else None,
                "pageEnd": chunk.page_end if chunk.document.paged else None,
                "score": round(score, 6),
                "ranks": {"words": place[0].get(pk), "vectors": place[1].get(pk)},
                "snippet": snippet(chunk.text, found),
            }
            for pk, score in best
            if (chunk := chunks.get(pk))
        ],
        "method": {
            "words": "full text: words that begin with those asked for, no stemming",
            "vectors": "cosine, exact; built-in vectors are lexical (no synonyms, no other languages)",
            "fusion": f"reciprocal rank, k={_K}",
            "engines": near.engines,
            "notCompared": near.not_compared,
            "vectorsCompared": near.compared,
            "complete": near.complete,
        },
    }
