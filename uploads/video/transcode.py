"""The PyAV transcoder: H.264/AAC in MP4, or VP9/Opus in WebM as the path without GPL encoders.

Memory is constant: one packet is decoded, fitted, encoded and written before the next is read. Metadata
of the source (a phone's place and serial number among it) is not carried over.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uploads.video.container import DEFAULT_LIMITS, Limits, open_video, refuse, sound_stream, video_stream
from uploads.video.picture import Fitter, output_size
from uploads.video.probe import first_frame, scan_packets
from uploads.video.transcoder import Codec, Progress, Transcoded

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer, OutputContainer
    from av.video.frame import VideoFrame

CLOCK = Fraction(1, 90_000)
SOUND_RATE = 48_000
# A little under 1/60 s, in ticks of CLOCK.
SHORTEST = 1_400
PROGRESS_STEP = 0.01
# More damage than this and the result would mislead whoever watches it.
MAX_DAMAGED_SHARE = 0.2
RECIPES: dict[str, dict[str, Any]] = {
    "h264": {
        "container": "mp4",
        "picture": "libx264",
        "sound": "aac",
        "sound_name": "aac",
        "crf": 23,
        "options": {"preset": "veryfast", "profile": "high"},
        "muxer": {"movflags": "+faststart"},
    },
    "vp9": {
        "container": "webm",
        "picture": "libvpx-vp9",
        "sound": "libopus",
        "sound_name": "opus",
        "crf": 34,
        "options": {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "b:v": "0"},
        "muxer": {},
    },
}


def transcode(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    progress: Progress,
    codec: Codec = "h264",
    max_height: int = 720,
    crf: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    threads: int = 0,
) -> Transcoded:
    """Write `source` to `target` so that every current browser plays it.

    Args: `progress` is called with 0..1, at most once a percent, from the time stamps of what has been
    decoded, and may raise to cancel; `max_height` bounds the shorter side in pixels; `crf` is the
    encoder's constant quality (default 23 for H.264, 34 for VP9; lower is better); `threads` for each
    codec, 0 for all processors.
    Returns Transcoded. The output is written beside `target` and renamed when whole, so `target` is
    never half a file; whatever goes wrong, the partial file is deleted (a killed process leaves
    `<target>.part` to its owner).
    Raises InvalidInput `video_damaged` when over 20 % of the packets cannot be decoded, and what
    `probe` raises.
    """
    recipe = RECIPES[codec]
    final = Path(target)
    partial = final.with_name(final.name + ".part")
    with open_video(source, limits) as container:
        scan = scan_packets(container, video_stream(container, limits), limits)
    with open_video(source, limits) as container:
        stream = video_stream(container, limits)
        frame = first_frame(container, stream)
        size = output_size(
            frame.width, frame.height, stream.sample_aspect_ratio, int(frame.rotation) % 360, max_height
        )
    try:
        with (
            open_video(source, limits, threads=threads) as container,
            _open_output(partial, recipe) as output,
        ):
            writer = _Writer(output, recipe, size, crf, threads, with_sound=scan.audio_packets > 0)
            meter = _Meter(progress, scan.duration_s)
            damaged = _pump(container, writer, meter, limits)
        written = partial.stat().st_size
        os.replace(partial, final)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    progress(1.0)
    return Transcoded(
        container=recipe["container"],
        video_codec=codec,
        audio_codec=recipe["sound_name"] if writer.sound else None,
        width=size[0],
        height=size[1],
        duration_s=round(scan.duration_s, 3),
        frames=writer.frames,
        size_bytes=written,
        damaged_packets=damaged,
    )


def _open_output(path: Path, recipe: dict[str, Any]) -> OutputContainer:
    import av

    return av.open(str(path), "w", format=recipe["container"], options=recipe["muxer"])


def _pump(source: InputContainer, writer: _Writer, meter: _Meter, limits: Limits) -> int:
    """Move every packet through decoder and encoder; return how many could not be decoded."""
    picture = video_stream(source, limits)
    sound = sound_stream(source) if writer.sound else None
    chosen = [picture, sound] if sound else [picture]
    starts = [
        one.start_time * one.time_base for one in chosen if one.start_time is not None and one.time_base
    ]
    # One origin for both keeps picture and sound together.
    origin = min(starts, default=Fraction(0))
    packets = damaged = 0
    for packet in source.demux(*chosen):
        packets += 1
        try:
            frames: list[Any] = list(packet.decode())
        except _invalid_data():
            damaged += 1
            continue
        for frame in frames:
            if packet.stream_index == picture.index:
                meter.at(writer.write_picture(frame, origin))
            else:
                writer.write_sound(frame, origin)
    if writer.frames < 2 or damaged > packets * MAX_DAMAGED_SHARE:
        raise refuse(
            "damaged",
            f"{damaged} of {packets} pieces of the video are damaged. Please record or export it again.",
        )
    writer.finish()
    return damaged


def _invalid_data() -> type[Exception]:
    import av.error

    return av.error.InvalidDataError


class _Meter:
    """Turns moments of the recording into shares of it, reported in whole percents."""

    def __init__(self, progress: Progress, duration_s: float) -> None:
        self._progress = progress
        self._duration = duration_s
        self._reported = 0.0

    def at(self, seconds: float) -> None:
        share = min(0.99, seconds / self._duration)
        if share - self._reported >= PROGRESS_STEP:
            self._reported = share
            self._progress(share)


class _Writer:
    """The output file: its two streams, and what a frame goes through before it is encoded."""

    def __init__(
        self,
        output: OutputContainer,
        recipe: dict[str, Any],
        size: tuple[int, int],
        crf: int | None,
        threads: int,
        *,
        with_sound: bool,
    ) -> None:
        self._output = output
        self._fitter = Fitter(*size)
        self._last = -1
        self.frames = 0
        quality = recipe["crf"] if crf is None else crf
        options = {**recipe["options"], "crf": str(quality), "threads": str(threads)}
        self.picture: Any = output.add_stream(recipe["picture"], rate=30, options=options)
        self.picture.width, self.picture.height = size
        self.picture.pix_fmt = "yuv420p"
        # Frames keep the moments they were recorded at: a fixed rate would stretch a variable one.
        self.picture.codec_context.time_base = CLOCK
        self.picture.codec_context.gop_size = 60
        self.sound: Any = None
        if with_sound:
            self.sound = output.add_stream(recipe["sound"], rate=SOUND_RATE, layout="stereo")
            self.sound.codec_context.bit_rate = 128_000
            self._resampler = _resampler()

    def write_picture(self, frame: VideoFrame, origin: Fraction) -> float:
        """Encode `frame`; return its moment in seconds from `origin`."""
        if frame.pts is None or frame.time_base is None:
            moment = self._last + int(1 / (30 * CLOCK))
        else:
            moment = max(0, int((frame.pts * frame.time_base - origin) / CLOCK))
        # A crafted file can hold thousands of pictures a second; nobody sees more than sixty.
        if self._last >= 0 and moment - self._last < SHORTEST:
            return float(moment * CLOCK)
        fitted = self._fitter.fit(frame)
        fitted.pts, fitted.time_base = moment, CLOCK
        fitted.pict_type = 0  # the encoder chooses its own keyframes
        self._last = moment
        self.frames += 1
        self._output.mux(self.picture.encode(fitted))
        return float(moment * CLOCK)

    def write_sound(self, frame: AudioFrame, origin: Fraction) -> None:
        """Resample and encode `frame`, whatever its rate and layout."""
        if frame.pts is not None and frame.time_base is not None:
            frame.pts -= int(origin / frame.time_base)
        for piece in self._resampler.resample(frame):
            self._output.mux(self.sound.encode(piece))

    def finish(self) -> None:
        """Encode what the codecs still hold."""
        self._output.mux(self.picture.encode(None))
        if self.sound:
            for piece in self._resampler.resample(None):
                self._output.mux(self.sound.encode(piece))
            self._output.mux(self.sound.encode(None))


def _resampler() -> Any:
    from av.audio.resampler import AudioResampler

    return AudioResampler(format="fltp", layout="stereo", rate=SOUND_RATE)
