"""Reading JSON bodies: bounded, and free of what a database can not store."""

from __future__ import annotations

import json
import math
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from jobs import conf
from jobs.problems import Problem

# Arguments may have MAX_ARGS_BYTES; the rest of a body is names and numbers.
DEFAULT_LIMIT = conf.MAX_ARGS_BYTES + 16_384
MAX_DEPTH = 50


class StrictJSONParser(BaseParser):
    """JSON in UTF-8, at most `view.body_limit` bytes (413 beyond that, before anything is parsed).

    NaN, infinities, NUL characters, lone surrogates and deep nesting are answered with 400: they are valid
    for Python and an error in the database.
    """

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        limit = getattr((parser_context or {}).get("view"), "body_limit", DEFAULT_LIMIT)
        request = (parser_context or {}).get("request")
        declared = request.META.get("CONTENT_LENGTH") if request is not None else None
        if declared and declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise _too_large(limit)
        try:
            value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        except RecursionError:
            raise ParseError(f"The JSON is nested deeper than {MAX_DEPTH} levels.") from None
        except ValueError as error:
            raise ParseError(f"The body is not JSON in UTF-8: {error}") from None
        _check(value, 0)
        return value


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        "too_large",
        f"The body may have at most {limit} bytes. Upload large input as a file.",
    )


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ParseError(f"The JSON is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, str):
        if "\x00" in value:
            raise ParseError("A text holds a NUL character (\\u0000), which can not be stored.")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ParseError("A text holds half of a surrogate pair.") from None
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ParseError("A number is too large.")
    elif isinstance(value, dict):
        for name, item in value.items():
            _check(name, depth + 1)
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
