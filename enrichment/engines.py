"""The providers this site has, by its settings. Keys are read when a job runs, where they may be."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from enrichment.providers.base import Provider
from enrichment.providers.builtin import BuiltinProvider
from jobs.exceptions import InvalidInput

NAMES = ("builtin", "openai", "anthropic")
_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}


@cache
def builtin() -> Provider:
    """The offline engine."""
    return BuiltinProvider()


def configured() -> list[str]:
    """The names of the providers that can be used here, the preferred first."""
    return [name for name in settings.AI_PROVIDERS if name == "builtin" or getattr(settings, _KEYS[name])]


def preferred() -> Provider:
    """The first provider of `AI_PROVIDERS` that has its key; the built-in one when none has."""
    return get(next(iter(configured()), "builtin"))


def get(name: str) -> Provider:
    """The provider called `name`. Raises InvalidInput when it is unknown or has no key here."""
    check(name)
    if name == "builtin":
        return builtin()
    key = getattr(settings, _KEYS[name])
    if name == "openai":
        from enrichment.providers.openai import OpenAIProvider

        return OpenAIProvider(key, base_url=settings.OPENAI_BASE_URL or None)
    from enrichment.providers.anthropic import AnthropicProvider

    return AnthropicProvider(key, base_url=settings.ANTHROPIC_BASE_URL or None)


def check(name: str) -> None:
    """Raise InvalidInput, naming the remedy, unless the provider can be used here."""
    if name not in NAMES:
        raise InvalidInput(
            f"There is no provider {name!r}. Choose from: {', '.join(NAMES)}.",
            code="unknown_provider",
            field="providers",
        )
    if name != "builtin" and not getattr(settings, _KEYS[name]):
        raise InvalidInput(
            f"The provider {name!r} has no key here. Set {_KEYS[name]}, or use one of: "
            f"{', '.join(configured())}.",
            code="provider_not_configured",
            field="providers",
        )
