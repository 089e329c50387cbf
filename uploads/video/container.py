"""Opening what people send as a video, and nothing else.

FFmpeg picks a demuxer by looking at the bytes, and some demuxers (concat, HLS, SDP) go on to open other
files or sockets that the bytes name. Three gates stop that: the first bytes must be those of an ISO or
Matroska container, only those demuxers may be chosen, and only the `file` protocol exists.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.exceptions import InvalidInput

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
EBML_MAGIC = b"\x1a\x45\xdf\xa3"
# Top-level boxes with which an MP4 or QuickTime file may begin; old cameras write no `ftyp`.
ISO_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp"})
REMEDY = "Please upload an MP4, MOV or WebM video."


@dataclass(frozen=True, slots=True)
class Limits:
    """What a video may be. Sizes in bytes and pixels, times in seconds.

    `max_side` and `max_pixels` admit 4K in either orientation; 120 s and 200 MB are the product's
    defaults for an introduction.
    """

    max_duration_s: float = 120.0
    min_duration_s: float = 0.3
    max_bytes: int = 200 * 1024 * 1024
    max_side: int = 4096
    max_pixels: int = 4096 * 2304
    max_streams: int = 16


DEFAULT_LIMITS = Limits()


def refuse(code: str, message: str) -> InvalidInput:
    """Return the error for a video that cannot be accepted; `code` gets the prefix `video_`."""
    return InvalidInput(message, code=f"video_{code}", field="video")


def container_family(path: str | os.PathLike[str]) -> str | None:
    """Return "iso" or "matroska" by the file's first 12 bytes, None for anything else."""
    with open(path, "rb") as file:
        head = file.read(12)
    if head.startswith(EBML_MAGIC):
        return "matroska"
    return "iso" if head[4:8] in ISO_BOXES else None


@contextmanager
def open_video(
    path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS, *, threads: int = 1
) -> Iterator[InputContainer]:
    """Open `path` for reading behind the gates described above, and close it afterwards.

    Args: `threads` is the number of decoder threads (0 lets FFmpeg choose).
    Raises InvalidInput `video_not_a_video`, `video_unreadable` (also when decoding inside the block meets
    damaged data) and FileNotFoundError.
    """
    import av
    import av.error

    if container_family(path) is None:
        raise refuse("not_a_video", f"This file is not a video we can read. {REMEDY}")
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": FORMATS,
        "max_streams": str(limits.max_streams),
        # The bitstream may declare other dimensions than the container: the decoder must refuse them too.
        "max_pixels": str(limits.max_pixels),
        "threads": str(threads),
    }
    # An absolute path cannot be read as "protocol:rest", whatever its name contains.
    absolute = str(Path(path).absolute())
    try:
        with av.open(absolute, mode="r", options=options, metadata_errors="replace") as container:
            yield container
    except FileNotFoundError:
        raise
    except (av.error.FFmpegError, ValueError, OverflowError) as error:
        raise refuse("unreadable", f"The video is damaged and could not be read. {REMEDY}") from error


def video_stream(container: InputContainer, limits: Limits = DEFAULT_LIMITS) -> VideoStream:
    """Return the first real video stream, its declared dimensions checked against `limits`.

    Cover pictures attached to audio files are not video.
    Raises InvalidInput `video_no_picture`, `video_codec_unknown`, `video_dimensions`.
    """
    from av.stream import Disposition

    streams = [
        stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        raise refuse("no_picture", "This file has sound but no picture. Please record with the camera on.")
    stream = streams[0]
    if stream.codec_context is None:
        raise refuse("codec_unknown", f"The video uses a codec we cannot decode. {REMEDY}")
    check_dimensions(stream.codec_context.width, stream.codec_context.height, limits)
    return stream


def sound_stream(container: InputContainer) -> AudioStream | None:
    """Return the first audio stream that can be decoded, None when there is none."""
    return next((one for one in container.streams.audio if one.codec_context is not None), None)


def check_dimensions(width: int, height: int, limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise InvalidInput `video_dimensions` unless `width` × `height` pixels are within `limits`."""
    if width <= 0 or height <= 0:
        raise refuse("unreadable", f"The video does not say how large its picture is. {REMEDY}")
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise refuse(
            "dimensions",
            f"The picture is {width}×{height} pixels; at most {limits.max_side} pixels a side and "
            f"{limits.max_pixels / 1e6:.1f} megapixels are accepted. Please record in 1080p or 720p.",
        )
