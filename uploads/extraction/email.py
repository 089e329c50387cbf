"""E-mail messages: the usual headers, the text (or the HTML as text), attachments by name only."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

from uploads import filenames
from uploads.extraction import encoding
from uploads.extraction.base import (
    Extraction,
    Limits,
    Link,
    SectionedExtraction,
    damaged,
    sections,
    tidy_metadata,
)
from uploads.extraction.html import read_html

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_HEADER_BYTES = 256 * 1024
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_BROKEN = (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError)
_HEADER_SHOWN = 2000
_PARTS = 500


def open_file(path: Path, limits: Limits, password: str | None = None) -> Extraction:
    """Read a message whole, as sections. Raises InvalidInput `damaged`."""
    data = path.read_bytes()
    if len(data) > _HEADER_BYTES and not _HEADER_END.search(data, 0, _HEADER_BYTES):
        raise damaged("its headers never end")
    try:
        # The structured header parser of the newer policies takes exponential time on hostile headers.
        message = message_from_bytes(data, policy=policy.compat32)
        headers = {name: _header(message, name) for name in _SHOWN}
        body, links, attachments = _contents(message, limits.characters)
    except _BROKEN as error:
        raise damaged("it is not a complete message") from error
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    if attachments:
        lines.append("Attachments (not opened): " + ", ".join(attachments))
    text = "\n".join(lines) + "\n\n" + body
    metadata = tidy_metadata(
        {"title": headers["Subject"], "author": headers["From"], "created": headers["Date"]}
        | {"attachments": ", ".join(attachments)}
    )
    return SectionedExtraction(sections(text), limits, links=links, metadata=metadata)


def _contents(message: Message, characters: int) -> tuple[str, list[Link], list[str]]:
    plain: list[str] = []
    rich: list[str] = []
    links: list[Link] = []
    attachments: list[str] = []
    for number, part in enumerate(_parts(message)):
        if number >= _PARTS:
            break
        name = part.get_filename()
        if name or part.get_content_disposition() == "attachment" or part.get_content_maintype() == "message":
            attachments.append(filenames.display_name(str(name or part.get_content_type())))
        elif part.get_content_type() == "text/plain":
            plain.append(_text(part))
        elif part.get_content_type() == "text/html":
            text, found, _ = read_html(_text(part), characters)
            rich.append(text)
            links += found
    return "\n\n".join(plain if any(map(str.strip, plain)) else rich), links, attachments


def _parts(message: Message) -> list[Message]:
    """List the leaves in order, without entering attached messages."""
    waiting: list[Message] = [message]
    leaves: list[Message] = []
    while waiting and len(leaves) < _PARTS:
        part = waiting.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            children = [child for child in part.get_payload() if isinstance(child, Message)]
            waiting += reversed(children)
        else:
            leaves.append(part)
    return leaves


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    charset = part.get_content_charset()
    return encoding.decode(content.replace(b"\0", b""), charset)


def _header(message: Message, name: str) -> str:
    raw = str(message.get(name, ""))[:_HEADER_SHOWN]
    try:
        text = str(make_header(decode_header(raw)))
    except (MessageError, ValueError, LookupError):
        text = raw
    return filenames.visible_line(text, max_bytes=_HEADER_SHOWN)
