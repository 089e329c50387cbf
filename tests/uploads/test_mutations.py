from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

MUTANTS = 300
SECONDS = 60  # for all of them; each takes milliseconds


def test_three_hundred_mutants_are_read_or_refused_without_a_crash_or_a_hang() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.uploads.mutations", "0", str(MUTANTS)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{lines[-1:]} {done.stderr[-2000:]}"
    outcomes = [line.split()[2] for line in lines if line.startswith("end")]
    print(Counter(outcome if outcome.startswith("refused") else "read" for outcome in outcomes))
    assert len(outcomes) == MUTANTS
    assert 20 < sum(outcome.startswith("read") for outcome in outcomes) < MUTANTS - 20
