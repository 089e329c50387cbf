"""The health checks: concurrent, bounded, and honest about what broke."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from monitoring import health
from monitoring.health import Finding


def test_a_check_that_hangs_does_not_hang_the_answer_and_is_not_started_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release, starts = threading.Event(), []

    def hangs() -> Finding:
        starts.append(1)
        release.wait(10)
        return Finding("up")

    monkeypatch.setattr(health, "CHECKS", {"database": hangs, "storage": lambda: Finding("up")})
    begin = time.monotonic()
    for _ in range(3):
        found = health.check(timeout=0.1)
        assert (found.ready, found.findings["database"].status) == (False, "down")
        assert found.findings["storage"].status == "up"
    assert time.monotonic() - begin < 2
    assert len(starts) == 1
    release.set()
    health._running["database"].result(timeout=5)
    assert health.check(timeout=5).ready


def test_what_a_check_raises_is_told_by_its_class_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks() -> Finding:
        raise RuntimeError("password=hunter2 host=db.internal")

    monkeypatch.setattr(health, "CHECKS", {"database": breaks})
    finding = health.check().findings["database"]
    assert (finding.status, finding.detail) == ("down", "RuntimeError")


@pytest.mark.django_db(transaction=True)
def test_every_check_answers_on_a_site_without_workers(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    found = health.check(timeout=20)
    assert found.ready
    assert found.findings["workers"].status == "degraded"
    assert found.findings["database"].status == "up"
    assert found.findings["channel-layer"].status == "up"
    assert all(finding.ms is not None for finding in found.findings.values())
    assert not list(tmp_path.iterdir())


def test_redis_away_is_a_degradation(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert health.broker().status == "degraded"


def test_a_full_disk_is_down(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(health, "SPACE_DOWN", 2**62)
    assert health.storage().status == "down"
