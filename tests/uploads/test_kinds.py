"""`video.process` and `resume.process`, run as a worker's sandbox runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from jobs.exceptions import FenceLost, InvalidInput
from jobs.models import Job
from tests.uploads.documents import FIXTURES
from tests.uploads.sending import RESUME, VIDEO, file, post, run, start, stored
from uploads.handlers import video as video_kind
from uploads.models import Document, Page, Upload, Video

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("media"),
    pytest.mark.skipif(not FIXTURES.is_dir(), reason="the fixtures are not there (FIXTURES)"),
]


def test_a_video_becomes_one_that_every_browser_plays(api: APIClient, tmp_path: Path, media: Path) -> None:
    response = post(api, VIDEO, file(FIXTURES / "video" / "pig.webm", "pig.webm"))
    assert response.status_code == 202
    _, result = run(Job.objects.get(), tmp_path)
    row = Video.objects.get()
    assert result["profileComplete"] is True and row.profile_complete
    player = api.get(result["videoUrl"], headers={"Range": "bytes=4-7"})
    assert player.status_code == 206 and b"".join(player.streaming_content) == b"ftyp"
    assert player["Content-Type"] == "video/mp4" and player["X-Content-Type-Options"] == "nosniff"
    for name in ("posterUrl", "stripUrl", "waveformUrl"):
        assert api.get(result[name]).status_code == 200
    assert len(list(stored(media))) == 5
    assert api.get(f"/api/videos/{row.pk}").json()["loudness"]["verdict"]


def test_a_removed_video_is_gone_with_everything_made_of_it_unless_its_job_runs(
    api: APIClient,
    other_user: Any,
    api_for: Any,
    tmp_path: Path,
    media: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:
    post(api, VIDEO, file(FIXTURES / "video" / "pig.webm", "pig.webm"))
    address = f"/api/videos/{Video.objects.get().pk}"
    assert api.delete(address).status_code == 409
    run(Job.objects.get(), tmp_path)
    Job.objects.update(state="completed", claim=None, lease_until=None, finished_at="2026-01-01T00:00Z")
    assert api_for(other_user).delete(address).status_code == 404
    with django_capture_on_commit_callbacks(execute=True):
        assert api.delete(address).status_code == 204
    assert not list(stored(media)) and not Upload.objects.exists()
    assert api.get(address).status_code == 404


def test_a_cancelled_video_leaves_nothing_half_written(
    api: APIClient, tmp_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(api, VIDEO, file(FIXTURES / "video" / "pig.webm", "pig.webm"))
    job = Job.objects.get()

    def cancelled(*args: Any) -> Any:
        Job.objects.update(state="cancelled", claim=None, lease_until=None, finished_at="2026-01-01T00:00Z")
        return strip(*args)

    strip = video_kind.make_strip
    monkeypatch.setattr(video_kind, "make_strip", cancelled)
    with pytest.raises(FenceLost):
        run(job, tmp_path)
    assert len(list(stored(media))) == 1 and not Video.objects.get().key


def test_what_a_killed_video_job_had_stored_is_removed_at_its_end(
    api: APIClient, tmp_path: Path, media: Path
) -> None:
    from jobs.signals import job_ended
    from uploads import storage

    post(api, VIDEO, file(FIXTURES / "video" / "pig.webm", "pig.webm"))
    job = start(Job.objects.get())
    half = tmp_path / "half.mp4"
    half.write_bytes(b"half")
    storage.keep_path(video_kind.made_keys(job.pk, "h264")["key"], half)
    job.state = "cancelled"
    job_ended.send(sender=Job, job=job)
    assert len(list(stored(media))) == 1


@pytest.mark.parametrize("name", ["minimal.mp4", "bipbop_nonfragment_header.mp4"])
def test_a_video_that_cannot_be_played_is_refused_with_a_remedy(
    api: APIClient, tmp_path: Path, name: str
) -> None:
    response = post(api, VIDEO, file(FIXTURES / "video-hostile" / name, "v.mp4"))
    assert response.status_code == 202
    with pytest.raises(InvalidInput) as refusal:
        run(Job.objects.get(), tmp_path)
    assert refusal.value.code.startswith("video_") and len(refusal.value.message) > 20


def test_a_resume_keeps_its_pages_and_links_for_the_profile(api: APIClient, tmp_path: Path) -> None:
    post(api, RESUME, file(FIXTURES / "resumes" / "John_Doe_EmberTheme_CV.pdf", "cv.pdf"))
    context, result = run(Job.objects.get(), tmp_path)
    document = Document.objects.get()
    assert [(one.kind, one.args) for one in context.spawned] == [
        ("candidate.profile", {"documentId": str(document.pk)})
    ]
    assert result["documentId"] == str(document.pk) and document.links
    assert "John Doe" in Page.objects.filter(document=document).order_by("number")[0].text


def test_a_book_is_not_a_resume(api: APIClient, tmp_path: Path) -> None:
    from tests.uploads.documents import pdf

    post(api, RESUME, file(pdf(61), "book.pdf"))
    with pytest.raises(InvalidInput) as refusal:
        run(Job.objects.get(), tmp_path)
    assert refusal.value.code == "not_a_resume"


def test_the_callers_videos_are_listed_newest_first_by_the_page(
    api: APIClient, user: Any, other_user: Any, api_for: Any
) -> None:
    def video(owner: Any, name: str) -> Video:
        upload = Upload.objects.create(
            owner=owner, purpose="video", name=name, media_type="webm", size=1, sha256="0" * 64, key=name
        )
        return Video.objects.create(owner=owner, upload=upload)

    mine = [video(user, f"{number}.webm") for number in range(3)]
    video(other_user, "theirs.webm")
    first = api.get("/api/videos?limit=2").json()
    assert [one["filename"] for one in first["videos"]] == ["2.webm", "1.webm"]
    assert not {"waveform", "strip"} & set(first["videos"][0])
    rest = api.get(first["next"]).json()
    assert ([one["id"] for one in rest["videos"]], rest["next"]) == ([str(mine[0].pk)], None)
    assert api.get("/api/videos?limit=0").json()["errors"]["limit"]
    assert api_for(None).get("/api/videos").status_code == 401
