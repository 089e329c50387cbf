"""Tokens that others sign: an application that shares `JWT_SECRET`, or an identity provider (OIDC).

Each source has its one algorithm family and its own key, chosen before the signature is checked and never by
trying. Who a token speaks for is an `Identity`: an account made at first sight, never a local one.
"""

from __future__ import annotations

import hashlib
import re
import time
from functools import lru_cache
from typing import Any, Final

import jwt
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from jwt import PyJWKClient
from jwt.exceptions import PyJWKClientConnectionError, PyJWKClientError, PyJWTError

from jobs.models import Identity

SECRET_ISSUER: Final = "jwt-secret"
LEEWAY: Final = 10.0
_JWKS_ALGORITHMS: Final = ("RS256", "ES256")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
# A number of seconds larger than this can only be a point in time, larger still one in milliseconds.
_EPOCH: Final = 1_000_000_000
_EPOCH_MS: Final = 100_000_000_000


class OutsideRefused(Exception):
    """The token is not valid; the message says why."""


class KeysUnavailable(Exception):
    """The identity provider's keys can not be fetched now."""


def read(encoded: str, algorithm: str) -> tuple[Any, dict[str, Any]]:
    """The user a token speaks for, and its claims. Raises OutsideRefused, KeysUnavailable."""
    if algorithm == "HS256" and settings.JWT_SECRET:
        claims = _decoded(encoded, settings.JWT_SECRET, ["HS256"])
        issuer, subject = SECRET_ISSUER, claims.get("userId", claims.get("sub"))
    elif algorithm in _JWKS_ALGORITHMS and settings.JWT_JWKS_URL:
        claims = _from_provider(encoded, algorithm)
        issuer, subject = str(claims["iss"]), claims.get("sub")
    else:
        raise OutsideRefused("Tokens of this algorithm are not accepted here.")
    _check_expires_in(claims)
    user = user_for(issuer, _subject(subject), claims)
    if not user.is_active:
        raise OutsideRefused("The account of this token is not active.")
    return user, claims


def user_for(issuer: str, subject: str, claims: dict[str, Any]) -> Any:
    """The account of an outside subject, made at first sight."""
    found = Identity.objects.select_related("user").filter(issuer=issuer, subject=subject).first()
    if found:
        return found.user
    digest = hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()
    try:
        with transaction.atomic():
            user = get_user_model()(
                username=f"jwt-{digest[:32]}", first_name=subject[:150], email=_email(issuer, claims)
            )
            user.set_unusable_password()
            user.save(force_insert=True)
            return Identity.objects.create(issuer=issuer, subject=subject, user=user).user
    except IntegrityError:
        # Two requests saw it first at the same moment; or that odd name is taken by somebody else.
        other = Identity.objects.select_related("user").filter(issuer=issuer, subject=subject).first()
        if other is None:
            raise OutsideRefused("No account could be made for this token.") from None
        return other.user


@lru_cache(maxsize=4)
def _keys(url: str) -> PyJWKClient:
    return PyJWKClient(url, cache_jwk_set=True, lifespan=300, timeout=5)


def _from_provider(encoded: str, algorithm: str) -> dict[str, Any]:
    if not settings.JWT_ISSUER or not settings.JWT_AUDIENCE:
        raise OutsideRefused("JWT_JWKS_URL needs JWT_ISSUER and JWT_AUDIENCE beside it.")
    try:
        key = _keys(settings.JWT_JWKS_URL).get_signing_key_from_jwt(encoded)
    except PyJWKClientConnectionError as error:
        raise KeysUnavailable("The identity provider's keys can not be fetched now.") from error
    except (PyJWKClientError, PyJWTError):
        raise OutsideRefused("The token is not signed with a key of the identity provider.") from None
    return _decoded(
        encoded,
        key,
        [algorithm],
        issuer=settings.JWT_ISSUER,
        audience=settings.JWT_AUDIENCE,
        required=["exp", "iss", "aud", "sub"],
    )


def _decoded(
    encoded: str,
    key: Any,
    algorithms: list[str],
    *,
    issuer: str | None = None,
    audience: str | None = None,
    required: list[str] | None = None,
) -> dict[str, Any]:
    try:
        return jwt.decode(
            encoded,
            key,
            algorithms=algorithms,
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY,
            # Applications put numbers into `sub`, and an `aud` of their own beside a shared secret.
            options={"require": required or [], "verify_sub": False, "verify_aud": audience is not None},
        )
    except jwt.ExpiredSignatureError:
        raise OutsideRefused("The token has expired: get a new one.") from None
    except (PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise OutsideRefused(f"The token is not valid: {error}.") from None


def _check_expires_in(claims: dict[str, Any]) -> None:
    """Honour `expiresIn`: seconds from `iat`, a span such as "2h", or a point in time (s or ms)."""
    value = claims.get("expiresIn")
    if value is None:
        if settings.JWT_REQUIRE_EXPIRY and "exp" not in claims:
            raise OutsideRefused("The token has no end: give it `exp` or `expiresIn`.")
        return
    match = re.fullmatch(r"\s*(\d{1,15})(?:\.\d+)?\s*([smhdw]?)\s*", str(value))
    if isinstance(value, bool) or not match:
        raise OutsideRefused("`expiresIn` is neither seconds nor a point in time.")
    number, unit = int(match[1]), match[2]
    if not unit and number >= _EPOCH_MS:
        ends = number / 1000
    elif not unit and number >= _EPOCH:
        ends = float(number)
    else:
        issued = claims.get("iat")
        if isinstance(issued, bool) or not isinstance(issued, int | float):
            raise OutsideRefused("`expiresIn` counts from `iat`, and the token has none.")
        ends = issued + number * _UNITS[unit]
    if ends + LEEWAY <= time.time():
        raise OutsideRefused("The token has expired: get a new one.")


def _subject(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise OutsideRefused("The token names nobody: it needs the claim `userId` or `sub`.")
    subject = str(value)
    if not 1 <= len(subject) <= 255 or not subject.isprintable():
        raise OutsideRefused("The claim `userId` or `sub` is not usable: 1 to 255 printable characters.")
    return subject


def _email(issuer: str, claims: dict[str, Any]) -> str:
    # A provider may pass on an address that nobody has proven to be his.
    trusted = issuer == SECRET_ISSUER or claims.get("email_verified") is True
    email = claims.get("email")
    if not trusted or not isinstance(email, str) or len(email) > 254:
        return ""
    try:
        validate_email(email)
    except ValidationError:
        return ""
    return email
