"""The document pages in a real browser: upload, live progress, results, search; and what names can not do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.upload_memory import ROOT, SECRET
from tests.uploads.running import Site, running_site

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
TEXT = (
    "Job queues take slow work off an application. A durable queue survives a crash of its worker. "
    "We measured 960 jobs a second on two cores, because every claim takes one round trip. "
) * 12
EVIL = "<img src=x onerror=alert(1)>.txt"

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed (CHROMIUM)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("site")
    with running_site(data) as running:
        code = (
            "from django.contrib.auth import get_user_model as model\n"
            "model().objects.create_user('ada', 'ada@example.org', 'secret-pass')"
        )
        kept = {
            name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")
        }
        subprocess.run(
            [sys.executable, "manage.py", "shell", "-v0", "-c", code],
            cwd=ROOT, env=kept | {"DATA_DIR": str(data), "JWT_SECRET": SECRET}, check=True,
        )  # fmt: skip
        yield running


@pytest.fixture(params=[(1440, "light"), (375, "dark")], ids=["wide, light", "narrow, dark"])
def page(request: Any, site: Site) -> Iterator[Any]:
    """A signed-in page that remembers what went wrong in it."""
    width, scheme = request.param
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, base_url=str(site.client.base_url)
        )
        made = context.new_page()
        made.set_default_timeout(60_000)
        made.wrong = []
        made.on("pageerror", lambda error: made.wrong.append(str(error)))
        made.on("dialog", lambda dialog: (made.wrong.append("dialog"), dialog.dismiss()))
        made.on("console", lambda message: message.type == "error" and made.wrong.append(message.text))
        made.goto("/documents")
        made.fill("[name=username]", "ada")
        made.fill("[name=password]", "secret-pass")
        made.click(".login button")
        made.wait_for_selector("#upload")
        yield made
        browser.close()


def test_a_document_is_uploaded_followed_read_and_searched(page: Any, tmp_path: Path) -> None:
    file = tmp_path / "queues.txt"
    file.write_text(f"{TEXT}\n\nThis copy is for {page.viewport_size['width']} pixels.")
    evil = tmp_path / EVIL
    evil.write_text(f"{TEXT} <script>alert(2)</script> {page.viewport_size['width']}")
    page.set_input_files("#files", [str(file), str(evil)])
    page.wait_for_selector("#running .state[data-state=completed] >> nth=1")
    page.fill("#q", "durable queue")
    page.press("#q", "Enter")
    page.wait_for_selector("#hits mark")
    assert page.locator("#documents li", has_text=EVIL).count() >= 1
    page.locator("#documents a", has_text=EVIL).first.click()
    page.wait_for_selector("#summary p")
    page.wait_for_selector("#chunks p")
    assert page.locator("#title").inner_text() == EVIL
    assert page.evaluate("() => document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert page.wrong == []


def test_a_file_that_is_refused_says_why(page: Any, tmp_path: Path) -> None:
    file = tmp_path / "fake.pdf"
    file.write_bytes(b"MZ\x90\x00")
    page.set_input_files("#files", str(file))
    page.wait_for_selector("#refused:visible")
    assert "The name says PDF" in page.locator("#refused").inner_text()
    assert all("400" in line for line in page.wrong)


def test_the_pages_allow_no_script_but_their_own(site: Site) -> None:
    answer = site.client.get("/login")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert site.client.get("/documents").status_code == 302
