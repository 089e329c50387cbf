"""Who may append to an upload: one request at a time, by a lease that a dead one lets run out."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from jobs.problems import Problem
from uploads import receiving, storage
from uploads.models import ResumableUpload
from uploads.resumable.protocol import Creation

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=60)
MAX_UNFINISHED: Final = 100


@dataclass(frozen=True)
class Lease:
    """The right to write `path` from `offset` on, until it is released or runs out."""

    upload_id: uuid.UUID
    token: uuid.UUID
    offset: int
    length: int

    @property
    def path(self) -> Path:
        return part_path(self.upload_id)


def part_path(upload_id: uuid.UUID) -> Path:
    """Where the bytes of an unfinished upload are: a directory that all web processes share."""
    folder = storage.incoming() / "tus"
    folder.mkdir(exist_ok=True)
    return folder / f"{upload_id.hex}.part"


def expiry() -> Any:
    return timezone.now() + timedelta(hours=settings.UPLOAD_EXPIRY_HOURS)


def create(creation: Creation, owner: Any, *, arrived: Path | None = None) -> ResumableUpload:
    """A new upload, with the bytes that came along, if any. Raises Problem for the quotas."""
    with transaction.atomic():
        unfinished = ResumableUpload.objects.filter(owner=owner, job=None)
        count = unfinished.count()
        if count >= MAX_UNFINISHED:
            raise Problem(
                429,
                "too_many_uploads",
                f"You have {count} unfinished uploads: finish or remove some.",
                headers={"Retry-After": "60"},
            )
        promised = unfinished.aggregate(total=Sum("length"))["total"] or 0
        receiving.check_quota(owner, promised + creation.length)
        upload = ResumableUpload.objects.create(
            owner=owner,
            purpose=creation.purpose,
            name=creation.name,
            metadata=creation.raw,
            length=creation.length,
            offset=arrived.stat().st_size if arrived else 0,
            expires_at=expiry(),
            options={
                "use_ai": creation.options.use_ai,
                "generate_summary": creation.options.generate_summary,
                "generate_embeddings": creation.options.generate_embeddings,
                "reprocess": creation.options.reprocess,
                "password": creation.options.sealed(),
            },
        )
        if arrived:
            arrived.rename(part_path(upload.pk))
        else:
            part_path(upload.pk).touch()
    return upload


def find(upload_id: uuid.UUID, owner: Any) -> ResumableUpload:
    """The owner's upload. Raises Problem: 404 for what is not there, 410 for what has expired."""
    upload = ResumableUpload.objects.filter(pk=upload_id, owner=owner).first()
    if upload is None:
        raise Problem(404, "not_found", "There is no such upload among yours.")
    if upload.expires_at <= timezone.now() and upload.job_id is None:
        raise Problem(410, "upload_expired", "The upload has expired: start it again.")
    return upload


def check_bytes(upload: ResumableUpload) -> None:
    """Raise Problem 410 when this host does not have the bytes that were told to be here.

    A client then starts again. Going on would put zeros where the bytes were.
    """
    try:
        there = part_path(upload.pk).stat().st_size
    except FileNotFoundError:
        there = 0
    if upload.job_id is None and there < upload.offset:
        logger.error("upload %s has %s of its %s bytes on this host", upload.pk, there, upload.offset)
        raise Problem(410, "upload_lost", "The bytes of this upload are gone: start it again.")


def take(upload_id: uuid.UUID, owner: Any, offset: int) -> Lease:
    """The right to append at `offset`. Raises Problem 404, 409, 410 or 423."""
    upload = find(upload_id, owner)
    if upload.offset != offset:
        raise Problem(409, "tus_offset", f"The upload has {upload.offset} bytes: go on from there.")
    check_bytes(upload)
    token = uuid.uuid4()
    now = timezone.now()
    free = Q(writer=None) | Q(writer_until__lt=now)
    if not ResumableUpload.objects.filter(free, pk=upload_id, offset=offset).update(
        writer=token, writer_until=now + LEASE
    ):
        raise Problem(
            423, "upload_locked", "Another request is still writing: try again.", headers={"Retry-After": "1"}
        )
    return Lease(upload_id, token, offset, upload.length)


def record(lease: Lease, offset: int, *, release: bool) -> bool:
    """Say that bytes up to `offset` are on disk. False when the lease was lost, or the upload removed."""
    values: dict[str, Any] = {"offset": offset, "expires_at": expiry()}
    values |= {"writer": None, "writer_until": None} if release else {"writer_until": timezone.now() + LEASE}
    return bool(ResumableUpload.objects.filter(pk=lease.upload_id, writer=lease.token).update(**values))
