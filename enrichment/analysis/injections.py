"""Lines in a résumé that speak to a machine instead of to a reader.

The built-in engine follows no instructions, so such a line could not steer it; but it must not be carried
into a rewritten résumé or a competence file either. Lines are left out and counted, and a person is told.
"""

from __future__ import annotations

import re

from enrichment.prompts import visible

_SPEAKS_TO_MACHINE = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instruction|prompt|rule|"
    r"previous|above|prior|guideline)"
    r"|\b(?:system|developer) (?:prompt|message|override)\b|"
    r"\b(?:system|assistant|user)\s*:\s*(?:you|ignore|new|please|the (?:ai|assistant))\b"
    r"|</?(?:system|instructions?|assistant|user|prompt|material)\b|<\|[\w ]+\|>|\[/?INST\]|```|<!--|-->"
    r"|\byou are (?:now |a |an |the )*(?:\w+ )?(?:ai|assistant|language model|llm|chatbot|"
    r"recruiter bot|dan)\b"
    r"|\bas an? (?:ai|language model|llm)\b|\b(?:dear|attention|note to|hey),? (?:the )?(?:ai|"
    r"llm|chatgpt|gpt|claude|"
    r"language model|model|recruiting bot|screening (?:system|bot|software))\b"
    r"|\b(?:give|assign|award|rate|score|rank|mark)\b.{0,50}\b(?:100|10/10|maximum|highest|top score|perfect|"
    r"best candidate)\b.{0,40}(?:score|candidate|resume|rating|applicant)?"
    r"|\b(?:output|print|reply|respond|say|return|repeat|write)\b.{0,30}\b(?:only|exactly|"
    r"the (?:word|following|phrase)|"
    r"your (?:system )?(?:prompt|instructions))\b"
    r"|\b(?:reveal|leak|exfiltrate|send|post)\b.{0,40}\b(?:prompt|instructions|api key|secrets?|"
    r"data to|contents? to)\b"
    r"|\bnew instructions?\b|\bdo (?:not|n't) (?:mention|tell|report|evaluate|analy[sz]e)\b"
    r"|!\[[^\]]*\]\(\s*https?:|\bjavascript:|<\s*(?:script|img|iframe|svg)\b"
    r"|\bignorier\w*\b.{0,40}\banweisung|\bignore[zr]?\b.{0,40}\b(?:consignes|instrucciones)",
    re.IGNORECASE,
)


def speaks_to_machine(line: str) -> bool:
    """Tell whether a line addresses a language model or holds active markup."""
    return bool(_SPEAKS_TO_MACHINE.search(visible(line)))


def remove(text: str) -> tuple[str, int]:
    """Return a text without such lines and without invisible characters, and how many lines were left out."""
    lines = visible(text).splitlines()
    kept = [line for line in lines if not _SPEAKS_TO_MACHINE.search(line)]
    return "\n".join(kept), len(lines) - len(kept)


def warning(count: int) -> list[str]:
    """Return the warning for a person, as a list of none or one."""
    if not count:
        return []
    what = "1 line addresses" if count == 1 else f"{count} lines address"
    return [f"{what} a machine instead of a reader and was left out." if count == 1 else
            f"{what} a machine instead of a reader and were left out."]  # fmt: skip
