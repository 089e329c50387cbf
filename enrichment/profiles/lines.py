"""From the text of pages to clean lines: ligatures mended, glyphs dropped, page furniture removed."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

# TeX fonts without a Unicode map leave their own codes for the f-ligatures.
TEX_LIGATURES = str.maketrans({"\x1b": "ff", "\x1c": "fi", "\x1d": "fl", "\x1e": "ffi", "\x1f": "ffl"})
BULLET = re.compile(r"^\s*(?:[•◦▪▫■□●○◆◇▶►‣⁃∙·–—*‐⚬✓✔➢➤❖]|-(?=\s)|o(?=\s[A-ZÄÖÜ]))\s+")
PAGE_MARK = re.compile(
    r"^(?:.{0,60}?[\s–—|-]+)?(?:(?:page|seite|pagina|página|strona)\s*)?\d{1,3}\s*(?:/|of|von|de|di|van|z)\s*\d{1,3}$"
    r"|^(?:page|seite)\s+\d{1,3}$|^\d{1,2}$",
    re.IGNORECASE,
)
MAX_LINES, MAX_LENGTH, EDGE = 5_000, 2_000, 2


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `text` without its bullet, `raw` as it was after cleaning, `page` 1-based."""

    text: str
    raw: str
    page: int
    bullet: bool


def read_lines(pages: list[str]) -> list[Line]:
    """Return the lines of `pages` that carry content, at most 5,000 of 2,000 characters."""
    lines: list[Line] = []
    for number, page in enumerate(pages, start=1):
        for raw in page.replace("\r", "\n").split("\n"):
            clean = clean_text(raw[:MAX_LENGTH])
            text = BULLET.sub("", clean)
            if any(sign.isalnum() for sign in text):
                lines.append(Line(text, clean, number, bullet=text != clean))
    return _without_furniture(lines[:MAX_LINES], len(pages))


def clean_text(text: str) -> str:
    """Return `text` normalised (NFKC), without control, private-use and zero-width signs, spaces single.

    Tabs become two spaces: they part columns.
    """
    text = unicodedata.normalize("NFKC", text.translate(TEX_LIGATURES).replace("\t", "  "))
    text = "".join(" " if unicodedata.category(sign) in {"Cc", "Co", "Cn"} else sign for sign in text)
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return re.sub(r"[ ]{3,}", "  ", text).strip()


def _without_furniture(lines: list[Line], pages: int) -> list[Line]:
    """Drop page marks ("John Doe – 1/3") and the lines at page edges most pages repeat."""
    edges: set[tuple[str, int]] = set()
    for page in range(1, pages + 1):
        own = [line for line in lines if line.page == page]
        edges |= {(line.raw, page) for line in own[:EDGE] + own[-EDGE:]}
    seen = Counter(text for text, _ in edges)
    repeated = {text for text, count in seen.items() if pages >= 3 and count > pages * 0.6}
    first: set[str] = set()
    kept: list[Line] = []
    for line in lines:
        if PAGE_MARK.match(line.raw) or (line.raw in repeated and line.raw in first):
            continue
        first.add(line.raw)
        kept.append(line)
    return kept
