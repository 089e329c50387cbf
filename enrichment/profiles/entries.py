"""Cutting the lines of a section into dated entries, and an entry's header into its parts.

Résumés put title, company, place and date on one line, on two or on four, in any order. What precedes the
first date of a section tells how many header lines stand above each date; the rest follows from that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from enrichment.profiles.dates import Span, find_single, find_span
from enrichment.profiles.lines import Line
from enrichment.profiles.places import find_place, is_place, trailing_city
from enrichment.profiles.vocabulary import ORGANISATION_WORDS, fold

STRONG = re.compile(
    r"\s+[–—|•·@-]\s+|\s*[|•·]\s*|\s{2,}|\s+(?:at|bei|chez|presso|bij|en la empresa)\s+(?=[A-ZÄÖÜ])"
)
MAX_HEADER = 3
ENDS_SENTENCE = re.compile(r"[.!?;:]$")
STOP_LABEL = re.compile(
    r"^(?:publications?|publikationen|veröffentlichungen|references|referenzen)\s*:\s*$", re.I
)
EMPLOYMENT = re.compile(
    r"\s*[,(]?\s*\b(?:part[- ]time|full[- ]time|teilzeit|vollzeit|temps plein|temps partiel"
    r"|contract|freelance basis)\b\)?",
    re.I,
)


@dataclass(slots=True)
class Entry:
    """Header texts in reading order, the date, the line that carries it, and the body."""

    headers: list[str]
    span: Span | None
    line: Line
    body: list[Line] = field(default_factory=list)


def date_of(line: Line) -> Span | None:
    """Return the date of a header line: a range in a short line, or a single date at its end or start."""
    text = line.text
    if len(text) > 160 or line.bullet:
        return None
    span = find_span(text)
    if span:
        rest = text[: span.at] + text[span.end_at :]
        return span if len(rest) <= 120 and not re.search(r"[.;]\s+\w", rest) else None
    single = find_single(text)
    at_edge = single and (single.end_at >= len(text.rstrip(" )")) or single.at <= 1)
    return single if single and at_edge and len(text) <= 110 and not text.rstrip().endswith(".") else None


def split_entries(lines: Sequence[Line]) -> list[Entry]:
    """Return the dated entries of a section in order; what precedes the first and is no header is dropped."""
    dates = [(index, span) for index, line in enumerate(lines) if (span := date_of(line))]
    if not dates:
        return []
    ranges = [one for one in dates if not one[1].single]
    # Where ranges are the rule, a lone year at the end of a line is usually part of a sentence.
    above = _lines_above(lines, dates[0][0])
    starts = [_start(lines, index, span, above) for index, span in dates]
    entries: list[Entry] = []
    end = 0
    for position, (index, span) in enumerate(dates):
        start = max(starts[position], end)
        follow = starts[position + 1] if position + 1 < len(dates) else len(lines)
        text = _without_date(lines[index].text, span)
        if span.single and ranges and not _could_head(lines[index], text):
            if entries:
                entries[-1].body += lines[start:follow]
            end = follow
            continue
        headers = [line.text for line in lines[start:index]] + ([text] if text else [])
        body = list(lines[index + 1 : max(follow, index + 1)])
        while body and len(headers) < 3 and above == 0 and _continues_header(body[0], headers, body[1:]):
            headers.append(body.pop(0).text)
        entries.append(Entry(headers, span, lines[index], body))
        end = max(follow, index + 1)
    return entries


def header_parts(headers: Sequence[str]) -> tuple[list[str], str | None]:
    """Return (texts other than places, place) of an entry's header lines."""
    parts: list[str] = []
    place: str | None = None
    for header in headers:
        pieces = [piece for piece in STRONG.split(EMPLOYMENT.sub("", header)) if piece.strip(" ,.–-")]
        while len(pieces) > 1 and is_place(pieces[-1].strip(" ,()")):
            place = place or pieces.pop().strip(" ,()")
        text = _rejoin(header, pieces)
        if is_place(text.strip(" ,()")) and (parts or len(headers) > 1):
            place = place or text.strip(" ,()")
            continue
        text, found = _split_place(text)
        place = place or found
        if text:
            parts.append(text)
    if len(parts) == 1:
        pieces = [piece.strip(" ,") for piece in STRONG.split(parts[0]) if piece.strip(" ,")]
        if len(pieces) == 1:
            pieces = [piece.strip() for piece in re.split(r",\s+", parts[0]) if piece.strip()]
        elif len(pieces) > 2:
            pieces = [" - ".join(pieces[:-1]), pieces[-1]]
        parts = pieces
    return [part.strip(" ,;–-") for part in parts if part.strip(" ,;–-")], place


def body_bullets(body: Sequence[Line]) -> tuple[str, ...]:
    """Return the body as bullet points, wrapped lines joined; a list of publications ends it."""
    bullets: list[str] = []
    width = max((len(line.text) for line in body), default=0)
    marked = any(line.bullet for line in body)
    before: Line | None = None
    for line in body:
        if STOP_LABEL.match(line.text):
            break
        wrapped = (
            before is not None
            and not line.bullet
            and (
                marked
                or line.text[:1].islower()
                or line.text[:1] in "+&(/"
                or (
                    len(before.text) > width * 0.8
                    and not ENDS_SENTENCE.search(before.text)
                    and ":" not in line.text[:40]
                )
            )
        )
        if wrapped and bullets:
            hyphen = bullets[-1].endswith("-") and line.text[:1].islower() and not bullets[-1].endswith(" -")
            bullets[-1] = bullets[-1][:-1] + line.text if hyphen else f"{bullets[-1]} {line.text}"
        else:
            bullets.append(line.text)
        before = line
    return tuple(bullets[:40])


def is_organisation(text: str) -> bool:
    """Say whether `text` has a word that companies or institutions carry ("GmbH", "University")."""
    return any(word.strip(".,()") in ORGANISATION_WORDS for word in fold(text).split())


def _lines_above(lines: Sequence[Line], first: int) -> int:
    """How many header lines stand above the date: those above the section's first one."""
    count = 0
    for line in reversed(lines[:first]):
        if line.bullet or len(line.text) > 90 or ENDS_SENTENCE.search(line.text) or count == MAX_HEADER:
            break
        count += 1
    return count


def _start(lines: Sequence[Line], index: int, span: Span, above: int) -> int:
    start = index
    while start > 0 and index - start < above:
        line = lines[start - 1]
        if line.bullet or date_of(line) or len(line.text) > 90 or ENDS_SENTENCE.search(line.text):
            break
        start -= 1
    return start


def _could_head(line: Line, text: str) -> bool:
    return (
        bool(text)
        and text[0].isupper()
        and len(text) <= 90
        and ("|" in line.text or bool(STRONG.search(text)) or "," in text)
    )


def _continues_header(line: Line, headers: Sequence[str], rest: Sequence[Line]) -> bool:
    """Is this line under the date still header? With "Company – Place, date" above, the title follows."""
    parts, _ = header_parts(headers)
    if line.bullet or len(line.text) > 80 or ENDS_SENTENCE.search(line.text) or not line.text[:1].isupper():
        return False
    if len(parts) >= 2:
        return is_place(line.text)
    return not rest or rest[0].bullet or len(line.text) <= 60


def _without_date(text: str, span: Span) -> str:
    rest = f"{text[: span.at]}  {text[span.end_at :]}"
    return re.sub(r"\(\s*\)", " ", rest).strip(" ,;:|•·–—-()\t")


def _rejoin(header: str, pieces: Sequence[str]) -> str:
    """Return the stretch of `header` from the first to the last of `pieces`, separators kept."""
    if not pieces:
        return ""
    start = header.find(pieces[0])
    end = header.rfind(pieces[-1]) + len(pieces[-1])
    return header[max(start, 0) : end].strip()


def _split_place(text: str) -> tuple[str, str | None]:
    """Take a place off the end: "Acme, Berlin, Germany", "We4IT GmbH Bremen", "Acme (Paris)"."""
    bracket = re.search(r"\(([^()]+)\)\s*$", text)
    if bracket and is_place(bracket[1]):
        return text[: bracket.start()].strip(" ,"), bracket[1].strip()
    pieces = [piece.strip() for piece in text.split(",")]
    for size in (3, 2, 1):
        if 0 < size < len(pieces):
            tail = ", ".join(pieces[-size:])
            if is_place(tail):
                return ", ".join(pieces[:-size]), tail
    place = find_place(text)
    if place and text.endswith(place):
        return text[: -len(place)].strip(" ,–-"), place
    city = trailing_city(text)
    return (city[0].strip(" ,–-"), city[1]) if city else (text.strip(), None)
