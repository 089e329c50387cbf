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


def max_document_bytes() -> int:
    return settings.MAX_DOCUMENT_MB * 1024 * 1024


def max_video_bytes() -> int:
    return settings.MAX_VIDEO_MB * 1024 * 1024


def quota_bytes() -> int:
    """How much one owner may keep stored."""
    return settings.QUOTA_STORAGE_MB * 1024 * 1024
