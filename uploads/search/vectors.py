"""Nearness of chunks to a query's vector. Vectors of different engines are never compared.

Exact, in batches of constant memory, over the newest chunks of the owner; what is left out is said.
numpy is imported with the first search, not with the process.
"""

from __future__ import annotations

import heapq
import uuid
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.utils.module_loading import import_string

from uploads.models import Chunk

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
    complete: bool = True


def nearest(query: str, *, owner_id: Any, document_id: uuid.UUID | None = None, limit: int = 100) -> Nearest:
    """The owner's chunks nearest to `query`, per engine whose query vectors this process can make."""
    mine = Chunk.objects.filter(document__owner_id=owner_id).exclude(engine="")
    if document_id is not None:
        mine = mine.filter(document_id=document_id)
    found = Nearest()
    best: list[tuple[float, int]] = []
    for engine in sorted(mine.order_by().values_list("engine", flat=True).distinct()[:10]):
        if engine not in settings.QUERY_VECTORS:
            found.not_compared.append(engine)
            continue
        found.engines.append(engine)
        left = MAX_COMPARED - found.compared
        rows = mine.filter(engine=engine).order_by("-id").values_list("id", "vector")[: left + 1]
        best = _compare(_maker(engine)(query), rows, left, best, limit, found)
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
def _maker(engine: str) -> Any:
    return import_string(settings.QUERY_VECTORS[engine])
