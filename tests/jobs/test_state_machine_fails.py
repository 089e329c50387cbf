"""The state machine finds a ledger that lacks a protection: one that cannot fail would prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from jobs import clock, ledger
from jobs.maintenance import rescuer
from jobs.models import Job
from jobs.states import Cause
from jobs.transitions import attempts, ends, people
from tests.jobs.test_state_machine import LedgerMachine

Patch = pytest.MonkeyPatch


def _without_fence(patch: Patch) -> None:
    """Any attempt may write."""
    patch.setattr(ledger, "_fenced", lambda fence: [])


def _unguarded(patch: Patch, chosen: Callable[[Any], bool]) -> None:
    """Moves to the chosen states are made from wherever the job stands, by whoever asks."""
    write = ledger._write

    def anyhow(job_id: Any, values: dict[str, Any], guard: Any, *rest: Any) -> Any:
        return write(job_id, values, [] if chosen(values.get("state")) else guard, *rest)

    patch.setattr(ledger, "_write", anyhow)


def _without_claim_guard(patch: Patch) -> None:
    _unguarded(patch, lambda state: state == "running")


def _without_guards_of_ends(patch: Patch) -> None:
    _unguarded(patch, lambda state: state in ("completed", "failed", "cancelled"))


def _without_counting_attempts(patch: Patch) -> None:
    """A claim does not raise the fence."""
    move = ledger.move

    def same(job_id: Any, **more: Any) -> Any:
        more["values"].pop("attempt", None)
        return move(job_id, **more)

    patch.setattr(ledger, "move", same)


def _without_leases(patch: Patch) -> None:
    """The rescuer takes every running job for lost."""
    patch.setattr(
        rescuer,
        "rescue_expired",
        lambda: [rescuer._rescue(job, Cause.LEASE_EXPIRED, "") for job in Job.objects.running()],
    )


def _without_parents(patch: Patch) -> None:
    """What ends does not tell its parent."""
    for module in (attempts, ends, people):
        patch.setattr(module, "consequences", lambda ended: None, raising=False)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "remove",
    [
        _without_fence,
        _without_claim_guard,
        _without_guards_of_ends,
        _without_counting_attempts,
        _without_leases,
        _without_parents,
    ],
    ids=lambda remove: remove.__name__.removeprefix("_"),
)
def test_a_ledger_without_a_protection_is_found_out(
    remove: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    remove(monkeypatch)
    real = clock.sql_now, clock.now
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            LedgerMachine,
            settings=settings(
                max_examples=500,
                stateful_step_count=30,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
                # Found is enough: no shrinking.
                phases=[Phase.generate],
            ),
        )
    assert (clock.sql_now, clock.now) == real
