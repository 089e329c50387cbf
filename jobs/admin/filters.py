"""Filters whose choices are known without looking through the jobs, and whose results an index finds."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.contrib import admin
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs import queues, registry
from jobs.admin.bounded import newest
from jobs.models import Job, JobFailure
from jobs.states import ACTIVE, Category, Cause, State

# A state that fewer jobs are in is answered by their keys.
FEW: Final = 1000


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("active", "active"), *((str(state), str(state)) for state in State)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value != "active" and value not in State.values:
            return queryset
        states = ACTIVE if value == "active" else (State(value),)
        queue = request.GET.get("queue")
        names = [queue] if queue else queues.known()
        keys = _keys(names, states)
        if len(keys) < FEW:
            return queryset.filter(pk__in=keys)
        # Naming every queue changes no result and lets the index on queue and state answer.
        return queryset.filter(queue__in=names, state__in=states)


def _keys(names: Sequence[str], states: Sequence[State]) -> list[uuid.UUID]:
    """The ids of jobs in these queues and states, at most `FEW`.

    Each pair is its own probe of the index on queue and state: asked for all at once, SQLite reads the table.
    """
    some = f"SELECT id FROM background_jobs WHERE queue = %s AND state = %s LIMIT {FEW}"
    part = f"SELECT id FROM ({some}) p"
    pairs = [value for name in names for state in states for value in (name, state.value)]
    sql = f"{' UNION ALL '.join([part] * (len(pairs) // 2))} LIMIT {FEW}"
    with connection.cursor() as cursor:
        cursor.execute(sql, pairs)
        return [key if isinstance(key, uuid.UUID) else uuid.UUID(key) for (key,) in cursor.fetchall()]


class QueueFilter(admin.SimpleListFilter):
    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(name, name) for name in queues.declared()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(queue=self.value()) if self.value() else queryset


class KindFilter(admin.SimpleListFilter):
    """No index finds a kind's jobs by age, so this looks at the newest ones."""

    title = "kind (among the newest 50,000)"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return sorted((handler.kind, handler.kind) for handler in registry.handlers())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        model = JobFailure if queryset.model is JobFailure else Job
        return newest(queryset, model).filter(kind=self.value())


class _FailureFilter(admin.SimpleListFilter):
    """Failures by one of their words, among the newest."""

    choices_of: Any

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(str(value), str(value)) for value in self.choices_of]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in self.choices_of.values:
            return queryset
        return newest(queryset, JobFailure).filter(**{str(self.parameter_name): self.value()})


class CategoryFilter(_FailureFilter):
    title = "category"
    parameter_name = "category"
    choices_of = Category


class CauseFilter(_FailureFilter):
    title = "cause"
    parameter_name = "cause"
    choices_of = Cause


class LivenessFilter(admin.SimpleListFilter):
    title = "liveness"
    parameter_name = "live"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("yes", "live"), ("no", "not heard of lately")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {"yes", "no"}:
            return queryset
        live = [worker.pk for worker in queues.live_workers()]
        return queryset.filter(pk__in=live) if self.value() == "yes" else queryset.exclude(pk__in=live)
