"""What every format answers: numbered pages of text, links, metadata, and a count of what was read."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, cast

from jobs.exceptions import InvalidInput
from uploads import filenames

SECTION_CHARACTERS = 3000  # about one printed page, so that "section 4" is near what a reader calls page 4
MAX_LINKS = 2000
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_PARAGRAPH = re.compile(r"\n{2,}")
_MODULES = {
    "pdf": "pdf",
    "docx": "docx",
    "odt": "odt",
    "html": "html",
    "rtf": "rtf",
    "txt": "text",
    "md": "text",
    "json": "text",
    "eml": "email",
}
_MIMES = {
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.oasis.opendocument.text": "odt",
    "text/html": "html",
    "application/rtf": "rtf",
    "text/rtf": "rtf",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/json": "json",
    "message/rfc822": "eml",
}


@dataclass(frozen=True)
class Page:
    """The text of one page (or section), numbered from 1; lines end in "\\n"."""

    number: int
    text: str


@dataclass(frozen=True)
class PageFailed:
    """A page that could not be read, and why in words for its owner. The others still can."""

    number: int
    reason: str


@dataclass(frozen=True)
class Link:
    """A web, mail or telephone address a document links to, and the page it stands on."""

    url: str
    page: int


@dataclass(frozen=True)
class Limits:
    """How much of one document is read: pages, characters of text in all, and bytes of a file held in memory.

    A document with more pages is refused; text beyond `characters` is left out and said so (`truncated`).
    2,000 pages and 5 MB of text are the caps of threat S-4 of our threat list.
    """

    pages: int = 2000
    characters: int = 5_000_000
    file_bytes: int = 100 * 1024 * 1024


@dataclass(frozen=True)
class TextSummary:
    """How much of a document became text; readings before and after a checkpoint add with `+`."""

    pages_total: int
    pages_read: int = 0
    pages_failed: int = 0
    characters: int = 0
    truncated: bool = False

    @property
    def scanned(self) -> bool:
        """Pages were read and not one visible character was found: pictures of text, most likely."""
        return self.pages_read > 0 and self.characters == 0

    @property
    def sentence(self) -> str:
        """What to tell the owner, "" when everything was read."""
        if self.scanned:
            return "No text was found (scanned?). Upload a version with text, or have it recognised (OCR)."
        parts = []
        if self.pages_failed:
            parts.append(f"{self.pages_read} of {self.pages_total} pages could be read.")
        if self.truncated:
            parts.append("The document is longer than what is read; its end was left out.")
        return " ".join(parts)

    def __add__(self, other: TextSummary) -> TextSummary:
        return TextSummary(
            max(self.pages_total, other.pages_total),
            self.pages_read + other.pages_read,
            self.pages_failed + other.pages_failed,
            self.characters + other.characters,
            self.truncated or other.truncated,
        )


class Extraction(ABC):
    """An open document. Use as a context manager; one at a time per process for PDF (PDFium has no locks)."""

    paged: bool = True
    """False: the format has no pages (or this file does not tell), and "pages" are sections of our making."""
    metadata: Mapping[str, str]
    """title, author, subject, keywords, created, modified, producer: those there are, as short safe text."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._read = 0
        self._failed = 0
        self._characters = 0
        self._truncated = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027 (most formats hold nothing open)
        """Let go of the file. May be called twice."""

    @property
    @abstractmethod
    def page_count(self) -> int | None:
        """Number of pages or sections, None when unknown before reading."""

    @property
    @abstractmethod
    def links(self) -> list[Link]:
        """Every link of the document by page, without repeats, at most 2,000."""

    def pages(self, start: int = 1) -> Iterator[Page | PageFailed]:
        """Yield pages in order from number `start` (1 is the first), which lets a retry go on where it was.

        Ends early, with `summary.truncated` set, when this reading has met the limit of characters.
        """
        for result in self._pages(max(1, start)):
            if isinstance(result, PageFailed):
                self._failed += 1
            else:
                left = self.limits.characters - self._characters
                if len(result.text) > left:
                    result = Page(result.number, result.text[:left])
                    self._truncated = True
                self._read += 1
                self._characters += len(result.text) if result.text.strip() else 0
            yield result
            if self._truncated:
                return

    @property
    def summary(self) -> TextSummary:
        """What this object has yielded so far (all calls of `pages` together)."""
        total = self.page_count if self.page_count is not None else self._read + self._failed
        return TextSummary(total, self._read, self._failed, self._characters, self._truncated)

    @abstractmethod
    def _pages(self, start: int) -> Iterator[Page | PageFailed]: ...


class SectionedExtraction(Extraction):
    """A document whose text is in memory, as pages it names itself or as sections of about one page."""

    def __init__(
        self,
        texts: Sequence[str],
        limits: Limits,
        *,
        paged: bool = False,
        links: Sequence[Link] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(limits)
        if len(texts) > limits.pages and paged:
            raise too_many_pages(len(texts), limits)
        self._texts = texts
        self._links = unique_links(links)
        self.paged = paged
        self.metadata = dict(metadata or {})

    @property
    def page_count(self) -> int:
        return len(self._texts)

    @property
    def links(self) -> list[Link]:
        return self._links

    def _pages(self, start: int) -> Iterator[Page | PageFailed]:
        for number in range(start, len(self._texts) + 1):
            yield Page(number, self._texts[number - 1])


class _Format(Protocol):
    def open_file(self, path: Path, limits: Limits, password: str | None) -> Extraction: ...


def open_document(
    path: Path, media_type: str, *, password: str | None = None, limits: Limits | None = None
) -> Extraction:
    """Open a stored document of a type given by our name ("pdf") or its MIME type.

    Only PDF uses `password`. Raises InvalidInput: `unsupported_type`, `empty_file`, `too_large`,
    `damaged`, `password_required`, `encrypted`, `archive_limit`, `unsafe_xml`, `not_text`, `too_many_pages`;
    OSError when the file cannot be reached, which is not the sender's fault.
    """
    kind = _MIMES.get(media_type.partition(";")[0].strip().lower(), media_type)
    module = _MODULES.get(kind)
    if module is None:
        raise InvalidInput(f"No text can be taken from files of type {media_type}.", code="unsupported_type")
    limits = limits or Limits()
    size = path.stat().st_size
    if size == 0:
        raise InvalidInput("The file is empty. Choose the file again and upload it.", code="empty_file")
    if size > limits.file_bytes:
        raise InvalidInput(
            f"The file has {size // 2**20:,} MB; at most {limits.file_bytes // 2**20:,} MB can be read. "
            "Split it and upload the parts.",
            code="too_large",
        )
    reader = cast(_Format, import_module(f"uploads.extraction.{module}"))
    return reader.open_file(path, limits, password)


def damaged(reason: str) -> InvalidInput:
    """Return the refusal of a document that cannot be read (code `damaged`)."""
    return InvalidInput(
        f"The document cannot be read: {reason}. "
        "Open it in its program, save it again and upload the new copy.",
        code="damaged",
    )


def too_many_pages(count: int, limits: Limits) -> InvalidInput:
    """Return the refusal of a document with more pages than allowed (code `too_many_pages`)."""
    return InvalidInput(
        f"The document has {count:,} pages; at most {limits.pages:,} are read. "
        "Split it and upload the parts.",
        code="too_many_pages",
    )


def sections(text: str, size: int = SECTION_CHARACTERS) -> list[str]:
    """Cut text into sections of about `size` characters at paragraph ends, always the same ones."""
    found: list[str] = []
    gathered: list[str] = []
    length = 0
    for paragraph in _PARAGRAPH.split(text.strip("\n")):
        # One paragraph may be a whole book without line ends.
        for at in range(0, max(1, len(paragraph)), size * 4):
            piece = paragraph[at : at + size * 4]
            if length and length + len(piece) > size:
                found.append("\n\n".join(gathered))
                gathered, length = [], 0
            gathered.append(piece)
            length += len(piece) + 2
    found.append("\n\n".join(gathered))
    return found


def web_address(url: str) -> str | None:
    """Return a link's address when it is of a harmless kind (web, mail, telephone) and at most 2,000 long."""
    tidy = url.strip()
    if not tidy.isprintable() or " " in tidy:
        tidy = "".join(char for char in tidy if char.isprintable() and not char.isspace())
    scheme, colon, rest = tidy.partition(":")
    return tidy if colon and rest and len(tidy) <= 2000 and scheme.lower() in _SCHEMES else None


def unique_links(links: Sequence[Link]) -> list[Link]:
    """Return links in order without repeats, at most `MAX_LINKS`."""
    return list(dict.fromkeys(links))[:MAX_LINKS]


def tidy_metadata(values: Mapping[str, str | None]) -> dict[str, str]:
    """Return the metadata that says something: one visible line each, at most 500 bytes."""
    tidied = {
        key: filenames.visible_line(value, max_bytes=500)
        for key, value in values.items()
        if value and value.strip()
    }
    return {key: value for key, value in tidied.items() if value}
