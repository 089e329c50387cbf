"""The body of a tus request, written to disk while it comes: one block in memory, whatever its size.

An offset is told only when its bytes are on disk. A connection that breaks loses at most what came after the
last one; a checksum that does not fit loses the whole request, as it should.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from jobs.exceptions import InvalidInput
from jobs.history import in_database
from jobs.problems import Problem
from uploads import storage
from uploads.refusals import storage_problem
from uploads.resumable import leases, protocol
from uploads.resumable.protocol import Checksum

RECEIVED: Final = "uploads.received"
_BLOCK: Final = 1024 * 1024
_RECORD_BYTES: Final = 16 * 1024 * 1024
_RECORD_SECONDS: Final = 5.0
# A sender that says nothing for so long is gone; it comes back and goes on.
_SILENCE_SECONDS: Final = 20.0

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True)
class Received:
    """A body that was written: the bytes the upload has now, or a file of bytes for an upload to be made."""

    offset: int = 0
    arrived: Path | None = None


class Interrupted(Exception):
    """The sender is gone: there is nobody to answer."""


async def receive_body(scope: dict[str, Any], receive: Receive, owner: Any) -> Received | None:
    """Write the body of a creation or a PATCH. None when the sender left meanwhile; what came is kept.

    Raises Problem; the view then answers with it.
    """
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    protocol.check_version(headers)
    try:
        if scope["method"] == "POST":
            return await _creation(headers, receive)
        return await _append(uuid.UUID(scope["path"].rpartition("/")[2]), headers, receive, owner)
    except Interrupted:
        return None
    except ValueError:
        raise Problem(404, "not_found", "There is no such upload among yours.") from None
    except InvalidInput as error:
        raise Problem(400, error.code, error.message) from None
    except OSError as error:
        raise storage_problem(error) from error


async def _creation(headers: Mapping[str, str], receive: Receive) -> Received:
    creation = protocol.read_creation(headers)
    if "content-type" not in headers or headers.get("content-length") == "0":
        return Received()
    protocol.check_body_type(headers)
    path = storage.incoming() / f"{uuid.uuid4().hex}.new"
    writer = _Writer(path, 0, creation.length, protocol.read_checksum(headers))
    try:
        await writer.run(receive, None)
        await writer.close()
        if not writer.whole:
            raise Interrupted
    except BaseException:
        await writer.close()
        path.unlink(missing_ok=True)
        raise
    return Received(arrived=path)


async def _append(upload_id: uuid.UUID, headers: Mapping[str, str], receive: Receive, owner: Any) -> Received:
    protocol.check_body_type(headers)
    checksum = protocol.read_checksum(headers)
    offset = protocol.number(headers, "upload-offset")
    lease = await in_database(leases.take, upload_id, owner, offset)
    declared = headers.get("content-length", "")
    if declared.isdigit() and offset + int(declared) > lease.length:
        await in_database(lambda: leases.record(lease, offset, release=True))
        raise _too_much(lease.length)
    writer = _Writer(lease.path, offset, lease.length, checksum)
    kept = offset
    try:
        await writer.run(receive, lease)
        await writer.close()
        kept = writer.position
    except Interrupted:
        await writer.close()
        kept = writer.position if checksum is None else offset
        raise
    finally:
        await writer.close()
        # Also when the task is cancelled: the offset must be told, and the lease given back.
        mine = await asyncio.shield(in_database(lambda: leases.record(lease, kept, release=True)))
    if not mine:
        raise Problem(
            409, "tus_offset", "The upload was taken over or removed meanwhile: ask for its offset."
        )
    if not writer.whole:
        raise Interrupted
    return Received(offset=kept)


class _Writer:
    """Appends a body to a file from a position on; its blocks are written outside the event loop."""

    def __init__(self, path: Path, position: int, limit: int, checksum: Checksum | None) -> None:
        self.path = path
        self.position = position
        self.limit = limit
        self.checksum = checksum
        self.whole = False
        self._hash = checksum.hasher() if checksum else None
        self._file: BinaryIO | None = None
        self._pending = bytearray()
        self._recorded = (position, time.monotonic())

    async def run(self, receive: Receive, lease: leases.Lease | None) -> None:
        """Raises Interrupted and Problem. With a lease, progress is recorded now and then."""
        self._file = await asyncio.to_thread(self._open)
        while True:
            try:
                message = await asyncio.wait_for(receive(), _SILENCE_SECONDS)
            except TimeoutError:
                raise Interrupted from None
            if message["type"] == "http.disconnect":
                raise Interrupted
            self._pending += message.get("body", b"")
            if self.position + len(self._pending) > self.limit:
                raise _too_much(self.limit)
            last = not message.get("more_body", False)
            if last or len(self._pending) >= _BLOCK:
                await asyncio.to_thread(self._write)
            if last:
                break
            if lease and not self.checksum:
                await self._record(lease)
        if self.checksum and self._hash is not None and self._hash.digest() != self.checksum.digest:
            raise protocol.ChecksumMismatch
        self.whole = True

    async def close(self) -> None:
        """Write what is still in memory, and wait until all of it is on disk. May be called twice."""
        if self._file is not None:
            file, self._file = self._file, None
            await asyncio.to_thread(self._settle, file)

    def _open(self) -> BinaryIO:
        file = self.path.open("r+b" if self.path.exists() else "w+b")
        # Bytes beyond the offset were never told to anybody.
        file.truncate(self.position)
        file.seek(self.position)
        return file

    def _write(self, file: BinaryIO | None = None) -> None:
        target = file or self._file
        assert target is not None
        block, self._pending = self._pending, bytearray()
        target.write(block)
        if self._hash is not None:
            self._hash.update(block)
        self.position += len(block)

    def _settle(self, file: BinaryIO) -> None:
        with file:
            if self.position + len(self._pending) <= self.limit:
                self._write(file)
            file.flush()
            os.fsync(file.fileno())

    async def _record(self, lease: leases.Lease) -> None:
        position, at = self._recorded
        if self.position - position < _RECORD_BYTES and time.monotonic() - at < _RECORD_SECONDS:
            return
        await asyncio.to_thread(self._flush)
        self._recorded = (self.position, time.monotonic())
        position = self.position
        if not await in_database(lambda: leases.record(lease, position, release=False)):
            raise Problem(409, "tus_offset", "The upload was taken over or removed meanwhile.")

    def _flush(self) -> None:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())


def _too_much(length: int) -> Problem:
    return Problem(413, "tus_too_much", f"The upload was announced with {length} bytes: this is more.")
