"""A running site and a real browser that is signed in to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.benchmarks.upload_memory import ROOT, SECRET
from tests.services import REQUIRED
from tests.uploads.running import Site, running_site

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    # A camera that shows a test picture, and nobody who has to allow it.
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip


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
    if not CHROMIUM:
        assert not REQUIRED, "chromium is not installed (CHROMIUM)"
        pytest.skip("chromium is not installed (CHROMIUM)")
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
