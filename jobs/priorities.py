"""Priorities as callers write them, and who gets a better one without asking."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from jobs.authentication import principal_of
from jobs.states import MAX_PRIORITY, MIN_PRIORITY, PRIORITY_NAMES

REMEDY = f"A whole number from {MIN_PRIORITY} to {MAX_PRIORITY}, or one of: {', '.join(PRIORITY_NAMES)}."


def parse_priority(value: Any) -> int:
    """1..20, or the name of a band, as a number. Raises ValueError with the remedy."""
    if isinstance(value, str):
        name = value.strip().lower()
        if name in PRIORITY_NAMES:
            return PRIORITY_NAMES[name]
        value = int(name) if name.isascii() and name.isdigit() and len(name) < 4 else None
    if isinstance(value, bool) or not isinstance(value, int) or not MIN_PRIORITY <= value <= MAX_PRIORITY:
        raise ValueError(REMEDY)
    return value


def default_priority(request: Request) -> int | None:
    """The least priority of this caller's jobs where he asks for none; None: what the kind says.

    Premium callers (a token with `premium: true` or the group `premium`, a local account in the group of
    that name) start in the band `high`.
    """
    principal = principal_of(request)
    if principal.job_id is None and (
        principal.premium or principal.user.groups.filter(name="premium").exists()
    ):
        return PRIORITY_NAMES["high"]
    return None
