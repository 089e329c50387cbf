"""The pages of documents. They hold no data: the browser asks the API, with the same session."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "media-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@require_safe
@login_required
@ensure_csrf_cookie
def documents_page(request: HttpRequest) -> HttpResponse:
    return _page(request, "uploads/documents.html", {})


@require_safe
@login_required
@ensure_csrf_cookie
def document_page(request: HttpRequest, document_id: uuid.UUID) -> HttpResponse:
    return _page(request, "uploads/document.html", {"document_id": str(document_id)})


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, template, context)
    response["Content-Security-Policy"] = POLICY
    return response
