"""Filters whose choices are known without looking through the jobs, and whose results an index finds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs import queues, registry
from jobs.admin.bounded import newest
from jobs.models import Job, JobFailure
from jobs.states import ACTIVE, Category, Cause, State


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("active", "active"), *((str(state), str(state)) for state in State)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value == "active":
            return queryset.filter(state__in=ACTIVE)
        if value not in State.values:
            return queryset
        if "queue" not in request.GET:
            # Naming every queue changes no result and lets the index on queue and state answer.
            queryset = queryset.filter(queue__in=queues.known())
        return queryset.filter(state=value)


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
