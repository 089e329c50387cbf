"""Operators see enrichment and its spending; wrong settings are said before the site starts."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from enrichment import checks, limits
from enrichment.models import Candidate, CompetenceFile, Enrichment, Paper, ProviderState, Spend
from jobs.exceptions import RetryLater
from tests.enrichment.people import ADA
from tests.factories import UserFactory


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["candidate", "enrichment", "competencefile", "paper", "analysis", "spend", "providerstate"]
)
def test_every_list_opens_and_shows_what_was_spent(user: Any, name: str) -> None:
    candidate = Candidate.objects.create(owner=user, profile=ADA, name="Ada")
    Enrichment.objects.create(candidate=candidate, kind="skills_optimization", version=1, provider="openai")
    CompetenceFile.objects.create(candidate=candidate, version=1, provider="builtin")
    Paper.objects.create(owner=user, title="<script>alert(1)</script>").analyses.create(provider="openai")
    Spend.objects.create(owner=user, kind="k", provider="openai", task="t", cost_usd="0.0123")
    ProviderState.objects.create(name="openai")
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    page = client.get(f"/admin/enrichment/{name}/")
    assert page.status_code == 200
    assert b"<script>alert" not in page.content
    if name == "spend":
        assert b"0.0123" in page.content


def test_settings_that_can_not_be_meant_are_named(settings: Any) -> None:
    assert checks.providers(None) == []
    settings.AI_PROVIDERS = ["opneai"]
    settings.AI_REQUESTS_PER_MINUTE = "openai=many"
    settings.AI_TOKENS_PER_MINUTE = "builtin=5"
    assert [error.id for error in checks.providers(None)] == [
        "enrichment.E001",
        "enrichment.E002",
        "enrichment.E002",
    ]


@pytest.mark.django_db(transaction=True)
def test_many_workers_together_take_exactly_the_limit(settings: Any) -> None:
    settings.AI_REQUESTS_PER_MINUTE = "openai=10"
    taken: list[bool] = []

    def work() -> None:
        try:
            for _ in range(5):
                try:
                    limits.take("openai", 1)
                    taken.append(True)
                except RetryLater:
                    taken.append(False)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    # One more where the run took longer than the six seconds in which one comes back.
    assert len(taken) == 30 and 10 <= sum(taken) <= 11
