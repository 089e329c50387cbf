"""What the enrichment jobs of a caller came to, from the ledger: bounded, whatever has piled up."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any, Final

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Sum
from django.utils import timezone

from enrichment import budget
from enrichment.models import Spend
from enrichment.serializers import STATUS
from jobs import registry
from jobs.models import Job, JobFailure
from jobs.states import State, priority_band

DAYS: Final = 30
MAX_JOBS: Final = 10_000
TYPES: Final = (
    "competence_file_generation",
    "candidate_profile_enhancement",
    "bulk_candidate_enrichment",
    "skills_optimization",
    "experience_enhancement",
)


def kinds() -> list[str]:
    """The kinds behind the public types of enrichment."""
    return [registry.by_type(name).kind for name in TYPES]


def collect(user: Any) -> dict[str, Any]:
    """Totals, times, success rate, errors by class, per type and priority, and spending, of the last
    `DAYS` days and at most the newest `MAX_JOBS` jobs; staff sees everybody's."""
    since = timezone.now() - timedelta(days=DAYS)
    newest = (
        Job.objects.visible_to(user)
        .filter(kind__in=kinds(), created_at__gte=since)
        .order_by("-created_at")
        .values("pk")[:MAX_JOBS]
    )
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    rows: list[Any] = list(
        Job.objects.filter(pk__in=newest)
        .order_by()
        .values("kind", "priority", "state")
        .annotate(count=Count("pk"), average=Avg(took))
    )
    errors = JobFailure.objects.filter(job__in=newest).order_by().values("category", "code")
    return {
        "windowDays": DAYS,
        **_summary(rows),
        "perType": _by(rows, lambda row: registry.type_of(row["kind"])),
        "perPriority": _by(rows, lambda row: priority_band(row["priority"])),
        "errors": _errors([*errors.annotate(count=Count("pk"))[:200]]),
        "spending": _spending(user, since),
    }


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    totals: dict[str, int] = {"total": 0, **dict.fromkeys(STATUS.values(), 0)}
    weighed, counted = 0.0, 0
    for row in rows:
        totals["total"] += row["count"]
        totals[STATUS[State(row["state"])]] += row["count"]
        if row["state"] == State.COMPLETED and row["average"] is not None:
            weighed += row["average"].total_seconds() * row["count"]
            counted += row["count"]
    ended = totals["completed"] + totals["failed"]
    return {
        "totals": totals,
        "averageProcessingTimeMs": round(weighed / counted * 1000) if counted else None,
        "successRate": round(totals["completed"] / ended, 4) if ended else None,
    }


def _by(rows: list[dict[str, Any]], key: Any) -> dict[str, Any]:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return {name: _summary(group) for name, group in sorted(groups.items())}


def _errors(rows: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        one = found.setdefault(row["category"], {"count": 0, "codes": {}})
        one["count"] += row["count"]
        one["codes"][row["code"]] = one["codes"].get(row["code"], 0) + row["count"]
    return found


def _spending(user: Any, since: Any) -> dict[str, Any]:
    mine = Spend.objects.filter(at__gte=since)
    mine = mine if user.is_staff else mine.filter(owner=user)
    rows = (
        mine.order_by()
        .values("provider")
        .annotate(
            calls=Count("pk"),
            input=Sum("input_tokens"),
            output=Sum("output_tokens"),
            estimated=Sum("estimated_usd"),
            cost=Sum("cost_usd"),
        )
    )
    return {
        "providers": {
            row["provider"]: {
                "calls": row["calls"],
                "inputTokens": row["input"],
                "outputTokens": row["output"],
                "estimatedUsd": str(row["estimated"]),
                "costUsd": str(row["cost"]),
            }
            for row in rows
        },
        "budget": {
            name: {"usd": str(usd), "usedUsd": str(budget.spent(user.pk, start)), "until": end.isoformat()}
            for name, start, end, usd in budget.periods(timezone.now())
        },
    }
