"""How to reach the person: e-mail addresses, telephone numbers, links."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from enrichment.profiles.lines import Line
from enrichment.profiles.profile import Field, Link

EMAIL = re.compile(r"[\w.+'-]{1,64}@[\w-]+(?:\.[\w-]+)+")
SPELT = re.compile(r"\s*[\[({]\s*(at|dot|punkt|ät)\s*[\])}]\s*", re.IGNORECASE)
MASKED = re.compile(r"[*xX•#_]{2,}|\*")
PHONE_RUN = re.compile(r"(?<![\w/.-])(?:\+|00|\(|0|\d)[\d\s()./–-]{5,22}\d(?![\w/])")
PHONE_LABEL = re.compile(
    r"\b(?:tel|phone|telefon|mobil\w*|cell|handy|tél\w*|fon|móvil|cellulare|komórka)\b", re.I
)
URL = re.compile(
    r"(?:https?://|www\.)[^\s<>()\[\]{}|•·,;\"']+"
    r"|(?<![@\w.])(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|me|de|at|ch|fr|es|it|nl|pl|pt|eu|co|uk|ai|app|tech|info|xyz|be|us)"
    r"(?:/[^\s<>()\[\]{}|•·,;\"']*)?(?![\w@.-])",
    re.IGNORECASE,
)
KINDS: dict[str, str] = {
    "linkedin.com": "linkedin",
    "github.com": "github",
    "github.io": "website",
    "gitlab.com": "gitlab",
    "bitbucket.org": "bitbucket",
    "stackoverflow.com": "stackoverflow",
    "xing.com": "xing",
    "orcid.org": "orcid",
    "scholar.google.com": "scholar",
    "researchgate.net": "researchgate",
    "doi.org": "publication",
    "zenodo.org": "publication",
    "arxiv.org": "publication",
    "kaggle.com": "kaggle",
    "huggingface.co": "huggingface",
    "twitter.com": "twitter",
    "x.com": "twitter",
    "mastodon.social": "mastodon",
    "medium.com": "medium",
    "behance.net": "behance",
    "dribbble.com": "dribbble",
    "youtube.com": "youtube",
    "facebook.com": "facebook",
    "instagram.com": "instagram",
}
# On these an address without a path is the service and not the person.
NEEDS_PATH = frozenset(KINDS.values()) - {"website"}
PLACEHOLDERS = frozenset({"example.com", "example.org", "example.net"})
MAX_LINKS, MAX_EMAILS, MAX_PHONES = 40, 10, 6


def find_emails(lines: Sequence[Line], links: Sequence[str]) -> list[Field[str]]:
    """Return valid addresses, mailto links first; syntax by email-validator, no DNS is asked."""
    found: dict[str, Field[str]] = {}
    for link in links:
        if link.lower().startswith("mailto:"):
            address = _address(unquote(link[7:]).split("?")[0])
            if address:
                found.setdefault(address.casefold(), Field(address, 0.98, link, 0))
    for line in lines:
        if "@" not in line.text and not SPELT.search(line.text):
            continue
        plain = SPELT.sub(lambda match: "@" if match[1].lower() in {"at", "ät"} else ".", line.text)
        for match in EMAIL.finditer(plain):
            address = _address(match[0].strip(".'-"))
            if address:
                known = found.get(address.casefold())
                # Seen in both places: as sure as one can be, and the line shows where.
                sure = 0.99 if known else (0.95 if plain == line.text else 0.8)
                found[address.casefold()] = Field(
                    known.value if known else address, sure, line.raw, line.page
                )
    return list(found.values())[:MAX_EMAILS]


def find_phones(lines: Sequence[Line], region: str | None) -> list[Field[str]]:
    """Return telephone numbers in international form, from the head of the résumé and labelled lines.

    Args: `region` is the two-letter country in which a number without "+" is read; None leaves those out.
    Masked numbers ("+49 176 *** **") are not reported: the fragment before the mask is no number.
    A number that is possible in length but not in use by its numbering plan has confidence 0.5.
    """
    import phonenumbers

    found: dict[str, Field[str]] = {}
    for index, line in enumerate(lines):
        if index > 40 and not PHONE_LABEL.search(line.text):
            continue
        for match in PHONE_RUN.finditer(line.text):
            if MASKED.match(line.text[match.end() :].lstrip()) or sum(map(str.isdigit, match[0])) < 7:
                continue
            text = re.sub(r"^00(?=[1-9])", "+", match[0])
            if not text.startswith("+") and not region:
                continue
            try:
                number = phonenumbers.parse(text, region)
            except phonenumbers.NumberParseException:
                continue
            valid = phonenumbers.is_valid_number(number)
            labelled = bool(PHONE_LABEL.search(line.text)) or text.startswith("+")
            if not valid and not (labelled and phonenumbers.is_possible_number(number)):
                continue
            value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
            found.setdefault(value, Field(value, 0.95 if valid else 0.5, line.raw, line.page))
    return list(found.values())[:MAX_PHONES]


def find_links(lines: Sequence[Line], annotations: Sequence[str]) -> list[Field[Link]]:
    """Return web addresses, those of annotations first (real CVs keep their profiles only there).

    Bare service addresses ("https://github.com/") and placeholders ("example.com") are left out.
    """
    found: dict[str, Field[Link]] = {}
    for url in annotations:
        if url.lower().startswith(("http://", "https://")):
            _add(found, url, 0.97, url, 0)
    for index, line in enumerate(lines):
        for match in URL.finditer(line.text):
            bare = not match[0].lower().startswith(("http", "www."))
            # In the body a bare domain is an employer or a product; people put their own at the edges.
            if bare and 15 <= index < len(lines) - 4 and link_kind(f"https://{match[0]}") == "website":
                continue
            _add(found, match[0].rstrip(".,:;!?"), 0.75 if bare else 0.9, line.raw, line.page)
    return list(found.values())[:MAX_LINKS]


def link_kind(url: str) -> str:
    """Return what an address is: a key of the services known, or "website"."""
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    for domain, kind in KINDS.items():
        if host == domain or host.endswith("." + domain):
            return kind
    return "website"


def _add(found: dict[str, Field[Link]], url: str, confidence: float, source: str, page: int) -> None:
    full = url if "://" in url else f"https://{url}"
    try:
        parts = urlsplit(full)
        host = (parts.hostname or "").lower()
    except ValueError:
        return
    if "." not in host or host in PLACEHOLDERS or len(full) > 500:
        return
    kind = link_kind(full)
    if kind in NEEDS_PATH and not parts.path.strip("/"):
        return
    key = (
        host.removeprefix("www.")
        + parts.path.rstrip("/").lower()
        + ("?" + parts.query if parts.query else "")
    )
    found.setdefault(
        key,
        Field(Link(kind, full.rstrip("/") if not parts.path.strip("/") else full), confidence, source, page),
    )


def _address(text: str) -> str | None:
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        return None
