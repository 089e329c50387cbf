"""Keeping secrets out of what is stored and out of where they are not needed."""

from __future__ import annotations

import hashlib
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.conf import settings

# The settings that are secrets. A handler names those it needs: `job_handler(secrets=("OPENAI_API_KEY",))`.
SECRET_SETTINGS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "JWT_SECRET", "SECRET_KEY",
                   "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "EMAIL_HOST_PASSWORD")  # fmt: skip
_PROVIDER_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "JWT_SECRET")
_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|\d+")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_CREDENTIALS = re.compile(r"(?i)\b(bearer\s+|sk-[a-z-]*|api[_-]?key[=:]\s*)[\w.\-]{8,}")


@contextmanager
def only(needed: tuple[str, ...]) -> Iterator[None]:
    """Hide the keys of other parties from the settings while a handler runs that has not named them."""
    hidden = {name: getattr(settings, name, "") for name in _PROVIDER_KEYS if name not in needed}
    for name in hidden:
        setattr(settings, name, "")
    try:
        yield
    finally:
        for name, value in hidden.items():
            setattr(settings, name, value)


def redact(text: str) -> str:
    """`text` without the values of secret settings, passwords in URLs, and what looks like a key."""
    for name in SECRET_SETTINGS:
        value = getattr(settings, name, None) or ""
        if len(value) >= 6:
            text = text.replace(value, "[redacted]")
    for name in ("DATABASE_URL", "REDIS_URL"):
        password = urlsplit(getattr(settings, name, "")).password
        if password:
            text = text.replace(password, "[redacted]")
    return _CREDENTIALS.sub(r"\1[redacted]", text)


def traceback_of(error: BaseException) -> str:
    """The traceback as text: files and lines, no values of variables, redacted."""
    return redact("".join(traceback.format_exception(error, limit=-40)))[-20_000:]


def fingerprint(kind: str, error: BaseException) -> str:
    """The same for failures that are the same: kind, class, message without numbers and quotes, last line.

    40 hexadecimal digits (SHA-1).
    """
    message = _NUMBERS.sub("#", _QUOTED.sub("'…'", str(error)))[:300]
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename]
    place = f"{own[-1].filename.rsplit('/', 2)[-1]}:{own[-1].name}" if own else ""
    text = "\n".join((kind, f"{type(error).__module__}.{type(error).__qualname__}", message, place))
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
