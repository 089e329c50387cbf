"""Nearness computed by PostgreSQL, where pgvector is installed: exact, and no vector leaves the server.

`document_chunks.vector` stays the truth, the same on every database. `embedding` is a copy for the extension,
made after each `migrate` and then every few seconds by a janitor; a changed vector drops its copy, so it is
never stale. What has no copy yet is compared in the web process, as everywhere else.
"""

from __future__ import annotations

import logging
import math
import sys
import uuid
from array import array
from functools import cache
from typing import Any, Final

from django.db import Error, connection, transaction

logger = logging.getLogger(__name__)

_BATCH: Final = 200
_THERE = """
SELECT 1 FROM pg_attribute
WHERE attrelid = to_regclass('document_chunks') AND attname = 'embedding' AND NOT attisdropped
"""
_AVAILABLE = "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"
_INSTALL = (
    "CREATE EXTENSION IF NOT EXISTS vector",
    "ALTER TABLE document_chunks ADD COLUMN IF NOT EXISTS embedding vector",
    # What has no copy yet, found without reading the table.
    """CREATE INDEX IF NOT EXISTS document_chunks_uncopied ON document_chunks (id)
       WHERE vector IS NOT NULL AND embedding IS NULL""",
    """CREATE OR REPLACE FUNCTION document_chunks_forget() RETURNS trigger LANGUAGE plpgsql
       AS 'BEGIN NEW.embedding := NULL; RETURN NEW; END'""",
    """CREATE OR REPLACE TRIGGER document_chunks_changed
       BEFORE UPDATE OF vector ON document_chunks FOR EACH ROW
       WHEN (OLD.vector IS DISTINCT FROM NEW.vector) EXECUTE FUNCTION document_chunks_forget()""",
)
# Several janitors share the work: each takes rows that no other has.
_UNCOPIED = """
SELECT id, vector FROM document_chunks WHERE vector IS NOT NULL AND embedding IS NULL
ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""
_COPY = """
UPDATE document_chunks AS c SET embedding = v.text::vector
FROM unnest(%s::bigint[], %s::text[]) AS v (id, text) WHERE c.id = v.id
"""
_NEAREST = """
SELECT c.id, 1 - (c.embedding <=> %s::vector), count(*) OVER ()
FROM document_chunks AS c JOIN documents AS d ON d.id = c.document_id
WHERE d.owner_id = %s AND c.engine = %s AND c.dimension = %s AND c.embedding IS NOT NULL {narrowed}
ORDER BY 2 DESC, c.id LIMIT %s
"""


@cache
def ready() -> bool:
    """Whether this database keeps copies for the extension. Asked once in a process."""
    return connection.vendor == "postgresql" and _finds(_THERE)


def install() -> bool:
    """Set up the extension and its column where the server offers it; returns whether they are there.

    Without the right to create extensions it says in the log what a superuser has to do, and nothing changes.
    """
    if connection.vendor != "postgresql" or not (_finds(_THERE) or _finds(_AVAILABLE)):
        return False
    if not _finds(_THERE):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                for statement in _INSTALL:
                    cursor.execute(statement)
        except Error as error:
            logger.warning(
                "pgvector is on the server but could not be set up (%s). As a superuser run "
                "CREATE EXTENSION vector in this database, then manage.py migrate.",
                str(error).splitlines()[0],
            )
            return False
    ready.cache_clear()
    return True


def fill() -> int:
    """Copy vectors that have no copy, at most 200; returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_UNCOPIED, [_BATCH])
        rows = cursor.fetchall()
        if rows:
            cursor.execute(_COPY, [[pk for pk, _ in rows], [_text(bytes(vector)) for _, vector in rows]])
    return len(rows)


def nearest(
    wanted: Any, *, owner_id: Any, engine: str, document_id: uuid.UUID | None, limit: int
) -> tuple[list[tuple[float, int]], int]:
    """The copied chunks nearest to `wanted`: (cosine, id), the best first; and how many were compared."""
    text = _text(wanted.astype("<f4").tobytes())
    params = [text, owner_id, engine, len(wanted)]
    narrowed = ""
    if document_id is not None:
        narrowed = "AND d.id = %s"
        params.append(document_id)
    with connection.cursor() as cursor:
        cursor.execute(_NEAREST.format(narrowed=narrowed), [*params, limit])
        rows = cursor.fetchall()
    # A text without words has a vector without a direction: its cosine is no number.
    return [(score, pk) for pk, score, _ in rows if not math.isnan(score)], rows[0][2] if rows else 0


def _text(data: bytes) -> str:
    numbers = array("f", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return f"[{','.join(map(repr, numbers))}]"


def _finds(query: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone() is not None
