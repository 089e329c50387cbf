"""What comes out of a video: sizes, times, sound, pictures, and nothing when it goes wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from jobs.exceptions import InvalidInput
from uploads.video.container import Limits, container_family
from uploads.video.loudness import gated, judge, measure_loudness
from uploads.video.picture import output_size
from uploads.video.poster import make_poster, make_strip
from uploads.video.probe import probe
from uploads.video.transcode import transcode
from uploads.video.waveform import draw_waveform, waveform

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
EXPECTED = {
    "video/flower.mp4": (960, 540, 5.0, "h264", "aac"),
    "video/monster.mp4": (720, 480, 7.3, "h264", "aac"),
    "video/pig.webm": (720, 480, 6.5, "vp8", "vorbis"),
    "video/stream-of-water-audioless.webm": (640, 360, 3.9, "vp8", "vorbis"),
    "video-hostile/minimal.mp4": "video_empty",
    "video-hostile/bipbop_nonfragment_header.mp4": "video_empty",
    "video-hostile/afconvert-aac-0.5s.mp4": "video_no_picture",
}


def nothing(_: float) -> None:
    """Take progress and drop it."""


def record(
    path: Path,
    *,
    size: tuple[int, int] = (320, 240),
    seconds: float = 1.0,
    fps: int = 15,
    codec: str = "libx264",
    live: bool = False,
    sound: Callable[[np.ndarray], np.ndarray] | None = None,
    stamps: list[float] | None = None,
) -> Path:
    """Make a video whose left half is red and whose right half is blue."""
    options = {"live": "1", "cluster_time_limit": "500"} if live else {}
    with av.open(str(path), "w", options=options) as output:
        picture = output.add_stream(
            codec, rate=fps, options={"preset": "ultrafast"} if "264" in codec else {}
        )
        picture.width, picture.height, picture.pix_fmt = *size, "yuv444p" if size[0] % 2 else "yuv420p"
        picture.codec_context.time_base = Fraction(1, 1000)
        track = (
            output.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48_000) if sound else None
        )
        image = np.zeros((size[1], size[0], 3), np.uint8)
        image[:, : size[0] // 2, 0] = 230
        image[:, size[0] // 2 :, 2] = 230
        for moment in stamps or [index / fps for index in range(int(seconds * fps))]:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(moment * 1000), Fraction(1, 1000)
            output.mux(picture.encode(frame))
        output.mux(picture.encode(None))
        if track is not None and sound is not None:
            times = np.arange(int(seconds * 48_000)) / 48_000
            wave = np.repeat(sound(times).astype(np.float32)[None, :], 2, axis=0)
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave), format="fltp", layout="stereo")
            block.sample_rate, block.pts = 48_000, 0
            output.mux(track.encode(block))
            output.mux(track.encode(None))
    return path


def tone(level: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda times: level * np.sin(2 * math.pi * 440 * times)


def rotate_header(path: Path) -> None:
    """Write a quarter turn clockwise into the first track header's matrix."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    one, minus = (1 << 16).to_bytes(4, "big"), (0xFFFF0000).to_bytes(4, "big")
    data[at : at + 20] = bytes(4) + one + bytes(4) + minus + bytes(4)
    path.write_bytes(data)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_fixture_is_processed_or_refused_with_a_reason(name: str, tmp_path: Path) -> None:
    expected = EXPECTED[name]
    if isinstance(expected, str):
        with pytest.raises(InvalidInput) as caught:
            probe(FIXTURES / name)
        assert caught.value.code == expected and "Please" in caught.value.message
        return
    facts = probe(FIXTURES / name)
    assert (facts.width, facts.height) == expected[:2]
    assert facts.duration_s == pytest.approx(expected[2], abs=0.1)
    assert (facts.video_codec, facts.audio_codec) == expected[3:]
    assert not facts.truncated
    seen: list[float] = []
    result = transcode(FIXTURES / name, tmp_path / "out.mp4", progress=seen.append, max_height=240)
    again = probe(tmp_path / "out.mp4")
    assert again.video_codec == "h264" and again.audio_codec == "aac"
    assert again.duration_s == pytest.approx(facts.duration_s, abs=0.1)
    assert (again.width, again.height) == (result.width, result.height) and result.height == 240
    assert seen == sorted(seen) and seen[-1] == 1.0 and len(seen) > 20
    strip = make_strip(tmp_path / "out.mp4", tmp_path / "strip.jpg", count=6)
    with Image.open(tmp_path / "strip.jpg") as image:
        assert image.size == (strip.width * 6, 90)
    assert make_poster(tmp_path / "out.mp4", tmp_path / "poster.jpg") == (again.width, again.height)


def test_the_mp4_can_be_played_before_it_is_whole(tmp_path: Path) -> None:
    transcode(record(tmp_path / "in.mp4"), tmp_path / "out.mp4", progress=nothing)
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_browser_recording_without_a_duration_is_measured_by_its_packets(tmp_path: Path) -> None:
    source = record(tmp_path / "in.webm", codec="libvpx", live=True, seconds=2.0, sound=tone(0.3))
    facts = probe(source)
    assert facts.declared_duration_s is None
    assert facts.duration_s == pytest.approx(2.0, abs=0.1) and facts.duration_source == "packets"
    result = transcode(source, tmp_path / "out.mp4", progress=nothing)
    assert result.audio_codec == "aac" and probe(tmp_path / "out.mp4").declared_duration_s is not None
    assert make_strip(source, tmp_path / "strip.jpg", count=4).count == 4


def test_the_output_without_gpl_encoders_is_vp9_and_opus(tmp_path: Path) -> None:
    source = record(tmp_path / "in.mp4", sound=tone(0.3))
    result = transcode(source, tmp_path / "out.webm", progress=nothing, codec="vp9")
    facts = probe(tmp_path / "out.webm")
    assert (facts.container, facts.video_codec, facts.audio_codec) == ("webm", "vp9", "opus")
    assert result.container == "webm"


def test_a_video_without_sound_stays_without_sound(tmp_path: Path) -> None:
    source = record(tmp_path / "in.mp4")
    assert transcode(source, tmp_path / "out.mp4", progress=nothing).audio_codec is None
    assert waveform(source) is None
    assert measure_loudness(source).verdict == "no_sound"


def test_odd_dimensions_become_even(tmp_path: Path) -> None:
    source = record(tmp_path / "in.mp4", size=(321, 241))
    transcode(source, tmp_path / "out.mp4", progress=nothing)
    facts = probe(tmp_path / "out.mp4")
    assert (facts.width, facts.height, facts.pixel_format) == (320, 240, "yuv420p")


def test_a_recording_held_upright_is_shown_upright(tmp_path: Path) -> None:
    source = record(tmp_path / "in.mp4")
    rotate_header(source)
    facts = probe(source)
    assert (facts.width, facts.height) == (240, 320) and facts.rotation in (90, 270)
    transcode(source, tmp_path / "out.mp4", progress=nothing)
    again = probe(tmp_path / "out.mp4")
    assert (again.width, again.height, again.rotation) == (240, 320, 0)
    make_poster(tmp_path / "out.mp4", tmp_path / "poster.jpg")
    with Image.open(tmp_path / "poster.jpg") as poster:
        top, bottom = poster.getpixel((120, 40)), poster.getpixel((120, 280))
    assert top[0] > 150 > top[2] and bottom[2] > 150 > bottom[0]


def test_a_variable_frame_rate_keeps_its_moments(tmp_path: Path) -> None:
    stamps = [0.0, 0.1, 0.15, 0.9, 0.95, 1.0, 1.9, 2.0]
    source = record(tmp_path / "in.webm", codec="libvpx", stamps=stamps)
    transcode(source, tmp_path / "out.mp4", progress=nothing)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [round(frame.time, 2) for frame in container.decode(video=0)] == stamps


def test_a_recording_that_changes_size_is_fitted_into_the_first_one(tmp_path: Path) -> None:
    from uploads.video.picture import Fitter

    fitter = Fitter(320, 240)
    for size in ((640, 480), (200, 400), (640, 480)):
        frame = av.VideoFrame(*size, "yuv420p")
        frame.pts, frame.time_base = 0, Fraction(1, 30)
        fitted = fitter.fit(frame)
        assert (fitted.width, fitted.height, fitted.format.name) == (320, 240, "yuv420p")


@pytest.mark.parametrize(
    ("size", "aspect", "rotation", "expected"),
    [
        ((1920, 1080), None, 0, (1280, 720)),
        ((1080, 1920), Fraction(1), 0, (720, 1280)),
        ((1920, 1080), None, 90, (720, 1280)),
        ((720, 576), Fraction(64, 45), 0, (1024, 576)),
        ((320, 240), Fraction(0), 0, (320, 240)),
        ((321, 1), Fraction(9999), 0, (320, 2)),
    ],
)
def test_the_output_size_is_even_and_bounded_on_the_shorter_side(
    size: tuple[int, int], aspect: Fraction | None, rotation: int, expected: tuple[int, int]
) -> None:
    assert output_size(*size, aspect, rotation, 720) == expected


def test_a_cancelled_or_failed_run_leaves_no_half_written_file(tmp_path: Path) -> None:
    source = record(tmp_path / "in.mp4", seconds=3)

    class Cancelled(BaseException):
        pass

    def stop(share: float) -> None:
        if share > 0.3:
            raise Cancelled

    (tmp_path / "out").mkdir()
    with pytest.raises(Cancelled):
        transcode(source, tmp_path / "out" / "a.mp4", progress=stop)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(max_duration_s=1.0), "video_too_long"),
        (Limits(max_bytes=500), "video_too_large"),
        (Limits(max_side=300), "video_dimensions"),
        (Limits(min_duration_s=5), "video_too_short"),
    ],
)
def test_a_video_over_a_limit_is_refused_with_the_remedy(tmp_path: Path, limits: Limits, code: str) -> None:
    source = record(tmp_path / "in.mp4", seconds=2)
    with pytest.raises(InvalidInput) as caught:
        probe(source, limits)
    assert caught.value.code == code and "Please" in caught.value.message and caught.value.field == "video"


def test_a_video_of_two_hours_or_of_a_hundred_megapixels_is_refused_by_default(tmp_path: Path) -> None:
    long = record(tmp_path / "long.mp4", stamps=[0.0, 3600.0, 7200.0])
    large = record(tmp_path / "large.mp4", size=(4200, 64), stamps=[0.0, 0.5, 1.0])
    for source, code in ((long, "video_too_long"), (large, "video_dimensions")):
        with pytest.raises(InvalidInput) as caught:
            probe(source)
        assert caught.value.code == code


def test_the_waveform_follows_the_sound(tmp_path: Path) -> None:
    source = record(
        tmp_path / "in.mp4",
        seconds=2,
        sound=lambda times: np.where(times < 1, 0.8, 0.05) * np.sin(times * 2764),
    )
    wave = waveform(source, buckets=20)
    assert wave is not None and len(wave.peaks) == 20
    assert min(wave.peaks[1:9]) > 0.5 and max(wave.peaks[11:19]) < 0.2
    draw_waveform(wave, tmp_path / "wave.png", width=400, height=80)
    with Image.open(tmp_path / "wave.png") as image:
        assert image.size == (400, 80)
        assert image.getpixel((100, 20))[3] > 0 or image.getpixel((101, 20))[3] > 0
        assert image.getpixel((300, 10))[3] == 0


@pytest.mark.parametrize(
    ("level", "verdict"), [(0.3, "good"), (0.005, "quiet"), (1.6, "clipping"), (0.0, "silent")]
)
def test_loudness_is_told_in_one_word_and_in_figures(tmp_path: Path, level: float, verdict: str) -> None:
    measured = measure_loudness(record(tmp_path / "in.mp4", seconds=2, sound=tone(level)))
    assert measured.verdict == verdict and "unweighted" in measured.method
    if verdict == "good":
        # A sine of amplitude 0.3: 20·log10(0.3) − 3.01 dB.
        assert measured.loudness_db == pytest.approx(-13.5, abs=0.5)
        assert measured.peak_db == pytest.approx(-10.5, abs=0.7)


def test_pauses_do_not_make_a_speaker_quiet() -> None:
    speech, pause = [0.01] * 50, [1e-9] * 150
    assert gated(speech + pause) == pytest.approx(0.01, rel=0.1)
    assert judge(-20.0, -6.0, 0.0) == "good"


def test_only_iso_and_matroska_bytes_are_videos(tmp_path: Path) -> None:
    for head, family in (
        (b"\0\0\0\x20ftypisom", "iso"),
        (b"\x1a\x45\xdf\xa3....", "matroska"),
        (b"RIFF", None),
    ):
        (tmp_path / "file").write_bytes(head)
        assert container_family(tmp_path / "file") == family
