"""The pages of documents and videos. They hold no data: the browser asks the API, with the same session."""

from __future__ import annotations

import uuid
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from jobs.throttling import LoginRate

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


@require_safe
@login_required
@ensure_csrf_cookie
def videos_page(request: HttpRequest) -> HttpResponse:
    limits = {"seconds": settings.MAX_VIDEO_SECONDS, "megabytes": settings.MAX_VIDEO_MB}
    return _page(request, "uploads/videos.html", limits)


@require_safe
@login_required
@ensure_csrf_cookie
def notifications_page(request: HttpRequest) -> HttpResponse:
    return _page(request, "uploads/notifications.html", {})


class SignInView(LoginView):
    """The door for everybody; the admin's own takes operators only."""

    template_name = "uploads/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        guesses = LoginRate()
        if not guesses.allow_request(cast(Any, request), self):
            return HttpResponse(
                f"Too many tries: wait {guesses.wait():.0f} s.",
                status=429,
                content_type="text/plain",
                headers={"Retry-After": f"{guesses.wait():.0f}"},
            )
        return super().post(request, *args, **kwargs)

    def render_to_response(self, context: Any, **kwargs: Any) -> HttpResponse:
        response = super().render_to_response(context, **kwargs)
        response["Content-Security-Policy"] = POLICY
        return response


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, template, context)
    response["Content-Security-Policy"] = POLICY
    return response
