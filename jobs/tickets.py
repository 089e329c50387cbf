"""Single-use tickets that open a socket or a stream: a browser can not send a header there.

They live in the database, as a hash: a cache that is away or emptied must not let one be used twice.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from jobs.authentication import AuthenticationError, Principal
from jobs.models import Ticket

LIFETIME: Final = timedelta(seconds=30)


def issue(user: Any, job_id: uuid.UUID | None = None) -> str:
    """A new ticket for `user`, good once, for 30 seconds; with `job_id` it only shows that job."""
    ticket = secrets.token_urlsafe(32)
    Ticket.objects.create(digest=_digest(ticket), user=user, job=job_id, expires_at=timezone.now() + LIFETIME)
    return ticket


def redeem(ticket: str) -> Principal:
    """Whom `ticket` speaks for; it is used up. Raises AuthenticationError."""
    found = Ticket.objects.select_related("user").filter(digest=_digest(str(ticket))).first()
    # The delete decides between two who redeem it at the same moment.
    if found is None or not Ticket.objects.filter(digest=found.digest).delete()[0]:
        raise AuthenticationError("The ticket is not known, or was used already: ask for a new one.")
    if found.expires_at <= timezone.now():
        raise AuthenticationError("The ticket has expired: ask for a new one.")
    if not found.user.is_active:
        raise AuthenticationError("The account of this ticket is not active.")
    return Principal.of(found.user, found.job)


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode(errors="replace")).hexdigest()
