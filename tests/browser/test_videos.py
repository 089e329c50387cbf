"""The page of video introductions in a real browser: sent, recorded, followed, played, removed."""

from __future__ import annotations

from typing import Any

from tests.uploads.test_fixtures import FIXTURES


def made(page: Any, count: int) -> Any:
    """Wait until so many videos are there to be played."""
    page.wait_for_function("count => document.querySelectorAll('.poster img').length >= count", arg=count)
    page.wait_for_function("() => !document.querySelector('#running li')")
    return page.locator("#videos li")


def test_a_video_is_sent_followed_played_and_removed(page: Any) -> None:
    page.goto("/videos")
    page.wait_for_selector("#empty:visible, #videos li", state="attached")
    before = page.locator("#videos li").count()
    page.set_input_files("#files", str(next(FIXTURES.rglob("*.webm"))))
    page.wait_for_selector("#running progress")
    card = made(page, before + 1).first
    assert card.locator("img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    card.locator(".poster").click()
    page.wait_for_function("() => document.querySelector('.stage video')?.currentTime > 0")
    bar = card.locator(".seeking")
    bar.hover()
    page.wait_for_selector(".thumb:visible")
    card.locator(".seek").evaluate(
        "bar => { bar.value = bar.max / 2; bar.dispatchEvent(new Event('input')) }"
    )
    page.wait_for_function(
        "() => { const v = document.querySelector('.stage video'); return v.currentTime > v.duration / 4 }"
    )
    assert page.evaluate("() => document.documentElement.scrollWidth") <= page.viewport_size["width"]
    card.locator(".danger").click()
    page.click("#really")
    page.wait_for_function("count => document.querySelectorAll('#videos li').length === count", arg=before)
    assert page.wrong == []


def test_an_introduction_is_recorded_in_the_browser(page: Any) -> None:
    page.goto("/videos")
    page.wait_for_selector("#empty:visible, #videos li", state="attached")
    before = page.locator("#videos li").count()
    page.click("#record")
    page.wait_for_function("() => document.querySelector('#preview').currentTime > 2")
    assert "left" in page.locator("#clock").inner_text()
    page.click("#discard")
    page.wait_for_selector("#record:visible")
    assert page.locator("#running li").count() == 0
    page.click("#record")
    page.wait_for_function("() => document.querySelector('#preview').currentTime > 3")
    page.click("#stop")
    card = made(page, before + 1).first
    assert "introduction-" in card.inner_text()
    assert page.wrong == []


def test_what_is_no_video_says_why(page: Any, tmp_path: Any) -> None:
    file = tmp_path / "fake.mp4"
    file.write_text("#EXTM3U\nfile:///etc/passwd\n")
    page.goto("/videos")
    page.set_input_files("#files", str(file))
    page.wait_for_selector("#refused:visible")
    assert page.locator("#refused").inner_text().strip()
    assert all("400" in line for line in page.wrong)
