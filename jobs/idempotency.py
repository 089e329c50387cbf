"""Sending a creating request again gives the first answer again, and creates nothing twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from jobs.exceptions import IdempotencyConflict
from jobs.models import IdempotencyKey
from jobs.problems import Problem

HEADER: Final = "Idempotency-Key"
LIFETIME: Final = timedelta(hours=24)
REPLAYED: Final = "Idempotency-Replayed"

# One statement decides who is first: a second transaction with the same key waits here for the first to end.
# A key past its time is taken over as if it were new.
_TAKE = """
INSERT INTO idempotency_keys (owner_id, key, fingerprint, status, response, created_at)
VALUES (%s, %s, %s, 0, NULL, %s)
ON CONFLICT (owner_id, key) DO UPDATE
SET fingerprint = excluded.fingerprint, status = 0, response = NULL, created_at = excluded.created_at
WHERE idempotency_keys.created_at < %s
RETURNING id
"""


def fingerprint(request: Request, *parts: Any) -> str:
    """What makes two requests the same: the route and `parts` (by default the parsed JSON body).

    For a body that is not JSON pass what identifies it, such as each file's name, size and digest.
    """
    content = parts or (request.data,)
    text = json.dumps([request.method, request.path, content], sort_keys=True, cls=JSONEncoder)
    return hashlib.sha256(text.encode()).hexdigest()


def idempotent(
    request: Request,
    fingerprint: str,
    create: Callable[[], tuple[int, dict[str, Any]]],
    *,
    headers: Callable[[dict[str, Any]], dict[str, str]] | None = None,
) -> Response:
    """Answer with what `create` returns (status and body), or with the stored answer of the first time.

    What `create` stores and the record of it commit together, so it must not start side effects before its
    transaction commits. When it raises, nothing is kept and the key is free. `headers` makes the answer's
    headers from its body. Raises IdempotencyConflict for a key used with another body (422).
    """
    key = _key(request)
    if key is None:
        status, body = create()
        return Response(body, status=status, headers=headers(body) if headers else None)
    owner = request.user.pk
    now = timezone.now()
    with transaction.atomic():
        taken = _take(owner, key, fingerprint, now)
        if taken is not None:
            status, body = create()
            plain = json.loads(json.dumps(body, cls=JSONEncoder))
            IdempotencyKey.objects.filter(pk=taken).update(status=status, response=plain)
            return Response(plain, status=status, headers=headers(plain) if headers else None)
        known = IdempotencyKey.objects.get(owner=owner, key=key)
    if known.fingerprint != fingerprint:
        raise IdempotencyConflict(
            f"This {HEADER} was used with another request: use a new key for a new request."
        )
    replay = {**(headers(known.response or {}) if headers else {}), REPLAYED: "true"}
    return Response(known.response, status=known.status, headers=replay)


def _key(request: Request) -> str | None:
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise Problem(
            400,
            "invalid_idempotency_key",
            f"{HEADER} is 1 to 255 printable ASCII characters, such as a UUID.",
        )
    return key


def _take(owner: Any, key: str, fingerprint: str, now: Any) -> int | None:
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [owner, key, fingerprint, adapt(now), adapt(now - LIFETIME)])
        row = cursor.fetchone()
    return row[0] if row else None
