"""Documents, videos and their jobs as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from jobs.models import Job
from jobs.serializers import instant, progress_of
from jobs.states import State
from uploads import signatures
from uploads.models import Document, Video

_RESULT = ("documentId", "status", "chunks", "themes", "quotes", "insights")
_STATES = {
    State.QUEUED: "waiting",
    State.RUNNING: "active",
    State.WAITING: "active",
    State.RETRYING: "delayed",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
}


def file_request(
    field: str, *, many: bool = False, ai: bool = True, password: bool = False
) -> dict[str, Any]:
    """The OpenAPI shape of a multipart body with files under `field`."""
    file = {"type": "string", "format": "binary"}
    flag = {"type": "boolean"}
    flags = {"useAI": flag, "generateSummary": flag, "generateEmbeddings": flag} if ai else {}
    secret = {"password": {"type": "string", "format": "password"}} if ai or password else {}
    return {
        "type": "object",
        "required": [field],
        "properties": {
            field: {"type": "array", "items": file} if many else file,
            **flags,
            "reprocess": flag,
            **secret,
        },
    }


class QueueCounts(serializers.Serializer[Any]):
    waiting = serializers.IntegerField()
    active = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()


class QueueStatusAnswer(serializers.Serializer[Any]):
    queueStatus = QueueCounts()


class UploadedJob(serializers.Serializer[Any]):
    jobId = serializers.UUIDField()
    filename = serializers.CharField()
    size = serializers.IntegerField(help_text="bytes")


class AsyncUploadSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    message = serializers.CharField()
    jobs = UploadedJob(many=True)
    queueStatus = QueueCounts()


class AsyncStatusSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(["waiting", "active", "completed", "failed", "delayed"])
    progress = serializers.FloatField(help_text="percent")
    result = serializers.JSONField(allow_null=True)
    createdAt = serializers.IntegerField(help_text="milliseconds since 1970")
    processedAt = serializers.IntegerField(allow_null=True)
    finishedAt = serializers.IntegerField(allow_null=True)


class AcceptedFileData(serializers.Serializer[Any]):
    jobId = serializers.UUIDField()
    status = serializers.CharField()
    estimatedWait = serializers.IntegerField(allow_null=True, help_text="milliseconds; null when unknown")
    fileName = serializers.CharField()


class AcceptedFileSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    data = AcceptedFileData()  # type: ignore[assignment]
    message = serializers.CharField()


def async_status(job: Job) -> dict[str, Any]:
    """A document's job in the shape of `GET /api/documents/async-upload?jobId=`."""
    state = _STATES[State(job.state)]
    if state == "waiting" and job.run_at > timezone.now():
        state = "delayed"
    percent = progress_of(job)["percent"]
    done = job.result if job.state == State.COMPLETED and isinstance(job.result, dict) else None
    return {
        "id": str(job.pk),
        "state": state,
        "progress": int(percent) if percent == int(percent) else percent,
        "result": {name: done[name] for name in _RESULT if name in done} if done else None,
        "createdAt": milliseconds(job.created_at),
        "processedAt": milliseconds(job.started_at),
        "finishedAt": milliseconds(job.finished_at),
        **({"error": job.error} if job.error else {}),
    }


def milliseconds(value: datetime | None) -> int | None:
    return int(value.timestamp() * 1000) if value else None


class DocumentListItem(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    filename = serializers.CharField()
    type = serializers.CharField(help_text="pdf, docx, …")
    purpose = serializers.CharField()
    size = serializers.IntegerField(help_text="bytes")
    status = serializers.CharField(help_text="the state of its job", allow_null=True)
    jobId = serializers.UUIDField(allow_null=True)
    language = serializers.CharField()
    pages = serializers.IntegerField(allow_null=True)
    note = serializers.CharField()
    createdAt = serializers.DateTimeField()


class DocumentSerializer(DocumentListItem):
    sha256 = serializers.CharField()
    paged = serializers.BooleanField()
    pagesRead = serializers.IntegerField()
    pagesFailed = serializers.IntegerField()
    characters = serializers.IntegerField()
    chunkCount = serializers.IntegerField()
    metadata = serializers.DictField()
    links = serializers.ListField()
    summary = serializers.ListField()
    themes = serializers.ListField()
    quotes = serializers.ListField()
    insights = serializers.ListField()
    keyphrases = serializers.ListField()
    analysis = serializers.DictField()
    embeddings = serializers.DictField(allow_null=True)
    fileUrl = serializers.CharField()
    updatedAt = serializers.DateTimeField()


class DocumentListSerializer(serializers.Serializer[Any]):
    documents = DocumentListItem(many=True)
    next = serializers.CharField(allow_null=True)


class ChunkSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    text = serializers.CharField()
    pageStart = serializers.IntegerField()
    pageEnd = serializers.IntegerField()
    offset = serializers.IntegerField()
    embedding = serializers.DictField(allow_null=True)


class ChunkListSerializer(serializers.Serializer[Any]):
    documentId = serializers.UUIDField()
    total = serializers.IntegerField()
    chunks = ChunkSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class LinkSerializer(serializers.Serializer[Any]):
    url = serializers.CharField()
    expiresIn = serializers.IntegerField(help_text="seconds")


class VideoSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    filename = serializers.CharField()
    status = serializers.CharField(allow_null=True)
    jobId = serializers.UUIDField(allow_null=True)
    videoUrl = serializers.CharField(allow_null=True)
    posterUrl = serializers.CharField(allow_null=True)
    stripUrl = serializers.CharField(allow_null=True)
    waveformUrl = serializers.CharField(allow_null=True)
    profileComplete = serializers.BooleanField()
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    durationS = serializers.FloatField(allow_null=True)
    size = serializers.IntegerField()
    strip = serializers.DictField()
    waveform = serializers.DictField()
    loudness = serializers.DictField()
    createdAt = serializers.DateTimeField()


class VideoItemSerializer(VideoSerializer):
    """A video in a list: all but what a player needs to seek."""

    strip = None  # type: ignore[assignment]
    waveform = None  # type: ignore[assignment]


class VideoListSerializer(serializers.Serializer[Any]):
    videos = VideoItemSerializer(many=True)
    next = serializers.CharField(allow_null=True)


def show_item(document: Document) -> dict[str, Any]:
    """A document in a list. Select its upload and job along."""
    return {
        "id": str(document.pk),
        "title": document.title or document.upload.name,
        "filename": document.upload.name,
        "type": document.upload.media_type,
        "purpose": document.upload.purpose,
        "size": document.upload.size,
        "status": document.job.state if document.job else None,
        "jobId": str(document.job_id) if document.job_id else None,
        "language": document.language,
        "pages": document.pages_total,
        "note": document.note,
        "createdAt": instant(document.created_at),
    }


def show_document(document: Document) -> dict[str, Any]:
    """A document with all that was found in it."""
    analysis = dict(document.analysis)
    embeddings = analysis.pop("embeddings", None)
    return {
        **show_item(document),
        "sha256": document.upload.sha256,
        "paged": document.paged,
        "pagesRead": document.pages_read,
        "pagesFailed": document.pages_failed,
        "characters": document.characters,
        "chunkCount": document.chunks.count(),
        "metadata": document.metadata,
        "links": document.links,
        "summary": document.summary,
        "themes": document.themes,
        "quotes": document.quotes,
        "insights": document.insights,
        "keyphrases": document.keyphrases,
        "analysis": analysis,
        "embeddings": embeddings,
        "fileUrl": f"/api/documents/{document.pk}/file",
        "updatedAt": instant(document.updated_at),
    }


def show_video(video: Video, *, item: bool = False) -> dict[str, Any]:
    """A video; as an item of a list without what a player needs to seek."""
    address = f"/api/videos/{video.pk}"
    seeking = {} if item else {"strip": video.strip, "waveform": video.waveform}
    return {
        "id": str(video.pk),
        "filename": video.upload.name,
        "status": video.job.state if video.job else None,
        "jobId": str(video.job_id) if video.job_id else None,
        "videoUrl": f"{address}/file" if video.key else None,
        "posterUrl": f"{address}/poster" if video.poster_key else None,
        "stripUrl": f"{address}/strip" if video.strip_key else None,
        "waveformUrl": f"{address}/waveform" if video.waveform_key else None,
        "profileComplete": video.profile_complete,
        "width": video.width,
        "height": video.height,
        "durationS": video.duration_s,
        "size": video.size,
        **seeking,
        "loudness": video.loudness,
        "createdAt": instant(video.created_at),
    }


def mime_of(name: str) -> str:
    """The MIME type of our word for a type."""
    kind = signatures.ACCEPTED.get(name)
    return kind.mime if kind else "application/octet-stream"
