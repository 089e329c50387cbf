"""Documents, their files and links, and the search over them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core import signing
from rest_framework.test import APIClient

from enrichment.analysis import embeddings, query_vectors
from jobs.states import State
from tests.factories import JobFactory
from tests.uploads.documents import pdf
from tests.uploads.sending import DOCUMENTS, file, post, run, stored
from uploads.models import Chunk, Document, Video
from uploads.search import fusion, snippets, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


def document(api: APIClient, scratch: Path, text: str = "A short text.", name: str = "a.txt") -> Document:
    """A document that was sent and read; its job has ended."""
    post(api, DOCUMENTS, file(text, name))
    made = Document.objects.select_related("job").order_by("-id")[0]
    run(made.job, scratch)
    ended = JobFactory(owner=made.owner, state=State.COMPLETED, kind="document.process", queue="document")
    Document.objects.filter(pk=made.pk).update(job=ended)
    made.refresh_from_db()
    return made


def embed(made: Document) -> None:
    chunks = list(made.chunks.all())
    for chunk, vector in zip(chunks, embeddings.embed([chunk.text for chunk in chunks]), strict=True):
        chunk.engine, chunk.dimension = embeddings.ENGINE, embeddings.DIMENSION
        chunk.vector = embeddings.pack(vector)
    Chunk.objects.bulk_update(chunks, ["engine", "dimension", "vector"])


def test_a_read_document_is_shown_with_chunks_and_pages(api: APIClient, tmp_path: Path) -> None:
    post(api, DOCUMENTS, file(pdf(3), "three.pdf"))
    made = Document.objects.select_related("job").get()
    context, result = run(made.job, tmp_path)
    assert result["pages"] == 3 and context.spawned[0].kind == "document.analyse"
    body = api.get(f"/api/documents/{made.pk}").json()
    assert (body["filename"], body["pages"], body["pagesRead"], body["type"]) == ("three.pdf", 3, 3, "pdf")
    assert body["status"] == "running" and body["chunkCount"] >= 1
    chunks = api.get(f"/api/documents/{made.pk}/chunks?limit=1").json()
    assert chunks["chunks"][0]["pageStart"] == 1 and chunks["total"] == body["chunkCount"]


def test_a_document_whose_job_is_not_the_newest_is_left_alone(
    api: APIClient, user: Any, tmp_path: Path
) -> None:
    from jobs.exceptions import PermanentError

    post(api, DOCUMENTS, file("Some text.", "a.txt"))
    made = Document.objects.select_related("job").get()
    Document.objects.update(job=JobFactory(owner=user))
    with pytest.raises(PermanentError, match="newer job"):
        run(made.job, tmp_path)


def test_a_resumed_reading_reads_no_more_than_one_reading(api: APIClient, tmp_path: Path) -> None:
    post(api, DOCUMENTS, file(pdf(3), "three.pdf"))
    made = Document.objects.select_related("job").get()
    saved = {"page": 1, "read": 1, "failed": 0, "characters": 4_999_995}
    _, result = run(made.job, tmp_path, checkpoint=saved)
    assert result["characters"] <= 5_000_000 and "longer" in result["note"]


def test_the_list_pages_through_what_is_mine(
    api: APIClient, other_user: Any, api_for: Callable[[Any], APIClient], tmp_path: Path
) -> None:
    for n in range(3):
        document(api, tmp_path, f"Text number {n}.", f"{n}.txt")
    first = api.get("/api/documents?limit=2").json()
    assert [one["filename"] for one in first["documents"]] == ["2.txt", "1.txt"]
    second = api.get(first["next"]).json()
    assert [one["filename"] for one in second["documents"]] == ["0.txt"] and second["next"] is None
    assert api_for(other_user).get("/api/documents").json() == {"documents": [], "next": None}


@pytest.mark.parametrize("tail", ["", "/chunks", "/file", "/link"])
def test_somebody_elses_document_is_not_there(
    api: APIClient, other_user: Any, api_for: Callable[[Any], APIClient], tmp_path: Path, tail: str
) -> None:
    made = document(api, tmp_path)
    theirs = api_for(other_user)
    send = theirs.post if tail == "/link" else theirs.get
    assert send(f"/api/documents/{made.pk}{tail}").status_code == 404
    assert theirs.delete(f"/api/documents/{made.pk}").status_code == 404


def test_a_file_comes_back_as_an_attachment_that_no_browser_runs(api: APIClient, tmp_path: Path) -> None:
    page = "<html><body><p>Words</p><script>alert(1)</script></body></html>"
    made = document(api, tmp_path, page, "page.html")
    response = api.get(f"/api/documents/{made.pk}/file")
    assert b"".join(response.streaming_content) == page.encode()
    assert response["Content-Disposition"] == 'attachment; filename="page.html"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("sandbox;")


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-4", 206, 0, 4), ("bytes=5-", 206, 5, 99), ("bytes=-10", 206, 90, 99),
        ("bytes=90-900", 206, 90, 99), ("bytes=100-", 416, 0, 0), ("bytes=-0", 416, 0, 0),
        ("bytes=9-3", 200, 0, 99), ("lines=1-2", 200, 0, 99), ("bytes=1-2,4-5", 200, 0, 99),
    ],
)  # fmt: skip
def test_a_player_gets_the_part_it_asks_for(
    api: APIClient, tmp_path: Path, asked: str, status: int, first: int, last: int
) -> None:
    text = "".join(f"{n:09d} " for n in range(10))
    made = document(api, tmp_path, text)
    response = api.get(f"/api/documents/{made.pk}/file", headers={"Range": asked})
    assert response.status_code == status
    if status == 416:
        assert response["Content-Range"] == "bytes */100"
        return
    assert b"".join(response.streaming_content) == text[first : last + 1].encode()
    if status == 206:
        assert response["Content-Range"] == f"bytes {first}-{last}/100"


def test_a_link_works_without_a_header_for_its_owner_and_for_a_while(
    api: APIClient, user: Any, other_user: Any, api_for: Callable[[Any], APIClient], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    made = document(api, tmp_path)
    url = api.post(f"/api/documents/{made.pk}/link").json()["url"]
    anonymous = api_for(None)
    assert b"".join(anonymous.get(url).streaming_content) == b"A short text."
    assert api_for(other_user).get(url).status_code == 404
    assert anonymous.get(url[:-3] + "abc").status_code == 404
    later = time.time() + 301
    with monkeypatch.context() as patch:
        patch.setattr(signing.time, "time", lambda: later)
        assert anonymous.get(url).status_code == 404
    user.is_active = False
    user.save()
    assert anonymous.get(url).status_code == 404


def test_a_removed_document_is_gone_with_its_file_unless_its_job_runs(
    api: APIClient, media: Path, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    made = document(api, tmp_path)
    with django_capture_on_commit_callbacks(execute=True):
        assert api.delete(f"/api/documents/{made.pk}").status_code == 204
    assert not list(stored(media)) and not Chunk.objects.exists()
    assert words.ranked("short", owner_id=made.owner_id) == []
    post(api, DOCUMENTS, file("Another text.", "b.txt"))
    assert api.delete(f"/api/documents/{Document.objects.get().pk}").status_code == 409


def test_the_search_finds_words_and_says_where_they_stand(
    api: APIClient, other_user: Any, api_for: Callable[[Any], APIClient], tmp_path: Path
) -> None:
    made = document(api, tmp_path, "The quick brown fox jumps.\n\nLater it sleeps in a Café.", "fox.txt")
    other = document(api, tmp_path, "Job queues survive crashes.", "queue.txt")
    embed(made), embed(other)
    body = api.get("/api/documents/search?q=brown foxes jump").json()
    hit = body["results"][0]
    assert hit["documentId"] == str(made.pk) and hit["ranks"]["words"] == 1
    text = hit["snippet"]["text"]
    assert [text[a:b] for a, b in hit["snippet"]["highlights"]] == ["brown", "jumps"]
    assert body["method"]["engines"] == ["hash-1024-v1"] and body["method"]["complete"] is True
    narrowed = api.get(f"/api/documents/search?q=queues&documentId={made.pk}").json()
    assert all(one["documentId"] == str(made.pk) for one in narrowed["results"])
    assert api_for(other_user).get("/api/documents/search?q=fox").json()["results"] == []
    assert api.get("/api/documents/search").status_code == 400


@pytest.mark.parametrize(
    "q", ['"', "fox OR", "NEAR(a b)", "*", "text:x", "'; DROP TABLE x", "a" * 500, "🦊", "%", "col:*"]
)
def test_no_query_is_a_mistake_of_ours(api: APIClient, tmp_path: Path, q: str) -> None:
    document(api, tmp_path, "The quick brown fox.")
    assert api.get("/api/documents/search", {"q": q}).status_code == 200


def test_chunks_of_a_changed_text_are_found_by_the_new_words_only(api: APIClient, tmp_path: Path) -> None:
    made = document(api, tmp_path, "Elephants remember.")
    Chunk.objects.update(text="Dolphins forget.")
    assert words.ranked("elephants", owner_id=made.owner_id) == []
    assert len(words.ranked("dolphins", owner_id=made.owner_id)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "literature graph",
        "The QUICK brown fox, the fox!",
        "a",
        "Größe naïve café",
        "日本語 text",
        "",
        "x" * 80,
        "snake_case 42",
    ],
)
def test_a_query_vector_is_the_engines_own(text: str) -> None:
    import numpy as np

    assert np.allclose(query_vectors.vector(text), embeddings.embed([text])[0], atol=1e-6)


def test_fusion_prefers_what_both_rankings_found() -> None:
    assert [pk for pk, _ in fusion.fused([1, 2, 3], [3, 4])] == [3, 1, 2, 4]
    assert fusion.fused([], []) == []


def test_a_snippet_shows_the_densest_place_and_its_offsets_fit() -> None:
    text = "Nothing here. " * 60 + "The river mill grinds river corn at the mill. " + "More. " * 60
    found = snippets.snippet(text, ["river", "mill"])
    assert len(found["text"]) < 300
    assert [found["text"][a:b] for a, b in found["highlights"]] == ["river", "mill", "river", "mill"]
    assert snippets.snippet("", ["x"]) == {"text": "", "highlights": []}


def test_numpy_and_scikit_learn_are_not_loaded_with_the_site() -> None:
    import subprocess
    import sys

    code = (
        "import sys, config.asgi; "
        "heavy = ('sklearn', 'numpy', 'av', 'pypdfium2', 'openai', 'anthropic'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_a_video_that_is_not_made_yet_has_no_file(api: APIClient, user: Any) -> None:
    from uploads.models import Upload

    upload = Upload.objects.create(
        owner=user, purpose="video", name="v.webm", media_type="webm", size=1, key="k"
    )
    video = Video.objects.create(owner=user, upload=upload)
    assert api.get(f"/api/videos/{video.pk}").json()["videoUrl"] is None
    assert api.get(f"/api/videos/{video.pk}/file").json()["code"] == "not_ready"
