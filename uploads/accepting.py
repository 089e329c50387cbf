"""An upload becomes a job: rows and job in one transaction, and no file that no row names.

The same bytes from the same owner are the job they were before, unless that failed or was cancelled, or the
caller asks for them to be processed again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction

from jobs import enqueue
from jobs.enqueue import Spec
from jobs.models import Job
from jobs.states import ACTIVE, State
from uploads import conf, passwords, receiving, storage
from uploads.models import Document, Purpose, Upload, Video

_LOCK = 0x7570
_Row = TypeVar("_Row", Document, Video)


@dataclass(frozen=True)
class Options:
    """What the sender asks for. `least_priority` is what this caller's jobs have at least."""

    use_ai: bool = False
    generate_summary: bool = True
    generate_embeddings: bool = True
    reprocess: bool = False
    password: str | None = field(default=None, repr=False)
    least_priority: int | None = None

    @property
    def priority(self) -> int:
        if self.reprocess:
            wanted = conf.PRIORITY_REPROCESS
        else:
            wanted = conf.PRIORITY_AI if self.use_ai else conf.PRIORITY_ORDINARY
        return max(wanted, self.least_priority or 0)

    def sealed(self) -> str | None:
        return passwords.seal(self.password) if self.password else None


@dataclass(frozen=True)
class Accepted:
    """The job that an upload is, and the row of the file: `new` when both were made now."""

    job: Job
    upload: Upload
    new: bool


class Batch:
    """The files of one request. What no committed row uses is gone when the batch ends."""

    def __init__(self) -> None:
        self._taken: list[Upload] = []
        self._used: set[Any] = set()

    def take(
        self, file: UploadedFile, *, owner: Any, purpose: Purpose, accept: Collection[str], name: str
    ) -> Upload:
        """Store one received file; see `receiving.take_in`."""
        upload = receiving.take_in(
            file, owner=owner, purpose=purpose, accept=accept, field=name, max_bytes=conf.max_bytes(purpose)
        )
        self._taken.append(upload)
        return upload

    def add(self, upload: Upload) -> None:
        """Answer for a file that was stored in another way."""
        self._taken.append(upload)

    def use(self, accepted: Accepted) -> None:
        if accepted.new:
            self._used.add(accepted.upload.pk)

    def discard(self, *, everything: bool) -> None:
        for upload in self._taken:
            if everything or upload.pk not in self._used:
                storage.discard(upload.key)


@contextmanager
def batch() -> Iterator[Batch]:
    """Take files in, and forget them all when the block fails (its transaction belongs inside the block)."""
    files = Batch()
    try:
        yield files
    except BaseException:
        files.discard(everything=True)
        raise
    files.discard(everything=False)


def documents(uploads: Sequence[Upload], *, owner: Any, options: Options, actor: str) -> list[Accepted]:
    """Accept stored files as `document.process` jobs, all or none, in the order given.

    Raises what `enqueue.create_many` raises and Problem for the storage quota. Nothing is stored then.
    """
    with transaction.atomic():
        _wait_for_others(owner)
        receiving.check_quota(owner, sum(upload.size for upload in uploads))
        found: dict[tuple[str, str], Accepted | Document] = {}
        new: list[tuple[tuple[str, str], Document]] = []
        for upload in uploads:
            same = (upload.sha256, upload.media_type)
            if same in found:
                continue
            document = _known(Document, upload)
            if document is not None and document.job is not None and _stands(document.job, options):
                found[same] = Accepted(document.job, document.upload, new=False)
                continue
            if document is None:
                upload.save(force_insert=True)
                document = Document.objects.create(owner=owner, upload=upload, title=upload.name[:500])
            found[same] = document
            new.append((same, document))
        specs = [Spec("document.process", _document_args(d, options), options.priority) for _, d in new]
        jobs = enqueue.create_many(specs, owner=owner, actor=actor) if specs else []
        for (same, document), job in zip(new, jobs, strict=True):
            Document.objects.filter(pk=document.pk).update(job=job)
            mine = any(upload.pk == document.upload_id for upload in uploads)
            found[same] = Accepted(job, document.upload, new=mine)
    return [_accepted(found[upload.sha256, upload.media_type]) for upload in uploads]


def resume(upload: Upload, *, owner: Any, options: Options, actor: str) -> Accepted:
    """Accept a stored résumé as a `resume.process` job."""
    return _single(
        Document, "resume.process", "documentId", upload, owner=owner, options=options, actor=actor
    )


def video(upload: Upload, *, owner: Any, options: Options, actor: str) -> Accepted:
    """Accept a stored video as a `video.process` job."""
    return _single(Video, "video.process", "videoId", upload, owner=owner, options=options, actor=actor)


def _single(
    model: type[_Row], kind: str, name: str, upload: Upload, *, owner: Any, options: Options, actor: str
) -> Accepted:
    with transaction.atomic():
        _wait_for_others(owner)
        receiving.check_quota(owner, upload.size)
        row = _known(model, upload)
        if row is not None and row.job is not None and _stands(row.job, options):
            return Accepted(row.job, row.upload, new=False)
        new = row is None
        if row is None:
            upload.save(force_insert=True)
            row = model._default_manager.create(owner=owner, upload=upload)
        args: dict[str, Any] = {name: str(row.pk)}
        if model is Document and options.password:
            args["password"] = options.sealed()
        job = enqueue.create(kind, args, owner=owner, priority=options.least_priority, actor=actor)
        model._default_manager.filter(pk=row.pk).update(job=job)
        return Accepted(job, row.upload, new=new)


def _known(model: type[_Row], upload: Upload) -> _Row | None:
    """What was made of the same bytes before, if anything."""
    return (
        model._default_manager.select_related("job", "upload")
        .filter(
            owner=upload.owner,
            upload__sha256=upload.sha256,
            upload__purpose=upload.purpose,
            upload__media_type=upload.media_type,
        )
        .order_by("-id")
        .first()
    )


def _stands(job: Job, options: Options) -> bool:
    """Whether `job` is the answer to the same bytes sent again; two jobs never work on one row."""
    return job.state in ACTIVE or (job.state == State.COMPLETED and not options.reprocess)


def _document_args(document: Document, options: Options) -> dict[str, Any]:
    return {
        "documentId": str(document.pk),
        "useAi": options.use_ai,
        "generateSummary": options.generate_summary,
        "generateEmbeddings": options.generate_embeddings,
        "password": options.sealed(),
    }


def _accepted(found: Accepted | Document) -> Accepted:
    assert isinstance(found, Accepted)
    return found


def _wait_for_others(owner: Any) -> None:
    """One upload of an owner at a time decides about quota and same bytes; SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, str(owner.pk)))
