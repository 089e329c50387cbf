"""Errors as RFC 9457 problem details, whoever raises them and wherever they are raised.

A view with `envelope = True` (the routes marked with a diamond in the API) has them wrapped as
`{"success": false, "error": {problem}}`.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError, transaction
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions as drf
from rest_framework.response import Response

from jobs import registry
from jobs.exceptions import (
    IdempotencyConflict,
    InvalidArgs,
    InvalidInput,
    InvalidTransition,
    QuotaExceeded,
    UnknownKind,
)

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 5


class Problem(Exception):
    """An error to answer with. `detail` names the remedy, `errors` maps fields to what is wrong with them."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: dict[str, list[str]] | None = None,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.extra = extra

    def body(self) -> dict[str, Any]:
        return {
            "type": f"urn:millrace:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **({"errors": self.errors} if self.errors else {}),
            **self.extra,
        }


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's hook: the answer to `error`, or None to let Django answer 500 and log it."""
    problem = problem_of(error)
    if problem is None:
        return None
    _roll_back()
    view = context.get("view")
    body = problem.body()
    if getattr(view, "envelope", False):
        body = {"success": False, "error": body}
    return Response(body, status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE)


def problem_of(error: Exception) -> Problem | None:
    """The problem that `error` is to a caller; None for one that is our own mistake."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, drf.APIException):
        return _of_framework(error)
    if isinstance(error, Http404):
        return Problem(404, "not_found", "There is no such thing, or it is not yours to see.")
    if isinstance(error, PermissionDenied):
        return Problem(403, "forbidden", "You may not do this.")
    if isinstance(error, RequestDataTooBig):
        return Problem(413, "too_large", "The body is larger than this route accepts.")
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("database away: %s", error)
        return Problem(
            503,
            "database_unavailable",
            "The database can not be reached, so nothing was stored. Send the request again shortly.",
            headers={"Retry-After": str(RETRY_SECONDS)},
        )
    return _of_domain(error)


def _of_domain(error: Exception) -> Problem | None:
    if isinstance(error, InvalidArgs):
        return Problem(
            400, "invalid_arguments", "Some fields do not fit; `errors` names each.", errors=error.errors
        )
    if isinstance(error, InvalidInput):
        return Problem(
            400, error.code, error.message, errors={error.field: [error.message]} if error.field else None
        )
    if isinstance(error, UnknownKind):
        return unknown_type(str(error))
    if isinstance(error, InvalidTransition):
        return Problem(409, "invalid_transition", str(error), state=str(error.state))
    if isinstance(error, IdempotencyConflict):
        return Problem(422, "idempotency_conflict", str(error))
    if isinstance(error, QuotaExceeded):
        return Problem(
            429,
            "quota_exceeded",
            str(error),
            headers={"Retry-After": str(error.retry_after)},
            **error.details,
        )
    return None


def unknown_type(detail: str, field: str = "type") -> Problem:
    """The problem of a job type nobody knows; it lists those there are."""
    known = registry.public_types()
    text = f"{detail} Choose one of: {', '.join(known) or 'none is installed'}."
    return Problem(400, "unknown_type", text, errors={field: [text]}, known=known)


def _of_framework(error: drf.APIException) -> Problem:
    headers = {}
    if value := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = value
    if isinstance(error, drf.Throttled):
        wait = max(1, int(getattr(error, "wait", None) or 1))
        return Problem(
            429,
            "throttled",
            f"Too many requests: wait {wait} s and send it again.",
            headers={"Retry-After": str(wait)},
        )
    if isinstance(error, drf.ValidationError):
        return Problem(
            400,
            "invalid",
            "Some fields do not fit; `errors` names each.",
            errors=flatten(error.detail),
            headers=headers,
        )
    detail = error.detail if isinstance(error.detail, str) else str(error.default_detail)
    code = getattr(error.detail, "code", None) or error.default_code
    return Problem(error.status_code, str(code), str(detail), headers=headers)


def flatten(detail: Any, path: str = "") -> dict[str, list[str]]:
    """REST framework's nested error detail as messages by dotted field path."""
    if isinstance(detail, dict):
        found: dict[str, list[str]] = {}
        for name, value in detail.items():
            part = "body" if name == "non_field_errors" else str(name)
            found.update(flatten(value, f"{path}.{part}" if path else part))
        return found
    if isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        found = {}
        for number, item in enumerate(detail):
            if item:
                found.update(flatten(item, f"{path}.{number}" if path else str(number)))
        return found
    texts = detail if isinstance(detail, list) else [detail]
    return {path or "body": [str(text) for text in texts]}


def _roll_back() -> None:
    # An error answered as a problem must not commit what the view had written before it.
    connection = transaction.get_connection()
    if connection.in_atomic_block and connection.settings_dict["ATOMIC_REQUESTS"]:
        transaction.set_rollback(True)


# What Django itself answers, outside any API view


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/") or request.path == "/api"


def answer(problem: Problem) -> JsonResponse:
    """`problem` as a plain Django response."""
    return JsonResponse(
        problem.body(), status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE
    )


@csrf_exempt  # whether a route exists is no secret, and "no such route" is the better answer
def unknown_route(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    """The last route under /api: whatever no other route wanted."""
    return answer(
        Problem(404, "not_found", f"There is nothing at {request.path}. /api/docs lists every route.")
    )


def bad_request(request: HttpRequest, exception: Exception, *args: Any) -> HttpResponseBase:
    if not is_api(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return answer(Problem(413, "too_large", "The body is larger than this route accepts."))
    known = isinstance(exception, SuspiciousOperation)
    return answer(Problem(400, "bad_request", "The request is not acceptable." if known else "Bad request."))


def permission_denied(request: HttpRequest, exception: Exception, *args: Any) -> HttpResponseBase:
    if not is_api(request):
        return defaults.permission_denied(request, exception)
    return answer(Problem(403, "forbidden", "You may not do this."))


def page_not_found(request: HttpRequest, exception: Exception, *args: Any) -> HttpResponseBase:
    return unknown_route(request) if is_api(request) else defaults.page_not_found(request, exception)


def server_error(request: HttpRequest, *args: Any) -> HttpResponseBase:
    if not is_api(request):
        return defaults.server_error(request)
    return answer(Problem(500, "internal", "Something went wrong on our side. It has been logged."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    if is_api(request):
        return answer(Problem(403, "csrf", "Send the X-CSRFToken header with the session cookie."))
    from django.views.csrf import csrf_failure as page

    return page(request, reason)
