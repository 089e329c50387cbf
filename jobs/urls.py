"""The addresses of the job system. Those of health and queue statistics are monitoring's, and come before."""

from __future__ import annotations

from django.urls import path

from jobs.streams import job_events
from jobs.views.auth import TicketView, TokenRefreshView, TokenView
from jobs.views.bulk import ActionsView, BulkView
from jobs.views.jobs import JobStatusView, JobsView, JobView, WrappedStatusView
from jobs.views.notifications import NotificationsView
from jobs.views.steering import CancelView, JobTokenView, RetryView
from jobs.views.webhooks import WebhookSecretView

urlpatterns = [
    path("auth/token", TokenView.as_view(), name="token"),
    path("auth/token/refresh", TokenRefreshView.as_view(), name="token-refresh"),
    path("auth/ticket", TicketView.as_view(), name="ticket"),
    path("auth/webhook-secret", WebhookSecretView.as_view(), name="webhook-secret"),
    path("notifications", NotificationsView.as_view(), name="notifications"),
    path("jobs", JobsView.as_view(), name="jobs"),
    path("jobs/status", WrappedStatusView.as_view(), name="job-wrapped-status"),
    path("jobs/bulk", BulkView.as_view(), name="jobs-bulk"),
    path("jobs/actions", ActionsView.as_view(), name="jobs-actions"),
    path("jobs/<uuid:job_id>", JobView.as_view(), name="job"),
    path("jobs/<uuid:job_id>/status", JobStatusView.as_view(), name="job-status"),
    path("jobs/<uuid:job_id>/cancel", CancelView.as_view(), name="job-cancel"),
    path("jobs/<uuid:job_id>/retry", RetryView.as_view(), name="job-retry"),
    path("jobs/<uuid:job_id>/events", job_events, name="job-events"),
    path("jobs/<uuid:job_id>/token", JobTokenView.as_view(), name="job-token"),
]
