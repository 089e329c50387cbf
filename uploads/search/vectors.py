"""Nearness of chunks to a query's vector. Vectors of different engines are never compared.

Exact: by PostgreSQL where pgvector is installed, else in batches of constant memory over the newest chunks of
the owner; what is left out is said. numpy is imported with the first search, not with the process.
"""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.utils.module_loading import import_string

from uploads.models import Chunk
from uploads.search import pgvector

# 20,000 chunks are some 15,000 pages: read and compared in about a quarter of a second.
MAX_COMPARED: Final = 20_000
_BATCH: Final = 1000
# Lexical vectors of unrelated texts still share some hashes: below this, nearness says nothing.
MIN_SIMILARITY: Final = 0.08


@dataclass
class Nearest:
    """Chunk ids, the nearest first, and what was compared: engines, and how many vectors were not."""

    ids: list[int] = field(default_factory=list)
    engines: list[str] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)
    compared: int = 0
    read: int = 0  # compared in this process
    complete: bool = True


def nearest(query: str, *, owner_id: Any, document_id: uuid.UUID | None = None, limit: int = 100) -> Nearest:
    """The owner's chunks nearest to `query`, per engine whose query vectors this process can make."""
    mine = Chunk.objects.filter(document__owner_id=owner_id).exclude(engine="")
    if document_id is not None:
        mine = mine.filter(document_id=document_id)
    found = Nearest()
    best: list[tuple[float, int]] = []
    for engine in sorted(mine.order_by().values_list("engine", flat=True).distinct()[:10]):
        wanted = _maker(engine)(query)
        if wanted is None:
            found.not_compared.append(engine)
            continue
        found.engines.append(engine)
        chunks = mine.filter(engine=engine)
        if pgvector.ready():
            near, count = pgvector.nearest(
                wanted, owner_id=owner_id, engine=engine, document_id=document_id, limit=limit
            )
            best = heapq.nlargest(limit, [*best, *near])
            found.compared += count
            chunks = chunks.extra(where=["embedding IS NULL"])
        left = MAX_COMPARED - found.read
        rows = chunks.order_by("-id").values_list("id", "vector")[: left + 1]
        best = _compare(wanted, rows, left, best, limit, found)
    found.ids = [pk for score, pk in sorted(best, reverse=True) if score >= MIN_SIMILARITY]
    return found


def _compare(
    wanted: Any, rows: Any, left: int, best: list[tuple[float, int]], limit: int, found: Nearest
) -> list[tuple[float, int]]:
    import numpy as np

    ids: list[int] = []
    data: list[bytes] = []

    def flush() -> None:
        nonlocal best
        if not ids:
            return
        scores = np.frombuffer(b"".join(data), dtype="<f4").reshape(len(ids), -1) @ wanted
        best = heapq.nlargest(limit, [*best, *zip(scores.tolist(), ids, strict=True)])
        found.compared += len(ids)
        found.read += len(ids)
        ids.clear()
        data.clear()

    for number, (pk, vector) in enumerate(rows.iterator(chunk_size=_BATCH)):
        if number >= left:
            found.complete = False
            break
        if vector is not None and len(vector) == wanted.nbytes:
            ids.append(pk)
            data.append(bytes(vector))
        if len(ids) >= _BATCH:
            flush()
    flush()
    return best


@cache
def _maker(engine: str) -> Callable[[str], Any]:
    """What makes a query's vector for an engine; it returns None where it can not now, or never."""
    path = settings.QUERY_VECTORS.get(engine)
    return import_string(path) if path else lambda query: None
