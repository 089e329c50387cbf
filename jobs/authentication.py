"""Who is calling: a bearer token, or the session cookie of the built-in pages.

`authenticate_token` serves HTTP and sockets alike.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import jwt
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as CookieAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from jobs import local_tokens, outside_tokens
from jobs.models import Job
from jobs.problems import Problem

MAX_TOKEN = 8192
_PREMIUM = "premium"


class AuthenticationError(Exception):
    """The caller is not who he says; `message` is safe to show."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class AuthenticationUnavailable(AuthenticationError):
    """Whether the token is good can not be told now (the identity provider is away): try again later."""


@dataclass(frozen=True)
class Principal:
    """Who is calling, and how much of his rights this way of calling carries.

    `job_id` narrows them to reading that one job; `staff` is False then, whoever made the token.
    """

    user: Any
    job_id: uuid.UUID | None = None
    staff: bool = False
    premium: bool = False

    @classmethod
    def of(cls, user: Any, job_id: uuid.UUID | None = None, *, premium: bool = False) -> Principal:
        return cls(user, job_id, bool(user.is_staff) and job_id is None, premium and job_id is None)

    def may_see(self, job: Job) -> bool:
        """Whether this caller may look at `job`: his own, the one his token names, any for staff."""
        if self.job_id is not None and self.job_id != job.id:
            return False
        return bool(self.user.is_staff) or job.owner_id == self.user.pk


def authenticate_token(token: str) -> Principal:
    """The caller a bearer token speaks for. Raises AuthenticationError. Reads the database once."""
    if not token or len(token) > MAX_TOKEN or not token.isascii():
        raise AuthenticationError("This is not a token.")
    try:
        algorithm = jwt.get_unverified_header(token).get("alg")
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise AuthenticationError("This is not a token.") from None
    # What is read here, unverified, only picks the one key and algorithm that must then verify it.
    try:
        if algorithm == "HS256" and claims.get("iss") == local_tokens.ISSUER:
            return Principal.of(*local_tokens.read(token))
        user, claims = outside_tokens.read(token, str(algorithm))
    except (local_tokens.TokenRefused, outside_tokens.OutsideRefused) as error:
        raise AuthenticationError(str(error)) from None
    except outside_tokens.KeysUnavailable as error:
        raise AuthenticationUnavailable(str(error)) from None
    groups = claims.get("groups")
    premium = claims.get(_PREMIUM) is True or (isinstance(groups, list) and _PREMIUM in groups)
    return Principal.of(user, premium=premium)


def principal_of(request: Request) -> Principal:
    """The caller of an authenticated request."""
    return request.auth if isinstance(request.auth, Principal) else Principal.of(request.user)


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <JWT>`."""

    def authenticate(self, request: Request) -> tuple[Any, Principal] | None:
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            principal = authenticate_token(token.strip())
        except AuthenticationUnavailable as error:
            raise Problem(503, "keys_unavailable", error.message, headers={"Retry-After": "5"}) from None
        except AuthenticationError as error:
            raise AuthenticationFailed(error.message, code="invalid_token") from None
        if principal.job_id is not None:
            _keep_to_its_job(request, principal.job_id)
        return principal.user, principal

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class PageAuthentication(CookieAuthentication):
    """The session cookie of the built-in pages; every changing request must carry the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, Principal] | None:
        found = super().authenticate(request)
        return (found[0], Principal.of(found[0])) if found else None


def _keep_to_its_job(request: Request, job_id: uuid.UUID) -> None:
    """Refuse a job's token everywhere but where that job is read.

    Here and not in a permission, so that a route that sets its own permissions can not forget it.
    """
    context = request.parser_context or {}
    view = context.get("view")
    if getattr(view, "accepts_job_tokens", False):
        return
    asked = (context.get("kwargs") or {}).get("job_id")
    if parameter := getattr(view, "job_id_parameter", ""):
        asked = request.query_params.get(parameter)
    if request.method not in SAFE_METHODS or str(asked) != str(job_id):
        raise PermissionDenied("This token reads one job, and nothing else.", code="token_scope")
