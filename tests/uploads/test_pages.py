"""The pages write texts as texts: nothing in them can become markup or script."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "uploads/static/uploads").glob("*.js"))
TEMPLATES = sorted((ROOT / "templates/uploads").glob("*.html"))


@pytest.mark.parametrize("path", SCRIPTS + TEMPLATES, ids=lambda path: path.name)
def test_no_page_writes_markup_or_runs_inline_code(path: Path) -> None:
    text = path.read_text()
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "|safe"):
        assert forbidden not in text
    if path.suffix == ".html":
        assert " style=" not in text and " onclick=" not in text and "<style" not in text
        assert "<script" not in text.replace('<script type="module" src=', "")


@pytest.mark.django_db
def test_documents_ask_for_a_session_and_bring_their_policy(client: Client, user: object) -> None:
    assert client.get("/documents").status_code == 302
    client.force_login(user)  # type: ignore[arg-type]
    for path in ("/documents", "/documents/01a20141-e2ef-7239-b46a-53ad32e08a7b"):
        response = client.get(path)
        assert response.status_code == 200
        policy = response["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert response.cookies["csrftoken"]
