"""Enrichment by real worker processes, hurt on purpose: `pytest -m faults tests/enrichment`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from tests.benchmarks.site import Site
from tests.enrichment import wires
from tests.enrichment.test_limits import READING

pytestmark = pytest.mark.faults
CONCURRENCY = {"JOB_CONCURRENCY": "all=3", "LEASE_SECONDS": "5", "RETRY_BASE_DELAY": "0.1"}


@pytest.fixture
def place(tmp_path: Path) -> Site:
    made = Site(tmp_path, CONCURRENCY)
    made.migrate()
    return made


def tell(place: Site, *words: str) -> dict[str, Any]:
    return json.loads(place.run("-m", "tests.enrichment.bulk_probe", *words).splitlines()[-1])


def test_a_bulk_of_200_with_three_that_must_fail_survives_a_killed_worker(place: Site) -> None:
    with place.process("manage.py", "qcluster", "--pool", "all"):
        told = tell(place, "bulk", "200")
    assert told["state"] == "completed", told
    assert (told["completed"], told["failed"]) == (197, [7, 77, 177]), told
    assert told["crashed"] >= 1, "nobody noticed the killed worker"
    # The killed one was run again, and yet made no second candidate and no second proposal.
    assert (told["proposals"], told["candidates"]) == (197, 197), told
    assert told["rerun"] == [7, 77, 177]
    assert told["after_retry"] == ["completed", 3]


def test_providers_fail_apart_and_no_key_is_left_in_rows_or_logs(place: Site, httpserver: HTTPServer) -> None:
    place.environment.update(
        OPENAI_API_KEY=wires.KEY,
        ANTHROPIC_API_KEY=wires.KEY,
        OPENAI_BASE_URL=httpserver.url_for("/v1"),
        ANTHROPIC_BASE_URL=httpserver.url_for("").rstrip("/"),
        AI_REQUESTS_PER_MINUTE="openai=1",
        LOG_LEVEL="DEBUG",
    )
    for name, answer in (
        ("openai", wires.success("openai", json.dumps(READING))),
        ("anthropic", wires.failure("anthropic", 401, "authentication_error")),
    ):
        httpserver.expect_request(wires.path(name), method="POST").respond_with_response(answer)
    with place.process("manage.py", "qcluster", "--pool", "all"):
        told = tell(place, "vendors")
    assert told["state"] == "completed"
    assert told["analyses"] == ["builtin", "openai"]
    assert told["errors"] == {"anthropic": "provider_auth"}
    assert told["held"] == ["retrying", 0, {"reason": "provider_rate_limited"}]
    assert sorted(map(tuple, told["spent"])) == [("anthropic", "provider_auth"), ("openai", "ok")]
    assert told["key_in_rows"] == {}
    log = (place.directory / "processes.log").read_text(errors="replace")
    assert wires.KEY not in log
