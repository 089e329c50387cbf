"""The admin: a window on the ledger, and the few things a person may do to it.

Nothing is added, edited or deleted here. Actions call the same transitions as the API.
"""

from __future__ import annotations

import django_q.admin  # noqa: F401  registers its pages now, so that they can be taken away
from django.contrib import admin
from django_q.models import Failure, OrmQ, Schedule, Success

from jobs.admin import history, jobs, operations

__all__ = ["history", "jobs", "operations"]

admin.site.site_header = "Millrace"
admin.site.site_title = "Millrace"
admin.site.index_title = "Background work"

# `Schedule.func` runs any dotted path: whoever may edit it may run anything (S-19).
for model in (Schedule, Success, Failure, OrmQ):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
