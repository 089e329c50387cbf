"""Every address of the site. The first that matches answers."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from jobs import problems

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("", include("monitoring.urls")),
    path("", include("uploads.urls")),
    path("", include("enrichment.urls")),
    path("api/", include("jobs.urls")),
    re_path(r"^api(/.*)?$", problems.unknown_route),
]

handler400 = "jobs.problems.bad_request"
handler403 = "jobs.problems.permission_denied"
handler404 = "jobs.problems.page_not_found"
handler500 = "jobs.problems.server_error"
