"""The name a person gave a file: kept as data, made safe to show. It never decides where a file is stored."""

from __future__ import annotations

import re
import unicodedata

MAX_BYTES = 255  # what common file systems and `Content-Disposition` readers accept
UNNAMED = "unnamed"

# Control, format (bidirectional overrides, zero-width, byte order mark), surrogate, private and unassigned
# characters are invisible or reorder what is read ("gpj.exe" shown as "exe.jpg"); separators break lines.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SPACES = re.compile(r"\s+")


def display_name(name: str, *, max_bytes: int = MAX_BYTES, fallback: str = UNNAMED) -> str:
    """Return `name` as one visible line without a path: NFC, at most `max_bytes` bytes of UTF-8, never empty.

    The ending (".pdf") survives shortening when it is at most 16 bytes long. Calling it on its own result
    changes nothing. Never raises.
    """
    visible = _visible(name.replace("\\", "/").rsplit("/", 1)[-1])
    tidy = _trim(visible)
    if len(tidy.encode()) > max_bytes:
        stem, ending = _split(tidy)
        tidy = _trim(_cut(stem, max_bytes - len(ending.encode())).rstrip(" .") + ending)
    return tidy or fallback


def visible_line(text: str, *, max_bytes: int) -> str:
    """Return any text as one visible line: NFC, single spaces, at most `max_bytes` of UTF-8, perhaps ""."""
    # Four characters for each byte are enough to choose from, and bound the work on a hostile megabyte.
    return _cut(_SPACES.sub(" ", _visible(text[: max_bytes * 4])).strip(), max_bytes).strip()


def extension(name: str) -> str:
    """Return the lower-case ending of a file name without its dot, "" when it has none."""
    return _split(display_name(name))[1][1:].lower()


def _visible(text: str) -> str:
    return "".join(
        " " if char.isspace() else char
        for char in unicodedata.normalize("NFC", text)
        if char.isspace() or unicodedata.category(char) not in _HIDDEN
    )


def _trim(text: str) -> str:
    # A leading dot hides a file, a trailing one is dropped by Windows; "." and ".." name directories.
    return unicodedata.normalize("NFC", _SPACES.sub(" ", text)).strip(" .")


def _split(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    if not dot or not stem or not ending or " " in ending or len(ending.encode()) > 15:
        return name, ""
    return stem, dot + ending


def _cut(text: str, size: int) -> str:
    return text.encode()[: max(0, size)].decode(errors="ignore")
