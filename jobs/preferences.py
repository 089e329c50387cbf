"""Who wants to be mailed when a job of theirs ends: asked at every end, so remembered for half a minute."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Any, Final

from jobs.models import Job, NotificationPreference
from jobs.states import EmailOn, State

_SECONDS: Final = 30.0
_OWNERS: Final = 1000
_known: OrderedDict[Any, tuple[float, str]] = OrderedDict()
_lock = threading.Lock()


def email_on(owner_id: Any) -> str:
    """When `owner_id` wants mail (an `EmailOn`). At most half a minute old."""
    now = time.monotonic()
    with _lock:
        until, found = _known.get(owner_id, (0.0, ""))
    if until > now:
        return found
    row = NotificationPreference.objects.filter(pk=owner_id).values_list("email", flat=True).first()
    found = row or EmailOn.NEVER
    with _lock:
        _known[owner_id] = (now + _SECONDS, found)
        _known.move_to_end(owner_id)
        while len(_known) > _OWNERS:
            _known.popitem(last=False)
    return found


def forget(owner_id: Any = None) -> None:
    """What is remembered of one owner, or of all, is asked anew."""
    with _lock:
        if owner_id is None:
            _known.clear()
        else:
            _known.pop(owner_id, None)


def mail_owed(job: Job, state: str | None = None) -> bool:
    """Whether the owner is mailed when `job` ends in `state`; without a state: in any.

    Parts of a larger job are not told of, nor what the system does for itself, nor what a person cancelled.
    """
    if job.parent_id or job.queue == "system" or state == State.CANCELLED:
        return False
    wanted = email_on(job.owner_id)
    if wanted == EmailOn.FAILURES:
        return state in (None, State.FAILED)
    return wanted == EmailOn.ALWAYS
