"""Text from pictures of pages, by the `tesseract` program where it is installed. Optional."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

from jobs.exceptions import InvalidInput, PermanentError
from uploads.extraction.base import Page, PageFailed
from uploads.extraction.pdf import open_pdf

PROGRAM = "tesseract"
MAX_PIXELS = 50_000_000  # threat S-5 of our threat list; an A4 page at 300 dpi has 8.7 million
RESOLUTION = 300  # dots per inch tesseract is trained for
_POINTS = 72  # PDF units per inch


def available() -> bool:
    """Say whether tesseract can be called here."""
    return shutil.which(PROGRAM) is not None


@cache
def languages() -> frozenset[str]:
    """Return the codes of the installed languages ("eng", "deu"); empty without tesseract."""
    if not available():
        return frozenset()
    listed = subprocess.run(
        [PROGRAM, "--list-langs"], capture_output=True, text=True, timeout=30, check=False
    )
    return frozenset(line.strip() for line in listed.stdout.splitlines()[1:] if line.strip())


def recognise(
    path: Path,
    numbers: Iterable[int],
    *,
    language: str = "eng",
    password: str | None = None,
    max_pixels: int = MAX_PIXELS,
    timeout: float = 60.0,
) -> Iterator[Page | PageFailed]:
    """Yield the text tesseract reads on the given pages of a PDF (1 is the first), one picture at a time.

    `timeout` is in seconds per page, after which the program is killed and the page counts as failed.
    Raises PermanentError `ocr_unavailable` without tesseract, InvalidInput `ocr_language` for a language
    that is not installed, and what `pdf.open_pdf` raises.
    """
    if not available():
        raise PermanentError(
            "Text recognition is not installed here. Ask the operator to install tesseract.",
            code="ocr_unavailable",
        )
    if missing := set(language.split("+")) - languages():
        raise InvalidInput(
            f"Text recognition has no language {', '.join(sorted(missing))}. Installed: "
            f"{', '.join(sorted(languages()))}.",
            code="ocr_language",
            field="language",
        )
    with closing(open_pdf(path, password)) as document:
        for number in numbers:
            yield _recognise(document, number, language, max_pixels, timeout)


def _recognise(
    document: pypdfium2.PdfDocument, number: int, language: str, max_pixels: int, timeout: float
) -> Page | PageFailed:
    try:
        with closing(document[number - 1]) as page:
            if _largest_picture(page) > max_pixels:
                return PageFailed(number, f"Its picture has more than {max_pixels // 1_000_000} megapixels.")
            picture = _rendered(page, max_pixels)
    except (pypdfium2.PdfiumError, IndexError, ValueError, MemoryError):
        return PageFailed(number, "The page is damaged.")
    try:
        done = subprocess.run(
            [PROGRAM, "stdin", "stdout", "-l", language],
            input=picture,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return PageFailed(number, f"Recognising its text took more than {timeout:.0f} seconds.")
    if done.returncode:
        return PageFailed(number, "Its text could not be recognised.")
    return Page(number, done.stdout.decode("utf-8", errors="replace").replace("\f", "").strip())


def _rendered(page: pypdfium2.PdfPage, max_pixels: int) -> bytes:
    """Draw a page in grey as a PNG, at 300 dpi or as many as the pixel limit allows."""
    width, height = page.get_size()
    scale = min(RESOLUTION / _POINTS, (max_pixels / max(1.0, width * height)) ** 0.5)
    # PDFium rounds each side up, which on a very long, thin page is more than the limit.
    if (width * scale + 1) * (height * scale + 1) > max_pixels * 1.01:
        raise ValueError("the page is too long for its width")
    with closing(page.render(scale=scale, grayscale=True)) as bitmap:
        file = io.BytesIO()
        bitmap.to_pil().save(file, format="PNG", compress_level=1)
        return file.getvalue()


def _largest_picture(page: pypdfium2.PdfPage) -> int:
    sizes = [0]
    for picture in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=5):
        width, height = picture.get_px_size()
        sizes.append(width * height)
    return max(sizes)
