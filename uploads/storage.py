"""Where files are kept: under ids of ours, complete or not at all.

Locally a file is written beside its place, synced to disk and then renamed; with S3_BUCKET set it goes there
(`uploads.s3`). Names that people give never reach the storage.
"""

from __future__ import annotations

import hashlib
import logging
import os
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.core.files.uploadedfile import UploadedFile

logger = logging.getLogger(__name__)

_PIECE = 256 * 1024


class DurableFileSystemStorage(FileSystemStorage):
    """Files on disk that are there after a crash once `save` has returned."""

    def _save(self, name: str, content: Any) -> str:
        saved: str = super()._save(name, content)  # type: ignore[misc]
        path = self.path(saved)
        with open(path, "rb") as file:
            os.fsync(file.fileno())
        _sync_directory(os.path.dirname(path))
        return saved


def files() -> Storage:
    """The storage of uploads and of what is made from them."""
    return storages["uploads"]


def incoming() -> Path:
    """Where bodies are written while they arrive: beside the storage, so that keeping one is a rename."""
    path = settings.MEDIA_ROOT / "incoming"
    path.mkdir(parents=True, exist_ok=True)
    return path


def new_key(purpose: str, identity: uuid.UUID, extension: str) -> str:
    """A storage key made of an id: `document/3f/…3f.pdf`, spread by the id's random end."""
    return f"{purpose}/{identity.hex[-2:]}/{identity.hex}.{extension}"


def digest(file: IO[bytes]) -> str:
    """SHA-256 of a seekable file, as 64 hexadecimal digits; in constant memory."""
    file.seek(0)
    found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return found


def keep(key: str, file: UploadedFile) -> None:
    """Store a received file under `key`. Raises OSError when there is no room; nothing is left then."""
    files().save(key, file)


def keep_path(key: str, path: Path) -> None:
    """Store a file that a job has made under `key`, replacing what an earlier attempt left there."""
    from django.core.files import File

    if files().exists(key):
        files().delete(key)
    with path.open("rb") as file:
        files().save(key, File(file))


def discard(key: str) -> None:
    """Remove what stands under `key`, if anything does. What can not be removed now is named in the log."""
    try:
        files().delete(key)
    except OSError:
        logger.exception("%s could not be removed and stays in the storage", key)


def read(key: str, start: int, length: int) -> Generator[bytes]:
    """`length` bytes of a stored file from `start` on, in pieces of at most 256 KiB. Raises OSError."""
    storage = files()
    if isinstance(storage, FileSystemStorage):
        with storage.open(key) as file:
            file.seek(start)
            while length > 0 and (piece := file.read(min(_PIECE, length))):
                length -= len(piece)
                yield piece
    else:
        yield from storage.read(key, start, length)  # type: ignore[attr-defined]


@contextmanager
def local(key: str, scratch: Path) -> Iterator[Path]:
    """A path that libraries can open: the file itself where it is local, else a copy in `scratch`."""
    try:
        yield Path(files().path(key))
    except NotImplementedError:
        copy = scratch / key.rsplit("/", 1)[-1]
        with copy.open("wb") as target:
            target.writelines(read(key, 0, files().size(key)))
        yield copy


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
