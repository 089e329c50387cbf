"""PDF by PDFium: page by page, each closed at once, and one bad page does not spoil the rest."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

from jobs.exceptions import InvalidInput
from uploads.extraction.base import (
    MAX_LINKS,
    Extraction,
    Limits,
    Link,
    Page,
    PageFailed,
    damaged,
    tidy_metadata,
    too_many_pages,
    unique_links,
    web_address,
)
from uploads.extraction.blocks import Blocks

_METADATA = {
    "title": "Title",
    "author": "Author",
    "subject": "Subject",
    "keywords": "Keywords",
    "created": "CreationDate",
    "modified": "ModDate",
    "producer": "Producer",
}
_LINKS_PER_PAGE = 500
_URL_BYTES = 2048


def open_file(path: Path, limits: Limits, password: str | None = None) -> Extraction:
    """Open a PDF. Raises InvalidInput `password_required`, `encrypted`, `damaged` or `too_many_pages`."""
    return PdfExtraction(path, limits, password)


def open_pdf(path: Path, password: str | None = None) -> pypdfium2.PdfDocument:
    """Return PDFium's document (the caller closes it); empty and owner-only passwords open by themselves.

    Raises InvalidInput `password_required`, `encrypted` or `damaged`; OSError when the file is not there.
    """
    _forget_last_error()
    try:
        return pypdfium2.PdfDocument(path, password=password)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pdfium.FPDF_ERR_PASSWORD:
            said = "The password does not open it" if password else "The document is protected by a password"
            raise InvalidInput(
                f"{said}. Send it again with the right one in the `password` argument, "
                "or upload an unprotected copy.",
                code="password_required",
                field="password",
            ) from None
        if error.err_code == pdfium.FPDF_ERR_SECURITY:
            raise InvalidInput(
                "The document is encrypted in a way we cannot open. Upload an unprotected copy.",
                code="encrypted",
            ) from None
        raise damaged("it is not a complete PDF") from None


def _forget_last_error() -> None:
    # PDFium keeps one error code per process and some failures set none: without this, a damaged file opened
    # after an encrypted one in the same process is said to need a password.
    with suppress(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(b"not a PDF").close()


class PdfExtraction(Extraction):
    """An open PDF. Not thread-safe, not even beside another PDF of the same process (PDFium's own rule)."""

    def __init__(self, path: Path, limits: Limits, password: str | None) -> None:
        super().__init__(limits)
        self._document = open_pdf(path, password)
        self._links: dict[int, list[Link]] = {}
        self._link_count = 0
        self._blocks = Blocks()
        try:
            self._count = len(self._document)
            if self._count == 0:
                raise damaged("it has no pages")
            if self._count > limits.pages:
                raise too_many_pages(self._count, limits)
            self.metadata = self._read_metadata()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._document.close()

    @property
    def page_count(self) -> int:
        return self._count

    @property
    def links(self) -> list[Link]:
        """Link annotations of every page; pages not yet read are loaded for their links alone."""
        for number in range(1, self._count + 1):
            if number not in self._links:
                try:
                    with closing(self._document[number - 1]) as page:
                        self._links[number] = self._links_of(page, number)
                except pypdfium2.PdfiumError:
                    self._links[number] = []
        return unique_links([link for number in sorted(self._links) for link in self._links[number]])

    def _pages(self, start: int) -> Iterator[Page | PageFailed]:
        for number in range(start, self._count + 1):
            try:
                text = self._text_of(number)
            except pypdfium2.PdfiumError:
                yield PageFailed(number, "The page is damaged.")
            else:
                yield Page(number, text)

    def _text_of(self, number: int) -> str:
        page = self._document[number - 1]
        try:
            if number not in self._links:
                self._links[number] = self._links_of(page, number)
            text_page = page.get_textpage()
            try:
                # A page may claim more characters than memory holds; one over the limit shows the excess.
                count = min(text_page.count_chars(), self.limits.characters - self._characters + 1)
                text = self._blocks.mark(text_page, text_page.get_text_range(0, count)) if count else ""
            finally:
                text_page.close()
        finally:
            page.close()
        return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")

    def _links_of(self, page: pypdfium2.PdfPage, number: int) -> list[Link]:
        if self._link_count >= MAX_LINKS:
            return []
        found: list[Link] = []
        position = ctypes.c_int(0)
        link = pdfium.FPDF_LINK()
        # A fuzzed annotation list may be long; the bound is on what is looked at, not on what is found.
        for _ in range(_LINKS_PER_PAGE):
            if not pdfium.FPDFLink_Enumerate(page, position, link):
                break
            if url := self._address(link):
                found.append(Link(url, number))
        self._link_count += len(found)
        return found

    def _address(self, link: pdfium.FPDF_LINK) -> str | None:
        action = pdfium.FPDFLink_GetAction(link)
        if not action or pdfium.FPDFAction_GetType(action) != pdfium.PDFACTION_URI:
            return None
        size = pdfium.FPDFAction_GetURIPath(self._document, action, None, 0)
        if not 1 < size <= _URL_BYTES:
            return None
        buffer = ctypes.create_string_buffer(size)
        pdfium.FPDFAction_GetURIPath(self._document, action, buffer, size)
        return web_address(buffer.value.decode("utf-8", errors="replace"))

    def _read_metadata(self) -> dict[str, str]:
        values: dict[str, str | None] = {}
        for name, key in _METADATA.items():
            try:
                values[name] = self._document.get_metadata_value(key)
            except UnicodeDecodeError:  # half a character, as fuzzed files have
                values[name] = None
        return tidy_metadata(values)
