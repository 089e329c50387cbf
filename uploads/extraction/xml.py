"""XML and HTML read as a stream of events: no tree in memory, no DTD, no entities, no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from lxml import etree

from jobs.exceptions import InvalidInput
from uploads.extraction.base import damaged


class Listener(Protocol):
    """What a parser tells: element starts, character data, element ends, in document order."""

    def start(self, tag: str, attrib: Mapping[str, str]) -> None: ...

    def data(self, text: str) -> None: ...

    def end(self, tag: str) -> None: ...

    def close(self) -> None: ...


class Enough(Exception):
    """Raised by a listener that wants no more: the limit of characters is met."""


class _Target:
    """Hands events on, and refuses a DTD the moment it is announced, before anything in it is read."""

    def __init__(self, listener: Listener) -> None:
        self.start = listener.start
        self.data = listener.data
        self.end = listener.end
        self.close = listener.close

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise InvalidInput(
            "The document declares a DTD, which documents of this kind never need and attacks do. "
            "Open it in its program, save it again and upload the new copy.",
            code="unsafe_xml",
        )


def listen(chunks: Iterable[bytes], listener: Listener) -> None:
    """Parse XML in pieces. Raises InvalidInput `unsafe_xml` for a DTD, `damaged` when not well-formed."""
    parser = etree.XMLParser(
        target=_Target(listener), resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False
    )
    try:
        for chunk in chunks:
            parser.feed(chunk)
        parser.close()
    except Enough:
        return
    except (etree.LxmlError, AssertionError) as error:
        raise damaged("its XML is broken") from error


class _Fields:
    """Collects the text of elements without namespaces, which is all that metadata parts hold."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self._tag = ""

    def start(self, tag: str, attrib: Mapping[str, str]) -> None:
        self._tag = tag.rpartition("}")[2]

    def data(self, text: str) -> None:
        if self._tag and len(self.values) < 100:
            self.values[self._tag] = (self.values.get(self._tag, "") + text)[:4000]

    def end(self, tag: str) -> None:
        self._tag = ""

    def close(self) -> None: ...


def fields(content: bytes) -> dict[str, str]:
    """Return local element name → text of a small metadata part; an unreadable part says nothing."""
    collected = _Fields()
    try:
        listen([content], collected)
    except InvalidInput as error:
        if error.code == "unsafe_xml":
            raise
    return collected.values
