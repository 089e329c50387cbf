"""The ledger. The database row is the truth; Redis and every message are hints about it.

`Job.state` is written by `jobs.transitions` alone, `JobProgress` by `jobs.progress` alone.
"""

from __future__ import annotations

import uuid
from typing import Any

import uuid_utils.compat
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from jobs.states import ACTIVE, MAX_PRIORITY, MIN_PRIORITY, TERMINAL, Category, Cause, EmailOn, Event, State


def uuid7() -> uuid.UUID:
    """A new UUIDv7: ids of later jobs sort after those of earlier ones."""
    return uuid_utils.compat.uuid7()


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs, in the words of the domain."""

    def active(self) -> JobQuerySet:
        return self.filter(state__in=ACTIVE)

    def ended(self) -> JobQuerySet:
        return self.filter(state__in=TERMINAL)

    def queued(self) -> JobQuerySet:
        return self.filter(state=State.QUEUED)

    def running(self) -> JobQuerySet:
        return self.filter(state=State.RUNNING)

    def visible_to(self, user: Any) -> JobQuerySet:
        """Those `user` may see: his own; all of them for staff."""
        return self if user.is_staff else self.filter(owner=user)

    def in_line(self) -> JobQuerySet:
        """Queued jobs in the order in which workers take them."""
        return self.queued().order_by("-priority", "turn", "id")


class Job(models.Model):
    """A unit of work, from the answer that accepted it to its one terminal state.

    `attempt` counts claims and is the fence together with `claim`; `uncharged` counts the claims that
    were handed back without fault, so `attempts_charged` is what `max_attempts` limits. `turn` lets owners
    take turns within a priority: a job's place is its owner's n-th in the line, not its time of arrival.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=100)
    queue = models.CharField(max_length=64)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="jobs")
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    priority = models.PositiveSmallIntegerField(default=5)
    turn = models.PositiveBigIntegerField(default=0)
    args = models.JSONField(default=dict)
    result = models.JSONField(null=True, blank=True)
    partial = models.JSONField(default=dict, blank=True)
    error = models.JSONField(null=True, blank=True)
    checkpoint = models.JSONField(null=True, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    uncharged = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    crash_count = models.PositiveSmallIntegerField(default=0)
    finishing = models.BooleanField(default=False)
    run_at = models.DateTimeField(default=timezone.now)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    claim = models.UUIDField(null=True, blank=True)
    worker = models.CharField(max_length=200, blank=True, default="")
    hold_reason = models.JSONField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children", db_index=False
    )
    children_total = models.PositiveIntegerField(default=0)
    children_completed = models.PositiveIntegerField(default=0)
    children_failed = models.PositiveIntegerField(default=0)
    children_cancelled = models.PositiveIntegerField(default=0)
    batch = models.UUIDField(null=True, blank=True)
    callback_url = models.URLField(max_length=2000, blank=True, default="")
    seq = models.PositiveIntegerField(default=0)

    objects = JobQuerySet.as_manager()

    class Meta:
        db_table = "background_jobs"
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(condition=Q(state__in=State.values), name="job_state_known"),
            models.CheckConstraint(
                condition=Q(priority__range=(MIN_PRIORITY, MAX_PRIORITY)), name="job_priority_1_to_20"
            ),
            models.CheckConstraint(
                condition=Q(state=State.RUNNING, claim__isnull=False, lease_until__isnull=False)
                | (~Q(state=State.RUNNING) & Q(claim__isnull=True, lease_until__isnull=True)),
                name="job_running_has_claim_and_lease",
            ),
            models.CheckConstraint(
                condition=Q(state__in=TERMINAL, finished_at__isnull=False)
                | (~Q(state__in=TERMINAL) & Q(finished_at__isnull=True)),
                name="job_ended_has_finish_time",
            ),
            models.CheckConstraint(
                condition=Q(attempt__gte=F("uncharged")), name="job_uncharged_within_attempts"
            ),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="job_not_its_own_parent"),
        )
        indexes = (
            # What is hot is small: these hold only the rows that wait or run, not the history.
            models.Index(
                F("queue"),
                F("priority").desc(),
                F("turn"),
                F("id"),
                name="job_line",
                condition=Q(state=State.QUEUED),
            ),
            models.Index(
                fields=("owner", "queue", "priority", "turn"),
                name="job_owner_turn",
                condition=Q(state=State.QUEUED),
            ),
            models.Index(fields=("run_at",), name="job_retry_due", condition=Q(state=State.RETRYING)),
            models.Index(
                fields=("dispatched_at", "run_at"), name="job_dispatch", condition=Q(state=State.QUEUED)
            ),
            models.Index(fields=("lease_until",), name="job_lease", condition=Q(state=State.RUNNING)),
            models.Index(fields=("parent", "state"), name="job_children", condition=Q(parent__isnull=False)),
            models.Index(fields=("owner", "-created_at"), name="job_owner_newest"),
            models.Index(fields=("owner", "state"), name="job_owner_active", condition=Q(state__in=ACTIVE)),
            models.Index(fields=("queue", "state", "finished_at"), name="job_queue_finished"),
            models.Index(
                fields=("kind", "-finished_at"), name="job_kind_completed", condition=Q(state=State.COMPLETED)
            ),
            models.Index(fields=("batch",), name="job_batch", condition=Q(batch__isnull=False)),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ({self.state})"

    @property
    def is_terminal(self) -> bool:
        return self.state in TERMINAL

    @property
    def attempts_charged(self) -> int:
        """The attempts that count against `max_attempts`."""
        return self.attempt - self.uncharged

    @property
    def children_ended(self) -> int:
        return self.children_completed + self.children_failed + self.children_cancelled


class JobProgress(models.Model):
    """How far the current attempt is. Best effort, and never older than what was shown before."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, primary_key=True, related_name="progress")
    attempt = models.PositiveIntegerField(default=0)
    counter = models.PositiveIntegerField(default=0)
    percent = models.FloatField(default=0)
    stage = models.CharField(max_length=100, blank=True, default="")
    message = models.CharField(max_length=500, blank=True, default="")
    current = models.BigIntegerField(null=True, blank=True)
    total = models.BigIntegerField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "job_progress"
        constraints = (
            models.CheckConstraint(condition=Q(percent__range=(0, 100)), name="progress_percent_0_to_100"),
        )

    def __str__(self) -> str:
        return f"{self.percent:.0f} % {self.stage}"


class JobEvent(models.Model):
    """A durable fact in a job's history: append-only, numbered by `seq` from 1 for each job."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events", db_index=False)
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=20, choices=Event)
    state = models.CharField(max_length=12, choices=State)
    attempt = models.PositiveIntegerField(default=0)
    data = models.JSONField(default=dict, blank=True)
    reason = models.CharField(max_length=500, blank=True, default="")
    actor = models.CharField(max_length=200, blank=True, default="")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "job_events"
        ordering = ("job", "seq")
        constraints = (models.UniqueConstraint(fields=("job", "seq"), name="event_seq_once_per_job"),)
        indexes = (models.Index(fields=("type", "at"), name="event_type_at"),)

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"


class JobFailure(models.Model):
    """One attempt that did not succeed."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="failures")
    attempt = models.PositiveIntegerField()
    kind = models.CharField(max_length=100)
    queue = models.CharField(max_length=64)
    cause = models.CharField(max_length=20, choices=Cause)
    category = models.CharField(max_length=20, choices=Category)
    code = models.CharField(max_length=64)
    error_class = models.CharField(max_length=200, blank=True, default="")
    message = models.CharField(max_length=1000, blank=True, default="")
    traceback = models.TextField(blank=True, default="")
    fingerprint = models.CharField(max_length=64)
    stage = models.CharField(max_length=100, blank=True, default="")
    peak_rss = models.BigIntegerField(null=True, blank=True, help_text="bytes")
    worker = models.CharField(max_length=200, blank=True, default="")
    release = models.CharField(max_length=64, blank=True, default="")
    at = models.DateTimeField(default=timezone.now)
    retry_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "job_failures"
        ordering = ("-at",)
        constraints = (models.UniqueConstraint(fields=("job", "attempt"), name="failure_once_per_attempt"),)
        indexes = (
            models.Index(fields=("fingerprint", "-at"), name="failure_fingerprint"),
            models.Index(fields=("-at",), name="failure_newest"),
        )

    def __str__(self) -> str:
        return f"attempt {self.attempt}: {self.code}"


class QueueState(models.Model):
    """What operators said of a queue. No row means: not paused."""

    name = models.CharField(max_length=64, primary_key=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=200, blank=True, default="")
    reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        db_table = "queue_states"

    def __str__(self) -> str:
        return f"{self.name}: {'paused' if self.paused_at else 'open'}"


class WorkerState(models.Model):
    """A live worker process, as its cluster's parent process last saw it."""

    id = models.CharField(max_length=200, primary_key=True, help_text="host, pid namespace, pid, start time")
    host = models.CharField(max_length=120)
    pid = models.PositiveIntegerField()
    cluster_pid = models.PositiveIntegerField()
    pool = models.CharField(max_length=64)
    queues = models.JSONField(default=list)
    job = models.UUIDField(null=True, blank=True)
    busy_since = models.DateTimeField(null=True, blank=True)
    jobs_done = models.PositiveBigIntegerField(default=0)
    rss = models.BigIntegerField(default=0, help_text="bytes, its sandbox included")
    draining = models.BooleanField(default=False)
    release = models.CharField(max_length=64, blank=True, default="")
    started_at = models.DateTimeField(default=timezone.now)
    heartbeat_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "worker_states"
        indexes = (models.Index(fields=("heartbeat_at",), name="worker_heartbeat"),)

    def __str__(self) -> str:
        return self.id


class IdempotencyKey(models.Model):
    """A creating request that was answered, so that sending it again gives the same answer."""

    id = models.BigAutoField(primary_key=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of route and body")
    status = models.PositiveSmallIntegerField(default=0)
    response = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "idempotency_keys"
        constraints = (
            models.UniqueConstraint(fields=("owner", "key"), name="idempotency_key_once_per_owner"),
        )
        indexes = (models.Index(fields=("created_at",), name="idempotency_age"),)

    def __str__(self) -> str:
        return self.key


class Identity(models.Model):
    """Who an outside token speaks for. A subject named like a local account does not become it."""

    id = models.BigAutoField(primary_key=True)
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities")

    class Meta:
        db_table = "identities"
        verbose_name_plural = "identities"
        constraints = (models.UniqueConstraint(fields=("issuer", "subject"), name="identity_once"),)

    def __str__(self) -> str:
        return f"{self.issuer}: {self.subject}"


class Ticket(models.Model):
    """A single-use right to open a socket or a stream. Only its hash is kept."""

    digest = models.CharField(max_length=64, primary_key=True, help_text="SHA-256")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    job = models.UUIDField(null=True, blank=True, help_text="the one job it may show")
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "tickets"
        indexes = (models.Index(fields=("expires_at",), name="ticket_expiry"),)

    def __str__(self) -> str:
        return f"{self.user} until {self.expires_at:%H:%M:%S}"


class NotificationPreference(models.Model):
    """When a person is mailed about ended jobs. No row: never."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    email = models.CharField(max_length=10, choices=EmailOn.choices, default=EmailOn.NEVER)

    class Meta:
        db_table = "notification_preferences"

    def __str__(self) -> str:
        return f"{self.user}: {self.email}"
