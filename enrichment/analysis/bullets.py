"""Improves a line of experience with nothing but what it says.

Filler goes, a strong verb comes first where one can be made from the line's own words, and what is missing is
asked for, never made up: the output has no figure, name or claim that the line does not have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERBS = """
achieved adapted administered advised analysed analyzed architected authored automated awarded built
championed coached co-authored co-founded co-invented collaborated compiled conducted configured consolidated
coordinated created cut debugged decreased defined delivered deployed designed developed devised diagnosed
directed documented drafted drove earned eliminated enabled engineered ensured established evaluated examined
executed expanded extended facilitated filed finished formed formulated founded generated grew guided headed
identified implemented improved increased influenced initiated inspired installed instituted integrated
introduced invented investigated launched led maintained managed mastered mentored migrated modeled modelled
modernised modernized monitored negotiated operated optimised optimized orchestrated organised organized
overhauled owned performed pioneered planned prepared presented prevented produced professionalized
programmed promoted proposed published raised ran realized rebuilt recruited redesigned reduced refactored
released reorganized replaced reported researched resolved restructured reviewed revised saved scaled secured
served shipped simplified sold solved spearheaded standardized started streamlined strengthened supervised
supported taught tested tracked trained transformed translated tripled doubled updated upgraded validated
verified won wrote
"""
STRONG_VERBS = frozenset(_VERBS.split())
_IRREGULAR_TEXT = """
build Built lead Led run Ran write Wrote teach Taught sell Sold drive Drove grow Grew win Won make Made
take Took hold Held cut Cut set Set oversee Oversaw bring Brought begin Began find Found keep Kept plan
Planned ship Shipped program Programmed model Modelled debug Debugged
"""
_IRREGULAR = _IRREGULAR_TEXT.split()
_BASE = dict(zip(_IRREGULAR[::2], _IRREGULAR[1::2], strict=True))
_REGULAR_TEXT = """
achieve adapt administer advise analyse analyze automate coach conduct configure coordinate create define
deliver deploy design develop direct document draft enable engineer ensure establish evaluate execute
expand facilitate generate guide identify implement improve increase initiate install integrate introduce
investigate launch maintain manage mentor migrate monitor negotiate operate optimise optimize organise
organize perform prepare present produce promote propose publish realize recruit reduce refactor release
replace report research resolve review scale simplify solve streamline supervise support test train update
upgrade validate
"""
_REGULAR = frozenset(_REGULAR_TEXT.split())
_ALSO_NOUNS_TEXT = """
research report test document model plan support release review program design guide set cut run find hold
mentor coach train lead increase update upgrade debug scale ship process direct conduct win present
"""
_ALSO_NOUNS = frozenset(_ALSO_NOUNS_TEXT.split())
_DUTY = "duty turned into deed"
_FILLER: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), change)
    for pattern, change in (
        (r"^(?:i|we) (?:have |had )?(?:also )?", "without “I”"),
        (r"^(?:was |were |been )?(?:solely |mainly |primarily |also )?responsible for (?:the )?", _DUTY),
        (r"^(?:my )?(?:main )?(?:duties|tasks|responsibilities) (?:included|were|include)\s*:?\s*", _DUTY),
        (r"^(?:was |were )?(?:tasked with|charged with|in charge of|entrusted with) (?:the )?", _DUTY),
        (r"^successfully ", "filler removed"),
        (r"\b(?:various|several different|a variety of|a wide range of) ", "filler removed"),
        (r"\b(?:very|really|basically|actually|quite) ", "filler removed"),
        (r"\bin order to\b", "shorter"),
        (r"\butili[sz](?:ed|ing)\b", "plainer word"),
    )
)
_PLAIN = {
    "in order to": "to",
    "utilized": "used",
    "utilised": "used",
    "utilizing": "using",
    "utilising": "using",
}
_FIGURE = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|dozens?|hundreds?|thousands?|double|half)\b",
    re.IGNORECASE,
)
_QUESTIONS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("team", "supervis", "mentor", "recruit", "led\\b", "coach"), "How many people were involved?"),
    (
        ("reduc", "improv", "optimi", "increas", "faster", "performance"),
        "By how much did it change, and from what?",
    ),
    (("sales", "revenue", "budget", "cost", "customer", "client"), "What amount or how many customers?"),
    (("test", "quality", "bug", "monitor"), "What did it prevent or find, and how often?"),
    (("publish", "paper", "author", "research", "award"), "Where, when, and with what effect?"),
    (("teach", "course", "workshop", "class"), "For how many people, and how often?"),
)
_NOUNS_TEXT = """
development Developed design Designed implementation Implemented management Managed maintenance Maintained
creation Created planning Planned coordination Coordinated administration Administered analysis Analysed
evaluation Evaluated migration Migrated optimization Optimised optimisation Optimised supervision
Supervised testing Tested organization Organised organisation Organised integration Integrated training
Trained preparation Prepared automation Automated introduction Introduced support Supported
"""
_NOUNS = _NOUNS_TEXT.split()
_NOMINAL = dict(zip(_NOUNS[::2], _NOUNS[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class Bullet:
    """A line before and after, what was changed, and what to ask the person (None when nothing is
    missing)."""

    original: str
    rewritten: str
    changes: tuple[str, ...]
    question: str | None


def improve(line: str, *, ongoing: bool = False) -> Bullet:
    """Improve one line.

    Args:
        line: the line as written, with or without its bullet mark.
        ongoing: the position lasts, so verbs in the present tense stay.
    """
    original = line.strip()
    text = re.sub(r"^[•◦▪‣●·*–-]\s*", "", original)
    changes: list[str] = []
    for pattern, change in _FILLER:
        shorter = pattern.sub(lambda match: _PLAIN.get(match.group().lower(), ""), text)
        if shorter != text and len(shorter.split()) >= 2:
            text = shorter
            if change and change not in changes:
                changes.append(change)
    led = _lead(text, ongoing)
    if led != text:
        text = led
        changes.append("begins with a verb")
    text = text[:1].upper() + text[1:] if text else original
    if text.endswith(".") and text.count(".") == 1:
        text = text[:-1]
    return Bullet(original, text, tuple(changes), question(text))


def starts_strong(line: str) -> bool:
    """Tell whether a line begins with a verb that says what was done."""
    first = re.match(r"[^\w]*([\w-]+)", line)
    word = first.group(1).lower() if first else ""
    return word in STRONG_VERBS or word in _REGULAR or word in _BASE


def has_figure(line: str) -> bool:
    """Tell whether a line measures something."""
    return bool(_FIGURE.search(line))


def question(line: str) -> str | None:
    """Return what to ask where a line measures nothing, or None."""
    if has_figure(line):
        return None
    lowered = line.lower()
    for words, asked in _QUESTIONS:
        if re.search(rf"\b(?:{'|'.join(words)})", lowered):
            return asked
    if re.search(
        r"\b(?:develop|built|build|creat|implement|design|deploy|launch|platform|system|app)", lowered
    ):
        return "Who used it, how many, and what got better?"
    return "What was the result, in a figure if there is one?"


def _lead(text: str, ongoing: bool) -> str:
    """Bring a verb to the front where the line's own first words give one."""
    first, _, rest = text.partition(" ")
    word = first.lower().strip(",:;")
    if word in _NOMINAL and rest.lower().startswith("of "):
        return f"{_NOMINAL[word]} {rest[3:]}"
    if word.endswith("ing") and rest:
        base = word[:-3]
        for stem in (base, base + "e", base[:-1] if base[-1:] == base[-2:-1] else base):
            past = _past(stem)
            if past:
                return f"{past} {rest}"
    # "Research integrated into..." is a noun, "Research the market" a verb
    noun = word in _ALSO_NOUNS and not re.match(r"(?:the|an?|and|all|new|our)\b", rest, re.IGNORECASE)
    if not ongoing and rest and not noun:
        past = _past(word)
        if past and first[:1].isupper():
            return _also_past(f"{past} {rest}")
    return text


def _past(verb: str) -> str | None:
    if verb in _BASE:
        return _BASE[verb]
    if verb not in _REGULAR:
        return None
    if verb.endswith("e"):
        return f"{verb}d".capitalize()
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ied".capitalize()
    return f"{verb}ed".capitalize()


def _also_past(text: str) -> str:
    """Carry the past tense to a second verb after "and" or a comma: "Developed and evaluate" reads badly."""

    def past(match: re.Match[str]) -> str:
        changed = _past(match.group(2).lower())
        return f"{match.group(1)}{changed.lower()}" if changed else match.group()

    return re.sub(r"((?:, (?:and )?| and ))([a-z]+)(?=\s)", past, text)
