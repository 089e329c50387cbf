"""From a decoded picture to the one that is encoded: upright, square pixels, even size, 4:2:0."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame

# The frame's rotation is counter-clockwise, FFmpeg's filters are named by what they do to the picture.
UPRIGHT: dict[int, list[tuple[str, str | None]]] = {
    90: [("transpose", "cclock")],
    180: [("hflip", None), ("vflip", None)],
    270: [("transpose", "clock")],
}


def output_size(
    width: int, height: int, aspect: Fraction | None, rotation: int, short_side: int
) -> tuple[int, int]:
    """Return the even (width, height) in pixels to encode.

    Args: `width`, `height` the coded size; `aspect` the sample aspect ratio (None or 0 means square);
    `rotation` in degrees; `short_side` the most the shorter side may have, so that "720p" means the same
    for a phone held upright. Never enlarges.
    """
    wide = Fraction(width) * (aspect if aspect and Fraction(1, 4) <= aspect <= 4 else 1)
    tall = Fraction(height)
    if rotation in (90, 270):
        wide, tall = tall, wide
    scale = min(Fraction(1), Fraction(short_side) / min(wide, tall))
    return max(2, int(wide * scale) // 2 * 2), max(2, int(tall * scale) // 2 * 2)


class Fitter:
    """Turns every frame of one stream into the same size and pixel format.

    A recording may change its size on the way (a browser under load does): the filter graph is built
    again then, and the picture is letterboxed into the size chosen from the first frame.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str, int] | None = None

    def fit(self, frame: VideoFrame) -> VideoFrame:
        """Return `frame` upright at the output size; its `pts` is not kept."""
        shape = (frame.width, frame.height, frame.format.name, int(frame.rotation) % 360)
        if shape != self._shape:
            self._graph = self._build(frame, shape[3])
            self._shape = shape
        assert self._graph is not None
        self._graph.vpush(frame)
        return self._graph.vpull()

    def _build(self, frame: VideoFrame, rotation: int) -> Graph:
        from av.filter import Graph

        graph = Graph()
        chain = [
            graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format,
                time_base=frame.time_base or Fraction(1, 1000),
            )
        ]
        chain += [graph.add(name, args) for name, args in UPRIGHT.get(rotation, [])]
        size = f"{self.width}:{self.height}"
        if self._shape is None:
            chain.append(graph.add("scale", size))
        else:
            chain.append(graph.add("scale", f"{size}:force_original_aspect_ratio=decrease"))
            chain.append(graph.add("pad", f"{size}:-1:-1"))
        chain += [graph.add("setsar", "1"), graph.add("format", "yuv420p"), graph.add("buffersink")]
        graph.link_nodes(*chain).configure()
        return graph
