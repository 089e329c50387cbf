from __future__ import annotations

import io
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs.exceptions import InvalidInput
from tests.uploads.documents import docx, odt, paragraph, part, zipped
from uploads.extraction import Extraction, Limits, Link, Page, open_document


def _text(document: Extraction) -> list[str]:
    return [page.text for page in document.pages() if isinstance(page, Page)]


def _read(folder: Path, content: bytes, kind: str = "docx", limits: Limits | None = None) -> list[str]:
    path = folder / "stored"
    path.write_bytes(content)
    with open_document(path, kind, limits=limits) as document:
        return _text(document)


def test_tabs_breaks_and_special_hyphens_are_kept(tmp_path: Path) -> None:
    body = (
        '<w:p><w:pPr><w:tabs><w:tab w:val="left" w:pos="9"/></w:tabs></w:pPr>'
        "<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t>"
        "<w:br/><w:t>c</w:t><w:noBreakHyphen/><w:t>d</w:t></w:r></w:p>"
    )
    assert _read(tmp_path, docx(body)) == ["a\tb\nc-d"]


def test_text_boxes_are_read_once_and_after_their_paragraph(tmp_path: Path) -> None:
    box = f"<w:txbxContent>{paragraph('boxed')}{paragraph('twice')}</w:txbxContent>"
    body = (
        "<w:p><w:r><w:t>before</w:t><mc:AlternateContent>"
        f"<mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
        "<w:t> after</w:t></w:r></w:p>"
    )
    assert _read(tmp_path, docx(body)) == ["before after\n\nboxed\n\ntwice"]


def test_deleted_and_moved_text_is_left_out_and_inserted_text_is_read(tmp_path: Path) -> None:
    body = (
        "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
        "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom></w:p>"
    )
    assert _read(tmp_path, docx(body)) == ["new"]


def test_tables_are_rows_of_cells_divided_by_tabs(tmp_path: Path) -> None:
    cell = "<w:tc>{}</w:tc>".format
    row = "<w:tr>{}</w:tr>".format
    rows = row(cell(paragraph("a") + paragraph("a2")) + cell(paragraph("b"))) + row(cell(paragraph("c")))
    empty = row(cell("<w:p/>") + cell("<w:p/>"))
    body = f"{paragraph('top')}<w:tbl>{empty}{rows}</w:tbl>{paragraph('end')}"
    assert _read(tmp_path, docx(body)) == ["top\n\n\t\na\na2\tb\nc\nend"]


def test_a_footnote_stands_at_the_end_of_its_page(tmp_path: Path) -> None:
    body = (
        '<w:p><w:r><w:t>claim</w:t><w:footnoteReference w:id="7"/></w:r></w:p>'
        f'<w:p><w:r><w:br w:type="page"/></w:r></w:p>{paragraph("next")}'
    )
    notes = part("footnotes", f'<w:footnote w:id="7">{paragraph("proof")}</w:footnote>')
    assert _read(tmp_path, docx(body, word__footnotes=notes)) == ["claim[1]\n\n[1] proof", "next"]


def test_author_and_noted_page_breaks_are_not_counted_twice(tmp_path: Path) -> None:
    body = (
        f'{paragraph("one")}<w:p><w:r><w:br w:type="page"/></w:r></w:p>'
        "<w:p><w:r><w:lastRenderedPageBreak/><w:t>two</w:t></w:r></w:p>"
        "<w:p><w:pPr><w:pageBreakBefore/></w:pPr><w:r><w:lastRenderedPageBreak/><w:t>three</w:t></w:r></w:p>"
        "<w:p><w:pPr><w:sectPr/></w:pPr><w:r><w:t>same page</w:t></w:r></w:p>"
        f"{paragraph('four')}<w:sectPr/>"
    )
    assert _read(tmp_path, docx(body)) == ["one", "two", "three\n\nsame page", "four"]


def test_without_page_breaks_there_are_sections_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(
        docx("".join(paragraph(f"Paragraph {number}. " + "word " * 60) for number in range(100)))
    )
    with open_document(path, "docx") as document:
        texts = _text(document)
        assert not document.paged and document.page_count == len(texts) > 5
    assert max(map(len, texts)) <= 3100
    with open_document(path, "docx") as document:
        assert [page.text for page in document.pages(start=4) if isinstance(page, Page)] == texts[3:]


def test_page_headers_come_once_because_resumes_keep_contacts_there(tmp_path: Path) -> None:
    header = part("hdr", paragraph("Jane Doe, jane@example.org") + paragraph("2"))
    texts = _read(tmp_path, docx(word__header1=header, word__header2=header))
    assert texts == ["Jane Doe, jane@example.org\n\nHello"]


def test_links_come_from_relations_and_fields_and_only_harmless_ones(tmp_path: Path) -> None:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink"
    relations = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    for key, url in (("r1", "https://example.org/a"), ("r2", "file:///etc/passwd"), ("r3", "javascript:x()")):
        relations += f'<Relationship Id="{key}" Type="{kind}" Target="{url}" TargetMode="External"/>'
    body = "".join(
        f'<w:p><w:hyperlink r:id="r{number}"><w:r><w:t>x</w:t></w:r></w:hyperlink></w:p>'
        for number in (1, 2, 3)
    )
    body += '<w:p><w:r><w:instrText>HYPERLINK "mailto:a@example.org"</w:instrText></w:r></w:p>'
    path = tmp_path / "stored"
    names = {"word/_rels/document.xml.rels": relations + "</Relationships>"}
    path.write_bytes(_with(docx(body), names))
    with open_document(path, "docx") as document:
        assert document.links == [Link("https://example.org/a", 1), Link("mailto:a@example.org", 1)]


def _with(content: bytes, parts: dict[str, str]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return zipped({name: archive.read(name) for name in archive.namelist()} | parts)


def test_text_over_the_limit_is_cut_and_said(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(docx(paragraph("x" * 5000)))
    with open_document(path, "docx", limits=Limits(characters=1000)) as document:
        assert sum(map(len, _text(document))) == 1000
        assert document.summary.truncated


def test_five_million_characters_are_read_in_a_fraction_of_a_second(tmp_path: Path) -> None:
    content = docx(
        "".join(paragraph(f"{number} " + "All work and no play. " * 19) for number in range(12_000))
    )
    began = time.process_time()
    texts = _read(tmp_path, content, limits=Limits(characters=10_000_000))
    assert time.process_time() - began < 1.0
    assert sum(map(len, texts)) > 5_000_000


@contextmanager
def _listener() -> Iterator[tuple[int, list[str]]]:
    calls: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                calls.append(str(address))
                connection.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1], calls
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _hostile(port: int) -> dict[str, str]:
    laughs = '<!ENTITY l0 "ha">' + "".join(
        f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, 10)
    )
    return {
        "external entity": f'<!DOCTYPE d [<!ENTITY x SYSTEM "http://127.0.0.1:{port}/x">]>',
        "local file": '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        "external dtd": f'<!DOCTYPE d SYSTEM "http://127.0.0.1:{port}/d.dtd">',
        "parameter entity": f'<!DOCTYPE d [<!ENTITY % p SYSTEM "http://127.0.0.1:{port}/p"> %p;]>',
        "billion laughs": f'<!DOCTYPE d [{laughs}<!ENTITY x "&l9;">]>',
    }


@pytest.mark.parametrize("trick", _hostile(0))
@pytest.mark.parametrize("where", ["document", "footnotes", "core", "odt", "odt meta"])
def test_a_dtd_in_any_part_is_refused_and_nobody_is_called(trick: str, where: str, tmp_path: Path) -> None:
    with _listener() as (port, calls):
        prolog = _hostile(port)[trick]
        evil = f"{prolog}<d><t>&x;</t></d>"
        content = {
            "document": docx(paragraph("&x;"), prolog=prolog),
            "footnotes": docx(word__footnotes=evil),
            "core": docx(docProps__core=evil),
            "odt": zipped({"content.xml": evil}),
            "odt meta": odt("<office:body/>", meta=evil),
        }[where]
        began = time.monotonic()
        with pytest.raises(InvalidInput) as caught:
            _read(tmp_path, content, "odt" if where.startswith("odt") else "docx")
        assert time.monotonic() - began < 2
        assert caught.value.code == "unsafe_xml"
    assert calls == []


def test_deep_nesting_and_broken_xml_are_refused(tmp_path: Path) -> None:
    for body in ("<w:p>" * 100_000, "<w:p>", "</w:p>", "<w:p>\x01</w:p>"):
        with pytest.raises(InvalidInput) as caught:
            _read(tmp_path, docx(body))
        assert caught.value.code == "damaged"


def test_opendocument_text_keeps_headings_lists_notes_tables_and_pages(tmp_path: Path) -> None:
    body = (
        '<office:body><office:text><text:h>Title</text:h><text:p>one<text:s text:c="2"/>two<text:tab/>three'
        "<text:line-break/>four<text:note><text:note-citation>1</text:note-citation><text:note-body>"
        "<text:p>aside</text:p></text:note-body></text:note></text:p>"
        "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
        "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>"
        "<table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>"
        '<text:soft-page-break/><text:p><text:a xlink:href="https://example.org">link</text:a></text:p>'
        "</office:text></office:body>"
    )
    path = tmp_path / "stored"
    path.write_bytes(odt(body))
    with open_document(path, "odt") as document:
        texts = _text(document)
        assert document.links == [Link("https://example.org", 2)]
    assert texts[0].startswith("Title\n\none  two\tthree\nfour [aside ]")
    assert "gone" not in texts[0] and "a \tb" in texts[0] and texts[1] == "link"


def test_an_encrypted_opendocument_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        _read(tmp_path, odt("", **{"META-INF__manifest": "<manifest:encryption-data/>"}), "odt")
    assert caught.value.code == "encrypted"
