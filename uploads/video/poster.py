"""The still pictures of a video: one poster, and a strip of thumbnails for the seek bar."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from uploads.video.container import DEFAULT_LIMITS, Limits, open_video, refuse, video_stream
from uploads.video.picture import Fitter, output_size
from uploads.video.probe import scan_packets

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL.Image import Image

# Where a poster is looked for, as shares of the duration: the start is often black or a hand on a button.
POSTER_SHARES = (0.1, 0.25, 0.4, 0.6)
JPEG_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Strip:
    """A written thumbnails strip: `count` pictures of `width` × `height` pixels side by side, and the
    second of the video each one shows."""

    count: int
    width: int
    height: int
    seconds: list[float]


def make_poster(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    max_height: int = 720,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[int, int]:
    """Write a JPEG poster: of four moments the one with most light and detail.

    Args: `max_height` bounds the shorter side in pixels. The best is judged by the standard deviation of
    luma, which is near 0 for black, white and covered lenses.
    Returns (width, height) in pixels. Raises InvalidInput as `open_video`, and `video_unreadable`.
    """
    best: Image | None = None
    best_score = -1.0
    for _, image in pictures_at(source, POSTER_SHARES, max_height, limits):
        score = _detail(image)
        if score > best_score:
            best, best_score = image, score
    if best is None:
        raise refuse("unreadable", "No picture could be taken from the video. Please record it again.")
    _save(best, target)
    return best.size


def make_strip(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    count: int = 10,
    height: int = 90,
    limits: Limits = DEFAULT_LIMITS,
) -> Strip:
    """Write one JPEG of `count` thumbnails in a row, `height` pixels high, evenly spaced in time.

    Returns Strip. Raises InvalidInput as `open_video`, and `video_unreadable`.
    """
    from PIL import Image as Images

    strip: Image | None = None
    seconds: list[float] = []
    width = 0
    shares = [(index + 0.5) / count for index in range(count)]
    for second, image in pictures_at(source, shares, height * 2, limits):
        if strip is None:
            width = max(1, round(image.width * height / image.height))
            strip = Images.new("RGB", (width * count, height))
        strip.paste(image.resize((width, height), Images.Resampling.BILINEAR), (width * len(seconds), 0))
        seconds.append(round(second, 3))
    if strip is None:
        raise refuse("unreadable", "No picture could be taken from the video. Please record it again.")
    if len(seconds) < count:
        strip = strip.crop((0, 0, width * len(seconds), height))
    _save(strip, target)
    return Strip(count=len(seconds), width=width, height=height, seconds=seconds)


def pictures_at(
    source: str | os.PathLike[str], shares: Sequence[float], short_side: int, limits: Limits = DEFAULT_LIMITS
) -> Iterator[tuple[float, Image]]:
    """Yield (second, upright RGB picture) nearest after each share (0..1, ascending) of the duration.

    One pass from the start holding one frame: seeking would need an index, which a recording from a
    browser does not have. Pictures have at most `short_side` pixels on the shorter side.
    """
    with open_video(source, limits) as container:
        duration = scan_packets(container, video_stream(container, limits), limits).duration_s
    wanted = [share * duration for share in shares]
    with open_video(source, limits, threads=0) as container:
        stream = video_stream(container, limits)
        origin: float | None = None
        fitter: Fitter | None = None
        for frame in _frames(container, stream):
            if frame.pts is None or frame.time_base is None:
                continue
            moment = float(frame.pts * frame.time_base)
            origin = moment if origin is None else origin
            if moment - origin < wanted[0]:
                continue
            if fitter is None:
                rotation = int(frame.rotation) % 360
                fitter = Fitter(
                    *output_size(frame.width, frame.height, stream.sample_aspect_ratio, rotation, short_side)
                )
            yield moment - origin, fitter.fit(frame).to_image()
            wanted = wanted[1:]
            if not wanted:
                return


def _frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Decode on over damaged packets: one of them should not cost the poster."""
    import av.error

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _detail(image: Image) -> float:
    from PIL import ImageStat

    return float(ImageStat.Stat(image.convert("L")).stddev[0])


def _save(image: Image, target: str | os.PathLike[str]) -> None:
    partial = Path(target).with_name(Path(target).name + ".part")
    try:
        image.save(partial, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
        os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
