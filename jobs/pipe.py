"""Messages between a worker and its sandbox: a length, then JSON, over a socket pair.

JSON, because the sandbox handles what strangers send and the worker must be able to read it without
executing it; a length with a limit and a deadline, because a broken sandbox must not hold the worker.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from typing import Any

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
_LENGTH = struct.Struct("!I")


class Closed(Exception):
    """The other side is gone."""


class TooLarge(Exception):
    """The message is over the limit."""


class Misplaced(Exception):
    """A message about another attempt than the one that is run: the two sides do not agree any more."""


class Pipe:
    """One end. `receive` takes messages one at a time; `send` blocks until the other side has room.

    `about` names the attempt that is run; every message says what it is about, so that a word left over from
    one attempt is never taken for one of the next.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.about = ""
        self._buffer = bytearray()

    def fileno(self) -> int:
        return self.sock.fileno()

    def close(self) -> None:
        self.sock.close()

    def send(self, name: str, value: Any) -> None:
        """Raises Closed, TooLarge, and TypeError or ValueError for what JSON cannot hold."""
        body = json.dumps(
            [self.about, name, value], separators=(",", ":"), default=_plain, allow_nan=False
        ).encode()
        # PostgreSQL cannot store the character U+0000, and texts people send do contain it.
        body = body.replace(b"\\u0000", b"\\ufffd")
        if len(body) > MAX_MESSAGE_BYTES:
            raise TooLarge(f"{len(body)} bytes; at most {MAX_MESSAGE_BYTES}")
        try:
            self.sock.sendall(_LENGTH.pack(len(body)) + body)
        except OSError as error:
            raise Closed from error

    def receive(self, timeout: float | None) -> tuple[str, Any] | None:
        """The next message, or None after `timeout` seconds (None: wait).

        Raises Closed, TooLarge and Misplaced.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            message = self._parse()
            if message is not None:
                return message
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self.sock], [], [], left)[0]:
                return None
            try:
                data = self.sock.recv(262_144)
            except OSError as error:
                raise Closed from error
            if not data:
                raise Closed
            self._buffer += data

    def _parse(self) -> tuple[str, Any] | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > MAX_MESSAGE_BYTES:
            raise TooLarge(f"{length} bytes; at most {MAX_MESSAGE_BYTES}")
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        about, name, value = json.loads(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        if self.about and about != self.about and name != "run":
            raise Misplaced(f"a message about {about} while {self.about} is run")
        return name, value


def _plain(value: Any) -> Any:
    """What handlers commonly return and JSON does not know."""
    import datetime
    import decimal
    import uuid

    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    if isinstance(value, uuid.UUID | decimal.Decimal):
        return str(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "tolist"):  # numpy
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be stored as JSON")
