"""One protocol for whoever does the thinking: the offline engine or a language model's API.

Providers raise the errors of `jobs.exceptions` and nothing else: `RetryLater` (come back in so many seconds,
uncharged), `TransientError` (try again), `PermanentError` (a person must act), `InvalidInput` (the material).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel

from enrichment.schemas import SCHEMAS
from jobs.exceptions import PermanentError


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written; of several calls, their sum."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens)

    @property
    def total_tokens(self) -> int:
        """Tokens read and written together, as rate limits count them."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Request:
    """One piece of work: `task` is a key of `schemas.SCHEMAS`, `data` what that task reads.

    `schema` is what the answer must fit; `max_output_tokens` bounds what a model may write. `progress` is
    called as `progress(done, total)` by providers that can tell.
    """

    task: str
    data: dict[str, Any]
    schema: type[BaseModel]
    max_output_tokens: int = 4096
    progress: Callable[[int, int], None] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer that fits the request's schema, what it took, and the model that gave it."""

    data: BaseModel
    usage: Usage
    model: str


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors of `dimension` numbers each, in the order of the texts.

    Never compare vectors of different `engine`s.
    """

    engine: str
    dimension: int
    vectors: Sequence[Sequence[float]]
    usage: Usage


@runtime_checkable
class Provider(Protocol):
    """What every provider can do."""

    @property
    def name(self) -> str:
        """`builtin`, `openai` or `anthropic`."""

    def complete(self, request: Request) -> Completion:
        """Do one task and return an answer that fits its schema."""

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return one vector for each text; raise PermanentError(code="no_embeddings") where there are
        none."""

    def count_tokens(self, text: str) -> int:
        """Estimate the tokens of a text, rather too many than too few; never calls out."""

    def price(self, usage: Usage) -> Decimal:
        """Return what so many tokens cost, in US dollars."""


def request(task: str, data: dict[str, Any], **options: Any) -> Request:
    """Make the request for a task with the schema that belongs to it.

    Raises:
        PermanentError: code `unknown_task`.
    """
    if task not in SCHEMAS:
        raise PermanentError(f"There is no task “{task}”.", code="unknown_task")
    return Request(task=task, data=data, schema=SCHEMAS[task], **options)


def estimate_tokens(text: str, factor: float = 1.0) -> int:
    """Estimate tokens without a tokenizer: a quarter of the ASCII characters, one for each other, times
    `factor`.

    English prose has about four characters a token in the tokenizers of both vendors; other scripts have one
    or two, so this errs on the side of too many.
    """
    plain = sum(character < "\x80" for character in text)
    return int((plain / 4 + (len(text) - plain)) * factor) + 1
