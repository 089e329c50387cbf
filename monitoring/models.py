"""What the monitoring itself remembers: which alerts are open, so that each is told once."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Alert(models.Model):
    """A condition operators are told of, such as a queue without workers.

    `bad_since` and `good_since` are since when the condition has held or not; an alert opens and closes only
    after a while (hysteresis). `sent_at` is the last time it was told.
    """

    key = models.CharField(max_length=200, primary_key=True, help_text="condition:subject")
    message = models.CharField(max_length=1000)
    open = models.BooleanField(default=False)
    bad_since = models.DateTimeField(null=True, blank=True)
    good_since = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    times_sent = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "alerts"
        ordering = ("-open", "-updated_at")

    def __str__(self) -> str:
        return f"{self.key} ({'open' if self.open else 'closed'})"
