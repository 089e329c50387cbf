"""How handlers ask a provider: within its limits and the owner's budget, and by another one when it is out.

The built-in engine is asked directly; it costs nothing and knows no limits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from django.views.decorators.debug import sensitive_variables

from enrichment import budget, engines, limits
from enrichment.providers.answers import strict_schema
from enrichment.providers.base import Completion, Embeddings, Provider, Request, Usage, request
from jobs.context import JobContext
from jobs.exceptions import JobError, RetryLater

T = TypeVar("T")

# What a model may write; a rewritten résumé or file is long. In tokens.
_OUTPUT = {"resume.optimise": 12_000, "competence.compose": 12_000, "experience.enhance": 12_000}
_DEFAULT_OUTPUT = 6_000
_PROMPT_TOKENS = 1_500
# Another provider may do better after these; after other errors of a person's material it would not.
_FALL_BACK = frozenset(
    {
        "provider_circuit_open", "insufficient_quota", "provider_auth", "provider_bad_output",
        "provider_refused", "provider_rejected", "provider_setup", "provider_too_large", "unknown_model",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a provider said. `data` has the shape of the task in camelCase; `skipped` says who was not asked
    and why."""

    data: dict[str, Any]
    provider: str
    model: str
    usage: Usage
    cost_usd: Decimal
    skipped: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Who answered and what it took, as results show it."""
        return {
            "provider": self.provider,
            "model": self.model,
            "inputTokens": self.usage.input_tokens,
            "outputTokens": self.usage.output_tokens,
            "costUsd": str(self.cost_usd),
            **({"fallback": self.skipped} if self.skipped else {}),
        }


@sensitive_variables()
def ask(
    context: JobContext,
    task: str,
    data: dict[str, Any],
    *,
    provider: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Answer:
    """Have `task` done by `provider`, or else by the first of `AI_PROVIDERS` that can.

    Raises RetryLater over a limit or the budget, and the provider's errors; with `provider` None, those that
    another provider might not have are met by asking the next one.
    """
    names = [provider] if provider else engines.configured() or ["builtin"]
    skipped: list[str] = []
    for position, name in enumerate(names):
        try:
            engine = engines.get(name)
            work = request(
                task, data, progress=progress, max_output_tokens=_OUTPUT.get(task, _DEFAULT_OUTPUT)
            )
            done, cost = _complete(context, engine, work)
        except JobError as error:
            if position + 1 == len(names) or error.code not in _FALL_BACK:
                if isinstance(error, limits.CircuitOpen):
                    raise RetryLater(error.message, delay=error.delay, code=error.code) from None
                raise
            context.log(f"{error.message} {names[position + 1]} is asked instead.", "warning")
            skipped.append(f"{name}: {error.message}")
            continue
        shown = done.data.model_dump(mode="json", by_alias=True)
        return Answer(shown, name, done.model, done.usage, cost, skipped)
    raise AssertionError("there is always a provider")


@sensitive_variables()
def embed(context: JobContext, engine: Provider, texts: Sequence[str]) -> Embeddings:
    """Vectors of `texts`, within the same limits and budget. Raises as `Provider.embed` does."""
    priced = getattr(engine, "embedding_price", None)
    if engine.name == "builtin" or priced is None:
        return engine.embed(texts)
    estimated = Usage(sum(engine.count_tokens(text) for text in texts))
    model = getattr(engine, "embedding_model", "")
    call = _Call(context, engine, "embed", model, estimated, priced)
    return call.make(lambda: engine.embed(texts), lambda done: (done.usage, model))


def _complete(context: JobContext, engine: Provider, work: Request) -> tuple[Completion, Decimal]:
    if engine.name == "builtin":
        return engine.complete(work), Decimal(0)
    model = getattr(engine, "model", "")
    call = _Call(context, engine, work.task, model, _estimate(engine, work), engine.price)
    done = call.make(lambda: engine.complete(work), lambda done: (done.usage, done.model))
    return done, call.cost


def _estimate(engine: Provider, work: Request) -> Usage:
    """The most one call can take: the material as far as it fits, our own words, the longest answer."""
    material = engine.count_tokens(str(work.data))
    bound = getattr(engine, "max_input_tokens", material)
    ours = _PROMPT_TOKENS + engine.count_tokens(str(strict_schema(work.schema)))
    return Usage(min(material, bound) + ours, work.max_output_tokens)


@dataclass
class _Call:
    """One call of a paid provider, from the money set aside to the price paid."""

    context: JobContext
    engine: Provider
    task: str
    model: str
    estimated: Usage
    price: Callable[[Usage], Decimal]
    cost: Decimal = Decimal(0)

    def make(self, call: Callable[[], T], usage_of: Callable[[T], tuple[Usage, str]]) -> T:
        """Raises RetryLater before the call is made, or what the call raises; either way all is settled."""
        name = self.engine.name
        spend = budget.reserve(
            self.context,
            provider=name,
            model=self.model,
            task=self.task,
            tokens=self.estimated.total_tokens,
            usd=self.price(self.estimated),
        )
        try:
            limits.take(name, self.estimated.total_tokens)
        except JobError:
            spend.delete()
            raise
        try:
            done = call()
        except JobError as error:
            self._failed(spend, error)
            raise
        except Exception:
            # Nobody knows how far it came, so what was set aside stays as its price.
            budget.settle(spend, outcome="error", usage=Usage(), usd=spend.estimated_usd)
            raise
        used, model = usage_of(done)
        self.cost = self.price(used)
        budget.settle(spend, outcome="ok", usage=used, usd=self.cost, model=model)
        limits.settle(name, estimated=self.estimated.total_tokens, used=used.total_tokens)
        limits.succeeded(name)
        return done

    def _failed(self, spend: Any, error: JobError) -> None:
        name = self.engine.name
        used = getattr(error, "usage", None) or Usage()
        # A time-out may have been answered, and charged, behind our back.
        unknown = error.code in ("provider_timeout", "provider_connection") and not used.total_tokens
        cost = spend.estimated_usd if unknown and error.code == "provider_timeout" else self.price(used)
        budget.settle(spend, outcome=error.code, usage=used, usd=cost)
        limits.settle(name, estimated=self.estimated.total_tokens, used=used.total_tokens)
        if error.code in limits.OUTAGES:
            limits.failed(name)
        else:
            limits.succeeded(name)
        if isinstance(error, RetryLater):
            limits.asked_to_wait(name, error.delay)
