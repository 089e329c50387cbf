"""The competence file: what a candidate can do, with the evidence, as DOCX and PDF."""

from __future__ import annotations

from enrichment.competence.docx import compose_docx
from enrichment.competence.pdf import compose_pdf, pdf_available

__all__ = ["compose_docx", "compose_pdf", "pdf_available"]
