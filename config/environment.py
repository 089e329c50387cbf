"""Reading the environment: each value checked where it is read, each error naming its variable."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool = False) -> bool:
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is not a yes or no: use 1 or 0.")


def integer(name: str, default: int, *, low: int = 0, high: int | None = None) -> int:
    value = text(name)
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number.") from None
    if number < low or (high is not None and number > high):
        raise ImproperlyConfigured(f"{name}={number} is out of range: {low} to {high or 'any'}.")
    return number


def number(name: str, default: float, *, low: float = 0.0) -> float:
    value = text(name)
    if not value:
        return default
    try:
        result = float(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r} is not a number.") from None
    if result < low:
        raise ImproperlyConfigured(f"{name}={result} is too small: at least {low}.")
    return result


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def ports(*urls: str) -> list[int]:
    """The TCP ports of these addresses, the scheme's own where none is named; an address may have none.

    One that cannot be read has none either: who connects to it says so better.
    """
    known = {"postgres": 5432, "postgresql": 5432, "redis": 6379, "rediss": 6379, "http": 80, "https": 443}
    found = set()
    for parts in map(urlsplit, urls):
        try:
            found.add(parts.port or known.get(parts.scheme, 0))
        except ValueError:
            continue
    return sorted(found - {0})


def mail_server(url: str) -> dict[str, Any]:
    """Django's settings of the mail server at `smtp://user:password@host:port?tls=1` or `smtps://…`."""
    remedy = "EMAIL_URL is not an address of a mail server: write smtp://user:password@host:587?tls=1."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(remedy) from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ImproperlyConfigured(remedy)
    implicit = parts.scheme == "smtps"
    tls = parse_qs(parts.query).get("tls", ["0"])[-1].lower() in ("1", "true", "yes")
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port or (465 if implicit else 587 if tls else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": implicit,
        "EMAIL_USE_TLS": tls and not implicit,
    }


def kept_secret(path: Path) -> str:
    """The secret kept in `path`, made on first use and readable by its owner only.

    Several processes may start at once: the one that creates the file wins, the others read it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not path.exists():
        draft.write_text(secrets.token_urlsafe(48))
        draft.chmod(0o600)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
