"""What calling providers takes: each owner's spending, and what all workers share about each provider."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from jobs.models import Job


class Spend(models.Model):
    """One call of a provider, stored before it is made with what it may cost at most.

    `outcome` is "open" while the call runs; a call whose worker died stays so and keeps its estimate as its
    cost, since nobody knows whether it was charged. Else it is "ok" or the code of the error.
    """

    id = models.BigAutoField(primary_key=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="spending")
    kind = models.CharField(max_length=100)
    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=100, blank=True, default="")
    task = models.CharField(max_length=60)
    outcome = models.CharField(max_length=64, default="open")
    estimated_tokens = models.PositiveIntegerField(default=0)
    estimated_usd = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "provider_spending"
        ordering = ("-id",)
        verbose_name_plural = "spending"
        indexes = (
            models.Index(fields=("owner", "at"), name="spend_owner_at"),
            models.Index(fields=("provider", "at"), name="spend_provider_at"),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.task}: {self.cost_usd} USD"


class ProviderState(models.Model):
    """What all workers share about a provider: two token buckets and a circuit breaker.

    Written by `enrichment.limits` alone, with the database's clock (seconds since 1970). `requests` and
    `tokens` are what was left at `filled_at`; below zero is a debt that time pays back.
    """

    name = models.CharField(max_length=40, primary_key=True)
    requests = models.FloatField(default=0)
    tokens = models.FloatField(default=0)
    filled_at = models.FloatField(default=0)
    failures = models.PositiveIntegerField(default=0, help_text="one after another")
    open_until = models.FloatField(default=0)

    class Meta:
        db_table = "provider_states"

    def __str__(self) -> str:
        return self.name
