"""Taking files in: bounded memory, checked by their own bytes, stored before anybody is told so."""

from __future__ import annotations

import errno
import hashlib
import logging
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload, UploadFileException
from django.db import transaction
from django.db.models import Sum
from django.http import HttpRequest

from jobs.exceptions import InvalidInput
from jobs.models import uuid7
from jobs.problems import Problem
from uploads import conf, filenames, signatures, storage
from uploads.models import Upload

logger = logging.getLogger(__name__)

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class StagedFile(TemporaryUploadedFile):
    """An arriving file beside the storage, with the digest of what has come so far."""

    def __init__(self, name: str, content_type: str, charset: str | None, extra: Any) -> None:
        self.digest = hashlib.sha256()
        super().__init__(name, content_type, 0, charset, extra)


class StagingHandler(FileUploadHandler):
    """Writes each file of a multipart body to disk as it comes, and stops at the first that is too large."""

    chunk_size = 256 * 1024

    def __init__(self, request: HttpRequest, *, max_bytes: int, max_files: int) -> None:
        super().__init__(request)
        self.max_bytes = max_bytes
        self.files_left = max_files
        self.file: StagedFile | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.files_left -= 1
        if self.files_left < 0:
            raise _Refused(Problem(400, "too_many_files", "Too many files in one request: send fewer."))
        assert settings.FILE_UPLOAD_TEMP_DIR
        self.file = StagedFile(
            self.file_name or "", self.content_type or "", self.charset, self.content_type_extra
        )

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        assert self.file is not None
        if start + len(raw_data) > self.max_bytes:
            raise _Refused(too_large(self.max_bytes))
        try:
            self.file.write(raw_data)
        except OSError as error:
            raise _Refused(storage_problem(error)) from error
        self.file.digest.update(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile | None:
        assert self.file is not None
        self.file.seek(0)
        self.file.size = file_size
        done, self.file = self.file, None
        return done

    def upload_interrupted(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


class _Refused(StopUpload):
    """A body that is not taken further; `problem` is the answer."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(connection_reset=False)
        self.problem = problem


def stage(request: HttpRequest, *, max_bytes: int, max_files: int) -> None:
    """Set how this request's files are received. Call before anything reads the body."""
    request.upload_handlers = [_Guarded(request, max_bytes=max_bytes, max_files=max_files)]


class _Guarded(StagingHandler):
    """Remembers a refusal on the request: Django's parser swallows StopUpload and goes on with the rest."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().new_file(*args, **kwargs)
        except _Refused as refusal:
            self._remember(refusal)
            raise

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            super().receive_data_chunk(raw_data, start)
        except _Refused as refusal:
            self._remember(refusal)
            raise

    def _remember(self, refusal: _Refused) -> None:
        if self.request is not None:
            self.request.refused = refusal.problem  # type: ignore[attr-defined]


def received(request: Any, field: str) -> list[UploadedFile]:
    """The files of a multipart body under `field`. Raises Problem for a refused or incomplete body."""
    http: HttpRequest = getattr(request, "_request", request)
    try:
        found = request.FILES.getlist(field)
    except (UploadFileException, OSError) as error:
        if isinstance(error, OSError):
            raise storage_problem(error) from error
        raise
    problem = getattr(http, "refused", None)
    if problem is not None:
        raise problem
    if not found:
        raise Problem(
            400,
            "missing_file",
            f"Send the file as multipart/form-data in the field “{field}”.",
            errors={field: ["A file is required."]},
        )
    return list(found)


def take_in(
    file: UploadedFile, *, owner: Any, purpose: str, accept: Collection[str], field: str, max_bytes: int
) -> Upload:
    """Check a received file by its own bytes and store it; returns the unsaved row.

    The file is on disk when this returns; the caller saves the row in the transaction of its job, and calls
    `storage.discard(upload.key)` when that fails. Raises InvalidInput and Problem.
    """
    name = filenames.display_name(file.name or "")
    if (file.size or 0) > max_bytes:
        raise too_large(max_bytes)
    try:
        kind = signatures.identify(file.file, name, accept=accept)  # type: ignore[arg-type]
    except InvalidInput as error:
        error.field = field
        raise
    upload = Upload(
        id=uuid7(),
        owner=owner,
        purpose=purpose,
        name=name,
        media_type=kind.name,
        size=file.size or 0,
        sha256=file.digest.hexdigest() if isinstance(file, StagedFile) else storage.digest(file.file),  # type: ignore[arg-type]
    )
    upload.key = storage.new_key(purpose, upload.id, filenames.extension(name) or "bin")
    check_quota(owner, upload.size)
    try:
        storage.keep(upload.key, file)
    except OSError as error:
        storage.discard(upload.key)
        raise storage_problem(error) from error
    return upload


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


def check_quota(owner: Any, size: int) -> None:
    """Raise Problem when `size` bytes more are too many for `owner`. Exact inside `accepting`'s lock."""
    used = Upload.objects.filter(owner=owner).aggregate(total=Sum("size"))["total"] or 0
    if used + size > conf.quota_bytes():
        limit = conf.quota_bytes() // (1024 * 1024)
        raise Problem(
            413,
            "storage_quota",
            f"Your files would take more than the {limit} MB you may keep: remove some first.",
        )


def let_go(upload: Upload) -> None:
    """Remove a stored file and its row when nothing names it any more; the file goes with the commit."""
    if not upload.documents.exists() and not upload.videos.exists():
        Upload.objects.filter(pk=upload.pk).delete()
        transaction.on_commit(lambda: storage.discard(upload.key))
