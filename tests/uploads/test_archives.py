from __future__ import annotations

import io
import struct
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import pytest

from jobs.exceptions import InvalidInput
from tests.uploads.documents import docx, zipped
from uploads.archives import ArchiveLimits, SafeArchive, inspect
from uploads.extraction import open_document
from uploads.signatures import identify


def _raw(entries: list[tuple[bytes, bytes, int, int, int]]) -> bytes:
    """Write a zip by hand: name, packed bytes, claimed size, crc and external attributes of each entry."""
    out, directory = bytearray(), bytearray()
    for name, packed, size, crc, mode in entries:
        offset = len(out)
        common = struct.pack("<HHHHH3L2H", 20, 0, 8, 0, 0, crc, len(packed), size, len(name), 0)
        out += b"PK\x03\x04" + common + name + packed
        directory += (
            b"PK\x01\x02" + struct.pack("<H", 0x0314) + common + struct.pack("<3H2L", 0, 0, 0, mode, offset)
        )
        directory += name
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(entries), len(entries), len(directory), len(out), 0)
    return bytes(out + directory + end)


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _overlapping() -> bytes:
    """One packed block claimed by two directory entries."""
    whole = bytearray(zipped({"word/document.xml": b"<a/>" * 9, "word/styles.xml": b"<a/>" * 9}))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        first = archive.infolist()[0]
    second = whole.rfind(b"PK\x01\x02")
    struct.pack_into("<L", whole, second + 42, first.header_offset)
    return bytes(whole)


def _duplicate() -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore", UserWarning)  # zipfile itself finds this odd
        archive.writestr("word/document.xml", "<a/>")
        archive.writestr("word/document.xml", "<b/>")
    return file.getvalue()


def _encrypted() -> bytes:
    whole = bytearray(zipped({"word/document.xml": "<a/>"}))
    whole[whole.rfind(b"PK\x01\x02") + 8] |= 1
    return bytes(whole)


BOMBS = {
    "high ratio": docx(word__bomb=b"0" * 30_000_000),
    "many entries": zipped({f"word/{number}.xml": "" for number in range(2001)}),
    "nested": docx(word__media__inner=zipped({"bomb.txt": b"0" * 1000})),
    "nested by name": zipped({"word/document.xml": "<a/>", "word/inner.zip": b"0" * 10}),
    "overlapping": _overlapping(),
    "too large in all": _raw([(b"%d.xml" % n, _deflated(b"x"), 30 * 2**20, 0, 0) for n in range(8)]),
    "absolute path": zipped({"/etc/passwd": "x"}),
    "parent path": zipped({"word/../../x": "x"}),
    "backslash path": _raw([(b"..\\x", _deflated(b"x"), 1, zlib.crc32(b"x"), 0)]),
    "symbolic link": _raw([(b"link", _deflated(b"/etc"), 4, zlib.crc32(b"/etc"), 0o120777 << 16)]),
    "duplicate": _duplicate(),
    "same name in other case": zipped({"word/Document.xml": "a", "word/document.xml": "b"}),
    "data before": b"PK\x03\x04" + b"0" * 50 + zipped({"word/document.xml": "<a/>"}),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS.keys())
def test_a_zip_that_breaks_a_rule_is_refused_before_any_parser(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bomb.docx"
    path.write_bytes(content)
    began = time.monotonic()
    for refuse in (lambda: identify(path, "bomb.docx"), lambda: open_document(path, "docx")):
        with pytest.raises(InvalidInput) as caught:
            refuse()
        assert caught.value.code == "archive_limit"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("claimed", [10, 1000])
def test_bytes_are_counted_while_inflating_because_headers_lie(claimed: int, tmp_path: Path) -> None:
    bomb = b"<a>" + b"0" * 50_000_000
    path = tmp_path / "liar.docx"
    path.write_bytes(_raw([(b"word/document.xml", _deflated(bomb), claimed, zlib.crc32(bomb), 0)]))
    with SafeArchive(path) as archive, pytest.raises(InvalidInput) as caught:
        list(archive.chunks("word/document.xml"))
    assert caught.value.code == "archive_limit"
    assert archive.inflated <= claimed + 64 * 1024


def test_an_entry_that_claims_more_than_it_holds_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "liar.docx"
    path.write_bytes(_raw([(b"word/document.xml", _deflated(b"x" * 10), 20, zlib.crc32(b"x" * 10), 0)]))
    with SafeArchive(path) as archive, pytest.raises(InvalidInput) as caught:
        archive.read("word/document.xml")
    assert caught.value.code == "damaged"


def test_a_password_protected_zip_says_so() -> None:
    with pytest.raises(InvalidInput) as caught:
        inspect(io.BytesIO(_encrypted()))
    assert caught.value.code == "encrypted"


def test_a_directory_that_promises_millions_of_entries_is_not_read() -> None:
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 60_000, 60_000, 0, 0, 0)
    with pytest.raises(InvalidInput) as caught:
        inspect(io.BytesIO(end))
    assert caught.value.code == "archive_limit"


def test_small_parts_may_pack_well_and_charts_may_keep_their_spreadsheet() -> None:
    content = docx(word__media__blank=b"\0" * 2_000_000)
    inspect(io.BytesIO(content))
    chart = zipped({"word/document.xml": "<a/>", "word/embeddings/Sheet1.xlsx": zipped({"x.xml": "<a/>"})})
    assert len(inspect(io.BytesIO(chart))) == 2


def test_limits_are_parameters() -> None:
    with pytest.raises(InvalidInput, match="3 entries"):
        inspect(io.BytesIO(zipped({"a": "", "b": "", "c": ""})), ArchiveLimits(entries=2))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_byte_of_a_good_zip_comes_out(method: int, tmp_path: Path) -> None:
    content = bytes(range(256)) * 3000
    path = tmp_path / "good.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a/b.bin", content)
        archive.writestr("empty", b"")
    with SafeArchive(path) as safe:
        assert safe.read("a/b.bin") == content and safe.read("empty") == b""
