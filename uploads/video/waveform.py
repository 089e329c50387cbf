"""The waveform of a video's sound, as numbers for a player and as a picture."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from uploads.video.container import DEFAULT_LIMITS, Limits
from uploads.video.sound import RATE, samples

# The finest step kept while the length is still unknown; 120 s make 12,000 numbers.
STEP = RATE // 100


@dataclass(frozen=True, slots=True)
class Waveform:
    """`peaks`: the loudest absolute sample (0..1) of each equal slice of `duration_s` seconds."""

    peaks: list[float]
    duration_s: float

    def to_dict(self) -> dict[str, Any]:
        """Return the waveform as JSON-ready values, about 5 kB for 800 peaks."""
        return {"peaks": self.peaks, "durationS": self.duration_s}


def waveform(
    path: str | os.PathLike[str], *, buckets: int = 800, limits: Limits = DEFAULT_LIMITS
) -> Waveform | None:
    """Measure the sound of the video at `path` in `buckets` slices at most.

    Returns None when there is no sound. Memory: one block of samples and 100 numbers a second.
    Raises InvalidInput as `open_video`.
    """
    import numpy as np

    peaks: list[float] = []
    rest = np.zeros(0, dtype=np.float32)
    total = 0
    for block in samples(path, limits):
        total += block.shape[1]
        mono = np.concatenate([rest, np.abs(block).max(axis=0)])
        whole = len(mono) // STEP * STEP
        peaks += mono[:whole].reshape(-1, STEP).max(axis=1).tolist()
        rest = mono[whole:]
    if rest.size:
        peaks.append(float(rest.max()))
    if not peaks:
        return None
    slices = np.array_split(np.nan_to_num(np.array(peaks), posinf=1.0), min(buckets, len(peaks)))
    return Waveform(
        peaks=[round(min(1.0, float(one.max())), 4) for one in slices], duration_s=round(total / RATE, 3)
    )


def draw_waveform(
    wave: Waveform,
    target: str | os.PathLike[str],
    *,
    width: int = 800,
    height: int = 120,
    colour: str = "#2563eb",
) -> None:
    """Write `wave` as a PNG with a transparent background; `width` and `height` in pixels.

    Bars grow from the middle line; silence leaves a thin line, so that it can be told from no picture.
    """
    from PIL import Image, ImageDraw

    # Drawn at twice the size and shrunk, because the drawing itself has no smooth edges.
    image = Image.new("RGBA", (width * 2, height * 2), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    bars = max(1, min(len(wave.peaks), width // 4))
    pitch = width * 2 / bars
    for index in range(bars):
        low = index * len(wave.peaks) // bars
        high = max(low + 1, (index + 1) * len(wave.peaks) // bars)
        reach = max(2.0, max(wave.peaks[low:high]) * (height - 4))
        left = index * pitch
        draw.rounded_rectangle(
            (left, height - reach, left + pitch * 0.6, height + reach), radius=pitch * 0.3, fill=colour
        )
    image.resize((width, height), Image.Resampling.LANCZOS).save(target, "PNG", optimize=True)
