"""The competence file as PDF, by WeasyPrint (the extra "pdf": it needs the system's Pango and a font)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from enrichment.competence.content import read_content
from jobs.exceptions import PermanentError

TEMPLATE = Path(__file__).with_name("competence_file.html")


@cache
def pdf_available() -> bool:
    """Say whether PDF can be written here: WeasyPrint is installed and finds Pango. Costs an import, once."""
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def compose_pdf(sections: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write the competence file of `sections` (keys as for `compose_docx`) to `path`; A4, 0.3 s and more.

    Nothing is fetched, whatever the text says: candidates' words are escaped by the template engine and
    the fetcher refuses every address, local files included. The file appears whole or not at all.
    Raises PermanentError `pdf_unavailable` where `pdf_available()` is false.
    """
    if not pdf_available():
        raise PermanentError(
            "PDF is not available on this installation. Choose DOCX, or install the extra “pdf”.",
            code="pdf_unavailable",
        )
    from weasyprint import HTML

    page = HTML(string=render_html(sections), url_fetcher=_refusing_fetcher())
    partial = Path(path).with_name(Path(path).name + ".part")
    try:
        page.write_pdf(str(partial))
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def render_html(sections: Mapping[str, Any]) -> str:
    """Return the page as HTML, every value escaped."""
    from django.template import Context, Engine

    # An engine of its own: autoescape on, no loaders, no context processors, no settings.
    template = Engine(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(Context({"content": read_content(sections)}))


def _refusing_fetcher() -> Any:
    """Return a fetcher that fetches nothing, in the form this version of WeasyPrint wants."""
    from weasyprint import urls

    def refuse(url: str, *_: Any, **__: Any) -> Any:
        raise ValueError("a competence file fetches nothing")

    base = getattr(urls, "URLFetcher", None)
    if base is None:  # before version 68 a plain function is asked
        return refuse
    return type("RefusingFetcher", (base,), {"fetch": lambda self, url, headers=None: refuse(url)})()
