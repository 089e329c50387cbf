"""The document pages in a real browser: upload, live progress, results, search; and what names can not do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.uploads.running import Site

TEXT = (
    "Job queues take slow work off an application. A durable queue survives a crash of its worker. "
    "We measured 960 jobs a second on two cores, because every claim takes one round trip. "
) * 12
EVIL = "<img src=x onerror=alert(1)>.txt"


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
