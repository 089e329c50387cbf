"""What a job may reach: nothing, unless its kind calls out, but for the site's own servers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from jobs import landlock

_storage_calls = 0


@contextmanager
def open_for_storage() -> Iterator[None]:
    """Let the storage be reached, also by threads of its own, from a job that may not use the network."""
    global _storage_calls
    _storage_calls += 1
    try:
        yield
    finally:
        _storage_calls -= 1


class NetworkGuard:
    """Refuses connections while a job runs that has no business with the network.

    Twice: the kernel refuses TCP to native code too (`landlock`), but for the ports of the site's servers; an
    audit hook, which the code it watches cannot remove, refuses everything to Python code.
    """

    def __init__(self) -> None:
        self.closed = False
        self.forbidden = False
        sys.addaudithook(self._hook)

    @contextmanager
    def over(self, *, calls_out: bool) -> Iterator[None]:
        """Watch over one job."""
        if not calls_out and not self.forbidden:
            landlock.forbid_tcp(but=settings.SANDBOX_PORTS)
            self.forbidden = True
        self.closed = not calls_out
        try:
            yield
        finally:
            self.closed = False

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.closed or _storage_calls:
            return
        if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
            address = args[1] if event != "socket.getaddrinfo" and len(args) > 1 else args[0]
            if isinstance(address, str | bytes) and event != "socket.getaddrinfo":
                return  # a local socket
            raise PermissionError("this kind of job may not use the network")
