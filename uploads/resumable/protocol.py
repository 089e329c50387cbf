"""The headers of tus 1.0, read and checked. Nothing here touches disk or database."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jobs.problems import Problem
from uploads import accepting, conf, filenames, forms, signatures
from uploads.models import Purpose
from uploads.refusals import too_large

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,checksum,expiration,termination"
ALGORITHMS: Final = ("sha1", "sha256")
CONTENT_TYPE: Final = "application/offset+octet-stream"
JOB_HEADER: Final = "Upload-Job-Id"
MAX_METADATA: Final = 4000

ACCEPT: Final = {
    Purpose.DOCUMENT: signatures.DOCUMENTS,
    Purpose.RESUME: signatures.RESUMES,
    Purpose.VIDEO: signatures.VIDEOS,
}
_PAIR = re.compile(r"([^\s,]{1,100})(?: ([A-Za-z0-9+/=]*))?")
_NUMBER = re.compile(r"\d{1,15}")


class ChecksumMismatch(Problem):
    """tus has a status of its own for it, which HTTP has no name for."""

    def __init__(self) -> None:
        super().__init__(460, "checksum_mismatch", "The bytes do not have this checksum: send them again.")

    def body(self) -> dict[str, Any]:
        return {
            "type": f"urn:millrace:problem:{self.code}",
            "title": "Checksum Mismatch",
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }


@dataclass(frozen=True)
class Creation:
    """What a new upload says of itself."""

    length: int
    purpose: Purpose
    name: str
    raw: str
    options: accepting.Options


@dataclass(frozen=True)
class Checksum:
    algorithm: str
    digest: bytes

    def hasher(self) -> Any:
        return hashlib.new(self.algorithm, usedforsecurity=False)


def check_version(headers: Mapping[str, str]) -> None:
    """Raise Problem 412 unless the client speaks our version."""
    if headers.get("tus-resumable") != VERSION:
        raise Problem(
            412,
            "tus_version",
            f"Send Tus-Resumable: {VERSION}.",
            headers={"Tus-Version": VERSION, "Tus-Resumable": VERSION},
        )


def read_creation(headers: Mapping[str, str]) -> Creation:
    """Raises Problem and InvalidInput, naming what to change."""
    check_version(headers)
    if "upload-defer-length" in headers:
        raise Problem(400, "tus_length", "Upload-Defer-Length is not supported: send Upload-Length.")
    length = number(headers, "upload-length")
    raw = headers.get("upload-metadata", "")
    if len(raw) > MAX_METADATA:
        raise Problem(400, "tus_metadata", f"Upload-Metadata has at most {MAX_METADATA} characters.")
    values = read_metadata(raw)
    kind = values.get("kind", "document")
    if kind not in {purpose.value for purpose in ACCEPT}:
        raise Problem(400, "tus_kind", "The metadata `kind` is document, resume or video.")
    purpose = Purpose(kind)
    if length == 0:
        raise Problem(400, "empty_file", "The file is empty. Choose the file again and upload it.")
    if length > conf.max_bytes(purpose):
        raise too_large(conf.max_bytes(purpose))
    name = filenames.display_name(values.get("filename") or values.get("name") or "")
    signatures.claimed(name, accept=ACCEPT[purpose])
    return Creation(length, purpose, name, without_secrets(raw), forms.read_options(values))


def read_metadata(raw: str) -> dict[str, str]:
    """`key base64, key base64` as a dict. Raises Problem."""
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in raw.split(","))):
        match = _PAIR.fullmatch(pair)
        try:
            if match is None or match[1] in found:
                raise ValueError(pair)
            found[match[1]] = base64.b64decode(match[2] or "", validate=True).decode()
        except (ValueError, binascii.Error):
            raise Problem(
                400, "tus_metadata", "Upload-Metadata is `key base64` pairs in UTF-8, separated by commas."
            ) from None
    return found


def without_secrets(raw: str) -> str:
    """The metadata as HEAD shows it again: all of it but the password."""
    return ",".join(
        part.strip() for part in raw.split(",") if part.strip().partition(" ")[0] != "password"
    ).strip(",")


def read_checksum(headers: Mapping[str, str]) -> Checksum | None:
    """Raises Problem 400 for an algorithm that we do not have."""
    value = headers.get("upload-checksum")
    if value is None:
        return None
    algorithm, _, encoded = value.partition(" ")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        digest = b""
    if (
        algorithm not in ALGORITHMS
        or len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size
    ):
        raise Problem(
            400,
            "tus_checksum",
            f"Upload-Checksum is one of {', '.join(ALGORITHMS)}, and its digest in base64.",
        )
    return Checksum(algorithm, digest)


def number(headers: Mapping[str, str], name: str) -> int:
    value = headers.get(name, "")
    if not _NUMBER.fullmatch(value):
        raise Problem(400, "tus_header", f"{name.title()} is a whole number of bytes.")
    return int(value)


def check_body_type(headers: Mapping[str, str]) -> None:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise Problem(415, "unsupported_media_type", f"Send the bytes as {CONTENT_TYPE}.")
