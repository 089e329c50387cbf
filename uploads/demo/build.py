"""Makes the demo's document from its HTML: `python uploads/demo/build.py` (needs weasyprint and DejaVu).

Run by whoever edits the text; the PDF is committed, so nobody else needs to.
"""

from __future__ import annotations

from pathlib import Path

from weasyprint import HTML

NAME = "field-guide-to-job-queues"


def build() -> Path:
    source = Path(__file__).with_name(f"{NAME}.html")
    target = source.with_suffix(".pdf")
    HTML(filename=str(source)).write_pdf(target, optimize_images=True)
    return target


if __name__ == "__main__":
    made = build()
    print(f"{made.name}: {made.stat().st_size / 1024:.0f} KB")
