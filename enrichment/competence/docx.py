"""The competence file as DOCX, by python-docx: real headings and styles, so that people can edit it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enrichment.competence.content import Content, Item, SkillGroup, read_content

INK, ACCENT, GREY, TINT = "1F2937", "1D4ED8", "6B7280", "EEF2FF"
FONT = "Arial"
# Where the Latin font has no glyph, Word and LibreOffice take the East Asian one named here.
EAST_ASIAN_FONT = "Noto Sans CJK SC"


def compose_docx(sections: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write the competence file of `sections` to `path`; A4, about 0.1 s.

    Args: `sections` has "name", "headline", "contact" {"emails", "phones", "links", "location"},
    "summary", "core_competences" [{"title", "evidence"}], "skill_matrix" [{"group", "skills": [{"name",
    "level", "years"}]}], "experience", "education", "languages" and "certifications" as in a profile. All
    are optional; an empty section is left out. The file appears whole or not at all; OSError passes.
    """
    from docx import Document

    content = read_content(sections)
    document = Document()
    _Page(document).write(content)
    document.core_properties.author = ""
    document.core_properties.title = f"Competence file: {content.name}"[:250]
    partial = Path(path).with_name(Path(path).name + ".part")
    try:
        document.save(str(partial))
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


class _Page:
    """The document being written, top to bottom."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self._styles()

    def write(self, content: Content) -> None:
        self._header(content)
        if content.summary:
            self._heading("Summary")
            self._paragraph(content.summary, after=4)
        if content.competences:
            self._heading("Core competences")
            for item in content.competences:
                self._competence(item)
        if content.matrix:
            self._heading("Skill matrix")
            self._matrix(content.matrix)
        for title, items in (("Experience", content.experience), ("Education", content.education)):
            if items:
                self._heading(title)
                for item in items:
                    self._entry(item)
        if content.languages:
            self._heading("Languages")
            known = [f"{name} ({level})" if level else name for name, level in content.languages]
            self._paragraph("  ·  ".join(known))
        if content.certifications:
            self._heading("Certifications")
            for one in content.certifications:
                self.document.add_paragraph(one, style="List Bullet")

    def _styles(self) -> None:
        from docx.enum.text import WD_LINE_SPACING
        from docx.oxml.ns import qn
        from docx.shared import Cm, Pt, RGBColor

        page = self.document.sections[0]
        page.page_width, page.page_height = Cm(21), Cm(29.7)
        page.left_margin = page.right_margin = Cm(2.1)
        page.top_margin, page.bottom_margin = Cm(1.8), Cm(1.8)
        sizes = {"Normal": 10, "Title": 23, "Heading 1": 12.5, "Heading 2": 10.5, "List Bullet": 10}
        for name, size in sizes.items():
            style = self.document.styles[name]
            style.font.name, style.font.size = FONT, Pt(size)
            fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
            for key in list(fonts.attrib):
                # Theme fonts would win over the ones set here.
                if "Theme" in key:
                    del fonts.attrib[key]
            fonts.set(qn("w:eastAsia"), EAST_ASIAN_FONT)
            colour = ACCENT if name == "Heading 1" else INK
            style.font.color.rgb = RGBColor.from_string(colour)
            style.paragraph_format.space_before = Pt(12 if name == "Heading 1" else 0)
            style.paragraph_format.space_after = Pt(3 if name != "List Bullet" else 1)
            style.paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE
        for border in self.document.styles["Title"].element.iter(qn("w:pBdr")):
            border.getparent().remove(border)
            break

    def _header(self, content: Content) -> None:
        title = self.document.add_paragraph(content.name, style="Title")
        # A very long name gets smaller letters before it gets a third line.
        if len(content.name) > 40:
            from docx.shared import Pt

            title.runs[0].font.size = Pt(18)
        if content.headline:
            self._paragraph(content.headline, size=13, colour=ACCENT, after=2)
        if content.contact:
            self._paragraph("  |  ".join(content.contact), size=9.5, colour=GREY, after=2)
        self._rule()

    def _heading(self, text: str) -> None:
        self.document.add_heading(text, level=1)

    def _paragraph(self, text: str, *, size: float = 0, colour: str = "", after: float = 3) -> Any:
        from docx.shared import Pt, RGBColor

        paragraph = self.document.add_paragraph()
        paragraph.paragraph_format.space_after = Pt(after)
        run = paragraph.add_run(text)
        if size:
            run.font.size = Pt(size)
        if colour:
            run.font.color.rgb = RGBColor.from_string(colour)
        return paragraph

    def _competence(self, item: Item) -> None:
        paragraph = self.document.add_paragraph(style="List Bullet")
        paragraph.add_run(item.title).bold = True
        if item.points:
            paragraph.add_run(" – " + "; ".join(item.points))

    def _entry(self, item: Item) -> None:
        from docx.enum.text import WD_TAB_ALIGNMENT
        from docx.shared import Cm, Pt, RGBColor

        head = self.document.add_heading(level=2)
        head.paragraph_format.space_before, head.paragraph_format.space_after = Pt(6), Pt(0)
        head.paragraph_format.keep_with_next = bool(item.subtitle or item.points)
        # Wraps before it reaches the dates, which stand at the right margin.
        head.paragraph_format.tab_stops.add_tab_stop(Cm(16.8), WD_TAB_ALIGNMENT.RIGHT)
        head.add_run(item.title)
        if item.dates:
            run = head.add_run(f"\t{item.dates}")
            run.bold, run.font.size = False, Pt(9.5)
            run.font.color.rgb = RGBColor.from_string(GREY)
        if item.subtitle:
            below = self._paragraph(item.subtitle, colour=GREY, after=2)
            below.paragraph_format.keep_with_next = bool(item.points)
        for point in item.points:
            self.document.add_paragraph(point, style="List Bullet")

    def _matrix(self, groups: list[SkillGroup]) -> None:
        from docx.shared import Cm

        table = self.document.add_table(rows=0, cols=3)
        table.autofit = False
        for column, width in zip(table.columns, (Cm(9.2), Cm(4.6), Cm(3.0)), strict=True):
            column.width = width
        widths = (Cm(9.2), Cm(4.6), Cm(3.0))
        self._row(table, ("Skill", "Level", "Years"), widths, bold=True, repeat=True)
        for group in groups:
            cells = self._row(table, (group.group, "", ""), widths, bold=True, fill=TINT, keep=True)
            self._span(cells)
            for skill in group.skills:
                self._row(table, skill, widths)
            if group.others:
                self._span(self._row(table, (group.others, "", ""), widths))

    @staticmethod
    def _span(cells: Any) -> None:
        """Make one cell of a row; merging would keep an empty paragraph of each."""
        merged = cells[0].merge(cells[2])
        for paragraph in merged.paragraphs[1:]:
            paragraph._p.getparent().remove(paragraph._p)

    def _row(
        self,
        table: Any,
        texts: tuple[str, str, str],
        widths: tuple[Any, ...],
        *,
        bold: bool = False,
        fill: str = "",
        keep: bool = False,
        repeat: bool = False,
    ) -> Any:
        from docx.oxml import OxmlElement
        from docx.oxml.ns import qn
        from docx.shared import Pt, RGBColor

        row = table.add_row()
        properties = row._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if repeat:
            properties.append(OxmlElement("w:tblHeader"))
        for cell, text, width in zip(row.cells, texts, widths, strict=True):
            cell.width = width
            paragraph = cell.paragraphs[0]
            paragraph.paragraph_format.space_after = Pt(1)
            paragraph.paragraph_format.space_before = Pt(1)
            paragraph.paragraph_format.keep_with_next = keep or repeat
            run = paragraph.add_run(text)
            run.bold, run.font.size = bold, Pt(9.5)
            if repeat:
                run.font.color.rgb = RGBColor.from_string(GREY)
            if fill:
                shade = OxmlElement("w:shd")
                shade.set(qn("w:val"), "clear")
                shade.set(qn("w:fill"), fill)
                cell._tc.get_or_add_tcPr().append(shade)
        return row.cells

    def _rule(self) -> None:
        """Draw a thin line under the header: a paragraph with a bottom border."""
        from docx.oxml import OxmlElement
        from docx.oxml.ns import qn
        from docx.shared import Pt

        paragraph = self._paragraph("", after=0)
        paragraph.paragraph_format.line_spacing = Pt(3)
        borders, line = OxmlElement("w:pBdr"), OxmlElement("w:bottom")
        for key, value in (("val", "single"), ("sz", "8"), ("space", "1"), ("color", ACCENT)):
            line.set(qn(f"w:{key}"), value)
        borders.append(line)
        paragraph._p.get_or_add_pPr().append(borders)
