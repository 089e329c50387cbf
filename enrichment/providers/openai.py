"""OpenAI through its own SDK: chat completions with a strict JSON schema, and embeddings.

The SDK is imported at the first call (0.7 s, 53 MB). Its own retries are off: the job retries, so a failing
call is made once for each attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from enrichment.providers import catalogue, failures
from enrichment.providers.base import Embeddings, Usage, estimate_tokens
from enrichment.providers.model import CONNECT_TIMEOUT, Message, ModelProvider
from jobs.exceptions import JobError, PermanentError

EMBEDDING_MODEL = "text-embedding-3-small"
_BATCH_TEXTS = 256
_BATCH_TOKENS = 200_000
_MAX_TEXT_CHARS = 24_000


class OpenAIProvider(ModelProvider):
    """OpenAI's API, or a server that speaks its protocol.

    Args:
        embedding_model: the model for `embed`; the engine's name is `openai:<model>`.
        others: see `ModelProvider`.
    """

    name = "openai"
    default_model = "gpt-5.4-mini"

    def __init__(self, api_key: str, *, embedding_model: str = EMBEDDING_MODEL, **options: Any) -> None:
        super().__init__(api_key, **options)
        self.embedding_model = embedding_model

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts in batches of at most 256; each text is read to its first 24,000 characters.

        Raises:
            RetryLater, TransientError, PermanentError: see `failures.from_status`.
        """
        vectors: list[list[float]] = []
        usage = Usage()
        for batch in _batches(texts):
            answer = self._ask(partial(self._embed, batch))
            rows = sorted(answer.data or [], key=lambda row: row.index)
            if len(rows) != len(batch):
                raise failures.bad_output(self.name)
            vectors.extend(row.embedding for row in rows)
            usage += Usage(answer.usage.prompt_tokens if answer.usage else sum(map(self.count_tokens, batch)))
        dimension = len(vectors[0]) if vectors else 0
        return Embeddings(f"openai:{self.embedding_model}", dimension, vectors, usage)

    def _embed(self, batch: list[str]) -> Any:
        return self._sdk().embeddings.create(model=self.embedding_model, input=batch, encoding_format="float")

    def embedding_price(self, usage: Usage) -> Any:
        """Return the price of embedding so many tokens, as a Decimal of US dollars."""
        return catalogue.find(self.embedding_model, self._table).price(usage.input_tokens, 0)

    def _call(
        self, system: str, messages: list[Message], schema: dict[str, Any], output: int
    ) -> tuple[str, Usage, str]:
        answer = self._ask(
            lambda: self._sdk().chat.completions.create(
                model=self.model,
                messages=[{"role": "system", "content": system}, *messages],
                max_completion_tokens=output,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "strict": True, "schema": schema},
                },
            )
        )
        choice = answer.choices[0] if answer.choices else None
        if choice is None:
            raise failures.cut_off(self.name)
        used = answer.usage
        usage = Usage(used.prompt_tokens, used.completion_tokens) if used else Usage()
        if choice.message.refusal or choice.finish_reason == "content_filter":
            raise self._refused(usage)
        return choice.message.content or "", usage, answer.model or self.model

    def _sdk(self) -> Any:
        if self._client is None:
            import openai

            self._client = openai.OpenAI(
                api_key=self._api_key,
                base_url=self._base_url,
                timeout=openai.Timeout(self._timeout, connect=min(CONNECT_TIMEOUT, self._timeout)),
                max_retries=0,
            )
        return self._client

    def _ask(self, call: Callable[[], Any]) -> Any:
        """Make one call; its errors become ours, raised outside the handler so that none is chained."""
        import openai

        failure: JobError
        try:
            return call()
        except openai.APITimeoutError:
            failure = failures.timed_out(self.name, self._timeout)
        except openai.APIConnectionError:
            failure = failures.cut_off(self.name)
        except openai.APIStatusError as error:
            headers = dict(error.response.headers)
            failure = failures.from_status(self.name, error.status_code, headers, error.code, error.body)
        except openai.OpenAIError:
            failure = PermanentError(
                f"{self.name} could not be asked; check its settings.", code="provider_setup"
            )
        except ValueError:  # an answer that is not the vendor's JSON
            failure = failures.cut_off(self.name)
        raise failure


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    tokens = 0
    for text in texts:
        text = text[:_MAX_TEXT_CHARS] or " "
        cost = estimate_tokens(text)
        if batch and (len(batch) == _BATCH_TEXTS or tokens + cost > _BATCH_TOKENS):
            yield batch
            batch, tokens = [], 0
        batch.append(text)
        tokens += cost
    if batch:
        yield batch
