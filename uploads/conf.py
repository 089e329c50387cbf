"""What this app reads of the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings

# Priorities of documents, API.md: with AI first, ordinary second, reprocessing third.
PRIORITY_AI: Final = 12
PRIORITY_ORDINARY: Final = 8
PRIORITY_REPROCESS: Final = 4

# What one multipart body may carry beside its files: boundaries and fields, in bytes.
FORM_OVERHEAD: Final = 256 * 1024
MAX_FILES: Final = 20

# A link to a file works this long, for the person it was made for.
LINK_SECONDS: Final = 300


def max_document_bytes() -> int:
    return settings.MAX_DOCUMENT_MB * 1024 * 1024


def max_video_bytes() -> int:
    return settings.MAX_VIDEO_MB * 1024 * 1024


def quota_bytes() -> int:
    """How much one owner may keep stored."""
    return settings.QUOTA_STORAGE_MB * 1024 * 1024


def max_bytes(purpose: str) -> int:
    """How large one file for `purpose` may be."""
    return max_video_bytes() if purpose == "video" else max_document_bytes()


@dataclass(frozen=True)
class Route:
    """What a route takes in one multipart form. Sizes are in bytes."""

    purpose: str
    max_files: int = 1

    @property
    def max_bytes(self) -> int:
        """How large one file may be."""
        return max_bytes(self.purpose)

    @property
    def max_request_bytes(self) -> int:
        """What one request may carry in all: five of the largest files where several may come."""
        return (5 if self.max_files > 1 else 1) * self.max_bytes + FORM_OVERHEAD


ROUTES: Final = {
    "/api/documents/async-upload": Route("document", MAX_FILES),
    "/api/candidates/resume-process": Route("resume"),
    "/api/upload/video-intro": Route("video"),
    "/api/papers": Route("paper"),
}
