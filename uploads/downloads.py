"""Handing files out: as what they are, never as something a browser would run.

Every answer is `nosniff` with a sandboxed policy of its own. Parts of a file (`Range`) are answered with 206,
so that a player can seek. A file is read in pieces while it is sent, whatever its size.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.core import signing
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from jobs.problems import Problem
from uploads import conf, storage
from uploads.refusals import storage_problem

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_SALT: Final = "uploads.link"
POLICY: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"


@dataclass(frozen=True)
class Stored:
    """A file that may be handed out. `inline` only for what we made ourselves: pictures and videos."""

    key: str
    name: str
    mime: str
    inline: bool = False


def send(request: HttpRequest, stored: Stored) -> HttpResponseBase:
    """The file, or the part of it that `Range` names. Raises Problem 404 when the storage has lost it."""
    try:
        size = storage.files().size(stored.key)
    except FileNotFoundError:
        raise Problem(404, "file_missing", "The file is not there any more.") from None
    except OSError as error:
        raise storage_problem(error) from error
    headers = {
        "Content-Type": stored.mime,
        "Content-Disposition": content_disposition_header(not stored.inline, stored.name) or "attachment",
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
    }
    start, end, status = 0, size - 1, 200
    asked = request.META.get("HTTP_RANGE", "")
    if asked and "HTTP_IF_RANGE" not in request.META:
        part = _part(asked, size)
        if part is None:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
        if part != (-1, -1):
            (start, end), status = part, 206
            headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    headers["Content-Length"] = str(end - start + 1)
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers)
    # A server with an event loop would gather a plain iterator in memory before it sends anything.
    pieces = _pieces if isinstance(request, ASGIRequest) else storage.read
    return StreamingHttpResponse(pieces(stored.key, start, end - start + 1), status=status, headers=headers)


def _part(asked: str, size: int) -> tuple[int, int] | None:
    """First and last byte; None when no byte of the file is asked for; (-1, -1) to ignore the header."""
    match = _RANGE.fullmatch(asked.strip())
    if match is None or match[0] == "bytes=-":
        return (-1, -1)
    first, last = match[1], match[2]
    if not first:
        length = min(int(last), size)
        return (size - length, size - 1) if length else None
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if start >= size:
        return None
    return (start, end) if start <= end else (-1, -1)


async def _pieces(key: str, start: int, length: int) -> AsyncIterator[bytes]:
    # Opened by the first piece: an answer that is never sent leaves nothing open.
    pieces = storage.read(key, start, length)
    try:
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield piece
    finally:
        pieces.close()


# Links for what cannot send a header: a download, a <video>.


def link(user: Any, kind: str, identity: uuid.UUID) -> dict[str, Any]:
    """An address that shows one file to `user`, for five minutes."""
    token = signing.dumps([user.pk, kind, str(identity)], salt=_SALT, compress=True)
    return {"url": f"/api/files/{token}", "expiresIn": conf.LINK_SECONDS}


def read_link(token: str) -> tuple[Any, str, uuid.UUID]:
    """Whom the link was made for, and what it shows. Raises Problem 404; the caller checks the ownership."""
    gone = Problem(404, "link_expired", "This link does not work any more: ask for a new one.")
    try:
        user_id, kind, identity = signing.loads(token, salt=_SALT, max_age=conf.LINK_SECONDS)
        user = get_user_model()._default_manager.filter(pk=user_id, is_active=True).first()
        found = uuid.UUID(identity)
    except (signing.BadSignature, ValueError, TypeError):
        raise gone from None
    if user is None:
        raise gone
    return user, str(kind), found
