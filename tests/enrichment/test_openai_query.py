"""Searching chunks that OpenAI embedded: one short question to it, kept for a day; no search ever fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient
from werkzeug import Response

from enrichment.models import ProviderState
from enrichment.providers import openai_query
from tests.enrichment import wires
from tests.uploads.conftest import media  # noqa: F401
from tests.uploads.test_documents import document
from uploads.models import Chunk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
ENGINE = "openai:text-embedding-3-small"


def embedding(*numbers: float) -> Response:
    body = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": list(numbers)}]}
    return Response(json.dumps(body), content_type="application/json")


@pytest.fixture
def openai(httpserver: HTTPServer, settings: Any) -> Callable[..., list[Any]]:
    """A function that has the provider answer in turn, and gives the list of what it was asked."""
    settings.OPENAI_API_KEY = wires.KEY
    settings.OPENAI_BASE_URL = httpserver.url_for("/v1")

    def answer(*answers: Response) -> list[Any]:
        seen: list[Any] = []
        waiting = list(answers)

        def handle(request: Any) -> Response:
            seen.append((request.get_json(), request.headers["Authorization"]))
            return waiting.pop(0)

        httpserver.expect_request("/v1/embeddings", method="POST").respond_with_handler(handle)
        return seen

    return answer


def chunk(api: APIClient, scratch: Path, text: str, *numbers: float) -> Chunk:
    made = document(api, scratch, text, f"{text[:6]}.txt").chunks.get()
    vector = np.asarray(numbers, dtype="<f4").tobytes()
    Chunk.objects.filter(pk=made.pk).update(engine=ENGINE, dimension=len(numbers), vector=vector)
    return made


def test_what_openai_embedded_is_found_by_its_meaning(
    api: APIClient, tmp_path: Path, openai: Callable[..., list[Any]]
) -> None:
    near = chunk(api, tmp_path, "Automobiles need petrol.", 0.6, 0.8, 0.0)
    chunk(api, tmp_path, "Bread rises slowly.", 0.0, 0.0, 1.0)
    seen = openai(embedding(0.7, 0.7, 0.1))
    for _ in range(2):
        body = api.get("/api/documents/search?q=car").json()
        assert body["results"][0]["documentId"] == str(near.document_id)
        assert body["method"]["engines"] == [ENGINE] and body["method"]["notCompared"] == []
    asked = {"model": "text-embedding-3-small", "input": "car", "encoding_format": "float"}
    assert seen == [(asked, f"Bearer {wires.KEY}")]


@pytest.mark.parametrize(
    ("answer", "outage"),
    [
        (wires.failure("openai", 500, "server_error"), True),
        (wires.failure("openai", 401, "invalid_api_key"), False),
        (Response("{}", content_type="application/json"), False),
        (Response("<html>", content_type="text/html"), False),
    ],
)
def test_a_provider_that_fails_leaves_the_search_by_words(
    api: APIClient, tmp_path: Path, openai: Callable[..., list[Any]], answer: Response, outage: bool
) -> None:
    made = chunk(api, tmp_path, "Automobiles need petrol.", 0.6, 0.8)
    openai(answer)
    body = api.get("/api/documents/search?q=petrol").json()
    assert [one["documentId"] for one in body["results"]] == [str(made.document_id)]
    assert body["method"]["notCompared"] == [ENGINE] and wires.KEY not in json.dumps(body)
    assert ProviderState.objects.get(name="openai").failures == int(outage)


def test_a_provider_that_is_out_is_not_asked_by_every_search(
    api: APIClient, tmp_path: Path, openai: Callable[..., list[Any]], settings: Any
) -> None:
    settings.AI_BREAKER_FAILURES = 2
    chunk(api, tmp_path, "Automobiles need petrol.", 0.6, 0.8)
    seen = openai(*[wires.failure("openai", 503, "overloaded")] * 9)
    for number in range(5):
        assert api.get(f"/api/documents/search?q=word{number}").status_code == 200
    assert len(seen) == 2


def test_without_a_key_nobody_is_asked(settings: Any) -> None:
    settings.OPENAI_API_KEY = ""
    assert openai_query.vector("car") is None
