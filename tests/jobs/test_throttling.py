"""How often a caller may ask, and that his address can not be made up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from rest_framework.test import APIClient

from jobs import throttling

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    class Clock:
        now = 1_000_000_020.0

        def time(self) -> float:
            return self.now

    made = Clock()
    monkeypatch.setattr(throttling, "time", made)
    return made


def test_a_caller_over_his_rate_is_429_until_the_window_has_passed(
    api: APIClient, staff_api: APIClient, settings: Any, clock: Any
) -> None:
    settings.THROTTLE_RATES = {"user": "3/min"}
    assert [api.get("/api/jobs").status_code for _ in range(4)] == [200, 200, 200, 429]
    response = api.get("/api/jobs")
    assert response.json()["code"] == "throttled" and 1 <= int(response["Retry-After"]) <= 60
    assert staff_api.get("/api/jobs").status_code == 200
    clock.now += 120
    assert api.get("/api/jobs").status_code == 200


def test_the_window_slides(api: APIClient, settings: Any, clock: Any) -> None:
    settings.THROTTLE_RATES = {"user": "4/min"}
    clock.now = 1_000_000_079.0
    assert [api.get("/api/jobs").status_code for _ in range(4)] == [200] * 4
    clock.now += 2  # a new minute, but the old one is nearly all within the last 60 seconds
    assert api.get("/api/jobs").status_code == 429


def test_creating_has_a_rate_of_its_own(api: APIClient, settings: Any, clock: Any) -> None:
    settings.THROTTLE_RATES = {"create": "1/min"}
    assert api.post("/api/jobs", {"type": "echo"}).status_code == 202
    assert api.post("/api/jobs", {"type": "echo"}).status_code == 429
    assert api.post("/api/jobs/bulk", {"jobs": [{"type": "echo"}]}).status_code == 429
    assert api.get("/api/jobs").status_code == 200


def test_a_made_up_address_does_not_help_to_guess_passwords(settings: Any, clock: Any) -> None:
    settings.THROTTLE_RATES = {"login": "2/min"}
    body = {"username": "ada", "password": "guess"}
    codes = [
        APIClient().post("/api/auth/token", body, headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code
        for n in range(4)
    ]
    assert codes == [401, 401, 429, 429]


def test_a_cache_that_is_away_turns_nobody_away(
    api: APIClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.THROTTLE_RATES = {"user": "1/min"}
    away = SimpleNamespace(**dict.fromkeys(("add", "incr", "get"), lambda *args, **kwargs: None))
    monkeypatch.setattr(throttling, "cache", away)
    assert [api.get("/api/jobs").status_code for _ in range(3)] == [200] * 3


def test_a_cache_that_hangs_is_waited_for_once(
    api: APIClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.THROTTLE_RATES = {"user": "1/min"}
    asked, now = [], [1000.0]

    def hang(*args: Any, **kwargs: Any) -> None:
        asked.append(args)
        now[0] += 0.5

    monkeypatch.setattr(throttling, "cache", SimpleNamespace(add=hang, incr=hang, get=hang))
    monkeypatch.setattr(throttling, "monotonic", lambda: now[0])
    monkeypatch.setattr(throttling, "_resting_until", 0.0)
    assert [api.get("/api/jobs").status_code for _ in range(5)] == [200] * 5
    assert len(asked) == 1
    now[0] += throttling.REST_SECONDS
    api.get("/api/jobs")
    assert len(asked) == 2


@pytest.mark.parametrize("rate", ["10", "x/min", "0/min", "10/fortnight", "-1/min"])
def test_a_rate_that_is_none_is_a_named_error(rate: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="600/min"):
        throttling.parse_rate(rate)
