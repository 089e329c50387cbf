"""What a person may do to the jobs ticked in a list: the same transitions as the API, one by one.

Each job succeeds or is refused by itself; the message says how many of each, and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from jobs import queues, transitions
from jobs.exceptions import InvalidTransition
from jobs.models import Job
from jobs.states import PRIORITY_NAMES

# "Select all" may mean a million jobs; `POST /api/jobs/actions` does as many, as a job with progress.
MAX_JOBS: Final = 500


@admin.action(description="Retry", permissions=["act"])
def retry(model_admin: Any, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
    return _each(request, queryset, "retried", lambda job: transitions.retry(job, actor=_actor(request)))


@admin.action(description="Cancel", permissions=["act"])
def cancel(model_admin: Any, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
    return _each(
        request,
        queryset,
        "cancelled or told to end",
        lambda job: transitions.cancel(job, actor=_actor(request), reason="Cancelled by an operator"),
    )


def reprioritise_to(name: str, priority: int) -> Callable[..., HttpResponse | None]:
    """The action that moves jobs to the priority called `name`."""

    @admin.action(description=f"Move to {name} priority", permissions=["act"])
    def action(model_admin: Any, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        return _each(
            request,
            queryset,
            f"moved to {name} priority",
            lambda job: transitions.reprioritise(
                job, priority, queue=queues.queue_after(job, priority), actor=_actor(request)
            ),
        )

    action.__name__ = f"to_{name}"
    return action


reprioritise: Final = [reprioritise_to(name, priority) for name, priority in PRIORITY_NAMES.items()]


@admin.action(description="Pause the queues of these jobs", permissions=["act"])
def pause_queues(model_admin: Any, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
    names = _queues_of(queryset)
    for name in names:
        queues.pause(name, actor=_actor(request), reason="Paused in the admin")
    messages.success(request, f"Paused: {', '.join(names)}.")
    return _back(request)


@admin.action(description="Resume the queues of these jobs", permissions=["act"])
def resume_queues(model_admin: Any, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
    names = _queues_of(queryset)
    for name in names:
        queues.resume(name, actor=_actor(request))
    messages.success(request, f"Resumed: {', '.join(names)}.")
    return _back(request)


def _each(
    request: HttpRequest, queryset: QuerySet[Job], done: str, do: Callable[[Job], Job]
) -> HttpResponse | None:
    ids = list(queryset.values_list("pk", flat=True)[: MAX_JOBS + 1])
    refused: Counter[str] = Counter()
    count = 0
    for job in Job.objects.filter(pk__in=ids[:MAX_JOBS]).order_by("id"):
        try:
            do(job)
        except InvalidTransition as refusal:
            refused[str(refusal)] += 1
        else:
            count += 1
    if count:
        messages.success(request, f"{count} {'job' if count == 1 else 'jobs'} {done}.")
    for why, number in refused.most_common(5):
        messages.warning(request, f"{number} refused: {why}")
    if len(ids) > MAX_JOBS:
        messages.warning(
            request,
            f"Only the first {MAX_JOBS} jobs were touched: do it again, or use POST /api/jobs/actions.",
        )
    return _back(request)


def _queues_of(queryset: QuerySet[Job]) -> list[str]:
    return sorted(set(queryset.values_list("queue", flat=True)[:MAX_JOBS]))


def _actor(request: HttpRequest) -> str:
    return str(request.user.get_username())


def _back(request: HttpRequest) -> HttpResponse | None:
    """To the job's own page when the button was pressed there; None leads to the list."""
    chosen = request.POST.getlist("_selected_action")
    if request.POST.get("_from") == "job" and len(chosen) == 1:
        return HttpResponseRedirect(reverse("admin:jobs_job_change", args=(chosen[0],)))
    return None
