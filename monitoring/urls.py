"""The addresses of the monitoring: before those of jobs, whose `/api/jobs/{id}` would catch two of them."""

from django.urls import path

from monitoring import views
from monitoring.dashboard import dashboard

urlpatterns = [
    path("dashboard", dashboard, name="dashboard"),
    path("livez", views.Live.as_view(), name="livez"),
    path("readyz", views.Ready.as_view(), name="readyz"),
    path("metrics", views.Metrics.as_view(), name="metrics"),
    path("api/health", views.Health.as_view(), name="health"),
    path("api/jobs/health", views.JobsHealth.as_view(), name="jobs-health"),
    path("api/jobs/queue-stats", views.QueueStats.as_view(), name="queue-stats"),
    path("api/queue/dashboard", views.Dashboard.as_view(), name="queue-dashboard"),
    path("api/queue/scale", views.Scale.as_view(), name="queue-scale"),
    path("api/queue/cleanup", views.Cleanup.as_view(), name="queue-cleanup"),
    path("api/queue/<str:queue>/pause", views.Pause.as_view(), name="queue-pause"),
    path("api/queue/<str:queue>/resume", views.Resume.as_view(), name="queue-resume"),
    path("api/errors", views.Errors.as_view(), name="errors"),
]
