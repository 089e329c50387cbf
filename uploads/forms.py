"""Reading what stands beside the files of a multipart request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from rest_framework.request import Request

from jobs.exceptions import InvalidArgs
from jobs.priorities import default_priority
from uploads.accepting import Options

MAX_PASSWORD = 500
_WORDS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off", ""), False),
}
_FLAGS = {
    "useAI": ("use_ai", False),
    "generateSummary": ("generate_summary", True),
    "generateEmbeddings": ("generate_embeddings", True),
    "reprocess": ("reprocess", False),
}


def read_options(values: Mapping[str, Any], *, least_priority: int | None = None) -> Options:
    """`useAI`, `generateSummary`, `generateEmbeddings`, `reprocess` and `password`, each by its own name.

    Fields that are not there keep their defaults. Raises InvalidArgs naming each that does not fit.
    """
    found: dict[str, Any] = {"least_priority": least_priority}
    errors: dict[str, list[str]] = {}
    for name, (option, default) in _FLAGS.items():
        value = values.get(name, default)
        flag = value if isinstance(value, bool) else _WORDS.get(str(value).strip().lower())
        if flag is None:
            errors[name] = ["Write true or false."]
        found[option] = flag
    password = values.get("password") or None
    if password is not None and (not isinstance(password, str) or len(password) > MAX_PASSWORD):
        errors["password"] = [f"At most {MAX_PASSWORD} characters."]
    if errors:
        raise InvalidArgs(errors)
    return Options(password=password, **found)


def options_of(request: Request) -> Options:
    """The options of a multipart request, with what its caller's jobs have at least."""
    return read_options(cast(Mapping[str, Any], request.data), least_priority=default_priority(request))
