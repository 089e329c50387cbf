"""A claim costs the same however long the line is."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from jobs import ledger, transitions
from jobs.enqueue import Spec, create_many


@pytest.mark.postgres
def test_a_claim_finds_its_job_by_its_id_and_not_by_walking_the_line(
    user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partial index of the line, which ends in the id, once answered for it."""
    jobs = create_many([Spec("tests.echo")] * 600, owner=user)
    plans: list[str] = []

    def explain(self: Any, sql: str, params: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}", params)
            plans.append("\n".join(row[0] for row in cursor.fetchall()))

    monkeypatch.setattr(ledger._Row, "read", explain)
    transitions.claim(jobs[300].id, worker="w", lease=30)
    assert "using background_jobs_pkey" in plans[0]
    assert "job_line" not in plans[0]
