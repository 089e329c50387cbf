"""Many jobs in one request, and acting on all that a filter matches."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from jobs import handlers
from jobs.exceptions import PermanentError
from jobs.handlers import BulkActionArgs, bulk_action
from jobs.models import Job
from jobs.states import State
from tests.factories import JobFactory

pytestmark = pytest.mark.django_db


def test_a_batch_is_created_and_can_be_found(api: APIClient) -> None:
    response = api.post("/api/jobs/bulk", {"jobs": [{"type": "echo", "text": str(n)} for n in range(3)]})
    assert response.status_code == 202
    body = response.json()
    assert len(body["jobs"]) == 3 and len(api.get(f"/api/jobs?batchId={body['batchId']}").json()["jobs"]) == 3
    assert {str(batch) for batch in Job.objects.values_list("batch", flat=True)} == {body["batchId"]}


def test_a_thousand_jobs_are_one_request(api: APIClient, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(60):
        response = api.post("/api/jobs/bulk", {"jobs": [{"type": "echo"}] * 1000})
    assert response.status_code == 202 and Job.objects.count() == 1000


@pytest.mark.parametrize(
    ("jobs", "field"),
    [
        ([{"type": "echo"}, {"type": "nonsense"}], "jobs.1.type"),
        ([{"type": "echo"}, {"type": "echo", "repeatCount": 0}], "jobs.1.repeatCount"),
        ([{"type": "echo", "repeatCount": 0}], "jobs.0.repeatCount"),
        ([{"type": "echo", "priority": 99}, {"type": "echo"}], "jobs.0.priority"),
        ([{"type": "echo"}, 5], "jobs.1.body"), ([], "jobs"), ("x", "jobs"), (None, "jobs"),
        ([{"type": "echo"}] * 1001, "jobs"),
    ],
)  # fmt: skip
def test_one_bad_job_refuses_them_all(api: APIClient, jobs: Any, field: str) -> None:
    response = api.post("/api/jobs/bulk", {"jobs": jobs})
    assert response.status_code == 400 and field in response.json()["errors"]
    assert not Job.objects.exists()


def test_a_batch_over_the_quota_is_refused_whole(api: APIClient, settings: Any) -> None:
    settings.QUOTA_UNFINISHED_JOBS = 2
    assert api.post("/api/jobs/bulk", {"jobs": [{"type": "echo"}] * 3}).status_code == 429
    assert not Job.objects.exists()
    assert api.post("/api/jobs/bulk", {"jobs": [{"type": "echo"}] * 2}).status_code == 202


# Actions


def test_an_action_is_itself_a_job_of_the_operator(staff_api: APIClient, api: APIClient, staff: Any) -> None:
    body = {"action": "cancel", "filter": {"queue": "ai", "status": ["queued"]}}
    assert api.post("/api/jobs/actions", body).status_code == 403
    response = staff_api.post("/api/jobs/actions", body)
    assert response.status_code == 202 and response["Location"]
    assert (response.json()["type"], response.json()["queue"]) == ("bulk-action", "system")
    assert Job.objects.get().owner == staff


@pytest.mark.parametrize(
    "body",
    [
        {}, [], {"action": "delete", "filter": {"queue": "ai"}}, {"action": "cancel", "filter": {}},
        {"action": "cancel", "filter": {"state": "queued"}}, {"action": "cancel"},
        {"action": "cancel", "filter": {"status": ["done"]}},
        {"action": "reprioritise", "filter": {"q": "x"}},
        {"action": "cancel", "filter": {"q": "x"}, "priority": 3},
        {"action": "cancel", "filter": {"jobIds": ["x"]}},
        {"action": "reprioritise", "filter": {"q": "x"}, "priority": 21},
    ],
)  # fmt: skip
def test_a_bad_action_is_a_problem(staff_api: APIClient, body: Any) -> None:
    response = staff_api.post("/api/jobs/actions", body)
    assert response.status_code == 400 and response.json()["errors"]
    assert not Job.objects.exists()


def run(owner: Any, checkpoint: Any = None, **args: Any) -> tuple[dict[str, Any], SimpleNamespace]:
    """Run the handler as a sandbox would, with the arguments as the ledger keeps them."""
    job = JobFactory(owner=owner, kind=handlers.BULK_ACTION, state=State.RUNNING, created_at=timezone.now())
    kept: list[Any] = []
    context = SimpleNamespace(
        owner_id=owner.pk, job_id=job.pk, last_checkpoint=checkpoint, checkpoint=kept.append, kept=kept,
        shown=[], progress=lambda current, total, **more: context.shown.append((current, total)),
    )  # fmt: skip
    stored = BulkActionArgs.model_validate(args).model_dump(mode="json")
    return bulk_action(context, BulkActionArgs.model_validate(stored)), context


def test_everything_that_matches_is_retried(staff: Any, user: Any) -> None:
    failed = JobFactory.create_batch(3, owner=user, state=State.FAILED)
    JobFactory(owner=user, state=State.COMPLETED)
    result, context = run(staff, action="retry", filter={"type": "echo"})
    assert result == {"matched": 3, "changed": 3, "skipped": 0}
    assert context.shown[-1] == (3, 3)
    assert {Job.objects.get(pk=job.pk).state for job in failed} == {State.QUEUED}
    assert failed[0].events.get().actor == "operator"


def test_everything_that_matches_is_cancelled_but_not_the_action_itself(staff: Any, user: Any) -> None:
    JobFactory(owner=user)
    JobFactory(owner=user, state=State.RUNNING)
    JobFactory(owner=user, queue="video")
    result, _ = run(staff, action="cancel", filter={"queue": "ai"}, reason="wrong deployment")
    assert result["changed"] == 2
    assert Job.objects.get(kind=handlers.BULK_ACTION).cancel_requested_at is None
    assert Job.objects.filter(state=State.CANCELLED).get().error["message"] == "wrong deployment"


def test_everything_that_waits_is_reprioritised(staff: Any, user: Any) -> None:
    job = JobFactory(owner=user)
    run(staff, action="reprioritise", filter={"jobIds": [str(job.id)]}, priority=20)
    job.refresh_from_db()
    assert job.priority == 20


def test_a_second_attempt_goes_on_from_the_checkpoint(staff: Any, user: Any) -> None:
    jobs = JobFactory.create_batch(4, owner=user, state=State.FAILED)
    counts = {"matched": 2, "changed": 2, "skipped": 0}
    checkpoint = {"last": str(jobs[1].id), "counts": counts}
    result, _ = run(staff, checkpoint, action="retry", filter={"type": "echo"})
    assert result["changed"] == 4
    assert Job.objects.get(pk=jobs[0].pk).state == State.FAILED


def test_an_operator_who_is_none_any_more_changes_nothing(user: Any) -> None:
    job = JobFactory()
    with pytest.raises(PermanentError):
        run(user, action="cancel", filter={"jobIds": [str(job.id)]})
    job.refresh_from_db()
    assert job.state == State.QUEUED


def test_an_action_can_be_limited_to_a_batch_and_an_error(staff: Any, user: Any) -> None:
    batch = uuid.uuid4()
    hit = JobFactory(owner=user, state=State.FAILED, batch=batch)
    JobFactory(owner=user, state=State.FAILED)
    result, _ = run(staff, action="retry", filter={"batchId": str(batch), "errorCode": "boom"})
    assert result["matched"] == 1
    hit.refresh_from_db()
    assert hit.state == State.QUEUED
