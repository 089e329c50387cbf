"""What this app reads of the settings."""

from __future__ import annotations

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


def max_request_bytes() -> int:
    """What one request with several documents may carry in all: more files, more requests."""
    return 5 * max_document_bytes() + FORM_OVERHEAD
