"""What is known of each model: window, prices, how its tokenizer counts. The one place to change it.

Prices are US dollars for a million tokens, standard tier, without caching or batch discounts.
Sources: the Claude models overview and pricing pages (platform.claude.com, read 2026-11-22); for OpenAI the
public price lists of GPT-5.4 mini and nano (March 2026), GPT-4.1 mini and text-embedding-3 (June 2026), since
the vendor's page could not be read itself: check it before relying on a budget. A deployment overrides any
entry through the providers' `models` argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from jobs.exceptions import PermanentError

AS_OF = "2026-11-22"
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Model:
    """A model: `window` and `max_output` in tokens, prices in dollars a million tokens.

    `tokens_factor` is how many tokens it makes of one estimated by four characters. Where `long_from` is set,
    a prompt of more tokens costs the long prices, input and output alike.
    """

    window: int
    max_output: int
    input_price: Decimal
    output_price: Decimal
    tokens_factor: float = 1.1
    long_from: int | None = None
    long_input_price: Decimal = Decimal(0)
    long_output_price: Decimal = Decimal(0)

    def price(self, input_tokens: int, output_tokens: int) -> Decimal:
        """Return the price of one call in US dollars."""
        long = self.long_from is not None and input_tokens > self.long_from
        into = self.long_input_price if long else self.input_price
        out = self.long_output_price if long else self.output_price
        return (into * input_tokens + out * output_tokens) / _MILLION


def _model(window: int, output: int, into: str, out: str, factor: float = 1.1) -> Model:
    return Model(window, output, Decimal(into), Decimal(out), factor)


MODELS: dict[str, Model] = {
    "gpt-5.4": _model(400_000, 128_000, "2.50", "15.00"),
    "gpt-5.4-mini": _model(400_000, 128_000, "0.75", "4.50"),
    "gpt-5.4-nano": _model(400_000, 128_000, "0.20", "1.25"),
    "gpt-4.1-mini": _model(1_000_000, 32_768, "0.40", "1.60"),
    "text-embedding-3-small": _model(8_191, 0, "0.02", "0"),
    "text-embedding-3-large": _model(8_191, 0, "0.13", "0"),
    "claude-opus-5-5": _model(1_000_000, 128_000, "4", "20", 1.4),
    "claude-sonnet-5-5": _model(1_000_000, 128_000, "2", "10", 1.4),
    "claude-haiku-5-5": Model(
        1_000_000, 128_000, Decimal("0.10"), Decimal("0.50"), 1.4, 100_000, Decimal("0.50"), Decimal("2.50")
    ),
    "claude-haiku-4-5": _model(200_000, 64_000, "1", "5"),
}


def find(name: str, overrides: Mapping[str, Model] | None = None) -> Model:
    """Return what is known of a model; a dated name finds its family.

    Raises:
        PermanentError: code `unknown_model`, when neither the table nor `overrides` has it.
    """
    table = {**MODELS, **(overrides or {})}
    family = max((key for key in table if name == key or name.startswith(f"{key}-20")), key=len, default=None)
    if family is None:
        raise PermanentError(
            f"The model “{name}” has no entry in the table of models; add its window and prices.",
            code="unknown_model",
        )
    return table[family]
