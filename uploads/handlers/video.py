"""`video.process`: an introduction becomes a video for every browser, with poster, strip and waveform."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from jobs.context import JobContext
from jobs.exceptions import PermanentError
from jobs.models import Job
from jobs.registry import job_handler
from uploads import conf, storage
from uploads.models import Video
from uploads.video import Limits, probe, transcode
from uploads.video.loudness import measure_loudness
from uploads.video.poster import make_poster, make_strip
from uploads.video.transcoder import Codec
from uploads.video.waveform import draw_waveform, waveform

_ENDINGS = {"h264": "mp4", "vp9": "webm"}


class VideoArgs(BaseModel):
    """What `video.process` is told."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    video_id: uuid.UUID


def limits() -> Limits:
    """What this site takes as an introduction."""
    return Limits(max_duration_s=float(settings.MAX_VIDEO_SECONDS), max_bytes=conf.max_video_bytes())


@job_handler(
    "video.process",
    queue="video",
    args=VideoArgs,
    timeout=1200,
    memory_mb=1536,
    cpu_seconds=2400,
)
def process_video(context: JobContext, args: VideoArgs) -> dict[str, Any]:
    """Probe, transcode, picture and measure. Everything is made in scratch and kept in one step at the end.

    So a cancel, or a crash, in the middle leaves nothing behind but scratch, which goes with the attempt.
    """
    context.stages(probe=2, transcode=80, poster=8, sound=8, keep=2)
    context.stage("probe", message="looking into the file")
    video = Video.objects.select_related("upload").filter(pk=args.video_id).first()
    if video is None:
        raise PermanentError("The video was deleted.", code="video_deleted")
    if video.job_id not in (None, context.job_id):
        raise PermanentError("A newer job processes this video: look at that one.", code="superseded")
    made = context.scratch / f"video.{_ENDINGS[settings.VIDEO_CODEC]}"
    poster, strip, wave = (context.scratch / name for name in ("poster.jpg", "strip.jpg", "waveform.png"))
    allowed = limits()
    with storage.local(video.upload.key, context.scratch) as source:
        facts = probe(source, allowed)
        context.partial("facts", facts.to_dict())
        context.stage("transcode")
        done = transcode(
            source,
            made,
            progress=lambda share: context.progress(
                share * facts.duration_s,
                facts.duration_s,
                message=f"{share * facts.duration_s:.0f} of {facts.duration_s:.0f} s",
            ),
            codec=cast(Codec, settings.VIDEO_CODEC),
            limits=allowed,
        )
    context.stage("poster", message="poster and thumbnails")
    make_poster(made, poster)
    context.progress(1, 2)
    pictures = make_strip(made, strip)
    context.stage("sound", message="waveform and loudness")
    heard = waveform(made)
    if heard is not None:
        draw_waveform(heard, wave)
    loudness = measure_loudness(made)
    context.stage("keep")
    files = {"key": made, "poster_key": poster, "strip_key": strip}
    if heard is not None:
        files["waveform_key"] = wave
    # Short of a silent recording or a covered lens, this is what a profile asks of an introduction.
    complete = loudness.verdict != "silent" and facts.duration_s >= settings.MIN_PROFILE_VIDEO_SECONDS
    _keep(
        context,
        video,
        files,
        {
            "width": done.width,
            "height": done.height,
            "duration_s": done.duration_s,
            "size": done.size_bytes,
            "facts": facts.to_dict(),
            "strip": {
                "count": pictures.count,
                "width": pictures.width,
                "height": pictures.height,
                "seconds": pictures.seconds,
            },
            "waveform": heard.to_dict() if heard else {},
            "loudness": loudness.to_dict(),
            "profile_complete": complete,
        },
    )
    address = f"/api/videos/{video.pk}"
    return {
        "videoId": str(video.pk),
        "videoUrl": f"{address}/file",
        "profileComplete": complete,
        "posterUrl": f"{address}/poster",
        "stripUrl": f"{address}/strip",
        "waveformUrl": f"{address}/waveform" if heard else None,
        "durationS": done.duration_s,
        "width": done.width,
        "height": done.height,
        "size": done.size_bytes,
        "loudness": {"verdict": loudness.verdict, "note": loudness.note},
        "damagedPackets": done.damaged_packets,
    }


def made_keys(job_id: uuid.UUID, codec: str) -> dict[str, str]:
    """The storage keys of what the job makes, by the field that names each; known before it is written."""
    endings = {"key": _ENDINGS[codec], "poster_key": "jpg", "strip_key": "jpg", "waveform_key": "png"}
    return {
        name: storage.new_key("video-made", uuid.uuid5(job_id, name), ending)
        for name, ending in endings.items()
    }


def forget_half_written(job: Job) -> None:
    """Remove what a `video.process` job that did not complete has left in the storage."""
    for codec in _ENDINGS:
        for name, key in made_keys(job.pk, codec).items():
            if not Video.objects.filter(**{name: key}).exists():
                storage.discard(key)


def _keep(context: JobContext, video: Video, files: dict[str, Path], values: dict[str, Any]) -> None:
    """Store the files and name them in the row; when that fails, the files go."""
    keys = made_keys(context.job_id, settings.VIDEO_CODEC)
    before = {key for key in (video.key, video.poster_key, video.strip_key, video.waveform_key) if key}
    try:
        for name, path in files.items():
            storage.keep_path(keys[name], path)
        with context.commit():
            named = {name: keys[name] if name in files else "" for name in keys}
            Video.objects.filter(pk=video.pk).update(**named, **values)
    except BaseException:
        for key in keys.values():
            storage.discard(key)
        raise
    for key in before - set(keys.values()):
        storage.discard(key)
