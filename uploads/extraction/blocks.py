"""Where a PDF page's paragraphs end: PDFium tells lines apart, and nothing above them."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import pypdfium2
import pypdfium2.raw as pdfium

# Type of another size begins something new; hinting and superscripts stay below this.
_OTHER_SIZE = 1.15
# So much more than the page's usual distance between two lines is a paragraph's.
_WIDER = 1.3
# Lines are usually set this far apart, in heights of a character; a document's own distance is known after so
# many.
_USUAL = 1.2
_SAMPLES = 60
# A line of running text is filled; this much shorter, it is a heading, a cell or the end of something.
_SHORT = 0.8
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", "-", "\x02", "\ufffe", ",")


# Fonts in a PDF seldom tell their weight but by their names.
_BOLD = re.compile(rb"bold|black|heavy", re.IGNORECASE)
_NAME_BYTES = 64
# A ligature or a pair of surrogates is several characters of the text and one of PDFium's, or the other way
# round; so far apart, its lines are looked for.
_DRIFT = 24
_NEAREST_FIRST = sorted(range(-_DRIFT, _DRIFT + 1), key=abs)


@dataclass(frozen=True, slots=True)
class _Line:
    """The numbers of a line's first and last character; where the first stands, in points."""

    first: int
    last: int
    bottom: float
    height: float


class Blocks:
    """Marks the ends of blocks in one document's pages, in any order of pages.

    PDFium is asked about few lines only, because asking costs a good part of reading the page: those after
    which a sentence could seem to go on although a heading or a table's row has ended.
    """

    def __init__(self) -> None:
        self._distances: list[float] = []
        self._usual = _USUAL

    def mark(self, text_page: pypdfium2.PdfTextPage, text: str) -> str:
        """Return `text`, as PDFium gave it for this page, with an empty line after each such block.

        A block ends where the next line is set in another size, further away than lines usually are in this
        document, or no longer in bold. The top of another column ends none: a sentence may go on there. The
        text is returned as it is where PDFium's characters cannot be told from its text.
        """
        lines = text.split("\r\n")
        filled = sorted(map(len, lines))[int(0.75 * len(lines))]
        marked, start, drift = [], 0, 0
        for above, below in pairwise(lines):
            marked.append(above)
            after = start + len(above) + 2
            if self._asks(above, below, filled):
                first = _found(text_page, start + drift, above, first=start == 0)
                second = _found(text_page, after + drift, below, first=False)
                if first is None or second is None:
                    return text
                drift = second - after
                if self._ends(text_page, _place(text_page, first, above), _place(text_page, second, below)):
                    marked.append("")
            start = after
        return "\r\n".join([*marked, lines[-1]])

    def _asks(self, above: str, below: str, filled: int) -> bool:
        """Whether a block may end between two lines, although the text does not tell."""
        upper, lower = above.rstrip(), below.lstrip()
        if not upper or not lower or upper.endswith(_SENTENCE_ENDS):
            return False
        short = len(above) < _SHORT * filled and not lower[0].islower()
        return short or len(self._distances) < _SAMPLES

    def _ends(self, text_page: pypdfium2.PdfTextPage, above: _Line | None, below: _Line | None) -> bool:
        if above is None or below is None:
            return False
        distance = (above.bottom - below.bottom) / max(above.height, below.height)
        if distance <= 0:
            return False
        same_size = max(above.height, below.height) <= _OTHER_SIZE * min(above.height, below.height)
        if same_size and len(self._distances) < _SAMPLES:
            self._distances.append(distance)
            self._usual = median([_USUAL, *self._distances])
        if not same_size or distance > _WIDER * self._usual:
            return True
        title = _is_bold(text_page, above.first) and _is_bold(text_page, above.last)
        return title and not _is_bold(text_page, below.first)


def _found(text_page: pypdfium2.PdfTextPage, index: int, line: str, *, first: bool) -> int | None:
    """PDFium's number of the line's first character, which stands near `index`, after a line's end."""
    for off in _NEAREST_FIRST:
        at = index + off
        if (
            at >= 0
            and pdfium.FPDFText_GetUnicode(text_page, at) == ord(line[0])
            and (pdfium.FPDFText_GetUnicode(text_page, at - 1) == 10 if at else first)
        ):
            return at
    return None


def _place(text_page: pypdfium2.PdfTextPage, start: int, line: str) -> _Line | None:
    lead = len(line) - len(line.lstrip())
    box = pdfium.FS_RECTF()
    if not pdfium.FPDFText_GetLooseCharBox(text_page, start + lead, ctypes.byref(box)):
        return None
    height = abs(box.top - box.bottom)
    return (
        _Line(start + lead, start + len(line.rstrip()) - 1, min(box.top, box.bottom), height)
        if height
        else None
    )


_name, _flags = ctypes.create_string_buffer(_NAME_BYTES), ctypes.c_int()


def _is_bold(text_page: pypdfium2.PdfTextPage, index: int) -> bool:
    length = pdfium.FPDFText_GetFontInfo(text_page, index, _name, _NAME_BYTES, ctypes.byref(_flags))
    return 0 < length <= _NAME_BYTES and bool(_BOLD.search(_name.value))
