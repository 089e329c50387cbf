"""Anthropic through its own SDK: messages with a JSON schema for the output. It has no embeddings.

The SDK is imported at the first call (1.8 s, 78 MB). Its own retries are off: the job retries, so a failing
call is made once for each attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enrichment.providers import failures
from enrichment.providers.base import Usage
from enrichment.providers.model import CONNECT_TIMEOUT, Message, ModelProvider
from jobs.exceptions import JobError, PermanentError


class AnthropicProvider(ModelProvider):
    """Anthropic's API, or a server that speaks its protocol. Arguments: see `ModelProvider`."""

    name = "anthropic"
    default_model = "claude-sonnet-5-5"

    def _call(
        self, system: str, messages: list[Message], schema: dict[str, Any], output: int
    ) -> tuple[str, Usage, str]:
        answer = self._ask(
            lambda: self._sdk().messages.create(
                model=self.model,
                system=system,
                messages=messages,
                max_tokens=output,
                output_config={"format": {"type": "json_schema", "schema": schema}},
            )
        )
        used = answer.usage
        usage = Usage(used.input_tokens, used.output_tokens) if used else Usage()
        if answer.stop_reason == "refusal":
            raise self._refused(usage)
        text = "".join(block.text for block in answer.content or [] if block.type == "text")
        return text, usage, answer.model or self.model

    def _sdk(self) -> Any:
        if self._client is None:
            import anthropic

            self._client = anthropic.Anthropic(
                api_key=self._api_key,
                base_url=self._base_url,
                timeout=anthropic.Timeout(self._timeout, connect=min(CONNECT_TIMEOUT, self._timeout)),
                max_retries=0,
            )
        return self._client

    def _ask(self, call: Callable[[], Any]) -> Any:
        """Make one call; its errors become ours, raised outside the handler so that none is chained."""
        import anthropic

        failure: JobError
        try:
            return call()
        except anthropic.APITimeoutError:
            failure = failures.timed_out(self.name, self._timeout)
        except anthropic.APIConnectionError:
            failure = failures.cut_off(self.name)
        except anthropic.APIStatusError as error:
            headers = dict(error.response.headers)
            failure = failures.from_status(
                self.name, error.status_code, headers, _type(error.body), error.body
            )
        except anthropic.AnthropicError:
            failure = PermanentError(
                f"{self.name} could not be asked; check its settings.", code="provider_setup"
            )
        except ValueError:  # an answer that is not the vendor's JSON
            failure = failures.cut_off(self.name)
        raise failure


def _type(body: Any) -> str | None:
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("type")) if isinstance(error, dict) else None
