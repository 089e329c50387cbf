"""Every state a test asks for is a row the ledger accepts."""

from __future__ import annotations

import pytest

from jobs.models import Job
from jobs.states import State
from tests.factories import JobFactory


@pytest.mark.django_db
@pytest.mark.parametrize("state", State.values)
def test_a_job_can_be_made_in_any_state(state: str) -> None:
    job = JobFactory(state=state)
    assert Job.objects.get(pk=job.pk).state == state
