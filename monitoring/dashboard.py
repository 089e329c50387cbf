"""The dashboard page. The server renders the verdicts, so that it answers without JavaScript too."""

from __future__ import annotations

from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from monitoring import queues, verdicts


@never_cache
@require_safe
@staff_member_required
def dashboard(request: HttpRequest) -> HttpResponse:
    read = queues.read(durations=False)
    judged = [(name, verdicts.judge(queue)) for name, queue in read.items()]
    return render(request, "monitoring/dashboard.html", {"verdicts": judged})
