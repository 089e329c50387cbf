"""Both language model providers against a loopback server: one conformance suite, no network."""

from __future__ import annotations

import json
import socket
import threading
import traceback
from decimal import Decimal
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from enrichment.providers.base import Provider, Usage, request
from enrichment.providers.catalogue import Model
from enrichment.providers.openai import OpenAIProvider
from jobs.exceptions import InvalidInput, JobError, PermanentError, RetryLater, TransientError
from tests.enrichment import wires

both = pytest.mark.parametrize("name", ["openai", "anthropic"])
PROFILE = {"name": "Ada", "summary": "secret résumé", "skills": [{"name": "Python"}]}
GOOD = {
    "headline": "Engineer",
    "summary": "An engineer.",
    "completeness": 40,
    "strengths": [{"text": "Python", "evidence": "listed"}],
    "gaps": [],
    "suggestions": [],
}


def ask(provider: Provider, **options: Any) -> Any:
    return provider.complete(request("profile.enhance", {"candidate": PROFILE}, **options))


def fails(provider: Provider, kind: type[JobError]) -> JobError:
    with pytest.raises(kind) as caught:
        ask(provider)
    error = caught.value
    told = "".join(traceback.format_exception(error))
    assert wires.KEY not in told
    assert "secret" not in told
    assert error.__cause__ is None and error.__context__ is None
    return error


@both
def test_a_good_answer_comes_back_checked_with_usage_model_and_method(
    httpserver: HTTPServer, name: str
) -> None:
    seen = wires.answer_in_turn(httpserver, name, wires.success(name, json.dumps(GOOD)))
    provider = wires.make(name, httpserver.url_for(""))
    done = ask(provider)
    assert done.data.headline == "Engineer"
    assert done.data.method.startswith(f"generative: {name}")
    assert done.data.coverage == "the whole text"
    assert done.usage == Usage(100, 20)
    assert provider.price(done.usage) > 0
    assert len(seen) == 1
    assert isinstance(provider, Provider)


@both
def test_the_request_offers_no_tools_and_asks_for_a_strict_schema(httpserver: HTTPServer, name: str) -> None:
    seen = wires.answer_in_turn(httpserver, name, wires.success(name, json.dumps(GOOD)))
    ask(wires.make(name, httpserver.url_for("")), max_output_tokens=777)
    body = seen[0]["body"]
    assert "tools" not in body
    assert 777 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    wanted = body["response_format"]["json_schema"] if name == "openai" else body["output_config"]["format"]
    schema = wanted["schema"]
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == set(GOOD)
    assert wires.KEY not in json.dumps(body)
    assert seen[0]["headers"].get("X-Stainless-Retry-Count", "0") == "0"


@both
@pytest.mark.parametrize("first", ["not json {", json.dumps({"headline": 3}), "[]", ""])
def test_a_malformed_answer_is_repaired_once(httpserver: HTTPServer, name: str, first: str) -> None:
    good = wires.success(name, f"```json\n{json.dumps(GOOD)}\n```")
    seen = wires.answer_in_turn(httpserver, name, wires.success(name, first), good)
    done = ask(wires.make(name, httpserver.url_for("")))
    assert done.usage == Usage(200, 40)
    assert len(seen) == 2
    assert "does not fit" in seen[1]["body"]["messages"][-1]["content"]


@both
def test_two_malformed_answers_are_a_permanent_failure(httpserver: HTTPServer, name: str) -> None:
    bad = [wires.success(name, "no"), wires.success(name, "still no")]
    seen = wires.answer_in_turn(httpserver, name, *bad)
    assert fails(wires.make(name, httpserver.url_for("")), PermanentError).code == "provider_bad_output"
    assert len(seen) == 2


@both
@pytest.mark.parametrize(
    ("status", "code", "headers", "kind", "told"),
    [
        (429, "rate_limit", {"retry-after": "7"}, RetryLater, "provider_rate_limited"),
        (429, "rate_limit", {}, RetryLater, "provider_rate_limited"),
        (429, "insufficient_quota", {}, PermanentError, "insufficient_quota"),
        (401, "invalid_api_key", {}, PermanentError, "provider_auth"),
        (403, "permission_error", {}, PermanentError, "provider_auth"),
        (400, "invalid_request", {}, PermanentError, "provider_rejected"),
        (404, "not_found", {}, PermanentError, "provider_rejected"),
        (422, "invalid", {}, PermanentError, "provider_rejected"),
        (413, "too_large", {}, PermanentError, "provider_too_large"),
        (408, "timeout", {}, TransientError, "provider_unavailable"),
        (409, "conflict", {}, TransientError, "provider_unavailable"),
        (500, "server_error", {}, TransientError, "provider_unavailable"),
        (503, "overloaded", {"retry-after": "12"}, RetryLater, "provider_unavailable"),
        (529, "overloaded_error", {}, TransientError, "provider_unavailable"),
    ],
)
def test_a_refusal_becomes_the_right_error_after_exactly_one_request(
    httpserver: HTTPServer,
    name: str,
    status: int,
    code: str,
    headers: dict[str, str],
    kind: type[JobError],
    told: str,
) -> None:
    seen = wires.answer_in_turn(httpserver, name, wires.failure(name, status, code, headers))
    error = fails(wires.make(name, httpserver.url_for("")), kind)
    assert error.code == told
    if isinstance(error, RetryLater):
        assert error.delay == float(headers.get("retry-after", 20))
    assert len(seen) == 1


@both
def test_an_answer_that_does_not_come_is_a_time_out_after_one_request(name: str) -> None:
    over = threading.Event()

    def silent(connection: socket.socket) -> None:
        connection.recv(65536)
        over.wait(5)

    with wires.raw_server(silent) as (base, count):
        error = fails(wires.make(name, base, timeout=0.3), TransientError)
        over.set()
    assert error.code == "provider_timeout"
    assert len(count) == 1


@both
def test_a_cut_connection_is_transient_after_one_request(name: str) -> None:
    def cut(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"
        )

    with wires.raw_server(cut) as (base, count):
        error = fails(wires.make(name, base), TransientError)
    assert error.code == "provider_connection"
    assert len(count) == 1


@both
def test_a_closed_port_is_transient(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert fails(wires.make(name, f"http://127.0.0.1:{port}"), TransientError).code == "provider_connection"


@both
def test_an_answer_that_is_no_json_at_all_is_transient(httpserver: HTTPServer, name: str) -> None:
    httpserver.expect_request(wires.path(name)).respond_with_data("{oops", content_type="application/json")
    assert fails(wires.make(name, httpserver.url_for("")), TransientError).code == "provider_connection"


@both
def test_the_key_is_not_in_the_representation(name: str) -> None:
    assert wires.KEY not in repr(wires.make(name, "http://127.0.0.1:1"))


@both
def test_without_a_key_there_is_a_clear_error(name: str) -> None:
    with pytest.raises(PermanentError) as caught:
        wires.PROVIDERS[name][0]("")
    assert caught.value.code == "no_key"


@both
def test_an_unknown_model_is_refused_before_any_request(name: str) -> None:
    with pytest.raises(PermanentError) as caught:
        wires.make(name, "http://127.0.0.1:1", model="made-up")
    assert caught.value.code == "unknown_model"


@both
def test_a_price_can_be_overridden(name: str) -> None:
    table = {"mine": Model(9000, 1000, Decimal(3), Decimal(9))}
    provider = wires.make(name, "http://127.0.0.1:1", model="mine", models_table=table)
    assert provider.price(Usage(1_000_000, 1_000_000)) == Decimal(12)


@both
def test_a_long_document_is_fitted_and_the_result_says_so(httpserver: HTTPServer, name: str) -> None:
    quote = "page 3 speaks of the harvest in the northern valley"
    pages = [
        f"On page {n} the author speaks of the harvest in the northern valley. " * 20 for n in range(1, 41)
    ]
    answer = {
        "summary": [{"text": "It is about the harvest.", "page": 99}],
        "themes": [
            {"label": "Harvest", "weight": 1, "keyphrases": [], "passages": [0, 900], "pages": [1, 99]}
        ],
        "quotes": [
            {"text": text, "kind": "statement", "page": 1, "passage": 1, "offset": 0, "reason": "said"}
            for text in ("the author speaks of the harvest in the northern valley", "never said " + quote)
        ],
        "insights": [],
        "keyphrases": [],
    }
    seen = wires.answer_in_turn(httpserver, name, wires.success(name, json.dumps(answer)))
    provider = wires.make(name, httpserver.url_for(""), max_input_tokens=4000)
    done = provider.complete(request("document.analyse", {"pages": pages}))
    assert "of 40 passages" in done.data.coverage
    assert len(json.dumps(seen[0]["body"])) < 40_000
    assert done.data.summary[0].page is None
    assert done.data.themes[0].pages == [1]
    assert len(done.data.quotes) == 1
    assert done.data.quotes[0].offset is not None
    assert "1 quotes" in done.data.warnings[0]


@both
def test_a_profile_that_is_too_long_is_the_persons_to_shorten(name: str) -> None:
    provider = wires.make(name, "http://127.0.0.1:1", max_input_tokens=1000)
    with pytest.raises(InvalidInput):
        provider.complete(request("profile.enhance", {"candidate": {"summary": "word " * 9000}}))


@both
def test_a_figure_that_was_not_there_is_put_back(httpserver: HTTPServer, name: str) -> None:
    bullet = {"original": "Cut costs", "rewritten": "Cut costs by 40%", "changes": ["x"], "question": None}
    entry = {"index": 0, "title": "", "company": "", "period": "", "bullets": [bullet], "questions": []}
    wires.answer_in_turn(httpserver, name, wires.success(name, json.dumps({"entries": [entry]})))
    done = wires.make(name, httpserver.url_for("")).complete(
        request("experience.enhance", {"candidate": {"experience": [{"bullets": ["Cut costs"]}]}})
    )
    assert done.data.entries[0].bullets[0].rewritten == "Cut costs"
    assert done.data.warnings


def test_anthropic_says_that_it_has_no_embeddings() -> None:
    with pytest.raises(PermanentError) as caught:
        wires.make("anthropic", "http://127.0.0.1:1").embed(["text"])
    assert caught.value.code == "no_embeddings"


def test_openai_embeds_in_batches_and_keeps_the_order(httpserver: HTTPServer) -> None:
    sizes: list[int] = []

    def handle(incoming: Any) -> Any:
        texts = incoming.get_json()["input"]
        sizes.append(len(texts))
        rows = [
            {"object": "embedding", "index": i, "embedding": [float(text), 0.5]}
            for i, text in enumerate(texts)
        ]
        body = {
            "object": "list",
            "model": "m",
            "data": rows[::-1],
            "usage": {"prompt_tokens": 5, "total_tokens": 5},
        }
        return wires.Response(json.dumps(body), content_type="application/json")

    httpserver.expect_request("/v1/embeddings").respond_with_handler(handle)
    provider = wires.make("openai", httpserver.url_for(""))
    assert isinstance(provider, OpenAIProvider)
    done = provider.embed([str(n) for n in range(300)])
    assert sizes == [256, 44]
    assert [vector[0] for vector in done.vectors] == [float(n) for n in range(300)]
    assert (done.engine, done.dimension, done.usage) == ("openai:text-embedding-3-small", 2, Usage(10))
    assert provider.embedding_price(done.usage) > 0
