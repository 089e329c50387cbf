"""Limits of providers, their circuit breaker, and budgets: shared by all, and charged for failures too."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from enrichment import limits
from enrichment.models import Analysis, Paper, ProviderState, Spend
from jobs import estimates
from jobs.exceptions import RetryLater
from jobs.models import Job, JobEvent, JobFailure
from tests.enrichment import wires
from tests.enrichment.people import ADA
from tests.enrichment.running import perform
from tests.enrichment.test_kinds import PAPER

pytestmark = pytest.mark.django_db
KEY = wires.KEY

READING = {
    "title": "Ranking",
    "summary": [],
    "claims": [{"text": "Accuracy improves by 12 percent", "page": None}],
    "methods": [],
    "results": [],
    "limitations": [],
    "open_questions": [],
    "keywords": ["ranking"],
}
SKILLS = {
    "groups": [
        {
            "name": "Languages",
            "skills": [
                {"name": "Python", "original": ["python"], "level": None, "years": None, "basis": "listed",
                 "evidence": []}
            ],
        }
    ],
    "merged": [],
    "suggested": [],
}  # fmt: skip


@pytest.fixture
def vendors(httpserver: HTTPServer, settings: Any) -> HTTPServer:
    """Both providers have a key and answer on loopback."""
    settings.OPENAI_API_KEY = settings.ANTHROPIC_API_KEY = KEY
    settings.OPENAI_BASE_URL = httpserver.url_for("/v1")
    settings.ANTHROPIC_BASE_URL = httpserver.url_for("").rstrip("/")
    return httpserver


def always(server: HTTPServer, name: str, answer: Response) -> list[int]:
    seen: list[int] = []

    def handle(request: Any) -> Response:
        seen.append(1)
        return answer

    server.expect_request(wires.path(name), method="POST").respond_with_handler(handle)
    return seen


def skills_by(owner: Any, provider: str | None = "openai") -> Job:
    args = {"candidateData": ADA, **({"provider": provider} if provider else {})}
    return perform("enrichment.skills", args, owner=owner)


def test_no_more_is_taken_than_the_limit_and_the_rest_is_told_when(settings: Any) -> None:
    settings.AI_REQUESTS_PER_MINUTE = "openai=3"
    for _ in range(3):
        limits.take("openai", 10)
    with pytest.raises(RetryLater) as refused:
        limits.take("openai", 10)
    assert refused.value.code == "provider_rate_limited"
    assert 15 < refused.value.delay <= 20
    limits.take("anthropic", 10)


def test_tokens_are_limited_too_and_what_was_not_used_comes_back(settings: Any) -> None:
    settings.AI_TOKENS_PER_MINUTE = "openai=1000"
    limits.take("openai", 900)
    with pytest.raises(RetryLater):
        limits.take("openai", 500)
    limits.settle("openai", estimated=900, used=100)
    limits.take("openai", 500)


def test_a_call_larger_than_the_bucket_waits_for_a_full_one_and_leaves_a_debt(settings: Any) -> None:
    settings.AI_TOKENS_PER_MINUTE = "openai=1000"
    limits.take("openai", 5000)
    assert ProviderState.objects.get().tokens < -3900
    with pytest.raises(RetryLater) as refused:
        limits.take("openai", 10)
    assert refused.value.delay > 200


def test_a_circuit_opens_after_failures_and_lets_one_probe_through(settings: Any) -> None:
    settings.AI_BREAKER_FAILURES, settings.AI_BREAKER_SECONDS = 2, 30.0
    limits.take("openai", 1)
    limits.failed("openai")
    limits.take("openai", 1)
    limits.failed("openai")
    with pytest.raises(limits.CircuitOpen) as refused:
        limits.take("openai", 1)
    assert 25 < refused.value.delay <= 30
    ProviderState.objects.update(open_until=1.0)
    limits.take("openai", 1)
    with pytest.raises(limits.CircuitOpen):
        limits.take("openai", 1)
    limits.succeeded("openai")
    limits.take("openai", 1)


def test_a_job_over_the_limit_goes_back_uncharged_with_its_reason(
    user: Any, vendors: HTTPServer, settings: Any
) -> None:
    settings.AI_REQUESTS_PER_MINUTE = "openai=1"
    seen = always(vendors, "openai", wires.success("openai", json.dumps(SKILLS)))
    assert skills_by(user).state == "completed"
    held = skills_by(user)
    assert (held.state, held.attempts_charged, len(seen)) == ("retrying", 0, 1)
    assert estimates.describe(held).waiting_for["reason"] == "rate_limit"  # type: ignore[index]
    assert Spend.objects.count() == 1


def test_the_vendors_429_puts_the_job_back_uncharged(user: Any, vendors: HTTPServer) -> None:
    seen = always(vendors, "openai", wires.failure("openai", 429, "rate_limit", {"retry-after": "7"}))
    job = skills_by(user)
    assert (job.state, job.attempts_charged, len(seen)) == ("retrying", 0, 1)
    assert job.hold_reason == {"reason": "provider_rate_limited"}
    assert 6 < (job.run_at - job.failures.get().at).total_seconds() < 9


def test_a_spent_account_is_final_and_said(user: Any, vendors: HTTPServer) -> None:
    always(vendors, "openai", wires.failure("openai", 429, "insufficient_quota"))
    job = skills_by(user)
    assert (job.state, job.error["code"]) == ("failed", "insufficient_quota")


def test_two_answers_that_do_not_fit_are_charged_and_final(user: Any, vendors: HTTPServer) -> None:
    seen = always(vendors, "openai", wires.success("openai", '{"groups": 5}'))
    job = skills_by(user)
    assert (job.state, job.error["code"], len(seen)) == ("failed", "provider_bad_output", 2)
    spend = Spend.objects.get()
    assert (spend.outcome, spend.input_tokens, spend.output_tokens) == ("provider_bad_output", 200, 40)
    assert 0 < spend.cost_usd < spend.estimated_usd


def test_without_a_provider_asked_for_the_next_of_the_setting_takes_over(
    user: Any, vendors: HTTPServer
) -> None:
    always(vendors, "openai", wires.failure("openai", 401, "invalid_api_key"))
    always(vendors, "anthropic", wires.success("anthropic", json.dumps(SKILLS)))
    job = skills_by(user, None)
    assert job.state == "completed", job.error
    usage = job.result["usage"]
    assert usage["provider"] == "anthropic" and usage["fallback"][0].startswith("openai:")


def test_an_open_circuit_leads_to_the_next_provider_at_once(
    user: Any, vendors: HTTPServer, settings: Any
) -> None:
    settings.AI_BREAKER_FAILURES = 1
    settings.AI_PROVIDERS = ["openai", "builtin"]
    seen = always(vendors, "openai", wires.failure("openai", 500, "server_error"))
    assert skills_by(user, None).state == "retrying"
    job = skills_by(user, None)
    assert (job.state, len(seen)) == ("completed", 1)
    assert job.result["usage"]["provider"] == "builtin"


def test_a_call_beyond_the_budget_waits_for_the_budget(user: Any, vendors: HTTPServer, settings: Any) -> None:
    settings.AI_BUDGET_DAY_USD = 0.001
    seen = always(vendors, "openai", wires.success("openai", json.dumps(SKILLS)))
    job = skills_by(user)
    assert (job.state, job.attempts_charged, seen) == ("retrying", 0, [])
    assert estimates.describe(job).waiting_for["reason"] == "budget"  # type: ignore[index]
    assert "used" in job.error["message"] and not Spend.objects.exists()


def test_a_budget_is_each_owners_own_and_counts_actual_prices(
    user: Any, other_user: Any, vendors: HTTPServer, settings: Any
) -> None:
    always(vendors, "openai", wires.success("openai", json.dumps(SKILLS)))
    assert skills_by(user).state == "completed"
    spend = Spend.objects.get()
    assert (spend.outcome, spend.cost_usd) == ("ok", Decimal("0.000165"))
    settings.AI_BUDGET_DAY_USD = float(spend.estimated_usd + Decimal("0.0001"))
    assert skills_by(user).state == "retrying"
    assert skills_by(other_user).state == "completed"


def test_one_provider_that_fails_leaves_the_others_readings(user: Any, vendors: HTTPServer) -> None:
    always(vendors, "openai", wires.success("openai", json.dumps(READING)))
    always(vendors, "anthropic", wires.failure("anthropic", 401, "authentication_error"))
    paper = Paper.objects.create(owner=user, title="Ranking", text=PAPER)
    args = {"paperId": str(paper.pk), "providers": ["builtin", "openai", "anthropic"]}
    job = perform("paper.compare", args, owner=user)
    assert job.state == "completed", job.error
    assert set(job.result["analyses"]) == {"builtin", "openai"}
    assert job.result["errors"]["anthropic"]["code"] == "provider_auth"
    assert job.result["partialSuccess"] is True
    assert job.result["agreement"]["only"].keys() == {"builtin", "openai"}
    assert Analysis.objects.get(provider="openai").input_tokens == 100
    assert job.children_failed == 1


def test_a_key_is_in_no_row_and_no_log_after_every_failure(
    user: Any, vendors: HTTPServer, settings: Any, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    failures = [
        wires.failure("openai", 401, "invalid_api_key"),
        wires.failure("openai", 403, "denied"),
        wires.failure("openai", 400, "bad"),
        wires.failure("openai", 404, "no_model"),
        wires.failure("openai", 429, "insufficient_quota"),
        wires.failure("openai", 500, KEY),
        wires.success("openai", KEY),
        wires.success("openai", "not json"),
        Response("not json", content_type="application/json"),
    ]
    waiting = [*failures, failures[6], failures[7]]
    vendors.expect_request(wires.path("openai")).respond_with_handler(lambda request: waiting.pop(0))
    caplog.set_level("DEBUG")
    jobs = [skills_by(user) for _ in range(9)]
    assert all(job.state in ("failed", "retrying") for job in jobs)
    tables = [Job, JobEvent, JobFailure, Spend, ProviderState]
    rows = "\n".join(repr(list(model._default_manager.values())) for model in tables)
    out, err = capfd.readouterr()
    assert JobFailure.objects.count() >= 9
    for text in (rows, caplog.text, out, err):
        assert KEY not in text


def test_the_kinds_that_need_no_key_can_not_read_one(user: Any, settings: Any) -> None:
    from jobs import registry

    hidden = {"candidate.profile", "enrichment.bulk", "document.process", "resume.process"}
    assert all(registry.get(kind).secrets == () for kind in hidden)
