"""What callers send to create jobs, read into `Spec`s."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.request import Request

from jobs import conf, registry
from jobs.enqueue import Spec
from jobs.exceptions import InvalidArgs, UnknownKind
from jobs.priorities import default_priority, parse_priority
from jobs.problems import Problem, unknown_type

MAX_AHEAD: Final = timedelta(days=366)
MAX_ATTEMPTS: Final = 20
_RESERVED: Final = ("type", "priority", "runAt", "callbackUrl", "maxAttempts")


def read_job(request: Request) -> Spec:
    """The one job of a body: `type`, the reserved fields, and the rest as the kind's arguments."""
    return _spec(request.data, default_priority(request))


def read_jobs(request: Request) -> list[Spec]:
    """The jobs of `{"jobs": [...]}`; every error is keyed `jobs.<n>.<field>`."""
    body = request.data
    entries = body.get("jobs") if isinstance(body, dict) else None
    if not isinstance(entries, list) or not entries:
        raise InvalidArgs({"jobs": ["A list of at least one job."]})
    if len(entries) > conf.MAX_BULK:
        raise InvalidArgs(
            {"jobs": [f"At most {conf.MAX_BULK} jobs in one request; these are {len(entries)}."]}
        )
    least = default_priority(request)
    specs: list[Spec] = []
    errors: dict[str, list[str]] = {}
    for number, entry in enumerate(entries):
        try:
            specs.append(_spec(entry, least))
        except InvalidArgs as error:
            errors.update({f"jobs.{number}.{name}": texts for name, texts in error.errors.items()})
        except Problem as problem:
            errors[f"jobs.{number}.type"] = [problem.detail]
    if errors:
        raise InvalidArgs(errors)
    return specs


def _spec(body: Any, least_priority: int | None) -> Spec:
    if not isinstance(body, dict):
        raise InvalidArgs({"body": ["A JSON object with at least `type`."]})
    name = body.get("type")
    if not isinstance(name, str) or not name:
        raise unknown_type("A job needs a `type`.")
    try:
        handler = registry.by_type(name)
    except UnknownKind:
        raise unknown_type(f"There is no job type {name[:100]!r}.") from None
    errors: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    for field, read in _READERS.items():
        if body.get(field) is not None:
            try:
                values[field] = read(body[field])
            except ValueError as error:
                errors[field] = [str(error)]
    if errors:
        raise InvalidArgs(errors)
    priority = values.get("priority")
    if priority is None and least_priority is not None:
        priority = max(least_priority, handler.priority)
    return Spec(
        kind=handler.kind,
        args={name: value for name, value in body.items() if name not in _RESERVED},
        priority=priority,
        run_at=values.get("runAt"),
        max_attempts=values.get("maxAttempts"),
        callback_url=values.get("callbackUrl", ""),
    )


def _run_at(value: Any) -> datetime | None:
    remedy = "A time in ISO 8601 with its zone, such as 2030-01-31T08:00:00Z, at most a year ahead."
    try:
        at = parse_datetime(value) if isinstance(value, str) and len(value) < 64 else None
        if at is None:
            raise ValueError(remedy)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(remedy) from None
    now = timezone.now()
    if at > now + MAX_AHEAD:
        raise ValueError(remedy)
    return at if at > now else None


def _max_attempts(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_ATTEMPTS:
        raise ValueError(f"A whole number from 1 to {MAX_ATTEMPTS}.")
    return value


def read_callback_url(value: Any) -> str:
    """An https URL without credentials. Raises ValueError. Where it leads is checked when it is called."""
    remedy = "An https URL of at most 2000 characters, without user name or password."
    if (
        not isinstance(value, str)
        or not value
        or len(value) > 2000
        or not value.isprintable()
        or " " in value
    ):
        raise ValueError(remedy)
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(remedy) from None
    if (
        parts.scheme != "https"
        or not host
        or parts.username is not None
        or parts.password is not None
        or port == 0
    ):
        raise ValueError(remedy)
    return value


_READERS: Final = {
    "priority": parse_priority,
    "runAt": _run_at,
    "callbackUrl": read_callback_url,
    "maxAttempts": _max_attempts,
}
