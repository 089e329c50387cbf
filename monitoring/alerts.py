"""Telling operators: poisoned jobs, queues that fall behind or stall, missing workers, memory pressure.

`check()` runs in each cluster's parent every ten seconds or so; the row of a condition decides which of
them tells. An alert opens after its condition held for a while, closes after it was gone for longer, and is
told at most once an hour however often it comes and goes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import F, Q

from jobs import clock, identity
from jobs.models import JobFailure
from monitoring import memory, queues, verdicts
from monitoring.models import Alert

logger = logging.getLogger(__name__)

REPEAT: Final = timedelta(hours=1)
CLOSE_AFTER: Final = timedelta(minutes=2)
KEEP: Final = timedelta(days=30)
_POISON_WINDOW: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Condition:
    """Something operators should know if it holds for `after`."""

    key: str
    message: str
    after: timedelta


def check(**kwargs: Any) -> list[Alert]:
    """Look at everything once; returns the alerts that were told now. Receiver of `jobs.signals.tick`."""
    now = clock.now()
    holding = {condition.key: condition for condition in conditions(now)}
    told = [alert for condition in holding.values() if (alert := _holds(condition, now))]
    _gone(set(holding), now)
    return told


def conditions(now: datetime) -> Iterator[Condition]:
    """The conditions that hold now."""
    yield from _poisoned(now)
    for name, queue in queues.read(durations=False).items():
        verdict = verdicts.judge(queue)
        if verdict.state == verdicts.STALLED and not queue.workers:
            yield Condition(f"no-worker:{name}", f"Queue {name}: {verdict.text}.", timedelta(seconds=30))
        elif verdict.state == verdicts.STALLED:
            yield Condition(f"stalled:{name}", f"Queue {name}: {verdict.text}.", timedelta(seconds=30))
        elif verdict.state == verdicts.FALLING_BEHIND:
            yield Condition(f"behind:{name}", f"Queue {name}: {verdict.text}.", timedelta(minutes=2))
    found = memory.read()
    if found.level != memory.OK:
        yield Condition(
            f"memory:{identity.host()}"[:200],
            f"Host {identity.host()}: memory is {found.level}, {100 * found.share:.0f} % of "
            f"{found.limit / 2**20:,.0f} MiB used.",
            timedelta(seconds=20 if found.level == memory.CRITICAL else 120),
        )


def _poisoned(now: datetime) -> Iterator[Condition]:
    """Jobs given up because the process that ran them died again and again, by kind."""
    recent = JobFailure.objects.filter(code="poisoned", at__gte=now - _POISON_WINDOW).order_by("-at")
    jobs: dict[str, list[str]] = {}
    for kind, job in recent.values_list("kind", "job_id")[:100]:
        jobs.setdefault(kind, []).append(str(job))
    for kind, ids in jobs.items():
        more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
        yield Condition(
            f"poisoned:{kind}",
            f"{len(ids)} of kind {kind} killed the process that ran them and are not tried again: "
            f"{', '.join(ids[:3])}{more}.",
            timedelta(0),
        )


def _holds(condition: Condition, now: datetime) -> Alert | None:
    """Note that a condition holds; the alert when it was told now."""
    Alert.objects.bulk_create(
        [Alert(key=condition.key, message=condition.message[:1000], bad_since=now, updated_at=now)],
        ignore_conflicts=True,
    )
    row = Alert.objects.filter(key=condition.key)
    row.filter(bad_since=None).update(bad_since=now)
    row.update(good_since=None, message=condition.message[:1000], updated_at=now)
    due = row.filter(bad_since__lte=now - condition.after)
    due.filter(open=False).update(open=True, opened_at=now, closed_at=None)
    # The one parent process whose update finds the row is the one that tells.
    unsaid = due.filter(open=True).filter(Q(sent_at=None) | Q(sent_at__lte=now - REPEAT))
    if not unsaid.update(sent_at=now, times_sent=F("times_sent") + 1):
        return None
    _tell(condition)
    return row.get()


def _gone(holding: set[str], now: datetime) -> None:
    """Note which conditions hold no more, and close the alerts of those gone for long enough.

    Memory is each host's own: only that host can say that it is well again.
    """
    others = Alert.objects.exclude(key__in=holding).exclude(
        Q(key__startswith="memory:") & ~Q(key=f"memory:{identity.host()}"[:200])
    )
    others.filter(good_since=None).update(good_since=now, bad_since=None)
    others.filter(open=True, good_since__lte=now - CLOSE_AFTER).update(open=False, closed_at=now)
    Alert.objects.filter(open=False, updated_at__lt=now - KEEP).delete()


def _tell(condition: Condition) -> None:
    logger.error("alert %s: %s", condition.key, condition.message)
    people = recipients()
    if not people:
        return
    try:
        send_mail(
            f"[Millrace] {condition.key}",
            f"{condition.message}\n\n{settings.PUBLIC_URL}/dashboard\n",
            None,
            people,
        )
    except OSError as error:  # smtplib's errors are of this kind
        # The log line above stands; the janitors must go on.
        logger.error("alert %s could not be mailed: %s", condition.key, type(error).__name__)


def recipients() -> list[str]:
    """`ALERT_EMAILS`, else the addresses of Django's ADMINS."""
    return list(getattr(settings, "ALERT_EMAILS", None) or [admin[1] for admin in settings.ADMINS])
