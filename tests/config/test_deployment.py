"""The examples for production, as far as they can be judged without running them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings as site_settings

from config import site
from jobs import conf

ROOT = Path(__file__).resolve().parents[2]
NGINX = (ROOT / "deploy" / "nginx.conf").read_text()


def services() -> dict[str, Any]:
    composed: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return composed["services"]  # type: ignore[no-any-return]


def test_compose_runs_a_cluster_for_every_pool() -> None:
    commands = [str(service.get("command", "")) for service in services().values()]
    pools = {match[1] for command in commands if (match := re.search(r"--pool (\S+)", command))}
    assert pools == set(conf.pool_names()) - {"all"}


def test_workers_get_longer_to_stop_than_they_need_to_drain() -> None:
    unit = (ROOT / "deploy" / "millrace-workers@.service").read_text()
    assert int(re.findall(r"TimeoutStopSec=(\d+)", unit)[0]) > site_settings.DRAIN_SECONDS + 10
    graces = [s["stop_grace_period"] for s in services().values() if "--pool" in str(s.get("command"))]
    assert all(int(grace.rstrip("s")) > site_settings.DRAIN_SECONDS + 10 for grace in graces)


def test_the_proxy_lets_pass_what_the_site_accepts() -> None:
    sizes = {
        route: int(size)
        for route, size in re.findall(r"location (?:= )?(\S+) \{[^}]*?client_max_body_size (\d+)m", NGINX)
    }
    assert sizes["/api/candidates/resume-process"] > site_settings.MAX_DOCUMENT_MB
    assert sizes["/api/documents/async-upload"] > site_settings.MAX_DOCUMENT_MB
    assert sizes["/api/upload/video-intro"] > site_settings.MAX_VIDEO_MB


@pytest.mark.parametrize(
    "needed", ["$connection_upgrade", "proxy_buffering off", "X-Forwarded-Proto $scheme"]
)
def test_the_proxy_passes_sockets_streams_and_who_is_calling(needed: str) -> None:
    assert needed in NGINX


@pytest.mark.parametrize(
    ("hosts", "asked"),
    [("", "localhost"), ("jobs.example.org,x", "jobs.example.org"), (".a.org", "a.org"), ("*", "localhost")],
)
def test_readiness_is_asked_by_a_name_the_site_answers_to(
    hosts: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", hosts)
    assert site._own_name() == asked
