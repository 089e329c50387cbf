"""Full-text rank over chunks: FTS5 on SQLite, tsvector with GIN on PostgreSQL (migration 0003).

No stemming, in no language: a query's word finds the words that begin with it.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from typing import Any, Final

from django.db import connection

MAX_TERMS: Final = 16
# A word this short must match whole: "the*" would find half a dictionary.
_WHOLE: Final = 3
_WORD = re.compile(r"\w+")

_SQLITE = """
SELECT c.id FROM document_chunks_fts AS f
JOIN document_chunks AS c ON c.id = f.rowid
JOIN documents AS d ON d.id = c.document_id
WHERE document_chunks_fts MATCH %s AND d.owner_id = %s {narrowed}
ORDER BY bm25(document_chunks_fts) LIMIT %s
"""
_POSTGRESQL = """
SELECT c.id FROM document_chunks AS c
JOIN documents AS d ON d.id = c.document_id, to_tsquery('simple', %s) AS query
WHERE c.words @@ query AND d.owner_id = %s {narrowed}
ORDER BY ts_rank_cd(c.words, query, 1) DESC, c.id LIMIT %s
"""


def terms(query: str) -> list[str]:
    """The words of a query, lower case, each once, at most 16."""
    text = unicodedata.normalize("NFC", query).casefold()
    return list(dict.fromkeys(word[:64] for word in _WORD.findall(text)))[:MAX_TERMS]


def ranked(query: str, *, owner_id: Any, document_id: uuid.UUID | None = None, limit: int = 100) -> list[int]:
    """Ids of the owner's chunks that hold any of the query's words, the best first."""
    found = terms(query)
    if not found:
        return []
    postgresql = connection.vendor == "postgresql"
    # Words hold letters, digits and "_" only, so neither query language can be spoken through them.
    if postgresql:
        match = " | ".join(f"{word}:*" if len(word) > _WHOLE else word for word in found)
    else:
        match = " OR ".join(f'"{word}"*' if len(word) > _WHOLE else f'"{word}"' for word in found)
    params: list[Any] = [match, owner_id]
    narrowed = ""
    if document_id is not None:
        narrowed = "AND d.id = %s"
        params.append(document_id if postgresql else document_id.hex)
    sql = (_POSTGRESQL if postgresql else _SQLITE).format(narrowed=narrowed)
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, limit])
        return [row[0] for row in cursor.fetchall()]
