"""Taking files in: checked by their own bytes, stored before anybody is told so."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Sum
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from rest_framework.parsers import BaseParser, DataAndFiles
from rest_framework.request import Request

from jobs.exceptions import InvalidInput
from jobs.models import uuid7
from jobs.problems import Problem
from uploads import conf, filenames, signatures, staging, storage
from uploads.models import Upload
from uploads.refusals import problem_of, storage_problem, too_large
from uploads.staging import Form

_BLOCK: Final = 64 * 1024


def read_form(request: HttpRequest) -> None:
    """Give `request` its multipart form: the one that the gate has read or, where no gate stands, read here.

    Call before anything touches the body. Raises Problem for a form that is refused.
    """
    request._post, request._files = QueryDict(), MultiValueDict()  # type: ignore[attr-defined]
    if problem := problem_of(request):
        raise problem
    form = getattr(request, "scope", {}).get(staging.STAGED)
    if form is None:
        form = Form(request.META.get("CONTENT_TYPE", ""), conf.ROUTES[request.path_info])
        while block := request.read(_BLOCK):
            form.feed(block)
        form.finish()
    request._post, request._files = form.fields, form.files  # type: ignore[attr-defined]


class StagedFormParser(BaseParser):
    """Hands on what `read_form` has read."""

    media_type = staging.MEDIA_TYPE

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> DataAndFiles:
        http = parser_context["request"]._request
        return DataAndFiles(http._post, http._files)


def received(request: Request, field: str) -> list[UploadedFile]:
    """The files of a multipart body under `field`. Raises Problem when there is none."""
    found: list[UploadedFile] = request.FILES.getlist(field)
    if not found:
        raise Problem(
            400,
            "missing_file",
            f"Send the file as multipart/form-data in the field “{field}”.",
            errors={field: ["A file is required."]},
        )
    return found


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
        sha256=staging.sha256_of(file),
    )
    upload.key = storage.new_key(purpose, upload.id, filenames.extension(name) or "bin")
    check_quota(owner, upload.size)
    try:
        storage.keep(upload.key, file)
    except OSError as error:
        storage.discard(upload.key)
        raise storage_problem(error) from error
    return upload


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
