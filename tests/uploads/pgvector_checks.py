"""Search on a PostgreSQL that has pgvector; `test_pgvector` starts one and runs these on it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from tests.uploads.test_documents import document, embed
from uploads.models import Chunk
from uploads.search import pgvector, vectors

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "Job queues survive crashes of their workers.",
    "Workers of a queue take the next job that waits.",
    "A recipe for bread: flour, water, salt and time.",
    "Bread rises while nobody looks.",
]


@pytest.fixture
def chunks(api: APIClient, tmp_path: Path) -> list[Chunk]:
    for number, text in enumerate(TEXTS):
        embed(document(api, tmp_path, text, f"{number}.txt"))
    return list(Chunk.objects.order_by("id"))


def copied() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(embedding) FROM document_chunks")
        return int(cursor.fetchone()[0])


def test_migrate_has_set_it_up() -> None:
    assert pgvector.ready()


@pytest.mark.parametrize("query", ["queue of jobs", "bread", "fox", "nothing of the kind", "…"])
def test_the_server_finds_what_this_process_finds(
    chunks: list[Chunk], user: Any, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = vectors.nearest(query, owner_id=user.pk)
    assert (here.read, here.compared) == (len(TEXTS), len(TEXTS))
    assert pgvector.fill() == len(TEXTS) == copied() and pgvector.fill() == 0
    there = vectors.nearest(query, owner_id=user.pk)
    assert there.ids == here.ids
    assert (there.read, there.compared, there.complete) == (0, len(TEXTS), True)


def test_only_the_owners_and_only_of_the_document(chunks: list[Chunk], user: Any, other_user: Any) -> None:
    pgvector.fill()
    assert vectors.nearest("bread", owner_id=other_user.pk).ids == []
    found = vectors.nearest("bread", owner_id=user.pk, document_id=chunks[4].document_id)
    assert found.ids == [chunks[4].pk] and found.compared == 1


def test_what_has_no_copy_yet_is_found_too(
    chunks: list[Chunk], user: Any, api: APIClient, tmp_path: Path
) -> None:
    pgvector.fill()
    embed(document(api, tmp_path, "Fresh bread, just out of the oven.", "fresh.txt"))
    found = vectors.nearest("fresh bread oven", owner_id=user.pk)
    assert found.ids[0] == Chunk.objects.latest("id").pk
    assert (found.read, found.compared) == (1, len(TEXTS) + 1)


def test_a_changed_vector_is_never_compared_by_its_old_copy(chunks: list[Chunk], user: Any) -> None:
    pgvector.fill()
    Chunk.objects.filter(pk=chunks[0].pk).update(
        vector=bytes(Chunk.objects.get(pk=chunks[3].pk).vector or b"")
    )
    assert copied() == len(TEXTS) - 1
    best = vectors.nearest("bread flour water salt", owner_id=user.pk).ids[:2]
    assert set(best) == {chunks[0].pk, chunks[3].pk}


def test_there_is_no_limit_to_what_the_server_compares(
    chunks: list[Chunk], user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "MAX_COMPARED", 2)
    assert not vectors.nearest("bread", owner_id=user.pk).complete
    pgvector.fill()
    assert vectors.nearest("bread", owner_id=user.pk).complete


def test_without_the_right_it_says_what_to_do_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE document_chunks DROP COLUMN embedding")
        cursor.execute("DROP EXTENSION vector")
        cursor.execute("CREATE ROLE plain")
        cursor.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO plain")
        cursor.execute("SET LOCAL ROLE plain")
    pgvector.ready.cache_clear()
    try:
        with caplog.at_level(logging.WARNING, "uploads.search.pgvector"):
            assert not pgvector.install()
        assert "CREATE EXTENSION vector" in caplog.text and not pgvector.ready()
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
        assert pgvector.install() and pgvector.ready()
    finally:
        pgvector.ready.cache_clear()
