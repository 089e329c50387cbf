"""Text, links and metadata out of documents, one module per format. Runs in the sandbox only."""

from uploads.extraction.base import (
    Extraction,
    Limits,
    Link,
    Page,
    PageFailed,
    SectionedExtraction,
    TextSummary,
    open_document,
)

__all__ = [
    "Extraction",
    "Limits",
    "Link",
    "Page",
    "PageFailed",
    "SectionedExtraction",
    "TextSummary",
    "open_document",
]
