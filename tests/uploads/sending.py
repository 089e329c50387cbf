"""Sending files to the API, in tests: multipart bodies, and whole jobs run in this process."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from jobs import registry
from jobs.context import JobContext
from jobs.models import Job

DOCUMENTS = "/api/documents/async-upload"
RESUME = "/api/candidates/resume-process"
VIDEO = "/api/upload/video-intro"


def file(content: bytes | str | Path, name: str) -> SimpleUploadedFile:
    data = content.read_bytes() if isinstance(content, Path) else content
    return SimpleUploadedFile(name, data.encode() if isinstance(data, str) else data)


def post(api: APIClient, path: str = DOCUMENTS, /, *files: SimpleUploadedFile, **fields: Any) -> Any:
    """Send files under the route's field, with form fields; `key` becomes the Idempotency-Key."""
    headers = {"Idempotency-Key": fields.pop("key")} if "key" in fields else {}
    field = {DOCUMENTS: "files", RESUME: "resume", VIDEO: "video"}[path]
    body = {field: list(files), **{name: str(value) for name, value in fields.items()}}
    return api.post(path, body, format="multipart", headers=headers)


def start(job: Job) -> Job:
    """Claim the job as a worker does."""
    Job.objects.filter(pk=job.pk).update(
        state="running", attempt=job.attempt + 1, claim=uuid.uuid4(), lease_until="2999-01-01T00:00:00Z"
    )
    job.refresh_from_db()
    return job


def run(job: Job, scratch: Path, **more: Any) -> tuple[JobContext, dict[str, Any]]:
    """Do a job's first phase in this process; children are left in `context.spawned`."""
    start(job)
    context = JobContext(
        {
            "job": str(job.pk), "kind": job.kind, "owner": job.owner_id, "parent": None,
            "claim": str(job.claim),
            "attempt": job.attempt, "priority": job.priority, "checkpoint": job.checkpoint, **more,
        },
        lambda name, value: None,
        scratch,
    )  # fmt: skip
    handler = registry.get(job.kind)
    return context, handler.function(context, handler.validate(job.args))


def stored(media: Path) -> Iterator[Path]:
    """Every file under the storage, whether a row names it or not."""
    return (path for path in media.rglob("*") if path.is_file())
