"""Dates and ranges as people write them in résumés; a table of months, never a guess.

A bare year stays a year: turning "2017" into a month of 2017 would invent a fact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from enrichment.profiles.vocabulary import MONTHS, PRESENT_WORDS, SINCE_WORDS, fold

_MONTH = r"(?:" + "|".join(sorted((re.escape(name) for name in MONTHS), key=len, reverse=True)) + r")\b\.?"
_YEAR = r"(?:19[5-9]\d|20[0-4]\d)"
_DATE = (
    rf"(?:(?P<{{0}}month>{_MONTH})\s*(?:de\s+|del\s+)?[,'’/]?\s*(?P<{{0}}year1>{_YEAR})"
    rf"|(?P<{{0}}number1>0?[1-9]|1[0-2])\s?[./-]\s?(?P<{{0}}year2>{_YEAR})"
    rf"|(?:[0-3]?\d)\.(?P<{{0}}number2>0?[1-9]|1[0-2])\.(?P<{{0}}year3>{_YEAR})"
    rf"|(?P<{{0}}year4>{_YEAR})\s?[./-]\s?(?P<{{0}}number3>0[1-9]|1[0-2])(?!\d)(?:-[0-3]\d)?"
    rf"|(?P<{{0}}year5>{_YEAR}))"
)
_DASH = r"\s*(?:[-–—−‐~]|to|until|till|bis|a|à|au|al|tot|do|ate|jusqu'a|hasta)\s*"
_PRESENT = r"(?P<now>\(?(?:" + "|".join(re.escape(word) for word in PRESENT_WORDS) + r")\)?)(?!\w)"
_SHORT = r"(?P<short>\d{2})(?!\d)"
RANGE = re.compile(
    rf"(?<![\w/]){_DATE.replace('{0}', 'a')}{_DASH}"
    rf"(?:{_DATE.replace('{0}', 'b')}|{_PRESENT}|{_SHORT})(?![\w%])"
)
SINCE = re.compile(rf"(?<!\w)(?:{'|'.join(SINCE_WORDS)})\s+(?:le\s+)?{_DATE.replace('{0}', 'a')}(?!\w)")
OPEN = re.compile(rf"(?<![\w/]){_DATE.replace('{0}', 'a')}\s*[-–—]\s*$")
MONTHS_OF_ONE_YEAR = re.compile(
    rf"(?<!\w)(?P<first>{_MONTH})\s*[-–—]\s*(?P<second>{_MONTH})\s*(?P<year>{_YEAR})(?!\w)"
)
SINGLE = re.compile(rf"(?<![\w/.]){_DATE.replace('{0}', 'a')}(?![\w/])")


@dataclass(frozen=True, slots=True)
class Span:
    """A range: "YYYY" or "YYYY-MM"; `at`..`end_at` is where it stands in the text."""

    start: str | None
    end: str | None
    current: bool
    at: int
    end_at: int
    single: bool = False


def find_span(text: str) -> Span | None:
    """Return the first date range in `text`, None without one; "since 2019" and "2019 –" run up to now."""
    folded = _same_length_fold(text)
    both = MONTHS_OF_ONE_YEAR.search(folded)
    if both:
        year = both["year"]
        return Span(
            f"{year}-{_month(both['first']):02}", f"{year}-{_month(both['second']):02}", False, *both.span()
        )
    found = RANGE.search(folded)
    if found:
        start = _date(found, "a")
        if found["now"]:
            return Span(start, None, True, *found.span())
        end = _date(found, "b") if not found["short"] else _short(start, found["short"])
        # A year and a smaller one are not a range ("2015 - 2011": a page span or a misreading).
        return Span(start, end, False, *found.span()) if end and start and end[:4] >= start[:4] else None
    found = SINCE.search(folded) or OPEN.search(folded)
    return Span(_date(found, "a"), None, True, *found.span()) if found else None


def find_single(text: str) -> Span | None:
    """Return the last single date in `text` as a Span whose `end` is that date, None without one."""
    found = None
    for found in SINGLE.finditer(_same_length_fold(text)):  # noqa: B007 (the last one is wanted)
        pass
    return Span(None, _date(found, "a"), False, *found.span(), single=True) if found else None


def months_between(start: str, end: str) -> int:
    """Return the months from `start` to `end` ("YYYY" or "YYYY-MM"), both included; a bare year is whole."""
    first = int(start[:4]) * 12 + (int(start[5:7]) - 1 if len(start) > 4 else 0)
    last = int(end[:4]) * 12 + (int(end[5:7]) - 1 if len(end) > 4 else 11)
    return max(0, last - first + 1)


def _same_length_fold(text: str) -> str:
    """Fold sign by sign, so that positions in the result are positions in `text`."""
    return "".join((fold(sign) or " ")[:1] for sign in text)


def _date(found: re.Match[str], side: str) -> str | None:
    groups = found.groupdict()
    year = next((groups[f"{side}year{n}"] for n in range(1, 6) if groups.get(f"{side}year{n}")), None)
    if year is None:
        return None
    if groups.get(f"{side}month"):
        return f"{year}-{_month(groups[f'{side}month']):02}"
    number = next((groups[f"{side}number{n}"] for n in range(1, 4) if groups.get(f"{side}number{n}")), None)
    return f"{year}-{int(number):02}" if number else year


def _month(name: str) -> int:
    return MONTHS[name.strip(" .")]


def _short(start: str | None, digits: str) -> str | None:
    """Read the "19" of "2016–19"; only as a year after the start, never as a month."""
    if not start or len(start) > 4 or int(digits) <= int(start[2:4]):
        return None
    return start[:2] + digits
