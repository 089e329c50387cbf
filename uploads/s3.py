"""Uploads in S3 or a store that speaks its protocol: django-storages with the manners of a disk.

Whatever goes wrong there is an OSError here, so who stores files knows one kind of failure. In a sandbox the
network is open while the storage is spoken to, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

from jobs import network

_BLOCK: Final = 256 * 1024
_MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})
# A store that is away is known within seconds: a person waits, or a job that will try again.
_PATIENCE: Final = Config(
    connect_timeout=3, read_timeout=20, retries={"total_max_attempts": 3, "mode": "standard"}
)


class StorageAway(ConnectionError):
    """The store did not answer, or refused. Trying again later can help."""


class S3Uploads(S3Storage):
    """Objects are private, named by ids of ours, and read by the piece."""

    def get_default_settings(self) -> dict[str, Any]:
        return {**super().get_default_settings(), "default_acl": "private", "client_config": _PATIENCE}

    def read(self, name: str, start: int, length: int) -> Generator[bytes]:
        """`length` bytes of an object from `start` on, in pieces: a part is asked for, not the whole."""
        if length <= 0:
            return
        with _spoken_to(name):
            part = f"bytes={start}-{start + length - 1}"
            body = self.bucket.Object(self._normalize_name(name)).get(Range=part)["Body"]
            try:
                yield from body.iter_chunks(_BLOCK)
            finally:
                body.close()

    def size(self, name: str) -> int:
        with _spoken_to(name):
            return int(super().size(name))

    def exists(self, name: str) -> bool:
        with _spoken_to(name):
            return bool(super().exists(name))

    def delete(self, name: str) -> None:
        with _spoken_to(name):
            super().delete(name)

    def _save(self, name: str, content: IO[bytes]) -> str:
        with _spoken_to(name):
            return str(super()._save(name, content))


@contextmanager
def _spoken_to(name: str) -> Iterator[None]:
    try:
        with network.open_for_storage():
            yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _MISSING:
            raise FileNotFoundError(f"There is no {name} in the storage.") from None
        raise StorageAway(f"The storage refused {name}: {code}.") from error
    except (BotoCoreError, Boto3Error) as error:
        raise StorageAway(f"The storage did not answer for {name}: {type(error).__name__}.") from error
