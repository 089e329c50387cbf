"""What the demo can send, where it goes, and how its result is shown: a document, a résumé or a video."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console

from monitoring.demo.running import DemoFailed
from monitoring.demo.showing import show_document, show_resume, show_video

Show = Callable[[Console, dict[str, Any], dict[str, Any], float], None]


@dataclass(frozen=True)
class Sort:
    """One route for files: `path` takes the file in `file_field`; `found` names what shows the result."""

    path: str
    file_field: str
    show: Show
    found: Callable[[dict[str, Any]], str]
    fields: Mapping[str, str] = field(default_factory=dict)

    def send(self, client: httpx.Client, file: Path) -> str:
        """Upload the file; returns the job's id. Raises DemoFailed with what the site says."""
        with file.open("rb") as content:
            response = client.post(
                self.path, files={self.file_field: (file.name, content)}, data=dict(self.fields)
            )
        told = answer(response, "upload the file")
        return str((told["jobs"][0] if "jobs" in told else told["data"])["jobId"])


SORTS: Final[dict[str, Sort]] = {
    "document": Sort(
        "/api/documents/async-upload",
        "files",
        show_document,
        lambda result: f"/api/documents/{result['documentId']}",
        {"generateSummary": "true", "generateEmbeddings": "true", "useAI": "false"},
    ),
    "resume": Sort(
        "/api/candidates/resume-process",
        "resume",
        show_resume,
        lambda result: f"/api/candidates/{result['candidateId']}",
    ),
    "video": Sort(
        "/api/upload/video-intro",
        "video",
        show_video,
        lambda result: f"/api/videos/{result['videoId']}",
    ),
}
_VIDEOS: Final = {".webm", ".mp4", ".mov"}


def sort_of(file: Path, asked: str | None) -> Sort:
    """The route for this file: the one that was asked for, else by the ending of its name."""
    return SORTS[asked or ("video" if file.suffix.lower() in _VIDEOS else "document")]


def answer(response: httpx.Response, purpose: str) -> dict[str, Any]:
    """The JSON of an answer that is a success; raises DemoFailed for any other."""
    if response.is_success:
        told: dict[str, Any] = response.json()
        return told
    raise DemoFailed(f"Could not {purpose}: {response.status_code} {response.text[:500]}")
