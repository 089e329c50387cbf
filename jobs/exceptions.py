"""The words Millrace uses for what can go wrong.

Handlers raise the first group; whoever creates or steers jobs meets the second. Anything else that
leaves a handler is classified by `jobs.retry.classify`.
"""

from __future__ import annotations

from typing import Any


class MillraceError(Exception):
    """Base of every error Millrace raises on purpose."""


class JobError(MillraceError):
    """An attempt did not succeed, and the handler knows why.

    `message` is shown to the owner, so it must be safe and name the remedy; `code` is stable and
    machine-readable; `category` is a value of `jobs.states.Category`.
    """

    category = "transient"
    default_code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code


class TransientError(JobError):
    """Trying again may help: tried again with backoff while attempts last."""

    default_code = "transient"


class PermanentError(JobError):
    """Trying again cannot help: the job fails at once."""

    category = "permanent"
    default_code = "permanent"


class InvalidInput(JobError):
    """What the person sent cannot be processed; `message` says what to change.

    `field` names the argument at fault, where there is one.
    """

    category = "invalid_input"
    default_code = "invalid_input"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class ResourceExceeded(JobError):
    """A limit on memory, disk or processor time was met."""

    category = "resource"
    default_code = "resource"


class RetryLater(JobError):
    """Come back in `delay` seconds; the attempt is not charged (rate limits, budgets)."""

    category = "rate_limited"
    default_code = "rate_limited"

    def __init__(self, message: str, *, delay: float, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.delay = max(0.0, float(delay))


class FenceLost(MillraceError):
    """Another attempt owns the job now, or it has ended: this one must stop and write nothing."""


class UnknownKind(MillraceError):
    """No handler is registered for this kind."""


class InvalidArgs(MillraceError):
    """A job's arguments do not fit its kind. `errors` maps a field's dotted path to messages."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{field}: {' '.join(texts)}" for field, texts in errors.items()))
        self.errors = errors


class InvalidTransition(MillraceError):
    """The job is not in a state from which this can be done; `state` is where it is."""

    def __init__(self, message: str, *, state: str) -> None:
        super().__init__(message)
        self.state = state


class IdempotencyConflict(MillraceError):
    """The idempotency key was used before, with another body."""


class QuotaExceeded(MillraceError):
    """The owner has as many unfinished jobs as allowed; `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: int, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.details = details or {}
