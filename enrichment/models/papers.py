"""Papers, and what each provider found in them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from jobs.models import Job, uuid7
from uploads.models import Document


class Paper(models.Model):
    """A paper to be analysed: sent as `text`, or the text of an uploaded `document`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="papers")
    title = models.CharField(max_length=500, blank=True, default="")
    text = models.TextField(blank=True, default="")
    document = models.ForeignKey(
        Document, null=True, blank=True, on_delete=models.PROTECT, related_name="papers"
    )
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="papers")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "papers"
        ordering = ("-id",)
        indexes = (models.Index(fields=("owner", "-id"), name="paper_owner_newest"),)

    def __str__(self) -> str:
        return self.title or str(self.id)


class Analysis(models.Model):
    """One provider's reading of a paper. A later one of the same provider stands beside it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="analyses", db_index=False)
    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=100, blank=True, default="")
    job = models.OneToOneField(Job, null=True, on_delete=models.SET_NULL, related_name="analysis")
    data = models.JSONField(default=dict)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "paper_analyses"
        ordering = ("-created_at",)
        verbose_name_plural = "analyses"
        indexes = (models.Index(fields=("paper", "provider", "-created_at"), name="analysis_newest"),)

    def __str__(self) -> str:
        return f"{self.provider} on {self.paper_id}"
