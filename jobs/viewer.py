"""Who looks at jobs over a socket or a stream, and whether he still may.

A request is checked once; a socket lives for hours, so its right is proven again every half minute, in the
way it was given: the token is verified anew, the session is loaded anew, the account is read anew.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
from django.conf import settings
from django.contrib.auth import get_user, get_user_model
from django.contrib.sessions.backends.base import SessionBase
from django.db import Error as DatabaseError
from django.http.request import validate_host
from django.utils.module_loading import import_string

from jobs import tickets
from jobs.authentication import AuthenticationError, AuthenticationUnavailable, Principal, authenticate_token
from jobs.history import in_database

CHECK_SECONDS: Final = 30.0
# What a ticket opens has no expiry of its own.
TICKET_SECONDS: Final = 8 * 3600.0
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass
class Viewer:
    """A caller with the means to prove his right again. `expires` is in Unix time."""

    principal: Principal
    prove: Callable[[], Principal]
    expires: float | None = None

    def next_check(self) -> float:
        """Seconds until the right must be proven again: at its expiry, if that comes first."""
        pause = CHECK_SECONDS * random.uniform(0.8, 1.0)
        return pause if self.expires is None else min(pause, max(0.0, self.expires - time.time()) + 0.2)

    async def check(self) -> bool:
        """Whether he may still look. Nobody is sent away because the database or the key server is."""
        try:
            self.principal = await in_database(self.prove)
        except (AuthenticationUnavailable, DatabaseError):
            return self.expires is None or time.time() < self.expires
        except AuthenticationError:
            return False
        return True


def by_token(token: str) -> Viewer:
    """Raises AuthenticationError. Reads the database, as the other two."""
    principal = authenticate_token(token)
    expires = jwt.decode(token, options={"verify_signature": False}).get("exp")
    return Viewer(principal, lambda: authenticate_token(token), float(expires) if expires else None)


def by_ticket(ticket: str) -> Viewer:
    principal = tickets.redeem(ticket)
    expires = time.time() + TICKET_SECONDS

    def prove() -> Principal:
        user = get_user_model()._default_manager.filter(pk=principal.user.pk, is_active=True).first()
        if user is None or time.time() >= expires:
            raise AuthenticationError("The account is not active, or signed in too long ago.")
        return Principal.of(user, principal.job_id)

    return Viewer(principal, prove, expires)


def by_session(key: str) -> Viewer:
    """Whoever is signed in with the session cookie `key`."""

    def prove() -> Principal:
        store: type[SessionBase] = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
        request: Any = SimpleNamespace(session=store(key))
        user = get_user(request)
        if not user.is_authenticated or not user.is_active:
            raise AuthenticationError("Nobody is signed in with this session.")
        return Principal.of(user)

    return Viewer(prove(), prove)


def is_own_origin(origin: str, host: str) -> bool:
    """Whether a page at `origin` may use the session cookie at `host`.

    Browsers send the cookie with a WebSocket that any page opens, and no CSRF token protects it.
    """
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        page, site = urlsplit(origin), urlsplit(f"//{host}")
        same = page.hostname == site.hostname and (page.port or _PORTS.get(page.scheme)) == (
            site.port or _PORTS.get(page.scheme)
        )
    except ValueError:
        return False
    # A host that is not ours is a name that somebody pointed at us.
    name = site.hostname or ""
    return bool(same and name) and validate_host(f"[{name}]" if ":" in name else name, settings.ALLOWED_HOSTS)
