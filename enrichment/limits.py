"""Limits of providers, shared by all workers: token buckets and a circuit breaker in one row each.

Taking from a bucket is one guarded statement by the database's clock, so that no two workers can take the
same; it never waits. What it cannot take it says, with the seconds until it could.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from enrichment.models import ProviderState
from jobs.exceptions import RetryLater, TransientError

# A probe after an outage has so long to come back before another worker may try, in seconds.
_PROBE_SECONDS = 120.0
_UNLIMITED = 1e12
# Errors that say something of the provider and nothing of the request.
OUTAGES = frozenset({"provider_unavailable", "provider_timeout", "provider_connection"})


class CircuitOpen(TransientError):
    """The provider failed so often that it is left alone for `delay` seconds."""

    default_code = "provider_circuit_open"

    def __init__(self, message: str, *, delay: float) -> None:
        super().__init__(message)
        self.delay = delay


@dataclass(frozen=True)
class Limits:
    """What a provider may be asked in a minute; a bucket holds one minute's worth."""

    requests: float
    tokens: float


def limits_of(provider: str) -> Limits:
    """The limits of a provider by the settings. Raises ImproperlyConfigured."""
    return Limits(
        read_limits("AI_REQUESTS_PER_MINUTE", settings.AI_REQUESTS_PER_MINUTE).get(provider, _UNLIMITED),
        read_limits("AI_TOKENS_PER_MINUTE", settings.AI_TOKENS_PER_MINUTE).get(provider, _UNLIMITED),
    )


@cache
def read_limits(name: str, value: str) -> dict[str, float]:
    """`openai=60,anthropic=50` as a dict. Raises ImproperlyConfigured, naming the setting."""
    found: dict[str, float] = {}
    for part in filter(None, value.replace(" ", "").split(",")):
        provider, _, number = part.partition("=")
        if provider not in ("openai", "anthropic") or not number.isdigit() or not int(number):
            raise ImproperlyConfigured(f"{name} has {part!r}: write it like openai=60,anthropic=50.")
        found[provider] = float(number)
    return found


def take(provider: str, tokens: int) -> None:
    """Take one request and `tokens` from the provider's buckets.

    Raises RetryLater (code `provider_rate_limited`, not charged) when they do not hold so much now, and
    CircuitOpen while the provider is left alone. More tokens than a bucket ever holds need a full one.
    """
    limits = limits_of(provider)
    needed = min(float(tokens), limits.tokens)
    ProviderState.objects.bulk_create(
        [ProviderState(name=provider, requests=limits.requests, tokens=limits.tokens)], ignore_conflicts=True
    )
    least, now = _least(), _now()
    requests_now = f"{least}(%s, requests + ({now} - filled_at) * %s / 60.0)"
    tokens_now = f"{least}(%s, tokens + ({now} - filled_at) * %s / 60.0)"
    pair = [limits.requests, limits.requests], [limits.tokens, limits.tokens]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE provider_states SET requests = {requests_now} - 1, tokens = {tokens_now} - %s,"
            f" filled_at = {now},"
            # After an outage one worker probes, and the others go on waiting for what it finds.
            f" open_until = CASE WHEN failures >= %s THEN {now} + {_PROBE_SECONDS} ELSE 0 END"
            f" WHERE name = %s AND open_until <= {now} AND {requests_now} >= 1 AND {tokens_now} >= %s",
            [
                *pair[0],
                *pair[1],
                float(tokens),
                settings.AI_BREAKER_FAILURES,
                provider,
                *pair[0],
                *pair[1],
                needed,
            ],
        )
        if cursor.rowcount:
            return
        cursor.execute(
            f"SELECT open_until - {now}, {requests_now}, {tokens_now} FROM provider_states WHERE name = %s",
            [*pair[0], *pair[1], provider],
        )
        closed_in, requests_left, tokens_left = cursor.fetchone()
    if closed_in > 0:
        raise CircuitOpen(
            f"{provider} failed several times in a row and is left alone for {closed_in:.0f} s.",
            delay=closed_in,
        )
    wait = max((1 - requests_left) * 60 / limits.requests, (needed - tokens_left) * 60 / limits.tokens, 0.05)
    raise RetryLater(
        f"The limit of {provider} for a minute is reached; the next call may go in {wait:.1f} s.",
        delay=wait,
        code="provider_rate_limited",
    )


def settle(provider: str, *, estimated: int, used: int) -> None:
    """Give back what was taken too much, or take what was taken too little."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE provider_states SET tokens = tokens + %s WHERE name = %s",
            [float(estimated - used), provider],
        )


def succeeded(provider: str) -> None:
    """Close the circuit: the provider answered."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE provider_states SET failures = 0, open_until = 0 WHERE name = %s AND failures > 0",
            [provider],
        )


def failed(provider: str) -> None:
    """Count an outage; after `AI_BREAKER_FAILURES` in a row the circuit opens."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE provider_states SET failures = failures + 1, open_until ="
            f" CASE WHEN failures + 1 >= %s THEN {_now()} + %s ELSE open_until END WHERE name = %s",
            [settings.AI_BREAKER_FAILURES, settings.AI_BREAKER_SECONDS, provider],
        )


def asked_to_wait(provider: str, delay: float) -> None:
    """The provider itself said "not before `delay` seconds": nobody asks it sooner."""
    limits = limits_of(provider)
    if limits.requests == _UNLIMITED:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE provider_states SET requests = {_least()}(requests, 1.0 - %s * %s / 60.0),"
            f" filled_at = {_now()} WHERE name = %s",
            [delay, limits.requests, provider],
        )


def _least() -> str:
    return "LEAST" if connection.vendor == "postgresql" else "min"


def _now() -> str:
    """The database's time in seconds since 1970, as SQL: one value for a whole statement."""
    if connection.vendor == "postgresql":
        return "extract(epoch FROM statement_timestamp())::float8"
    return "((julianday('now') - 2440587.5) * 86400.0)"
