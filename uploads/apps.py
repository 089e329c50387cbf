from __future__ import annotations

from typing import Any

from django.apps import AppConfig


class UploadsConfig(AppConfig):
    name = "uploads"

    def ready(self) -> None:
        from jobs import signals

        signals.tick.connect(_tidy, dispatch_uid="uploads.tidy")
        signals.job_ended.connect(_ended, dispatch_uid="uploads.ended")


def _tidy(**kwargs: Any) -> None:
    from uploads.resumable.janitor import tidy

    tidy()


def _ended(job: Any, **kwargs: Any) -> None:
    if job.kind == "video.process" and job.state != "completed":
        from uploads.handlers.video import forget_half_written

        forget_half_written(job)
