"""The sound of a video as blocks of samples, for whatever measures or draws it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from uploads.video.container import DEFAULT_LIMITS, Limits, open_video, sound_stream

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer
    from numpy import ndarray

RATE = 48_000


def samples(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> Iterator[ndarray]:
    """Yield the sound in blocks: float32, shape (2, n), full scale ±1, 48,000 samples a second.

    A mono recording gives two equal channels; nothing is yielded when there is no sound. Memory is that
    of one block. Stops at `limits.max_duration_s`. Raises InvalidInput as `open_video`.
    """
    from av.audio.resampler import AudioResampler

    resampler = AudioResampler(format="fltp", layout="stereo", rate=RATE)
    left = int((limits.max_duration_s + 1) * RATE)
    with open_video(path, limits) as container:
        for frame in _frames(container):
            if frame is not None:
                frame.pts = None  # gaps are of no interest here, and odd stamps would upset the resampler
            for piece in resampler.resample(frame):
                yield piece.to_ndarray()
                left -= piece.samples
                if left <= 0:
                    return


def _frames(container: InputContainer) -> Iterator[AudioFrame | None]:
    """Decode the first sound stream, damaged packets left out; a final None flushes the resampler."""
    import av.error

    stream = sound_stream(container)
    if stream is None:
        return
    decoded = False
    for packet in container.demux(stream):
        try:
            for frame in packet.decode():
                decoded = True
                yield frame
        except av.error.InvalidDataError:
            continue
    if decoded:
        yield None
