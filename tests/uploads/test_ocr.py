from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from jobs.exceptions import InvalidInput, PermanentError
from tests.uploads.documents import FIXTURES, pdf, picture_pdf
from uploads.extraction import Page, PageFailed, ocr

needs_tesseract = pytest.mark.skipif(
    not ocr.available(), reason="the tesseract program is not installed here"
)


def _scan(folder: Path, words: str) -> Path:
    picture = Image.new("RGB", (1200, 600), "white")
    ImageDraw.Draw(picture).text((60, 200), words, fill="black", font=ImageFont.load_default(80))
    path = folder / "scan.pdf"
    path.write_bytes(picture_pdf(picture, 600, 300))
    return path


@needs_tesseract
def test_the_words_of_a_scanned_page_are_recognised(tmp_path: Path) -> None:
    results = list(ocr.recognise(_scan(tmp_path, "Background work 42"), [1]))
    assert results == [Page(1, "Background work 42")]


@needs_tesseract
def test_a_real_picture_without_words_gives_a_page_not_an_error() -> None:
    (result,) = ocr.recognise(FIXTURES / "documents/grayscale-image.pdf", [1])
    assert isinstance(result, Page)


@needs_tesseract
def test_a_language_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="xyz") as caught:
        list(ocr.recognise(_scan(tmp_path, "x"), [1], language="eng+xyz"))
    assert caught.value.code == "ocr_language"


def test_without_the_program_it_says_who_can_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "PROGRAM", "no-such-program")
    assert not ocr.available()
    with pytest.raises(PermanentError, match="operator") as caught:
        list(ocr.recognise(tmp_path / "x.pdf", [1]))
    assert caught.value.code == "ocr_unavailable"


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "available", lambda: True)
    monkeypatch.setattr(ocr, "languages", lambda: frozenset({"eng"}))


@pytest.mark.usefixtures("pretended")
def test_a_picture_with_too_many_pixels_is_not_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "_rendered", lambda *_: pytest.fail("it was drawn"))
    (result,) = ocr.recognise(_scan(tmp_path, "x"), [1], max_pixels=1200 * 600 - 1)
    assert isinstance(result, PageFailed) and "megapixels" in result.reason


@pytest.mark.usefixtures("pretended")
def test_a_slow_recognition_is_ended_and_only_that_page_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*args: object, timeout: float, **options: object) -> None:
        raise subprocess.TimeoutExpired("tesseract", timeout)

    monkeypatch.setattr(subprocess, "run", late)
    path = tmp_path / "two.pdf"
    path.write_bytes(pdf(2))
    results = list(ocr.recognise(path, [1, 2, 9], timeout=2))
    assert [type(result) for result in results] == [PageFailed] * 3
    assert "2 seconds" in results[0].reason and "damaged" in results[2].reason


def test_a_huge_page_is_drawn_within_the_pixel_limit(tmp_path: Path) -> None:
    path = tmp_path / "huge.pdf"
    path.write_bytes(pdf(1).replace(b"[0 0 612 792]", b"[0 0 14400 14400]"))
    with ocr.closing(ocr.open_pdf(path)) as document, ocr.closing(document[0]) as page:
        width, height = Image.open(io.BytesIO(ocr._rendered(page, 1_000_000))).size
    assert width * height <= 1_010_000
