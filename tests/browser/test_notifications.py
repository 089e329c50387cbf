"""How a person is told of ended jobs: chosen on a page, kept, and shown by the browser when nobody looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# The browser's own class, counting what it shows: headless, nobody sees it.
RECORD = """
window.shown = [];
window.Notification = class {
  static permission = "granted";
  static requestPermission() { return Promise.resolve("granted"); }
  constructor(title, options) { window.shown.push([title, options.body]); }
};
"""
HIDDEN = "Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' });"


def test_mails_are_chosen_and_kept(page: Any) -> None:
    page.goto("/notifications")
    page.wait_for_function("() => document.querySelector('#mail').elements.email.value")
    assert page.locator("#address").inner_text() == "ada@example.org"
    for choice in ("failures", "always", "never"):
        page.check(f"input[value={choice}]")
        page.wait_for_function("() => document.querySelector('#saved').textContent === 'Saved.'")
        page.reload()
        page.wait_for_selector(f"input[value={choice}]:checked")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert page.wrong == []


def test_a_browser_that_does_not_allow_it_says_so(page: Any) -> None:
    page.goto("/notifications")
    page.evaluate("() => { Object.defineProperty(Notification, 'permission', { get: () => 'denied' }) }")
    page.locator("#browser").click()
    page.wait_for_selector("#denied:visible")
    assert not page.is_checked("#browser")


def test_the_browser_tells_of_an_end_when_nobody_looks(page: Any, tmp_path: Path) -> None:
    page.add_init_script(RECORD)
    page.goto("/notifications")
    page.check("#browser")
    page.reload()
    page.wait_for_selector("#browser:checked")
    width = page.viewport_size["width"]
    for hidden in (False, True):
        if hidden:
            page.add_init_script(HIDDEN)
        page.goto("/documents")
        file = tmp_path / f"told-{hidden}.txt"
        file.write_text(f"A text that nobody watches being read, {width} {hidden}. " * 20)
        page.set_input_files("#files", str(file))
        page.wait_for_selector("#running .state[data-state=completed]")
        page.wait_for_function("() => !document.querySelector('#running .state[data-state=running]')")
        page.wait_for_timeout(300)
        expected = [[f"told-{hidden}.txt: completed", "Done."]] if hidden else []
        assert page.evaluate("() => window.shown") == expected
    assert page.wrong == []
