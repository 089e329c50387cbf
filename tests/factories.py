"""Rows for tests, in states that the ledger's constraints allow."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import factory
from django.conf import settings
from django.utils import timezone
from factory.django import DjangoModelFactory

from jobs.models import Job, JobEvent, JobProgress, QueueState, WorkerState
from jobs.states import TERMINAL, Event, State


class UserFactory(DjangoModelFactory):
    """A local account; its password is `secret-pass`."""

    class Meta:
        model = settings.AUTH_USER_MODEL
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")
    password = factory.django.Password("secret-pass")


class StaffFactory(UserFactory):
    username = factory.Sequence(lambda n: f"staff{n}")
    is_staff = True


class JobFactory(DjangoModelFactory):
    """A job in any `state`, with the claim, lease, and times that the state asks for.

    It is written past `jobs.transitions`, so it has no event unless `with_event=True`.
    """

    class Meta:
        model = Job
        skip_postgeneration_save = True

    class Params:
        running = factory.Trait(state=State.RUNNING)
        completed = factory.Trait(state=State.COMPLETED)
        failed = factory.Trait(state=State.FAILED)

    kind = "tests.echo"
    queue = "ai"
    owner = factory.SubFactory(UserFactory)
    state = State.QUEUED
    args = factory.LazyFunction(lambda: {"text": "hello", "repeat_count": 1})
    attempt = factory.LazyAttribute(lambda job: 0 if job.state == State.QUEUED else 1)
    claim = factory.LazyAttribute(lambda job: uuid.uuid4() if job.state == State.RUNNING else None)
    lease_until = factory.LazyAttribute(
        lambda job: timezone.now() + timedelta(seconds=30) if job.state == State.RUNNING else None
    )
    started_at = factory.LazyAttribute(
        lambda job: timezone.now() - timedelta(seconds=2) if job.attempt else None
    )
    finished_at = factory.LazyAttribute(lambda job: timezone.now() if job.state in TERMINAL else None)
    result = factory.LazyAttribute(lambda job: {"text": "hello"} if job.state == State.COMPLETED else None)
    error = factory.LazyAttribute(
        lambda job: (
            {"code": "boom", "message": "It broke.", "category": "permanent", "retryable": False}
            if job.state == State.FAILED
            else None
        )
    )

    @factory.post_generation
    def with_event(self: Any, create: bool, extracted: bool, **kwargs: Any) -> None:
        if create and extracted:
            Job.objects.filter(pk=self.pk).update(seq=1)
            self.seq = 1
            JobEvent.objects.create(job=self, seq=1, type=Event.CREATED, state=State.QUEUED)


class ProgressFactory(DjangoModelFactory):
    class Meta:
        model = JobProgress

    job = factory.SubFactory(JobFactory, state=State.RUNNING)
    attempt = 1
    counter = 1
    percent = 40.0
    stage = "extract"
    message = "Page 4 of 10"
    current = 4
    total = 10


class WorkerFactory(DjangoModelFactory):
    """A live worker process that serves the queue `ai`."""

    class Meta:
        model = WorkerState

    id = factory.Sequence(lambda n: f"host:{n}")
    host = "host"
    pid = factory.Sequence(lambda n: 1000 + n)
    cluster_pid = 999
    pool = "ai"
    queues = factory.LazyFunction(lambda: ["ai"])


class PausedQueueFactory(DjangoModelFactory):
    class Meta:
        model = QueueState

    name = "ai"
    paused_at = factory.LazyFunction(timezone.now)
    reason = "maintenance"
