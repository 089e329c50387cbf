"""What a vendor's error means for a job. One table for both vendors, because both speak HTTP.

Messages are made from the status and the vendor's error code alone: the vendor's own message may hold part of
a key or of the prompt, and never leaves this module.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from jobs.exceptions import JobError, PermanentError, RetryLater, TransientError

RATE_LIMIT_DELAY = 20.0
MAX_DELAY = 3600.0
_QUOTA = re.compile(r"insufficient_quota|billing|credit balance|quota_exceeded", re.IGNORECASE)


def from_status(
    vendor: str, status: int, headers: Mapping[str, str], code: str | None, body: Any = None
) -> JobError:
    """Return the error for an HTTP answer that is not a success.

    Args:
        vendor: the provider's name, shown to people.
        status: the HTTP status.
        headers: the answer's headers; `retry-after` (seconds or a date) and `retry-after-ms` are read.
        code: the vendor's own error code or type.
        body: the decoded body, only searched for signs of an empty account.
    """
    delay = retry_after(headers)
    if status in (402, 429) and (status == 402 or _QUOTA.search(f"{code} {body}")):
        return PermanentError(
            f"The {vendor} account has no credit left. Add credit or raise its limit, then retry.",
            code="insufficient_quota",
        )
    if status == 400 and _QUOTA.search(f"{code} {body}"):
        return PermanentError(
            f"The {vendor} account has no credit left. Add credit, then retry.", code="insufficient_quota"
        )
    if status == 401:
        return PermanentError(
            f"{vendor} does not accept the API key. Put in a valid one, then retry.", code="provider_auth"
        )
    if status == 403:
        return PermanentError(
            f"The {vendor} key may not use this model. Give it access or choose another model.",
            code="provider_auth",
        )
    if status == 429:
        text = f"{vendor} limits requests for now."
        return RetryLater(
            text, delay=RATE_LIMIT_DELAY if delay is None else delay, code="provider_rate_limited"
        )
    if status in (408, 409) or status >= 500:
        text = f"{vendor} could not answer (status {status})."
        if delay is not None:
            return RetryLater(text, delay=delay, code="provider_unavailable")
        return TransientError(text, code="provider_unavailable")
    if status == 413:
        return PermanentError(f"The material is too long for {vendor}.", code="provider_too_large")
    remedy = "Check the model's name." if status == 404 else "Check the model and its settings."
    return PermanentError(
        f"{vendor} refused the request (status {status}). {remedy}", code="provider_rejected"
    )


def timed_out(vendor: str, seconds: float) -> JobError:
    """Return the error for an answer that did not come within `seconds`."""
    return TransientError(f"{vendor} did not answer within {seconds:g} seconds.", code="provider_timeout")


def cut_off(vendor: str) -> JobError:
    """Return the error for a connection that could not be made or broke."""
    return TransientError(f"The connection to {vendor} failed.", code="provider_connection")


def bad_output(vendor: str) -> JobError:
    """Return the error for two answers in a row that do not fit the schema."""
    return PermanentError(
        f"{vendor} answered twice in a shape that does not fit. Try again, or use another provider.",
        code="provider_bad_output",
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the answer asks to wait, at most an hour, or None when it does not say."""
    lowered = {key.lower(): value for key, value in headers.items()}
    try:
        if lowered.get("retry-after-ms"):
            return _bounded(float(lowered["retry-after-ms"]) / 1000)
        value = lowered.get("retry-after", "").strip()
        if not value:
            return None
        if re.fullmatch(r"\d+(?:\.\d+)?", value):
            return _bounded(float(value))
        return _bounded(parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _bounded(seconds: float) -> float:
    return max(0.0, min(MAX_DELAY, seconds))
