"""What the providers that call a language model share: one task is one call, and one more to repair it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from enrichment import prompts
from enrichment.providers import catalogue, failures
from enrichment.providers.answers import Misfit, parse, settle, strict_schema
from enrichment.providers.base import Completion, Embeddings, Request, Usage, estimate_tokens
from enrichment.providers.windows import fit
from jobs.exceptions import JobError, PermanentError

CONNECT_TIMEOUT = 5.0
MAX_INPUT_TOKENS = 60_000
Message = dict[str, str]


class ModelProvider:
    """Base of the language model providers.

    Args:
        api_key: the vendor's key; never shown, not even by `repr`.
        model: a name in `catalogue.MODELS` or in `models_table`.
        base_url: another address that speaks the vendor's protocol.
        timeout: seconds to wait for an answer; connecting may take 5 of them.
        max_input_tokens: how much material one call may hold, whatever the window; bounds the price.
        models_table: entries that add to or replace those of `catalogue.MODELS`.
    Raises:
        PermanentError: code `no_key` without a key, `unknown_model` for a model that is in no table.
    """

    name = "model"
    default_model = ""

    def __init__(
        self,
        api_key: str,
        *,
        model: str | None = None,
        base_url: str | None = None,
        timeout: float = 90.0,
        max_input_tokens: int = MAX_INPUT_TOKENS,
        models_table: Mapping[str, catalogue.Model] | None = None,
    ) -> None:
        if not api_key:
            raise PermanentError(f"There is no API key for {self.name}; set one to use it.", code="no_key")
        self._api_key = api_key
        self._base_url = base_url
        self._timeout = timeout
        self._max_input_tokens = max_input_tokens
        self._table = dict(models_table or {})
        self.model = model or self.default_model
        self._limits = catalogue.find(self.model, self._table)
        self._client: Any = None

    @property
    def max_input_tokens(self) -> int:
        """How much material one call holds at most."""
        return self._max_input_tokens

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.model}>"

    def complete(self, request: Request) -> Completion:
        """Do a task: one request, and a second one when the first answer does not fit the schema.

        Raises:
            RetryLater, TransientError, PermanentError: see `failures.from_status`; code `provider_bad_output`
                when the second answer does not fit either, `provider_refused` when the model declines.
            InvalidInput: code `too_large`.
        """
        output = min(request.max_output_tokens, self._limits.max_output)
        room = self._limits.window - output - 2 * 1500 - self.count_tokens(str(strict_schema(request.schema)))
        fitted = fit(request.data, max(1000, min(self._max_input_tokens, room)), self.count_tokens)
        prompt = prompts.render(request.task, fitted.data)
        schema = strict_schema(request.schema)
        messages: list[Message] = [{"role": "user", "content": prompt.user}]
        usage = Usage()
        for attempt in (1, 2):
            try:
                text, used, model = self._call(prompt.system, messages, schema, output)
            except JobError as error:
                # What was read and written so far is charged, whatever became of it.
                error.usage = usage + getattr(error, "usage", Usage())  # type: ignore[attr-defined]
                raise
            usage += used
            if request.progress:
                request.progress(attempt, 2)
            try:
                answer = parse(text, request.schema)
            except Misfit as misfit:
                messages += [
                    {"role": "assistant", "content": text or "(empty)"},
                    {"role": "user", "content": prompts.repair(misfit.problem)},
                ]
                continue
            method = f"generative: {self.name} {model}"
            data = settle(answer, fitted.data, method=method, coverage=fitted.coverage)
            return Completion(data, usage, model)
        failure = failures.bad_output(self.name)
        failure.usage = usage  # type: ignore[attr-defined]
        raise failure

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Raise PermanentError(code="no_embeddings"): not every vendor has them; the caller decides what
        then."""
        raise PermanentError(
            f"{self.name} offers no embeddings. Use openai or builtin for vectors.", code="no_embeddings"
        )

    def count_tokens(self, text: str) -> int:
        """Estimate the tokens of a text for this model, without a call."""
        return estimate_tokens(text, self._limits.tokens_factor)

    def price(self, usage: Usage) -> Decimal:
        """Return the price in US dollars by the table's prices; long-prompt prices count the sum as one
        call."""
        return self._limits.price(usage.input_tokens, usage.output_tokens)

    def _call(
        self, system: str, messages: list[Message], schema: dict[str, Any], output: int
    ) -> tuple[str, Usage, str]:
        """Make exactly one request; return the answer's text, the usage and the model's full name."""
        raise NotImplementedError

    def _refused(self, usage: Usage) -> PermanentError:
        error = PermanentError(f"{self.name} declined to work on this material.", code="provider_refused")
        error.usage = usage  # type: ignore[attr-defined]
        return error
