"""Zip files from strangers: judged by their directory before any parser, counted while they are inflated.

The directory is read by our own code, with sizes checked before anything is allocated, so that two readers
cannot disagree about what the file holds and a web process may call `inspect`.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from jobs.exceptions import InvalidInput

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s2B4HL2L2H")
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_STORED, _DEFLATED = 0, 8
_SYMLINK = 0o120000
_CHUNK = 64 * 1024
_DIRECTORY_BYTES = 1024 * 1024  # 2,000 entries of 500 bytes; real documents need some 100 bytes an entry

_ARCHIVES = re.compile(
    r"\.(zip|zipx|jar|war|ear|apk|7z|rar|gz|tgz|bz2|tbz|xz|txz|zst|lz4?|cab|tar|cpio|arj|iso|"
    r"docx|docm|dotx|xlsx|xlsm|xlsb|pptx|pptm|odt|ods|odp|odg|epub)$",
    re.IGNORECASE,
)
# Word keeps the spreadsheet behind every chart here. We never open it; its size is counted like any other.
_EMBEDDED_OFFICE = re.compile(r"^word/embeddings/[^/]+\.(docx|docm|xlsx|xlsm|xlsb|pptx|pptm)$", re.IGNORECASE)
_ARCHIVE_MAGIC = (
    b"PK\x03\x04",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\x1f\x8b\x08",
    b"\xfd7zXZ\x00",
    b"BZh",
)


@dataclass(frozen=True)
class ArchiveLimits:
    """What a zip may hold. Sizes in bytes, inflated; the figures are those of threat S-2."""

    entries: int = 2000
    total: int = 200 * 1024 * 1024
    ratio: int = 100
    ratio_floor: int = 4 * 1024 * 1024  # an entry this small cannot hurt, and a blank bitmap packs 1:1000


@dataclass(frozen=True)
class Entry:
    """One file in a zip: sizes in bytes as the directory claims them, `offset` of its local header."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    data: int


def limit_error(reason: str) -> InvalidInput:
    """Return the refusal of an archive that breaks a rule (code `archive_limit`)."""
    return InvalidInput(
        f"The file was refused because its zip container {reason}. Open it in its program, save it again and "
        "upload the new copy.",
        code="archive_limit",
    )


def damaged_error(reason: str) -> InvalidInput:
    """Return the refusal of an archive that cannot be read (code `damaged`)."""
    return InvalidInput(
        f"The file is damaged: {reason}. Open it in its program, save it again and upload the new copy.",
        code="damaged",
    )


def inspect(source: Path | BinaryIO, limits: ArchiveLimits | None = None) -> list[Entry]:
    """Read and judge a zip's directory; return its files in directory order.

    Reads the tail, the directory (at most 1 MB) and some 100 bytes per entry; inflates 8 bytes of each.
    Raises InvalidInput: `archive_limit` (too many, too large, nested, links, paths, overlaps, duplicates,
    hidden data), `encrypted`, or `damaged`.
    """
    limits = limits or ArchiveLimits()
    with _opened(source) as file:
        size = file.seek(0, io.SEEK_END)
        start, length, count = _directory_place(file, size)
        if count > limits.entries:
            raise limit_error(f"has {count:,} entries (limit {limits.entries:,})")
        if length > _DIRECTORY_BYTES:
            raise limit_error("has an oversized directory")
        file.seek(start)
        entries = list(_entries(file.read(length), count))
        _judge_names(entries)
        _judge_sizes(entries, limits)
        return _judge_layout(file, entries, start)


def has_directory(tail: bytes) -> bool:
    """Say whether `tail`, the last bytes of a file (66 kB suffice), ends as a zip does."""
    return _find_end(tail) is not None


class SafeArchive:
    """A zip whose directory was accepted; every byte that comes out is counted against what it promised.

    Use as a context manager. Raises as `inspect` on opening; reading raises `archive_limit` when an entry
    or the whole grows beyond its claim, and `damaged` when data or checksum are wrong.
    """

    def __init__(self, path: Path, limits: ArchiveLimits | None = None) -> None:
        self.limits = limits or ArchiveLimits()
        self.inflated = 0
        self._file: BinaryIO = path.open("rb")
        try:
            self.entries = {entry.name: entry for entry in inspect(self._file, self.limits)}
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> SafeArchive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._file.close()

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield an entry's bytes in pieces of at most 64 kB. Raises KeyError when there is no such entry."""
        entry = self.entries[name]
        inflate = zlib.decompressobj(-15) if entry.method == _DEFLATED else None
        position, left, produced, crc = entry.data, entry.packed, 0, 0
        pending = b""
        while True:
            if not pending and left:
                self._file.seek(position)
                pending = self._file.read(min(_CHUNK, left))
                if not pending:
                    raise damaged_error("it ends too early")
                position += len(pending)
                left -= len(pending)
            if inflate is None:
                piece, pending = pending, b""
            else:
                try:
                    piece = inflate.decompress(pending, _CHUNK)
                except zlib.error as error:
                    raise damaged_error("its compressed data cannot be read") from error
                pending = inflate.unconsumed_tail
            produced += len(piece)
            self.inflated += len(piece)
            if produced > entry.size or self.inflated > self.limits.total:
                raise limit_error("holds more data than it declares")
            crc = zlib.crc32(piece, crc)
            if piece:
                yield piece
            elif inflate is None or inflate.eof or (not pending and not left):
                break
        if produced != entry.size or crc != entry.crc:
            raise damaged_error("a part of it does not match its checksum")

    def read(self, name: str, *, limit: int = 4 * 1024 * 1024) -> bytes:
        """Return a whole entry of at most `limit` bytes. Raises KeyError when there is no such entry."""
        if self.entries[name].size > limit:
            raise limit_error(f"has a part larger than {limit // 1024:,} kB where a small one belongs")
        return b"".join(self.chunks(name))


@contextmanager
def _opened(source: Path | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
    else:
        yield source


def _find_end(tail: bytes) -> int | None:
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0:
        if at + _END.size <= len(tail):
            comment = _END.unpack_from(tail, at)[7]
            if at + _END.size + comment == len(tail):
                return at
        at = tail.rfind(b"PK\x05\x06", 0, at)
    return None


def _directory_place(file: BinaryIO, size: int) -> tuple[int, int, int]:
    tail_start = max(0, size - _END.size - 0xFFFF)
    file.seek(tail_start)
    tail = file.read(_END.size + 0xFFFF)
    at = _find_end(tail)
    if at is None:
        raise damaged_error("its zip directory is missing, so the upload may be incomplete")
    _, disk, first_disk, here, count, length, start, _ = _END.unpack_from(tail, at)
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07") or 0xFFFFFFFF in (length, start):
        raise limit_error("uses the 64-bit form meant for files over 4 GB")
    if disk or first_disk or here != count:
        raise limit_error("is one part of several")
    if start + length != tail_start + at:
        raise limit_error("has data hidden around its directory")
    return start, length, count


def _entries(directory: bytes, count: int) -> Iterator[Entry]:
    at = 0
    for _ in range(count):
        if at + _CENTRAL.size > len(directory):
            raise damaged_error("its zip directory is cut short")
        fields = _CENTRAL.unpack_from(directory, at)
        if fields[0] != b"PK\x01\x02":
            raise damaged_error("its zip directory cannot be read")
        system, flags, method = fields[2], fields[5], fields[6]
        crc, packed, size, name_length, extra, comment = fields[9:15]
        mode, offset = fields[17] >> 16, fields[18]
        raw = directory[at + _CENTRAL.size : at + _CENTRAL.size + name_length]
        at += _CENTRAL.size + name_length + extra + comment
        if flags & _ENCRYPTED:
            raise InvalidInput(
                "The file is password protected. Save a copy without a password and upload that.",
                code="encrypted",
            )
        if method not in (_STORED, _DEFLATED):
            raise limit_error("uses a compression method that documents do not use")
        if system == 3 and mode & 0o170000 == _SYMLINK:
            raise limit_error("holds a symbolic link")
        name = raw.decode("utf-8" if flags & 0x800 else "cp437", errors="replace")
        yield Entry(name, method, crc, packed, size, offset, 0)
    if at != len(directory):
        raise limit_error("has data hidden in its directory")


def _judge_names(entries: list[Entry]) -> None:
    seen: set[str] = set()
    for entry in entries:
        name = entry.name.replace("\\", "/")
        if not name or name.startswith("/") or name[1:2] == ":" or "\0" in name or ".." in name.split("/"):
            raise limit_error("holds a path that leads outside it")
        if name.casefold() in seen:
            raise limit_error("holds two entries with the same name")
        seen.add(name.casefold())
        if _ARCHIVES.search(name) and not _EMBEDDED_OFFICE.match(name):
            raise limit_error("holds another archive")


def _judge_sizes(entries: list[Entry], limits: ArchiveLimits) -> None:
    total = sum(entry.size for entry in entries)
    if total > limits.total:
        raise limit_error(f"would unpack to {total // 2**20:,} MB (limit {limits.total // 2**20:,} MB)")
    for entry in entries:
        if entry.size > limits.ratio_floor and entry.size > limits.ratio * max(1, entry.packed):
            raise limit_error(f"unpacks to more than {limits.ratio} times its size")


def _judge_layout(file: BinaryIO, entries: list[Entry], directory: int) -> list[Entry]:
    """Compare every local header with the directory; entries must start the file and never overlap."""
    placed, end = {}, 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.offset < end or (end == 0 and entry.offset):
            raise limit_error(
                "has overlapping entries" if entry.offset < end else "has data before its first entry"
            )
        file.seek(entry.offset)
        head = file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
            raise damaged_error("an entry is not where its directory says")
        fields = _LOCAL.unpack(head)
        flags, method, name_length, extra = fields[3], fields[4], fields[10], fields[11]
        raw = file.read(name_length)
        if (
            raw.decode("utf-8" if flags & 0x800 else "cp437", errors="replace") != entry.name
            or method != entry.method
        ):
            raise limit_error("describes an entry in two different ways")
        start = entry.offset + _LOCAL.size + name_length + extra
        end = start + entry.packed
        if end > directory:
            raise limit_error("has overlapping entries")
        placed[entry.name] = Entry(
            entry.name, entry.method, entry.crc, entry.packed, entry.size, entry.offset, start
        )
        if not _EMBEDDED_OFFICE.match(entry.name) and _first_bytes(file, placed[entry.name]).startswith(
            _ARCHIVE_MAGIC
        ):
            raise limit_error("holds another archive")
    return [placed[entry.name] for entry in entries]


def _first_bytes(file: BinaryIO, entry: Entry) -> bytes:
    file.seek(entry.data)
    head = file.read(min(entry.packed, 64))
    if entry.method == _STORED:
        return head[:8]
    try:
        return zlib.decompressobj(-15).decompress(head, 8)
    except zlib.error:
        return b""
