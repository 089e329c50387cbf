"""Uploads, documents and videos in the admin: to look at, never to edit. The files are not shown here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from jobs.admin.bounded import BoundedAdmin
from uploads.models import Document, ResumableUpload, Upload, Video


@admin.register(Upload)
class UploadAdmin(BoundedAdmin):
    ordering = ("-created_at",)
    list_display = ("name", "purpose", "media_type", "size", "owner", "created_at")
    list_filter = ("purpose", "media_type")
    list_select_related = ("owner",)
    search_fields = ("id__exact", "sha256__exact")


@admin.register(Document)
class DocumentAdmin(BoundedAdmin):
    list_display = ("title", "pages_total", "pages_read", "characters", "language", "owner", "created_at")
    list_select_related = ("owner",)
    search_fields = ("id__exact",)


@admin.register(Video)
class VideoAdmin(BoundedAdmin):
    list_display = ("id", "owner", "duration_s", "width", "height", "profile_complete", "created_at")
    list_filter = ("profile_complete",)
    list_select_related = ("owner",)
    search_fields = ("id__exact",)


@admin.register(ResumableUpload)
class ResumableUploadAdmin(BoundedAdmin):
    ordering = ("-created_at",)
    list_display = ("name", "purpose", "offset", "length", "owner", "created_at", "expires_at")
    list_select_related = ("owner",)
    search_fields = ("id__exact",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # Options can hold the sealed password of a document.
        return [name for name in super().get_readonly_fields(request, obj) if name != "options"]
