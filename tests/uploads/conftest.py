"""A storage of its own for every test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def media(tmp_path: Path, settings: Any) -> Path:
    """The directory of the uploads' storage, empty."""
    folder = tmp_path / "media"
    (folder / "incoming").mkdir(parents=True)
    settings.MEDIA_ROOT = folder
    settings.FILE_UPLOAD_TEMP_DIR = str(folder / "incoming")
    settings.STORAGES = {
        **settings.STORAGES,
        "uploads": {
            "BACKEND": "uploads.storage.DurableFileSystemStorage",
            "OPTIONS": {"location": str(folder)},
        },
    }
    return folder
