"""When to try again: pure rules, no database."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from jobs import conf
from jobs.exceptions import JobError, RetryLater
from jobs.states import Category, priority_band

# Never tried again by themselves, however many attempts are left.
FINAL = frozenset({Category.INVALID_INPUT, Category.PERMANENT, Category.CANCELLED})


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how soon a kind is tried again. Delays in seconds; None takes the site's setting.

    `attempts` None means by priority: critical 5, high 4, normal 3, low 2 (`MAX_JOB_ATTEMPTS` overrides).
    """

    attempts: int | None = None
    base: float | None = None
    cap: float | None = None

    def max_attempts(self, priority: int) -> int:
        return self.attempts or settings.MAX_JOB_ATTEMPTS or conf.DEFAULT_ATTEMPTS[priority_band(priority)]

    def delay(self, attempt: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
        """Seconds to wait after the `attempt`-th (from 1) failed: full jitter over an exponential ceiling.

        Source of the rule: Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015):
        uniform(0, min(cap, base * 2 ** attempt)) clears contention with the fewest calls.
        """
        base = settings.RETRY_BASE_DELAY if self.base is None else self.base
        cap = settings.RETRY_MAX_DELAY if self.cap is None else self.cap
        return uniform(0.0, min(cap, base * 2.0 ** min(attempt, 32)))


@dataclass(frozen=True)
class Judgement:
    """What is known of an attempt that did not succeed. `message` is safe to show to the owner."""

    category: Category
    code: str
    message: str
    delay: float | None = None  # asked for by the other side, in seconds

    @property
    def charged(self) -> bool:
        return self.category != Category.RATE_LIMITED


# Library errors by dotted class name (a class is only imported where it is raised), the first match in the
# error's class hierarchy decides.
_KNOWN: dict[str, tuple[Category, str, str]] = {
    "builtins.MemoryError": (
        Category.RESOURCE,
        "memory_limit",
        "The job needed more memory than its kind is allowed.",
    ),
    "builtins.RecursionError": (
        Category.PERMANENT,
        "too_deep",
        "The input is nested too deeply to be processed.",
    ),
    "builtins.NotImplementedError": (Category.PERMANENT, "not_supported", "This is not supported."),
    "builtins.ImportError": (
        Category.PERMANENT,
        "missing_dependency",
        "A library this kind needs is not installed here.",
    ),
    "django.core.exceptions.ObjectDoesNotExist": (
        Category.PERMANENT,
        "gone",
        "What the job was to work on does not exist any more.",
    ),
    "django.core.exceptions.ValidationError": (
        Category.INVALID_INPUT,
        "invalid_input",
        "The input is not valid.",
    ),
    "pydantic_core._pydantic_core.ValidationError": (
        Category.INVALID_INPUT,
        "invalid_input",
        "The input does not have the expected form.",
    ),
    "django.db.utils.OperationalError": (
        Category.TRANSIENT,
        "database_unavailable",
        "The database could not be reached.",
    ),
    "django.db.utils.InterfaceError": (
        Category.TRANSIENT,
        "database_unavailable",
        "The database could not be reached.",
    ),
    "builtins.ConnectionError": (Category.TRANSIENT, "connection", "A connection to another service broke."),
    "builtins.TimeoutError": (
        Category.TRANSIENT,
        "connection_timeout",
        "Another service did not answer in time.",
    ),
}


def classify(error: BaseException) -> Judgement:
    """What an error that left a handler means. What nobody knows is transient: trying again is safe."""
    if isinstance(error, JobError):
        delay = error.delay if isinstance(error, RetryLater) else None
        return Judgement(Category(error.category), error.code, error.message, delay)
    if isinstance(error, OSError) and error.errno in {27, 28, 122}:  # EFBIG, ENOSPC, EDQUOT
        return Judgement(
            Category.RESOURCE, "storage", "There is not enough room to store the files of this job."
        )
    for cls in type(error).__mro__:
        known = _KNOWN.get(f"{cls.__module__}.{cls.__qualname__}")
        if known:
            return Judgement(*known)
    return Judgement(Category.TRANSIENT, "unexpected_error", "Something unexpected went wrong in this step.")


def next_delay(judgement: Judgement, policy: RetryPolicy, *, charged: int, max_attempts: int) -> float | None:
    """Seconds until the next attempt, or None when there is none.

    `charged` counts the attempts so far that were charged, this one included if it is. A delay the
    other side asked for is a floor, so that nobody comes back too soon.
    """
    if judgement.category in FINAL or (judgement.charged and charged >= max_attempts):
        return None
    if judgement.delay is None:
        return policy.delay(max(charged, 1))
    return judgement.delay + random.uniform(0, min(1.0, judgement.delay / 10))
