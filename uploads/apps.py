from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class UploadsConfig(AppConfig):
    name = "uploads"

    def ready(self) -> None:
        from jobs import signals

        signals.tick.connect(_tidy, dispatch_uid="uploads.tidy")
        post_migrate.connect(_migrated, sender=self, dispatch_uid="uploads.pgvector")
        signals.job_ended.connect(_ended, dispatch_uid="uploads.ended")


def _tidy(**kwargs: Any) -> None:
    from uploads.resumable.janitor import tidy
    from uploads.search import pgvector

    tidy()
    if pgvector.ready():
        pgvector.fill()


def _migrated(using: str, **kwargs: Any) -> None:
    from uploads.search import pgvector

    if using == "default" and pgvector.install():
        while pgvector.fill():
            pass


def _ended(job: Any, **kwargs: Any) -> None:
    if job.kind == "video.process" and job.state != "completed":
        from uploads.handlers.video import forget_half_written

        forget_half_written(job)
