"""What people upload, and what was found in it. Where the work stands is said by the `Job` alone."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from jobs.models import Job, uuid7


class Purpose(models.TextChoices):
    """What an upload is for."""

    DOCUMENT = "document"
    RESUME = "resume"
    VIDEO = "video"
    PAPER = "paper"


class Upload(models.Model):
    """A stored file: never changed after it was taken in. `key` is its name in the storage, made by us."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="uploads")
    purpose = models.CharField(max_length=10, choices=Purpose)
    name = models.CharField(max_length=255, help_text="as the person called it; shown, never used as a path")
    media_type = models.CharField(max_length=100)
    size = models.BigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64)
    key = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "uploads"
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=("owner", "sha256", "purpose"), name="upload_same_bytes"),
            models.Index(fields=("owner", "-created_at"), name="upload_owner_newest"),
        )

    def __str__(self) -> str:
        return self.name


class Document(models.Model):
    """A document and what was found in it.

    `summary`, `themes`, `quotes`, `insights` and `keyphrases` have the shapes of `document.analyse`;
    `analysis` says who made them, by which method and with what coverage.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="documents")
    upload = models.ForeignKey(Upload, on_delete=models.PROTECT, related_name="documents")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="documents")
    title = models.CharField(max_length=500, blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    links = models.JSONField(default=list, blank=True)
    language = models.CharField(max_length=10, blank=True, default="")
    paged = models.BooleanField(default=True)
    pages_total = models.PositiveIntegerField(null=True, blank=True)
    pages_read = models.PositiveIntegerField(default=0)
    pages_failed = models.PositiveIntegerField(default=0)
    characters = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=500, blank=True, default="", help_text="what its owner should know")
    summary = models.JSONField(default=list, blank=True)
    themes = models.JSONField(default=list, blank=True)
    quotes = models.JSONField(default=list, blank=True)
    insights = models.JSONField(default=list, blank=True)
    keyphrases = models.JSONField(default=list, blank=True)
    analysis = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "documents"
        ordering = ("-id",)
        indexes = (models.Index(fields=("owner", "-id"), name="document_owner_newest"),)

    def __str__(self) -> str:
        return self.title or str(self.id)


class Page(models.Model):
    """The text of a page while a document is being read, so that a retry goes on from where it was."""

    id = models.BigAutoField(primary_key=True)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="pages", db_index=False)
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True, default="")
    failed = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        db_table = "document_pages"
        ordering = ("document", "number")
        constraints = (models.UniqueConstraint(fields=("document", "number"), name="page_once"),)

    def __str__(self) -> str:
        return f"page {self.number}"


class Chunk(models.Model):
    """A piece of a document of about a screen, and its vector. Vectors of two engines do not compare."""

    id = models.BigAutoField(primary_key=True)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="chunks", db_index=False)
    number = models.PositiveIntegerField()
    text = models.TextField()
    page_start = models.PositiveIntegerField()
    page_end = models.PositiveIntegerField()
    offset = models.PositiveIntegerField(help_text="characters from the start of the cleaned text")
    engine = models.CharField(max_length=60, blank=True, default="")
    dimension = models.PositiveIntegerField(null=True, blank=True)
    vector = models.BinaryField(null=True, blank=True, help_text="little-endian float32")

    class Meta:
        db_table = "document_chunks"
        ordering = ("document", "number")
        constraints = (models.UniqueConstraint(fields=("document", "number"), name="chunk_once"),)

    def __str__(self) -> str:
        return f"chunk {self.number}"


class Video(models.Model):
    """An introduction on video, and what was made of it. Keys name files in the storage; "": not made yet."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="videos")
    upload = models.ForeignKey(Upload, on_delete=models.PROTECT, related_name="videos")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="videos")
    key = models.CharField(max_length=200, blank=True, default="")
    poster_key = models.CharField(max_length=200, blank=True, default="")
    strip_key = models.CharField(max_length=200, blank=True, default="")
    waveform_key = models.CharField(max_length=200, blank=True, default="")
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    duration_s = models.FloatField(null=True, blank=True, help_text="seconds")
    size = models.BigIntegerField(default=0, help_text="bytes of what is played")
    facts = models.JSONField(default=dict, blank=True)
    strip = models.JSONField(default=dict, blank=True)
    waveform = models.JSONField(default=dict, blank=True)
    loudness = models.JSONField(default=dict, blank=True)
    profile_complete = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "videos"
        ordering = ("-id",)
        indexes = (models.Index(fields=("owner", "-id"), name="video_owner_newest"),)

    def __str__(self) -> str:
        return self.upload.name


class ResumableUpload(models.Model):
    """A file that arrives in pieces (tus). `offset` counts bytes that are on disk and stay there.

    `writer` and `writer_until` are a lease: one request at a time may append, and a dead one lets go.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    purpose = models.CharField(max_length=10, choices=Purpose)
    name = models.CharField(max_length=255)
    metadata = models.CharField(max_length=4000, blank=True, default="", help_text="as the client sent it")
    options = models.JSONField(default=dict, blank=True)
    length = models.BigIntegerField(help_text="bytes")
    offset = models.BigIntegerField(default=0, help_text="bytes")
    writer = models.UUIDField(null=True, blank=True)
    writer_until = models.DateTimeField(null=True, blank=True)
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "resumable_uploads"
        indexes = (
            models.Index(fields=("owner",), name="resumable_owner"),
            models.Index(fields=("expires_at",), name="resumable_expiry"),
        )

    def __str__(self) -> str:
        return f"{self.name}: {self.offset} of {self.length}"
