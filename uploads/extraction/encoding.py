"""Which characters a stranger's bytes mean. Standard library only: the web process asks this too."""

from __future__ import annotations

import codecs
import re

from jobs.exceptions import InvalidInput

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16, so it is tried first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ESCAPES = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "unicode_escape", "utf-7"})
_BINARY = re.compile(rb"[\x01-\x06\x0e-\x1a\x1c-\x1f\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_RUN = re.compile(rb"[\xc0-\xff\xa8\xb8]{3,}")


def detect(data: bytes, *, whole: bool = True) -> str:
    """Return the codec name for `data`: by byte order mark, then strict UTF-8, then an 8-bit guess.

    `whole` is False when `data` is only the beginning, whose last character may be cut. The 8-bit guess is
    Windows-1251 when most high bytes come in runs (words wholly of accented letters do not exist in western
    languages), else Windows-1252. Raises InvalidInput `not_text` for NULs without a mark and for binary data.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    if b"\0" in data:
        raise not_text("it contains NUL bytes")
    if len(_BINARY.findall(data)) > len(data) // 100:
        raise not_text("it looks like binary data")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError:
        high = len(_HIGH.findall(data))
        if high > len(data) * 0.9 and len(data) > 64:
            raise not_text("its encoding is unknown") from None
        in_runs = sum(len(run) for run in _HIGH_RUN.findall(data))
        return "cp1251" if in_runs > high * 0.6 else "cp1252"
    return "utf-8"


def decode(data: bytes, declared: str | None = None) -> str:
    """Return `data` as text with "\\n" line ends; what cannot be decoded becomes U+FFFD.

    `declared` is the file's own word (an HTML meta, a mail's charset), used when there is no byte order mark
    and it names a text codec that fits. Raises InvalidInput `not_text` as `detect`.
    """
    marked = any(data.startswith(mark) for mark, _ in _MARKS)
    if declared and not marked and b"\0" not in data and (known := text_codec(declared)):
        try:
            return _lines(data.decode(known))
        except (UnicodeDecodeError, ValueError):
            pass  # the declaration is wrong, as it often is in mail: look at the bytes instead
    return _lines(data.decode(detect(data), errors="replace"))


def text_codec(name: str) -> str | None:
    """Return Python's name of a text encoding, None for unknown ones and for transforms such as "hex"."""
    try:
        info = codecs.lookup(name.strip().strip("\"'"))
    except (LookupError, ValueError):
        return None
    is_text = getattr(info, "_is_text_encoding", True)  # False for transforms between bytes
    return info.name if is_text and info.name not in _ESCAPES else None


def _lines(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def not_text(reason: str) -> InvalidInput:
    """Return the refusal of a file that should be text (code `not_text`)."""
    return InvalidInput(f"This is not a text file: {reason}. Save it as UTF-8 text.", code="not_text")
