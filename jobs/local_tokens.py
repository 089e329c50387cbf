"""Tokens that Millrace signs itself: for local accounts, and for one job.

Signed with a key of their own (never `SECRET_KEY` or `JWT_SECRET`), short-lived, and bound to the account's
password: changing it, or deactivating the account, ends them all.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, Final, TypeVar

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token
from rest_framework_simplejwt.utils import datetime_from_epoch

ISSUER: Final = "millrace"
JOB_TOKEN_LIFETIME: Final = timedelta(hours=1)
_BOUND: Final = "bound"

T = TypeVar("T", bound=Token)


class JobToken(Token):
    """Reads one job and nothing else, for the user who made it."""

    token_type = "job"
    lifetime = JOB_TOKEN_LIFETIME


class TokenRefused(Exception):
    """The token is not valid; the message says why, without saying more than its holder knows."""


def issue_pair(user: Any) -> dict[str, Any]:
    """A new access and refresh token for `user`."""
    refresh = _bound(RefreshToken(), user)
    OutstandingToken.objects.create(
        user=user,
        jti=refresh["jti"],
        token="",  # only the number is needed to refuse it later; the token itself is a secret
        created_at=timezone.now(),
        expires_at=datetime_from_epoch(refresh["exp"]),
    )
    access = _bound(AccessToken(), user)
    return {
        "access": str(access),
        "refresh": str(refresh),
        "expiresIn": int(AccessToken.lifetime.total_seconds()),
    }


def issue_for_job(user: Any, job_id: uuid.UUID) -> str:
    token = _bound(JobToken(), user)
    token["job"] = str(job_id)
    return str(token)


def rotate(encoded: str) -> dict[str, Any]:
    """A new pair for a refresh token, which can not be used again. Raises TokenRefused."""
    refresh = _decoded(RefreshToken, encoded)
    user = _user(refresh)
    try:
        with transaction.atomic():
            outstanding = OutstandingToken.objects.filter(jti=refresh["jti"]).first()
            if outstanding is None:
                raise TokenRefused("This refresh token is not known.")
            # The unique constraint decides between two who use it at the same moment.
            BlacklistedToken.objects.create(token=outstanding)
            return issue_pair(user)
    except IntegrityError:
        raise TokenRefused("This refresh token has been used already.") from None


def read(encoded: str) -> tuple[Any, uuid.UUID | None]:
    """The user an access or job token speaks for, and the one job it may read. Raises TokenRefused."""
    try:
        token: Token = _decoded(AccessToken, encoded)
    except TokenRefused as refused:
        try:
            token = _decoded(JobToken, encoded)
        except TokenRefused:
            raise refused from None
        try:
            return _user(token), uuid.UUID(str(token["job"]))
        except (KeyError, ValueError):
            raise TokenRefused("This token names no job.") from None
    return _user(token), None


def forget_expired(limit: int = 1000, **signal: Any) -> int:
    """Delete refresh tokens that have expired anyway; returns how many. Receiver of `signals.tick`."""
    expired = OutstandingToken.objects.filter(expires_at__lt=timezone.now()).values_list("pk", flat=True)
    ids = list(expired.order_by("pk")[:limit])
    BlacklistedToken.objects.filter(token_id__in=ids).delete()
    OutstandingToken.objects.filter(pk__in=ids).delete()
    return len(ids)


def _bound(token: T, user: Any) -> T:
    token["user_id"] = str(user.pk)
    token[_BOUND] = user.get_session_auth_hash()[:32]
    return token


def _decoded(kind: type[T], encoded: str) -> T:
    try:
        return kind(encoded)  # type: ignore[arg-type]
    except TokenError as error:
        raise TokenRefused(f"{error}.") from None
    except (TypeError, ValueError, KeyError, OverflowError):
        raise TokenRefused("Token is invalid.") from None


def _user(token: Token) -> Any:
    try:
        user = get_user_model()._default_manager.get(pk=token.get("user_id"))
    except (get_user_model().DoesNotExist, TypeError, ValueError):
        raise TokenRefused("The account of this token does not exist any more.") from None
    if not user.is_active:
        raise TokenRefused("The account of this token is not active.")
    if not constant_time_compare(str(token.get(_BOUND)), user.get_session_auth_hash()[:32]):
        raise TokenRefused("The password has changed since this token was made: sign in again.")
    return user
