"""Candidates, and what was made of their profiles."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from jobs.models import Job, uuid7
from uploads.models import Document


class Candidate(models.Model):
    """A person's profile: what was read or sent, and beside it what people have set.

    `profile` is never changed by an enrichment; `corrections` maps a path in it, such as "headline" or
    "experience.0.bullets.2", to a person's word: typed in, or proposed by an enrichment and accepted.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="candidates")
    name = models.CharField(max_length=300, blank=True, default="", help_text="as shown, for lists")
    profile = models.JSONField(default=dict)
    corrections = models.JSONField(default=dict, blank=True)
    document = models.ForeignKey(
        Document, null=True, blank=True, on_delete=models.SET_NULL, related_name="candidates"
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "candidates"
        ordering = ("-id",)
        indexes = (models.Index(fields=("owner", "-id"), name="candidate_owner_newest"),)

    def __str__(self) -> str:
        return self.name or str(self.id)

    def shown(self) -> dict[str, Any]:
        """The profile with every correction in its place."""
        # Here, since the résumé parser's tables are not needed where Django starts.
        from enrichment.profiles import merge

        return merge({}, self.profile, self.corrections)

    def rename(self) -> None:
        """Keep `name` what the profile shows."""
        self.name = str(self.shown().get("name") or "")[:300]


class Decision(models.TextChoices):
    """What a person said to a proposal."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Enrichment(models.Model):
    """One proposal for a candidate's profile: a version, its difference, and a person's word on it.

    `before` and `after` hold the fields it is about; `diff` is `[{"path", "before", "after", "why"}]` with
    paths as in `Candidate.corrections`. `data` is the provider's whole answer.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    candidate = models.ForeignKey(
        Candidate, on_delete=models.CASCADE, related_name="enrichments", db_index=False
    )
    kind = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="enrichments")
    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=100, blank=True, default="")
    data = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    diff = models.JSONField(default=list)
    decision = models.CharField(max_length=10, choices=Decision, default=Decision.PENDING)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "enrichments"
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(fields=("candidate", "kind", "version"), name="enrichment_version_once"),
            models.UniqueConstraint(
                fields=("job", "kind"), name="enrichment_once_per_job", condition=models.Q(job__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"


class CompetenceFile(models.Model):
    """A competence file made for a candidate; `docx_key` and `pdf_key` are its names in the storage."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    candidate = models.ForeignKey(
        Candidate, on_delete=models.CASCADE, related_name="competence_files", db_index=False
    )
    version = models.PositiveIntegerField()
    job = models.OneToOneField(Job, null=True, on_delete=models.SET_NULL, related_name="competence_file")
    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=100, blank=True, default="")
    sections = models.JSONField(default=dict)
    docx_key = models.CharField(max_length=200, blank=True, default="")
    pdf_key = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "competence_files"
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(fields=("candidate", "version"), name="competence_file_version_once"),
        )

    def __str__(self) -> str:
        return f"competence file {self.version}"
