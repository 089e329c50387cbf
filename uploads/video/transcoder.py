"""The shape of a transcoder, so that PyAV can be replaced (say, by a system FFmpeg built without GPL)."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

Codec = Literal["h264", "vp9"]
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Transcoded:
    """A finished output. Pixels as shown, seconds, bytes; `damaged_packets` of the source were skipped."""

    container: str
    video_codec: str
    audio_codec: str | None
    width: int
    height: int
    duration_s: float
    frames: int
    size_bytes: int
    damaged_packets: int

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON-ready values."""
        return asdict(self)


class Transcoder(Protocol):
    """Anything that turns an accepted upload into something every browser plays."""

    def __call__(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        progress: Progress,
        codec: Codec = "h264",
        max_height: int = 720,
        crf: int | None = None,
    ) -> Transcoded:
        """Write `target` from `source`; on any error leave nothing behind.

        `progress` is called with 0..1 and may raise to cancel.
        """
        ...
