"""What each owner may spend: an estimate is set aside before a call, the actual price stands after it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum

from enrichment.models import Spend
from enrichment.providers.base import Usage
from jobs import clock
from jobs.context import JobContext
from jobs.exceptions import RetryLater

_LOCK = 0x4D52_0002
# A raised budget is noticed at least this often, in seconds.
_LOOK_AGAIN = 900.0


def reserve(context: JobContext, *, provider: str, model: str, task: str, tokens: int, usd: Decimal) -> Spend:
    """Set `usd` aside for a call of this job's owner; returns the row that `settle` completes.

    Raises RetryLater (code `budget`, not charged) when the day's or the month's budget does not hold it.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                # Two jobs must not both see the room that is there for one. SQLite has one writer anyway.
                cursor.execute(
                    "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, str(context.owner_id))
                )
        now = clock.now()
        _check(context.owner_id, now, usd)
        return Spend.objects.create(
            owner_id=context.owner_id,
            job_id=context.job_id,
            kind=context.kind,
            provider=provider,
            model=model,
            task=task,
            estimated_tokens=tokens,
            estimated_usd=usd,
            cost_usd=usd,
            at=now,
        )


def settle(spend: Spend, *, outcome: str, usage: Usage, usd: Decimal, model: str = "") -> None:
    """Write what the call really took, whether or not it helped."""
    Spend.objects.filter(pk=spend.pk).update(
        outcome=outcome[:64],
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=usd,
        model=(model or spend.model)[:100],
    )


def spent(owner_id: Any, since: datetime) -> Decimal:
    """US dollars of an owner since a time, what is set aside included."""
    found = Spend.objects.filter(owner_id=owner_id, at__gte=since).aggregate(total=Sum("cost_usd"))
    return found["total"] or Decimal(0)


def periods(now: datetime) -> list[tuple[str, datetime, datetime, Decimal]]:
    """The budgets that are set: name, start, end and US dollars of the current day and month (UTC)."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month = day.replace(day=1)
    next_month = (month + timedelta(days=32)).replace(day=1)
    both = (
        ("day", day, day + timedelta(days=1), settings.AI_BUDGET_DAY_USD),
        ("month", month, next_month, settings.AI_BUDGET_MONTH_USD),
    )
    return [(name, start, end, Decimal(str(usd))) for name, start, end, usd in both if usd > 0]


def _check(owner_id: Any, now: datetime, usd: Decimal) -> None:
    if not usd:
        return
    for name, start, end, budget in periods(now):
        used = spent(owner_id, start)
        if used + usd > budget:
            raise RetryLater(
                f"The budget of this {name} ({budget:.2f} USD) does not hold this call: {used:.4f} USD are "
                f"used, and it may take {usd:.4f}. It starts when there is room, at the latest "
                f"{end:%Y-%m-%d %H:%M} UTC.",
                delay=min((end - now).total_seconds() + 1, _LOOK_AGAIN),
                code="budget",
            )
