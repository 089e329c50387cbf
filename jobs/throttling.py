"""How often a caller may ask.

Counted in the cache: shared by all web processes with Redis, per process without. A cache that is away
counts nothing, and nobody is turned away for it; the hard limit is the quota, which the database holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

_PERIODS: Final = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600, "d": 86_400, "day": 86_400}


def parse_rate(rate: str) -> tuple[int, int] | None:
    """`600/min` as (requests, seconds); None when the rate is empty, which means no limit."""
    if not rate:
        return None
    number, _, period = rate.partition("/")
    if not number.isdigit() or not int(number) or period not in _PERIODS:
        raise ImproperlyConfigured(f"A rate is written like 600/min (s, min, hour, day), not {rate!r}.")
    return int(number), _PERIODS[period]


# A cache that took so long hangs, and is left alone for a while: not each request waits for it. In seconds.
SLOW_SECONDS: Final = 0.3
REST_SECONDS: Final = 5.0
_resting_until = 0.0


def _answers(ask: Callable[[], object]) -> bool:
    """Ask the cache; False while it hangs. Its own errors are no errors here: it is a cache."""
    global _resting_until
    begun = monotonic()
    if begun < _resting_until:
        return False
    ask()
    if monotonic() - begun < SLOW_SECONDS:
        return True
    _resting_until = monotonic() + REST_SECONDS
    return False


class Rate(BaseThrottle):
    """A sliding window: the last period's count, weighed by what is left of it, and this period's."""

    scope = ""
    wait_seconds = 0.0

    def caller(self, request: Request) -> str | None:
        """Who is counted; None when this limit is not for him."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: Any) -> bool:
        limit = parse_rate(settings.THROTTLE_RATES.get(self.scope, ""))
        caller = self.caller(request)
        if limit is None or caller is None:
            return True
        most, period = limit
        number, into = divmod(time.time(), period)
        key = f"rate:{self.scope}:{caller}:"
        current, before = f"{key}{int(number)}", f"{key}{int(number) - 1}"
        if not _answers(lambda: cache.add(current, 0, timeout=2 * period + 1)):
            return True
        try:
            count = cache.incr(current) or 0
        except ValueError:
            return True  # the cache has just dropped it, or is away
        earlier = cache.get(before) or 0
        if earlier * (1 - into / period) + count <= most:
            return True
        self.wait_seconds = period - into if count > most else min(period - into, period / most)
        return False

    def wait(self) -> float:
        return max(1.0, self.wait_seconds)


class UserRate(Rate):
    scope = "user"

    def caller(self, request: Request) -> str | None:
        return str(request.user.pk) if request.user and request.user.is_authenticated else None


class AnonymousRate(Rate):
    scope = "anonymous"

    def caller(self, request: Request) -> str | None:
        if request.user and request.user.is_authenticated:
            return None
        return self.get_ident(request)


class CreateRate(UserRate):
    """For routes that create work."""

    scope = "create"


class LoginRate(Rate):
    """For guessing passwords: by address, whoever is asked for."""

    scope = "login"

    def caller(self, request: Request) -> str | None:
        return self.get_ident(request)
