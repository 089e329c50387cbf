"""Checks what a model answered: the shape first, then the facts that can be checked without a model."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel, ValidationError

from enrichment.analysis.passages import Passage, from_data
from enrichment.analysis.sentences import clean
from enrichment.schemas import DocumentAnalysis, ExperienceEnhancement, PaperAnalysis, Quote, Result

_OURS = frozenset(Result.model_fields)
_LIMITS = "minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength minItems maxItems multipleOf"
_DROPPED = frozenset({*_LIMITS.split(" "), "title", "default", "pattern", "format"})
_FENCE = re.compile(r"^\s*```(?:json)?\s*|\s*```\s*$", re.IGNORECASE)
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")


class Misfit(Exception):
    """An answer does not fit its schema; `problem` tells where, in words that hold no content."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def strict_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema both vendors accept in strict mode.

    Every field required, no further fields, no limits (both refuse some of them), and without the fields that
    the provider fills itself.
    """
    return _strict(schema.model_json_schema(by_alias=False), names=False)


def parse(text: str, schema: type[BaseModel]) -> BaseModel:
    """Read an answer.

    Raises:
        Misfit: when it is no JSON or does not fit.
    """
    try:
        data = json.loads(_FENCE.sub("", text))
    except ValueError as error:
        raise Misfit(f"not JSON: {error.args[0] if error.args else 'unreadable'}"[:200]) from None
    if isinstance(data, dict):
        data = {key: value for key, value in data.items() if key not in _OURS}
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or '(root)'}: {e['type']}" for e in error.errors()[:20]]
        raise Misfit("\n".join(lines)) from None


def settle(answer: BaseModel, data: dict[str, Any], *, method: str, coverage: str) -> BaseModel:
    """Return the answer with what cannot be true taken out, and its method and coverage filled in.

    Quotes that are not in the material are dropped, the others get their true place; pages that do not exist
    become None; a rewritten bullet with a figure that its original lacks goes back to the original.
    """
    warnings: list[str] = []
    if isinstance(answer, DocumentAnalysis | PaperAnalysis):
        passages = from_data(data)
        answer = _on_real_pages(answer, passages)
        if isinstance(answer, DocumentAnalysis):
            answer = _grounded(answer, passages, warnings)
    if isinstance(answer, ExperienceEnhancement):
        answer = _without_new_figures(answer, warnings)
    if isinstance(answer, Result):
        return answer.model_copy(update={"method": method, "coverage": coverage, "warnings": warnings})
    return answer


def figures(text: str) -> set[str]:
    """Return the figures of a text, thousands separators removed."""
    return {match.group().replace(",", "").rstrip(".") for match in _DIGITS.finditer(text)}


def _strict(node: Any, *, names: bool) -> Any:
    """Walk a schema; `names` is true where keys are field names, which must not be mistaken for keywords."""
    if isinstance(node, list):
        return [_strict(item, names=False) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: _strict(value, names=False) for key, value in node.items() if key not in _OURS}
    kept = {
        key: _strict(value, names=key in ("properties", "$defs"))
        for key, value in node.items()
        if key not in _DROPPED
    }
    if node.get("type") == "object":
        kept["additionalProperties"] = False
        kept["required"] = list(kept.get("properties", {}))
    return {"$ref": kept["$ref"]} if "$ref" in kept else kept


def _on_real_pages(answer: Any, passages: list[Passage]) -> Any:
    real = {page for passage in passages for page in passage.pages}
    indexes = {passage.index for passage in passages}

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(item) for item in value]
        if not isinstance(value, BaseModel):
            return value
        update: dict[str, Any] = {name: walk(getattr(value, name)) for name in type(value).model_fields}
        if update.get("page") not in real:
            update |= {"page": None} if "page" in update else {}
        if "pages" in update:
            update["pages"] = [page for page in update["pages"] if page in real]
            update["passages"] = [index for index in update["passages"] if index in indexes]
        return value.model_copy(update=update)

    return walk(answer)


def _grounded(answer: DocumentAnalysis, passages: list[Passage], warnings: list[str]) -> DocumentAnalysis:
    plain = [(passage, _plain(clean(passage.text))) for passage in passages]
    kept: list[Quote] = []
    for quote in answer.quotes:
        home = next((passage for passage, text in plain if _plain(quote.text) in text), None)
        if home is None or not _plain(quote.text):
            continue
        words = re.findall(r"\w+", quote.text)
        pattern = r"[\W\x02]+".join(re.escape(word) for word in words[:4])
        match = re.search(pattern, home.text)
        offset = match.start() if match else None
        page = home.page_at(offset or 0)
        kept.append(quote.model_copy(update={"passage": home.index, "page": page, "offset": offset}))
    if len(kept) < len(answer.quotes):
        lost = len(answer.quotes) - len(kept)
        warnings.append(f"{lost} quotes were not word for word in the text and were left out.")
    return answer.model_copy(update={"quotes": kept})


def _without_new_figures(answer: ExperienceEnhancement, warnings: list[str]) -> ExperienceEnhancement:
    entries, undone = [], 0
    for entry in answer.entries:
        bullets = []
        for bullet in entry.bullets:
            if figures(bullet.rewritten) - figures(bullet.original):
                bullet = bullet.model_copy(update={"rewritten": bullet.original, "changes": []})
                undone += 1
            bullets.append(bullet)
        entries.append(entry.model_copy(update={"bullets": bullets}))
    if undone:
        warnings.append(f"{undone} rewritten lines added a figure that was not there and were put back.")
    return answer.model_copy(update={"entries": entries})


def _plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
