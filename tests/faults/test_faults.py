"""The short form, for continuous integration: a check of every family, each also without its protection."""

from __future__ import annotations

import os

import pytest

from tests.faults import catalogue  # noqa: F401  registers the checks
from tests.faults.check import CHECKS, Check, Impossible, can_fail, holds, prove, run
from tests.faults.servers import missing
from tests.services import REQUIRED

SEED = int(os.environ.get("SEED", "1"))
# The long form proves every check; here the quickest three stand for them.
PROVEN = ("sandbox child killed", "Redis FLUSHALL", "frozen past its lease, then thawed")
SHORT = [made for made in CHECKS.values() if made.short]

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module", autouse=True)
def _servers() -> None:
    if missing() and REQUIRED:
        pytest.fail(missing(), pytrace=False)
    if missing():
        pytest.skip(missing())


@pytest.mark.parametrize("made", SHORT, ids=[made.name for made in SHORT])
def test_no_promise_breaks(made: Check) -> None:
    try:
        outcome = run(made, SEED)
    except Impossible as reason:
        pytest.skip(str(reason))

    assert not outcome.faults, f"SEED={SEED}: {holds(outcome)}"


@pytest.mark.parametrize("name", PROVEN)
def test_without_its_protection_a_promise_breaks(name: str) -> None:
    made = CHECKS[name]

    outcome = prove(made, SEED)

    assert can_fail(made, outcome), f"without {made.without}, {made.breaks} holds: the check proves nothing"
