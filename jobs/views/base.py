"""What the job routes share: finding a caller's job, and showing it."""

from __future__ import annotations

import uuid
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from jobs.models import Job
from jobs.problems import Problem
from jobs.serializers import job_payload
from jobs.throttling import AnonymousRate, CreateRate, UserRate

CREATE_THROTTLES = [UserRate, AnonymousRate, CreateRate]


def find_job(request: Request, job_id: uuid.UUID) -> Job:
    """The job `job_id` if the caller may see it; else a 404 that does not tell whether it exists."""
    job = (
        Job.objects.visible_to(request.user)
        .select_related("progress")
        .defer("args", "checkpoint")
        .filter(pk=job_id)
        .first()
    )
    if job is None:
        raise Problem(404, "not_found", "There is no such job among yours.")
    return job


def show(request: Request, job_id: uuid.UUID, status: int = 200) -> Response:
    """The job as it is now."""
    return Response(job_payload(find_job(request, job_id)), status=status)


def actor(request: Request) -> str:
    """Who did it, for a job's history."""
    return str(request.user.get_username())


def location(body: dict[str, Any]) -> dict[str, str]:
    """Where a created job is looked at."""
    return {"Location": body["links"]["self"]}
