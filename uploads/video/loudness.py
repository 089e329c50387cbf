"""Can the person be heard? Figures and one word about the sound of a video.

Method: the mean square over both channels of 400 ms blocks, four starting each 400 ms, gated as in ITU-R
BS.1770 (blocks under −70 dBFS dropped, then those more than 10 dB under the mean of the rest) but
*without* its K-weighting filter. The figure is therefore in dBFS and not LUFS; for speech the two are
usually within a few decibels. Full scale is an amplitude of 1; a full-scale sine has −3 dBFS here.
"""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from typing import Any, Literal

from uploads.video.container import DEFAULT_LIMITS, Limits
from uploads.video.sound import RATE, samples

Verdict = Literal["no_sound", "silent", "quiet", "clipping", "good"]

METHOD = "gated RMS, 400 ms blocks, unweighted (BS.1770 gating without K-weighting), dBFS"
HOP = RATE // 10
FLOOR_DB = -120.0
SILENT_PEAK_DB = -60.0
GATE_DB = -70.0
# Speech recorded at a laptop is usually between −30 and −15; under −35 people turn the volume up.
QUIET_DB = -35.0
CLIPPED_SAMPLE = 0.999
CLIPPED_SHARE = 0.0005

NOTES: dict[Verdict, str] = {
    "no_sound": "The recording has no sound. Please allow the microphone and record again.",
    "silent": "The recording is silent. Please check that the right microphone is chosen and not muted.",
    "quiet": "The voice is quiet. Please come nearer to the microphone or raise its level.",
    "clipping": "The sound is distorted because it is too loud. Please lower the microphone's level.",
    "good": "The sound is well audible.",
}


@dataclass(frozen=True, slots=True)
class Loudness:
    """Figures in dBFS (−120 stands for nothing at all); `clipped_share` is 0..1 of all samples."""

    verdict: Verdict
    note: str
    loudness_db: float | None
    rms_db: float | None
    peak_db: float | None
    clipped_share: float
    duration_s: float
    method: str = METHOD

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON-ready values."""
        return asdict(self)


def measure_loudness(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> Loudness:
    """Measure the sound of the video at `path`; about 0.4 s for 30 s, memory of one block.

    Raises InvalidInput as `open_video`.
    """
    import numpy as np

    hops: list[float] = []
    peak = 0.0
    clipped = total = 0
    rest = np.zeros(0, dtype=np.float64)
    for block in samples(path, limits):
        block = np.nan_to_num(block, posinf=1.0, neginf=-1.0)
        loud = np.abs(block)
        peak = max(peak, float(loud.max(initial=0.0)))
        clipped += int((loud.max(axis=0) >= CLIPPED_SAMPLE).sum())
        total += block.shape[1]
        power = np.concatenate([rest, np.square(block, dtype=np.float64).mean(axis=0)])
        whole = len(power) // HOP * HOP
        hops += power[:whole].reshape(-1, HOP).mean(axis=1).tolist()
        rest = power[whole:]
    if rest.size:
        hops.append(float(rest.mean()))
    if not total:
        return Loudness("no_sound", NOTES["no_sound"], None, None, None, 0.0, 0.0)
    loudness, peak_db = _decibel(gated(hops)), _decibel(peak * peak)
    share = clipped / total
    verdict = judge(loudness, peak_db, share)
    return Loudness(
        verdict=verdict,
        note=NOTES[verdict],
        loudness_db=loudness,
        rms_db=_decibel(sum(hops) / len(hops)),
        peak_db=peak_db,
        clipped_share=round(share, 6),
        duration_s=round(total / RATE, 3),
    )


def gated(hops: list[float]) -> float:
    """Return the gated mean power of `hops`, the mean powers of consecutive 100 ms."""
    width = min(4, len(hops))
    blocks = [sum(hops[start : start + width]) / width for start in range(len(hops) - width + 1)]
    for gate in (10 ** (GATE_DB / 10), None):
        mean = sum(blocks) / len(blocks) if blocks else 0.0
        limit = mean / 10 if gate is None else gate
        blocks = [block for block in blocks if block >= limit]
    return sum(blocks) / len(blocks) if blocks else 0.0


def judge(loudness_db: float, peak_db: float, clipped_share: float) -> Verdict:
    """Return one word for the figures (dBFS, share 0..1); the thresholds are this module's constants."""
    if peak_db < SILENT_PEAK_DB or loudness_db <= GATE_DB:
        return "silent"
    if clipped_share >= CLIPPED_SHARE:
        return "clipping"
    return "quiet" if loudness_db < QUIET_DB else "good"


def _decibel(power: float) -> float:
    return round(max(FLOOR_DB, 10 * math.log10(power)), 2) if power > 0 else FLOOR_DB
