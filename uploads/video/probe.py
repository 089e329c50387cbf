"""What a video is, learned from its packets and one decoded picture rather than from its header.

A header can be missing (MediaRecorder writes no duration), lie, or be all there is: every figure here
that decides anything is measured.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from uploads.video.container import (
    DEFAULT_LIMITS,
    Limits,
    check_dimensions,
    open_video,
    refuse,
    sound_stream,
    video_stream,
)

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

PACKETS_TRIED = 300


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """A probed video. `width` and `height` are as shown, after rotation; times in seconds."""

    container: str
    width: int
    height: int
    rotation: int
    duration_s: float
    duration_source: str
    declared_duration_s: float | None
    fps: float
    frames: int
    keyframes: int
    video_codec: str
    pixel_format: str
    audio_codec: str | None
    audio_rate: int | None
    audio_channels: int | None
    bit_rate: int
    size_bytes: int
    truncated: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Scan:
    """Figures from one pass over the packets, nothing decoded."""

    duration_s: float
    frames: int
    keyframes: int
    audio_packets: int


def probe(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> VideoFacts:
    """Measure a video and refuse what cannot become an introduction.

    Args: `path` a local file; `limits` sizes, seconds and pixels allowed.
    Returns VideoFacts. `duration_s` is last packet end minus first packet start of the picture; the
    header's own claim is `declared_duration_s` (None when absent), and `truncated` says that the packets
    cover less than 90 % of it.
    Raises InvalidInput with code `video_not_a_video`, `video_unreadable`, `video_no_picture`,
    `video_codec_unknown`, `video_dimensions`, `video_empty`, `video_too_short`, `video_too_long` or
    `video_too_large`; each message names the remedy.
    """
    size = os.path.getsize(path)
    if size > limits.max_bytes:
        raise refuse(
            "too_large",
            f"The video has {size / 1048576:.0f} MB; at most {limits.max_bytes / 1048576:.0f} MB are "
            "accepted. Please record a shorter one or choose a lower quality.",
        )
    with open_video(path, limits) as container:
        stream = video_stream(container, limits)
        declared = container.duration / 1_000_000 if container.duration else None
        scan = scan_packets(container, stream, limits)
    # A second opening instead of a seek: a file without an index cannot always go back.
    with open_video(path, limits) as container:
        stream = video_stream(container, limits)
        frame = first_frame(container, stream)
        check_dimensions(frame.width, frame.height, limits)
        return _facts(container, stream, frame, scan, declared, size)


def scan_packets(container: InputContainer, stream: VideoStream, limits: Limits = DEFAULT_LIMITS) -> Scan:
    """Read every packet of `stream` (and count those of sound) without decoding; about 20 ms for 30 s.

    Raises InvalidInput `video_empty`, `video_too_short`, `video_too_long` (as soon as the limit is passed).
    """
    first: float | None = None
    end = 0.0
    frames = keyframes = audio_packets = 0
    step = 0.0
    for packet in container.demux(stream, *container.streams.audio):
        if packet.stream_index != stream.index:
            audio_packets += packet.size > 0
            continue
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or packet.time_base is None or packet.size == 0:
            continue
        at = float(stamp * packet.time_base)
        frames += 1
        keyframes += packet.is_keyframe
        if first is None or at < first:
            first = at
        if at > end:
            step = at - end if frames > 1 else 0.0
        length = float(packet.duration * packet.time_base) if packet.duration else step
        end = max(end, at + length)
        if end - first > limits.max_duration_s + 0.5:
            raise refuse(
                "too_long",
                f"The video is longer than {limits.max_duration_s:g} seconds. Please record a shorter one.",
            )
    if first is None or frames < 2:
        raise refuse(
            "empty", "The file has the header of a video but no recording in it. Please record it again."
        )
    duration = end - first
    if duration < limits.min_duration_s:
        raise refuse("too_short", f"The video lasts {duration:.2f} seconds only. Please record it again.")
    return Scan(duration_s=duration, frames=frames, keyframes=keyframes, audio_packets=audio_packets)


def first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame:
    """Decode until one picture comes out; some broken files fail only here.

    Raises InvalidInput `video_unreadable` when the first 300 packets give none.
    """
    import av.error

    for tried, packet in enumerate(container.demux(stream)):
        try:
            for frame in packet.decode():
                return frame
        except av.error.InvalidDataError:
            # One damaged packet at the start is common in cut recordings; the next keyframe may be whole.
            pass
        if tried >= PACKETS_TRIED:
            break
    raise refuse("unreadable", "Not one picture of the video could be decoded. Please record it again.")


def _facts(
    container: InputContainer,
    stream: VideoStream,
    frame: VideoFrame,
    scan: Scan,
    declared: float | None,
    size: int,
) -> VideoFacts:
    rotation = int(frame.rotation) % 360
    width, height = (frame.height, frame.width) if rotation in (90, 270) else (frame.width, frame.height)
    audio = sound_stream(container) if scan.audio_packets else None
    return VideoFacts(
        container="webm" if "matroska" in container.format.name else "mp4",
        width=width,
        height=height,
        rotation=rotation,
        duration_s=round(scan.duration_s, 3),
        duration_source="packets",
        declared_duration_s=round(declared, 3) if declared else None,
        fps=_rate(stream, scan),
        frames=scan.frames,
        keyframes=scan.keyframes,
        video_codec=stream.codec_context.name,
        pixel_format=frame.format.name,
        audio_codec=audio.codec_context.name if audio else None,
        audio_rate=audio.codec_context.sample_rate if audio else None,
        audio_channels=audio.codec_context.channels if audio else None,
        bit_rate=round(size * 8 / scan.duration_s),
        size_bytes=size,
        truncated=bool(declared and scan.duration_s < declared * 0.9),
    )


def _rate(stream: VideoStream, scan: Scan) -> float:
    """Frames a second: the declared rate where the packets confirm it (VP8 also sends invisible ones)."""
    measured = scan.frames / scan.duration_s
    declared = float(stream.average_rate or 0)
    return round(declared if abs(declared - measured) < measured * 0.2 else measured, 3)
