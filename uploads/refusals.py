"""Why a file cannot be taken: too large, or no room for it."""

from __future__ import annotations

import errno
import logging
from typing import Final

from django.http import HttpRequest

from jobs.problems import Problem

logger = logging.getLogger(__name__)

# Where the gate leaves a refusal in the ASGI scope, for the view to answer with.
PROBLEM: Final = "uploads.problem"
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def problem_of(request: HttpRequest) -> Problem | None:
    """Why this request's body was not read, or not to its end."""
    found: Problem | None = getattr(request, "scope", {}).get(PROBLEM)
    return found


def too_large(max_bytes: int) -> Problem:
    limit = max_bytes // (1024 * 1024)
    return Problem(
        413, "too_large", f"The file is larger than {limit} MB: send a smaller one.", maxBytes=max_bytes
    )


def is_no_room(error: OSError) -> bool:
    return error.errno in _NO_ROOM


def storage_problem(error: OSError) -> Problem:
    """A full disk is 507: nothing was stored, and the caller may send it again when there is room."""
    if is_no_room(error):
        logger.error("no room for uploads: %s", error)
        return Problem(
            507,
            "storage",
            "There is no room to store the file now; nothing was stored. Try again later.",
            headers={"Retry-After": "60"},
        )
    logger.exception("uploads cannot be stored")
    return Problem(
        503,
        "storage",
        "Files can not be stored right now; nothing was stored. Try again shortly.",
        headers={"Retry-After": "30"},
    )
