"""The password of a document between its upload and its job: encrypted in the job's arguments.

Arguments are stored, shown to operators and kept for days; the key is derived from SECRET_KEY, and what was
sealed under one of SECRET_KEY_FALLBACKS still opens.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from jobs.exceptions import PermanentError

MARK: Final = "sealed:"


def seal(password: str) -> str:
    """`password` as text that only this site can read. Sealing what is sealed changes nothing."""
    if password.startswith(MARK):
        return password
    return MARK + _box().encrypt(password.encode()).decode()


def unseal(sealed: str | None) -> str | None:
    """The password again. Raises PermanentError when the site's keys have changed since."""
    if sealed is None or not sealed.startswith(MARK):
        return sealed
    try:
        return _box().decrypt(sealed.removeprefix(MARK).encode()).decode()
    except InvalidToken:
        raise PermanentError(
            "The password can no longer be read because the site's key has changed. Upload the file again.",
            code="password_lost",
        ) from None


def _box() -> MultiFernet:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(_derived(str(key))) for key in keys])


def _derived(key: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"millrace.document-password:" + key.encode()).digest())
