"""The dashboard page: for operators, complete without JavaScript, and without inline code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from tests.factories import JobFactory, PausedQueueFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def looking(staff: Any) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def test_the_dashboard_is_for_staff(user: Any) -> None:
    client = Client()
    assert client.get("/dashboard").status_code == 302
    client.force_login(user)
    assert client.get("/dashboard").status_code == 302


def test_it_says_the_verdict_on_every_queue_without_javascript(looking: Client) -> None:
    JobFactory()
    PausedQueueFactory(name="video", paused_by="<b>ada</b>")
    page = looking.get("/dashboard").content.decode()
    assert 'data-state="stalled"' in page
    assert 'data-state="paused"' in page
    assert "No live worker serves this queue; 1 waiting" in page
    assert "<b>ada</b>" not in page


def test_it_has_no_inline_code_so_that_a_strict_policy_can_forbid_it(looking: Client) -> None:
    page = looking.get("/dashboard").content.decode()
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", page)
    assert "http://" not in page.replace("http://testserver", "")
    script = finders.find("monitoring/dashboard.js")
    assert script
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", Path(script).read_text()
    )
