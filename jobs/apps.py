"""Wires the app: handlers are found, signals reach their receivers."""

from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        from jobs import brokers, events, local_tokens, registry, signals
        from jobs import checks as _checks  # noqa: F401  registers itself, as does the next
        from jobs import mail as _mail  # noqa: F401
        from jobs import webhooks as _webhooks  # noqa: F401

        registry.discover()
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
