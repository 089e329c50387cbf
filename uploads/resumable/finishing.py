"""A resumable upload that is whole becomes the job its metadata names."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import transaction

from jobs.exceptions import InvalidInput
from jobs.models import Job
from jobs.problems import Problem
from uploads import accepting
from uploads.accepting import Options
from uploads.models import Purpose, ResumableUpload
from uploads.resumable import leases, protocol


class _Arrived(TemporaryUploadedFile):
    """A file that stands where bodies arrive: keeping it is a rename."""

    def __init__(self, upload: ResumableUpload) -> None:
        super(TemporaryUploadedFile, self).__init__(
            leases.part_path(upload.pk).open("rb"), upload.name, "", upload.length, None, None
        )

    def temporary_file_path(self) -> str:
        assert self.file is not None
        return str(self.file.name)

    def close(self) -> None:
        assert self.file is not None
        self.file.close()


def finish(upload: ResumableUpload) -> Job:
    """The job of a whole upload: made now, or the one that was made before. Doing it twice changes nothing.

    A file that is refused (its bytes are not what its name says) is removed with its upload. Raises
    InvalidInput and Problem.
    """
    try:
        with accepting.batch() as batch, transaction.atomic():
            row = (
                ResumableUpload.objects.select_for_update(of=("self",))
                .select_related("job", "owner")
                .filter(pk=upload.pk)
                .first()
            )
            if row is None:
                raise Problem(404, "not_found", "There is no such upload among yours.")
            if row.job is not None:
                return row.job
            job = _accept(batch, row)
            ResumableUpload.objects.filter(pk=row.pk).update(job=job)
            upload.job = job
    except InvalidInput:
        forget(upload)
        raise
    leases.part_path(upload.pk).unlink(missing_ok=True)
    return job


def _accept(batch: accepting.Batch, row: ResumableUpload) -> Job:
    purpose = Purpose(row.purpose)
    options = Options(**row.options)
    owner: Any = row.owner
    try:
        file = _Arrived(row)
    except FileNotFoundError:
        raise Problem(410, "upload_lost", "The bytes of this upload are gone: start it again.") from None
    with file:
        taken = batch.take(file, owner=owner, purpose=purpose, accept=protocol.ACCEPT[purpose], name="file")
    actor = str(owner.get_username())
    if purpose == Purpose.DOCUMENT:
        accepted = accepting.documents([taken], owner=owner, options=options, actor=actor)[0]
    elif purpose == Purpose.VIDEO:
        accepted = accepting.video(taken, owner=owner, options=options, actor=actor)
    else:
        accepted = accepting.resume(taken, owner=owner, options=options, actor=actor)
    batch.use(accepted)
    return accepted.job


def forget(upload: ResumableUpload) -> None:
    """Remove an upload and its bytes. The job it may have become stays."""
    ResumableUpload.objects.filter(pk=upload.pk).delete()
    leases.part_path(upload.pk).unlink(missing_ok=True)
