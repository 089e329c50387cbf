"""The competence file: complete, readable, and blind to what candidates write into it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from docx import Document

from enrichment.competence import compose_docx, compose_pdf, pdf_available
from enrichment.competence.content import dates, read_content
from enrichment.competence.pdf import render_html
from jobs.exceptions import PermanentError

JOB = {
    "title": "Engineer",
    "company": "Acme",
    "location": "Berlin",
    "start": "2020-01",
    "end": None,
    "current": True,
    "bullets": ["Built the thing"],
}
SECTIONS: dict[str, Any] = {
    "name": "Łukasz 候选人",
    "headline": "Platform engineer",
    "contact": {
        "emails": ["l@example.org"],
        "phones": ["+48 12 345 67 89"],
        "links": [
            {"kind": "github", "url": "https://github.com/l"},
            {"kind": "publication", "url": "https://doi.org/1"},
        ],
        "location": "Kraków, Poland",
    },
    "summary": "Builds platforms.",
    "core_competences": [{"title": "Reliability", "evidence": ["99.97 % over two years"]}],
    "skill_matrix": [
        {
            "group": "Languages",
            "skills": [{"name": "Python", "level": "expert", "years": 7.5}, {"name": "Go"}],
        }
    ],
    "experience": [JOB],
    "education": [{"degree": "M.Sc.", "institution": "AGH", "start": "2010", "end": "2015"}],
    "languages": [{"name": "Polish", "level": "native"}],
    "certifications": ["CKA"],
}
TITLES = [
    "Summary",
    "Core competences",
    "Skill matrix",
    "Experience",
    "Education",
    "Languages",
    "Certifications",
]
needs_pdf = pytest.mark.skipif(not pdf_available(), reason="WeasyPrint or Pango is missing")


def with_values(**values: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SECTIONS), **values}


def docx_text(path: Path) -> str:
    document = Document(str(path))
    rows = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *rows])


def pdf_pages(path: Path) -> list[str]:
    document = pypdfium2.PdfDocument(path)
    texts = []
    for page in document:
        textpage = page.get_textpage()
        texts.append(textpage.get_text_bounded())
        textpage.close()
        page.close()
    document.close()
    return texts


def test_the_docx_holds_every_section_and_word(tmp_path: Path) -> None:
    compose_docx(SECTIONS, tmp_path / "file.docx")
    text = docx_text(tmp_path / "file.docx")
    for word in (
        *TITLES,
        "Łukasz 候选人",
        "Acme · Berlin",
        "Jan 2020 – present",
        "7.5",
        "Go",
        "Polish (Native)",
        "CKA",
    ):
        assert word in text
    assert "doi.org" not in text


@needs_pdf
def test_the_pdf_holds_every_section_and_word(tmp_path: Path) -> None:
    compose_pdf(SECTIONS, tmp_path / "file.pdf")
    (text,) = pdf_pages(tmp_path / "file.pdf")
    for word in (*TITLES, "Łukasz 候选人", "Jan 2020 – present", "7.5", "Polish (Native)", "99.97 %"):
        assert word in text


@pytest.mark.parametrize("count", [0, 1, 30])
def test_any_number_of_positions_fits(tmp_path: Path, count: int) -> None:
    sections = with_values(experience=[{**JOB, "title": f"Role {number}"} for number in range(count)])
    compose_docx(sections, tmp_path / "file.docx")
    text = docx_text(tmp_path / "file.docx")
    assert ("Experience" in text) == (count > 0) and text.count("Role ") == count
    if pdf_available():
        compose_pdf(sections, tmp_path / "file.pdf")
        pages = pdf_pages(tmp_path / "file.pdf")
        assert "".join(pages).count("Role ") == count and (len(pages) > 1) == (count == 30)


def test_empty_sections_vanish(tmp_path: Path) -> None:
    compose_docx(
        {"name": "Jo", "skill_matrix": [{"group": "X", "skills": []}], "experience": None},
        tmp_path / "a.docx",
    )
    text = docx_text(tmp_path / "a.docx")
    assert "Jo" in text and not any(title in text for title in TITLES)
    assert "<h2>" not in render_html({})


@needs_pdf
def test_markup_in_a_candidates_words_is_text_and_fetches_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("canary-5512")
    attack = f'<img src="file://{secret}"><link rel=attachment href="file://{secret}"><h1>{{{{ x }}}}</h1>'
    sections = with_values(
        name=attack, summary=attack, certifications=[attack], headline="<style>@import 'http://127.0.0.1:9/'"
    )
    html = render_html(sections)
    assert "<img" not in html and "&lt;img" in html
    compose_pdf(sections, tmp_path / "file.pdf")
    data = (tmp_path / "file.pdf").read_bytes()
    assert b"canary-5512" not in data and b"/EmbeddedFile" not in data
    assert "<img" in "".join(pdf_pages(tmp_path / "file.pdf"))


@needs_pdf
def test_the_fetcher_refuses_what_would_get_past_the_escaping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("canary-5513")
    page = f'<link rel="attachment" href="file://{secret}"><p>words</p>'
    monkeypatch.setattr("enrichment.competence.pdf.render_html", lambda sections: page)
    compose_pdf({}, tmp_path / "file.pdf")
    assert "words" in pdf_pages(tmp_path / "file.pdf")[0]
    assert b"/EmbeddedFile" not in (tmp_path / "file.pdf").read_bytes()


def test_control_characters_and_odd_values_do_no_harm(tmp_path: Path) -> None:
    odd = with_values(
        name="A\x00B\x0b\ud800C", summary=["no text"], contact="x", languages=[{"name": None}, 3]
    )
    compose_docx(odd, tmp_path / "file.docx")
    content = read_content(odd)
    assert content.name == "A B C" and content.summary == "" and content.languages == []


def test_a_failed_writing_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        compose_docx(SECTIONS, tmp_path / "file.docx")
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_the_error_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enrichment.competence.pdf.pdf_available", lambda: False)
    with pytest.raises(PermanentError) as caught:
        compose_pdf(SECTIONS, tmp_path / "file.pdf")
    assert caught.value.code == "pdf_unavailable" and "DOCX" in caught.value.message


@pytest.mark.parametrize(
    ("start", "end", "current", "text"),
    [
        ("2023-06", None, True, "Jun 2023 – present"),
        ("2010", "2012", False, "2010 – 2012"),
        (None, "2015-07", False, "Jul 2015"),
        ("2011", "2011", False, "2011"),
        (None, None, False, ""),
    ],
)
def test_dates_are_written_as_people_write_them(start: Any, end: Any, current: bool, text: str) -> None:
    assert dates(start, end, current) == text
