"""What a handler says becomes messages: one honest percentage, children that are checked at once."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.context import JobContext
from jobs.exceptions import FenceLost, InvalidArgs, UnknownKind
from jobs.models import Job
from tests.factories import JobFactory


def context(sent: list[tuple[str, Any]], **changes: Any) -> JobContext:
    run = {
        "job": uuid.uuid4().hex, "kind": "tests.echo", "owner": 1, "parent": "", "attempt": 1, "priority": 5,
        "checkpoint": None, "claim": uuid.uuid4().hex, **changes,
    }  # fmt: skip
    return JobContext(run, lambda name, value: sent.append((name, value)), Path("."))


def percentages(sent: list[tuple[str, Any]]) -> list[float]:
    return [value["percent"] for name, value in sent if name == "progress"]


def test_declared_stages_make_one_percentage_by_their_weights() -> None:
    sent: list[tuple[str, Any]] = []
    made = context(sent)
    made.stages(extract=30, children=70)
    made.stage("extract")
    made.progress(5, 10)
    made._flush()
    assert percentages(sent)[-1] == 15.0


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 20), st.floats(0, 10)), min_size=1, max_size=30)
)
def test_the_percentage_never_falls_and_never_claims_the_end(steps: list[tuple[str, float, float]]) -> None:
    sent: list[tuple[str, Any]] = []
    made = context(sent)
    made.stages(a=1, b=5, c=2)
    for stage, current, total in steps:
        made.progress(current, total, stage=stage)
        made._flush()
    shown = percentages(sent)
    assert shown == sorted(shown)
    assert all(0 <= percent < 100 for percent in shown)


def test_reports_that_come_too_fast_are_replaced_by_the_last() -> None:
    sent: list[tuple[str, Any]] = []
    made = context(sent)
    made.stage("count")
    for number in range(1000):
        made.progress(number + 1, 1000)
    made._flush()
    assert len(percentages(sent)) < 500
    assert [v for n, v in sent if n == "progress"][-1]["current"] == 1000


def test_a_child_is_checked_when_it_is_spawned() -> None:
    made = context([])
    with pytest.raises(UnknownKind):
        made.spawn("no.such.kind")
    with pytest.raises(InvalidArgs) as caught:
        made.spawn("tests.echo", {"repeatCount": 0})
    assert "repeatCount" in caught.value.errors
    made.spawn("tests.echo", {"text": "a"})
    assert len(made.spawned) == 1


def test_a_handlers_own_rows_commit_only_while_it_holds_its_job(db: None) -> None:
    job = JobFactory(running=True)
    held = context([], job=job.id.hex, claim=job.claim.hex)
    with held.commit():
        Job.objects.filter(pk=job.pk).update(callback_url="https://example.org/1")
    zombie = context([], job=job.id.hex)
    with pytest.raises(FenceLost), zombie.commit():
        Job.objects.filter(pk=job.pk).update(callback_url="https://example.org/2")
    job.refresh_from_db()
    assert job.callback_url == "https://example.org/1"
