"""The vector of a search query by OpenAI, for documents whose chunks it embedded.

Asked from a web process, where a person waits: through httpx, because the SDK would add 53 MB to it; at most
3 s; each query once a day; and not at all while the provider's limits or its circuit breaker say so. A query
costs a few tokens, so no budget is set aside for it.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import httpx
from django.conf import settings
from django.core.cache import cache
from django.views.decorators.debug import sensitive_variables

from enrichment import limits
from enrichment.providers.base import estimate_tokens
from enrichment.providers.failures import from_status
from enrichment.providers.openai import EMBEDDING_MODEL
from jobs.exceptions import JobError

_BASE: Final = "https://api.openai.com/v1"
_TIMEOUT: Final = httpx.Timeout(3.0, connect=2.0)
_DAY: Final = 86_400


@sensitive_variables()
def vector(text: str) -> Any | None:
    """A float32 array of length 1 that compares with chunks of the engine `openai:text-embedding-3-small`.

    None where it can not be had now: no key, a limit, an outage, an answer that is none.
    """
    import numpy as np

    if not settings.OPENAI_API_KEY:
        return None
    key = f"query-vector:{EMBEDDING_MODEL}:{hashlib.sha256(text.encode()).hexdigest()}"
    data = cache.get(key)
    if data is None:
        data = _ask(text)
        if data is None:
            return None
        cache.set(key, data, _DAY)
    found = np.frombuffer(data, dtype="<f4")
    length = float(np.sqrt(found @ found))
    return found / length if length else found


@sensitive_variables()
def _ask(text: str) -> bytes | None:
    import numpy as np

    try:
        limits.take("openai", estimate_tokens(text))
    except JobError:
        return None
    try:
        answer = httpx.post(
            f"{settings.OPENAI_BASE_URL or _BASE}/embeddings",
            json={"model": EMBEDDING_MODEL, "input": text, "encoding_format": "float"},
            headers={"Authorization": f"Bearer {settings.OPENAI_API_KEY}"},
            timeout=_TIMEOUT,
        )
    except httpx.HTTPError:
        limits.failed("openai")
        return None
    if answer.status_code != 200:
        refusal = from_status("openai", answer.status_code, dict(answer.headers), None, None)
        if refusal.code in limits.OUTAGES:
            limits.failed("openai")
        return None
    try:
        data = np.asarray(answer.json()["data"][0]["embedding"], dtype="<f4").tobytes()
    except (ValueError, LookupError, TypeError):
        return None
    limits.succeeded("openai")
    return data
