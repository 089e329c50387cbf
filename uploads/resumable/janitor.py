"""Removing what nobody came back for, and finishing what a dead process left whole."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from jobs.exceptions import MillraceError
from jobs.problems import Problem
from uploads import storage
from uploads.models import ResumableUpload
from uploads.resumable import finishing

logger = logging.getLogger(__name__)

_BATCH: Final = 100
_SETTLED: Final = timedelta(minutes=2)


def tidy() -> int:
    """Remove expired uploads, finish whole ones that have no job; returns how many were removed."""
    now = timezone.now()
    removed = 0
    for upload in ResumableUpload.objects.filter(expires_at__lte=now).order_by("expires_at")[:_BATCH]:
        if upload.writer_until is None or upload.writer_until < now:
            finishing.forget(upload)
            removed += 1
    whole = ResumableUpload.objects.filter(job=None, offset=F("length"), created_at__lt=now - _SETTLED)
    for upload in whole.order_by("created_at")[:_BATCH]:
        try:
            finishing.finish(upload)
        except (MillraceError, Problem) as error:
            logger.info("resumable upload %s became no job: %s", upload.pk, error)
    _remove_strays()
    return removed


def _remove_strays() -> None:
    """Files of requests that died with their process."""
    old = time.time() - settings.UPLOAD_EXPIRY_HOURS * 3600 - 3600
    for path in storage.incoming().glob("*"):
        try:
            if path.is_file() and path.stat().st_mtime < old:
                path.unlink()
        except FileNotFoundError:
            continue
