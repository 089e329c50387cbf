"""What a file really is, by its own bytes. The sender's word (Content-Type) is never asked.

A gate, not the check: parsing happens in the sandbox. Only the head, the tail and a zip's directory are read,
so a web process may call this on anything.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import puremagic

from jobs.exceptions import InvalidInput
from uploads import archives, filenames
from uploads.extraction import encoding

HEAD = 64 * 1024
_TAIL = 22 + 0xFFFF  # the longest end of a zip: its record and a full comment
_PDF_LEAD = 16  # bytes of white space or byte order mark that real producers put before "%PDF-"


@dataclass(frozen=True)
class MediaType:
    """A type we accept. `name` is our word for it, `family` is "document", "data" or "video"."""

    name: str
    mime: str
    extensions: tuple[str, ...]
    family: str
    label: str


ACCEPTED = {
    kind.name: kind
    for kind in (
        MediaType("pdf", "application/pdf", ("pdf",), "document", "PDF"),
        MediaType(
            "docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            ("docx",),
            "document",
            "Word (.docx)",
        ),
        MediaType(
            "odt", "application/vnd.oasis.opendocument.text", ("odt",), "document", "OpenDocument (.odt)"
        ),
        MediaType("html", "text/html", ("html", "htm", "xhtml"), "document", "HTML"),
        MediaType("rtf", "application/rtf", ("rtf",), "document", "RTF"),
        MediaType("txt", "text/plain", ("txt", "text"), "document", "plain text"),
        MediaType("md", "text/markdown", ("md", "markdown"), "document", "Markdown"),
        MediaType("eml", "message/rfc822", ("eml",), "document", "e-mail message"),
        MediaType("json", "application/json", ("json",), "data", "JSON"),
        MediaType("webm", "video/webm", ("webm",), "video", "WebM video"),
        MediaType("mp4", "video/mp4", ("mp4", "m4v"), "video", "MP4 video"),
        MediaType("mov", "video/quicktime", ("mov", "qt"), "video", "QuickTime video"),
    )
}
DOCUMENTS = frozenset(kind.name for kind in ACCEPTED.values() if kind.family == "document")
RESUMES = DOCUMENTS | {"json"}
VIDEOS = frozenset(kind.name for kind in ACCEPTED.values() if kind.family == "video")
_BY_EXTENSION = {ending: kind for kind in ACCEPTED.values() for ending in kind.extensions}
_TEXTS = frozenset({"html", "txt", "md", "eml", "json"})

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ACTIVE = re.compile(
    rb"<\s*(?:!doctype\s+html|html|head|body|script|iframe|svg|object|embed)\b", re.IGNORECASE
)
_MARKUP = re.compile(
    r"<\s*(?:!doctype\s+html|html|head|body|title|meta|div|p|h[1-6]|table|section|article|span|ul|ol|br|a)\b",
    re.IGNORECASE,
)
_PAGE = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<\s*(?:!doctype\s+html|html)\b", re.IGNORECASE)
_PLAYLIST = re.compile(
    r"\s*(?:#EXTM3U|ffconcat\b|\[playlist\]|<\?wpl|<asx\b|<smil\b|v=0\s|file\s+['\"]|\[reference\])",
    re.IGNORECASE,
)
_MAIL_FIELD = re.compile(
    r"^(?:from|to|cc|subject|date|received|return-path|message-id|mime-version|content-type|delivered-to|reply-to|"
    r"sender|dkim-signature|x-[a-z0-9-]+):",
    re.IGNORECASE | re.MULTILINE,
)
_WORD_MAIN = re.compile(r"word/document\d*\.xml")
_EBML_DOCTYPE = re.compile(rb"\x42\x82(?:[\x81-\x8f]|\x40.)(webm|matroska)", re.DOTALL)
_PICTURE_BRANDS = (b"heic", b"heix", b"heim", b"hevc", b"mif1", b"msf1", b"avif", b"avis", b"crx ")
_AUDIO_BRANDS = (b"M4A ", b"M4B ", b"M4P ")
_QUICKTIME_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def identify(
    source: Path | BinaryIO | bytes, filename: str, *, accept: Collection[str] = frozenset(ACCEPTED)
) -> MediaType:
    """Return the type of a whole file, when its bytes and its name agree on one of `accept` (names of types).

    `source` is a path, a seekable binary file (left open, position changed) or the content. Memory stays
    under 2 MB whatever the size. Raises InvalidInput `empty_file`, `unsupported_type`, `type_mismatch`,
    `not_text`, `encrypted`, `damaged` or `archive_limit`; the message names the remedy.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            return _identify(file, filename, accept)
    return _identify(io.BytesIO(source) if isinstance(source, bytes) else source, filename, accept)


def claimed(filename: str, *, accept: Collection[str] = frozenset(ACCEPTED)) -> MediaType:
    """Return the type that a name's ending promises, before any byte arrives.

    Raises InvalidInput `unsupported_type` naming the endings that are accepted.
    """
    ending = filenames.extension(filename)
    kind = _BY_EXTENSION.get(ending)
    if kind is None or kind.name not in accept:
        raise _unsupported(f"files ending in .{ending}" if ending else "files without an ending", accept)
    return kind


def _identify(file: BinaryIO, filename: str, accept: Collection[str]) -> MediaType:
    size = file.seek(0, io.SEEK_END)
    if not size:
        raise InvalidInput("The file is empty. Choose the file again and upload it.", code="empty_file")
    file.seek(0)
    head = file.read(HEAD)
    try:
        promised = claimed(filename, accept=accept)
    except InvalidInput as refusal:
        if (found := _binary_kind(head)) or (found := _name_of(head)):
            raise InvalidInput(
                f"{refusal.message} This one looks like: {found}.", code=refusal.code
            ) from None
        raise
    kind = _binary_kind(head)
    if kind == "zip":
        found = _office_kind(file)
        if found is None:
            raise _mismatch(promised, "a zip archive that is no document of that kind")
        kind = found
    elif kind == "ole":
        raise _ole_refusal(promised)
    elif kind is None and promised.name in _TEXTS:
        return _text_kind(promised, head, file, size)
    if kind == promised.name or {kind, promised.name} == {"mp4", "mov"}:
        if kind == "pdf":
            _refuse_polyglot(head, file, size)
        return promised
    raise _mismatch(promised, _what(kind, head))


def _binary_kind(head: bytes) -> str | None:
    """Name what the first bytes say: one of ours, "zip", "ole", or None when they say nothing we know."""
    lead = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\f")
    if lead.startswith(b"%PDF-") and len(head) - len(lead) <= _PDF_LEAD:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(_OLE):
        return "ole"
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        doctype = _EBML_DOCTYPE.search(head[:256])
        return "webm" if doctype and doctype[1] == b"webm" else "Matroska"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in _PICTURE_BRANDS:
            return "picture"
        if brand in _AUDIO_BRANDS:
            return "audio"
        return "mov" if brand == b"qt  " else "mp4"
    # Old QuickTime begins with a box's length; in "Get free stuff" the length would be text.
    if head[4:8] in _QUICKTIME_BOXES and len(head) >= 16 and head[0] < 9:
        return "mov"
    return None


def _office_kind(file: BinaryIO) -> str | None:
    entries = {entry.name: entry for entry in archives.inspect(file)}
    if "[Content_Types].xml" in entries and any(_WORD_MAIN.fullmatch(name) for name in entries):
        return "docx"
    mimetype = entries.get("mimetype")
    if mimetype and mimetype.method == 0 and mimetype.size <= 128 and "content.xml" in entries:
        file.seek(mimetype.data)
        if file.read(mimetype.size).strip() == ACCEPTED["odt"].mime.encode():
            return "odt"
    return None


def _text_kind(promised: MediaType, head: bytes, file: BinaryIO, size: int) -> MediaType:
    codec = encoding.detect(head, whole=size <= len(head))
    if codec in ("utf-8", "cp1252", "cp1251") and b"\0" in _tail(file, size):
        raise encoding.not_text("it contains NUL bytes")
    text = head.decode(codec, errors="ignore")
    if not text.strip():
        raise InvalidInput("The file holds no text. Choose the file again and upload it.", code="empty_file")
    name = promised.name
    if name == "html" and not _MARKUP.search(text):
        raise _mismatch(promised, "text without any HTML in it")
    if name == "txt" and _PAGE.match(text):
        raise _mismatch(promised, "an HTML page")
    if name == "json" and text.lstrip("\ufeff \t\r\n")[:1] not in ("{", "["):
        raise _mismatch(promised, "text that is not JSON")
    if (
        name == "eml"
        and len(_MAIL_FIELD.findall(text.replace("\r\n", "\n").lstrip().split("\n\n", 1)[0])) < 2
    ):
        raise _mismatch(promised, "text without the header lines of a message")
    if archives.has_directory(_tail(file, size)):
        raise _mismatch(promised, "a text with a zip archive attached")
    return promised


def _refuse_polyglot(head: bytes, file: BinaryIO, size: int) -> None:
    # A PDF never needs HTML in its first kilobyte or the end of a zip as its own; a file that is two things
    # at once is meant to be taken for the other one later.
    if _ACTIVE.search(head[:1024]):
        raise _mismatch(ACCEPTED["pdf"], "a PDF and an HTML page at once")
    if archives.has_directory(_tail(file, size)):
        raise _mismatch(ACCEPTED["pdf"], "a PDF and a zip archive at once")


def _tail(file: BinaryIO, size: int) -> bytes:
    file.seek(max(0, size - _TAIL))
    return file.read(_TAIL)


def _what(kind: str | None, head: bytes) -> str:
    if kind in ACCEPTED:
        return f"{ACCEPTED[kind].label} (then its name must end in .{ACCEPTED[kind].extensions[0]})"
    if kind is not None:
        return f"a {kind} file"
    if _PLAYLIST.match(head[:1024].decode("utf-8", errors="replace").lstrip("\ufeff")):
        return "a playlist, a text that points to other files"
    return _name_of(head) or "of an unknown type"


def _name_of(head: bytes) -> str | None:
    try:
        matches = puremagic.magic_string(head[:4096])
    except (puremagic.PureError, ValueError):
        return None
    return matches[0].name if matches and matches[0].name else None


def _ole_refusal(promised: MediaType) -> InvalidInput:
    if promised.name in ("docx", "odt"):
        return InvalidInput(
            "The document is password protected (or in the old .doc format under a new name). Open it in its "
            "program, save a .docx copy without a password and upload that.",
            code="encrypted",
        )
    return _mismatch(promised, "an old Office file")


def _mismatch(promised: MediaType, found: str) -> InvalidInput:
    return InvalidInput(
        f"The name says {promised.label}, but the content is {found}. "
        "Upload the original file under its own name.",
        code="type_mismatch",
    )


def _unsupported(what: str, accept: Collection[str]) -> InvalidInput:
    endings = ", ".join(f".{kind.extensions[0]}" for kind in ACCEPTED.values() if kind.name in accept)
    return InvalidInput(f"We do not take {what}. Accepted: {endings}.", code="unsupported_type")
