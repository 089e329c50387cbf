"""RTF by striprtf, without what makes it slow or wrong: pictures, binary runs, endless field patterns."""

from __future__ import annotations

import re
from pathlib import Path

from striprtf.striprtf import rtf_to_text

from uploads.extraction.base import (
    Extraction,
    Limits,
    Link,
    SectionedExtraction,
    damaged,
    sections,
    tidy_metadata,
    web_address,
)
from uploads.extraction.encoding import text_codec

_CODE_PAGE = re.compile(rb"\\ansicpg(\d{3,5})")
_BINARY = re.compile(rb"\\bin(\d{1,9}) ?")
_HEX_RUN = re.compile(r"[0-9a-fA-F\r\n]{512,}")
_FIELD = re.compile(r"\\fldinst(?![a-z])")
_LINK = re.compile(r'HYPERLINK\s+"([^"]{1,2000})"')
_PAGE = re.compile(r"\\page(?![a-z]) ?")
_WILD_UNICODE = re.compile(r"\\u-?\d{6,}")
_INFO = re.compile(r"\{\\(title|author|subject|keywords)\s([^{}\\]{1,500})\}")
_FONTS = re.compile(r"\\fonttbl")
_FONT_TABLE = 64 * 1024


def open_file(path: Path, limits: Limits, password: str | None = None) -> Extraction:
    """Read an RTF whole; pages from its page breaks, else sections. Raises InvalidInput `damaged`."""
    data = _without_binary(path.read_bytes())
    page = _CODE_PAGE.search(data[:4096])
    codec = (text_codec(f"cp{page[1].decode()}") if page else None) or "cp1252"
    source = _HEX_RUN.sub("", data.decode(codec, errors="replace"))
    links = [Link(url, 1) for match in _LINK.finditer(source) if (url := web_address(match[1]))]
    metadata = tidy_metadata({match[1]: match[2] for match in _INFO.finditer(source[: 256 * 1024])})
    text = _text(source, codec)
    pages = [page.strip("\n") for page in text.split("\f")]
    paged = len(pages) > 1
    return SectionedExtraction(
        pages if paged else sections(pages[0]), limits, paged=paged, links=links, metadata=metadata
    )


def _text(source: str, codec: str) -> str:
    fonts = _FONTS.search(source)
    if fonts and _group_length(source[fonts.start() :]) > _FONT_TABLE:
        raise damaged("its font table never ends")
    # A line end after the word is no text in RTF, and keeps striprtf's link pattern, quadratic on hostile
    # input, from ever starting; links were read above. "\'0c" is a form feed, which marks our pages.
    prepared = _FIELD.sub(r"\\fldinst\n", source)
    prepared = _PAGE.sub(r"\\par\\'0c", prepared)
    prepared = _WILD_UNICODE.sub("?", prepared)
    try:
        text = rtf_to_text(prepared, encoding=codec, errors="replace")
    except (ValueError, OverflowError, IndexError, LookupError, RecursionError) as error:
        raise damaged("its RTF codes are broken") from error
    # RTF writes characters beyond the basic plane as two halves.
    return (
        text.encode("utf-16-le", errors="surrogatepass")
        .decode("utf-16-le", errors="replace")
        .replace("\0", "")
    )


def _group_length(text: str) -> int:
    """Return how many characters follow before the font table's group closes."""
    depth = 1
    for brace in re.finditer(r"[{}]", text):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.start()
        if brace.start() > _FONT_TABLE:
            break
    return len(text)


def _without_binary(data: bytes) -> bytes:
    parts: list[bytes] = []
    at = 0
    while match := _BINARY.search(data, at):
        parts.append(data[at : match.start()])
        at = min(len(data), match.end() + int(match[1]))
    parts.append(data[at:])
    return b"".join(parts)
