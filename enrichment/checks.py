"""What must be right in the settings before the site starts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from enrichment import engines, limits


@register()
def providers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """AI_PROVIDERS names providers there are, and their limits can be read."""
    found: list[CheckMessage] = []
    unknown = [name for name in settings.AI_PROVIDERS if name not in engines.NAMES]
    if unknown:
        found.append(
            Error(
                f"AI_PROVIDERS names {unknown[0]!r}, which is no provider.",
                hint=f"Choose from: {', '.join(engines.NAMES)}.",
                id="enrichment.E001",
            )
        )
    for name in ("AI_REQUESTS_PER_MINUTE", "AI_TOKENS_PER_MINUTE"):
        try:
            limits.read_limits(name, getattr(settings, name))
        except ImproperlyConfigured as error:
            found.append(Error(str(error), id="enrichment.E002"))
    return found
