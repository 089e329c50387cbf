"""A multipart form as it arrives: its files go to disk once, with their digest, and never stand in memory.

Django would write the whole body to disk, read it again and write each file a second time. Here the gate
feeds each block to one parser while the next is on its way. The grammar is the `multipart` library's.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from jobs.problems import Problem
from uploads import storage
from uploads.conf import Route
from uploads.refusals import storage_problem, too_large

MEDIA_TYPE: Final = "multipart/form-data"
# Where the gate leaves a whole form in the ASGI scope.
STAGED: Final = "uploads.form"
_BLOCK: Final = 512 * 1024
# How a part may be written. The rest (base64, quoted-printable) came from e-mail; RFC 7578 §4.7 retired it.
_PLAIN: Final = frozenset({"7bit", "8bit", "binary"})

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


def is_form(content_type: str) -> bool:
    """Whether a Content-Type header announces a multipart form."""
    return content_type.partition(";")[0].strip().lower() == MEDIA_TYPE


class StagedFile(TemporaryUploadedFile):
    """A file that has arrived beside the storage, with the digest of what has come so far."""

    def __init__(self, name: str, content_type: str, charset: str | None) -> None:
        self.digest = hashlib.sha256()
        super().__init__(name, content_type, 0, charset)

    def append(self, data: bytes) -> None:
        at = self.size or 0
        self.write(data)
        self.digest.update(data)
        self.size = at + len(data)
        if hasattr(os, "posix_fadvise"):
            # Linux begins to write these pages out, so that the sync before the answer has
            # little left to do: 1 ms instead of 15 for 49 MB.
            self.flush()
            os.posix_fadvise(self.fileno(), at, len(data), os.POSIX_FADV_DONTNEED)


def sha256_of(file: UploadedFile) -> str:
    """SHA-256 of a received file, as 64 hexadecimal digits: known already when it was staged."""
    if isinstance(file, StagedFile):
        return file.digest.hexdigest()
    assert file.file is not None
    return storage.digest(file.file)


class Form:
    """A multipart form that is being read: `fields` and `files` are whole after `finish`.

    Args: the request's Content-Type, and what its route takes. Raises Problem when that names no boundary;
    `finish` raises it for whatever else is refused. Close it: its files go then, unless they were moved.
    """

    def __init__(self, content_type: str, route: Route) -> None:
        self._max_bytes = route.max_bytes
        self._files_left = route.max_files
        self.fields = QueryDict(mutable=True)
        self.files: MultiValueDict[str, UploadedFile] = MultiValueDict()
        self._fields_left = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        self._open: StagedFile | bytearray | None = None
        self._name = ""
        self._refusal: Problem | None = None
        boundary = parse_options_header(content_type)[1].get("boundary", "")
        try:
            self._parser = PushMultipartParser(
                boundary, max_segment_count=route.max_files + settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
            )
        except MultipartError as error:
            raise _malformed(error) from None

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body: they are parsed, digested and written when this returns."""
        if self._refusal is not None:
            return
        try:
            for event in self._parser.parse(data):
                if isinstance(event, MultipartSegment):
                    self._begin(event)
                elif event is None:
                    self._end()
                else:
                    self._append(event)
        except Problem as refusal:
            self._refuse(refusal)
        except MultipartError as error:
            self._refuse(_malformed(error))
        except OSError as error:
            self._refuse(storage_problem(error))

    def finish(self) -> None:
        """The body has ended. Raises Problem when it was refused, or ended too early."""
        if self._refusal is not None:
            raise self._refusal
        try:
            self._parser.close()
        except MultipartError:
            self.close()
            raise Problem(
                400, "incomplete_body", "The body ends before its last boundary, so nothing was stored."
            ) from None
        for _, files in self.files.lists():
            for file in files:
                file.seek(0)

    def close(self) -> None:
        """Remove the files that nobody has moved. May be called twice."""
        if isinstance(self._open, StagedFile):
            self._open.close()
        self._open = None
        for _, files in self.files.lists():
            for file in files:
                file.close()

    @property
    def refused(self) -> bool:
        """Whether the rest of the body has no use."""
        return self._refusal is not None

    def _refuse(self, refusal: Problem) -> None:
        self._refusal = refusal
        self.close()

    def _begin(self, part: MultipartSegment) -> None:
        self._name = part.name or ""
        encoding = (part.header("Content-Transfer-Encoding") or "binary").strip().lower()
        if encoding not in _PLAIN:
            raise Problem(
                400,
                "transfer_encoding",
                f"The part “{self._name}” is written as {encoding[:40]}: send its bytes as they are.",
            )
        if part.filename is None:
            self._open = bytearray()
        elif part.filename == "":
            self._open = None  # a form's file field that nobody filled in
        elif self._files_left == 0:
            raise Problem(400, "too_many_files", "Too many files in one request: send fewer.")
        else:
            self._files_left -= 1
            self._open = StagedFile(part.filename, part.content_type or "", part.charset)

    def _append(self, data: bytes) -> None:
        if isinstance(self._open, StagedFile):
            if (self._open.size or 0) + len(data) > self._max_bytes:
                raise too_large(self._max_bytes)
            self._open.append(data)
        elif self._open is not None:
            self._fields_left -= len(data)
            if self._fields_left < 0:
                raise Problem(413, "fields_too_large", "The fields beside the files are too long.")
            self._open += data

    def _end(self) -> None:
        done, self._open = self._open, None
        if isinstance(done, StagedFile):
            self.files.appendlist(self._name, done)
        elif done is not None:
            self.fields.appendlist(self._name, done.decode(errors="replace"))


async def read(form: Form, receive: Receive) -> bool:
    """Feed a body to `form`, each block in a thread while the next one arrives; at most two are in memory.

    Returns False when the sender left before the end. A refused form stops being written; its body is read to
    the end all the same, because who is still sending does not read the answer. The caller closes the form.
    """
    writing: asyncio.Future[None] | None = None
    pieces: list[bytes] = []
    size = 0
    try:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            more = message.get("more_body", False)
            if form.refused:
                continue
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            if size >= _BLOCK or (size and not more):
                if writing is not None:
                    await writing
                writing = asyncio.ensure_future(asyncio.to_thread(form.feed, b"".join(pieces)))
                pieces, size = [], 0
        return True
    finally:
        if writing is not None:
            # Also when the request is cancelled: the form must not be closed under the thread that writes it.
            await asyncio.shield(writing)


def _malformed(error: MultipartError) -> Problem:
    if isinstance(error, ParserLimitReached):
        return Problem(400, "form_too_complex", f"The form has too many or too large parts: {error}.")
    return Problem(400, "malformed_form", f"The body is not multipart/form-data as it says: {error}.")
