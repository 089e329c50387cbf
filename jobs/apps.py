"""Wires the app: handlers are found, signals reach their receivers."""

from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        from jobs import brokers, checks, events, local_tokens, signals, webhooks  # noqa: F401  two register themselves

        autodiscover_modules("handlers")
        signals.queued.connect(brokers.queued)
        signals.withdrawn.connect(brokers.withdrawn)
        signals.recorded.connect(events.recorded)
        signals.tick.connect(local_tokens.forget_expired)
        connection_created.connect(_bound_waits)


def _bound_waits(connection: Any, **kwargs: Any) -> None:
    """No statement waits for a row for long: a worker that waits does not watch its sandbox."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
