"""`manage.py demo` as a person runs it, with a résumé and a video: own site, own workers, printed result."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitoring.demo.sending import SORTS, sort_of
from tests.uploads.documents import FIXTURES

ROOT = Path(__file__).resolve().parents[2]


def demo(data: Path, *words: str) -> str:
    outside = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", *words, "--once"],
        cwd=ROOT,
        env={**outside, "DATA_DIR": str(data), "PORT": "0", "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_resume_becomes_a_profile_on_the_terminal(tmp_path: Path) -> None:
    printed = demo(tmp_path, str(FIXTURES / "resumes" / "John_Doe_EmberTheme_CV.pdf"), "--as", "resume")
    for word in ("John Doe", "E-mail", "Experience", "Skills", "% sure)", "followed over WebSocket"):
        assert word in printed, printed


def test_a_video_is_known_by_its_name_and_shown_with_what_was_made_of_it(tmp_path: Path) -> None:
    printed = demo(tmp_path, str(FIXTURES / "video" / "pig.webm"))
    for word in ("transcode", "720 × 480", "/poster", "/waveform", "from upload to result"):
        assert word in printed, printed


@pytest.mark.parametrize(
    ("name", "asked", "sort"),
    [("a.pdf", None, "document"), ("A.MP4", None, "video"), ("cv.docx", "resume", "resume")],
)
def test_what_a_file_is_follows_its_ending_unless_somebody_says(
    name: str, asked: str | None, sort: str
) -> None:
    assert sort_of(Path(name), asked) is SORTS[sort]
