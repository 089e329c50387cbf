"""The long form: every check and its proof, the table, and the README's copy of it."""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from tests.faults import catalogue  # noqa: F401  registers the checks
from tests.faults.check import CHECKS, Check, Impossible, can_fail, holds, prove, run
from tests.faults.outcome import Outcome
from tests.faults.processes import ROOT, leave_nothing_behind
from tests.faults.servers import missing

HEAD = ("submitted", "completed", "failed", "cancelled", "lost", "started twice", "committed twice", "stuck")
_README = ROOT / "README.md"


def main() -> int:
    options = _options()
    if missing():
        print(missing())
        return 1
    leave_nothing_behind()
    seed = options.seed or random.SystemRandom().randrange(10**6)
    print(f"SEED={seed}", flush=True)
    chosen = [made for name, made in CHECKS.items() if _wanted(made, options)]
    outcomes: list[Outcome] = []
    broken = 0
    for made in chosen:
        try:
            if not options.proofs_only:
                outcome = run(made, seed)
                outcomes.append(outcome)
                print(_line(outcome), flush=True)
                broken += bool(outcome.faults)
            if not options.no_proofs:
                broken += not _proven(made, seed)
        except Impossible as reason:
            print(f"{made.name}: not made here: {reason}")
        except Exception:  # noqa: BLE001  one broken check must not keep the others from being made
            traceback.print_exc()
            broken += 1
    if not (options.only or options.short or options.proofs_only):
        write_table(outcomes, _heading(options, seed, broken))
    print(f"{len(chosen)} checks, {broken} broken. SEED={seed}")
    return 1 if broken else 0


def _heading(options: argparse.Namespace, seed: int, broken: int) -> str:
    made = f"seed {seed}, {datetime.now(UTC):%-d %B %Y}, {os.cpu_count()} cores"
    verdict = f"**{broken} did not hold.**" if broken else "All held."
    if not (broken or options.no_proofs):
        verdict += " Each was made once more without the protection it tests, and broke then."
    return f"`make faults`, {made}, PostgreSQL and Redis unless a row says SQLite. {verdict}"


def _wanted(made: Check, options: argparse.Namespace) -> bool:
    named = not options.only or any(word in made.name for word in options.only)
    return named and (made.short or not options.short)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of checks")
    parser.add_argument("--short", action="store_true", help="only what continuous integration runs")
    parser.add_argument("--no-proofs", action="store_true", help="do not show that each check can fail")
    parser.add_argument("--proofs-only", action="store_true")
    return parser.parse_args()


def _proven(made: Check, seed: int) -> bool:
    outcome = prove(made, seed)
    proven = can_fail(made, outcome)
    word = "fails, as it must" if proven else "DOES NOT FAIL AS IT MUST"
    print(f"    without {made.without}: {word}: {holds(outcome) or 'nothing broke'}", flush=True)
    return proven


def _line(outcome: Outcome) -> str:
    count = outcome.count
    numbers = " ".join(f"{word}={getattr(count, word.replace(' ', '_'))}" for word in HEAD)
    verdict = "BROKEN " + holds(outcome) if outcome.faults else "holds"
    return f"{outcome.name}: {numbers} slowest={outcome.slowest:.2f}s [{', '.join(outcome.notes)}] {verdict}"


def write_table(outcomes: list[Outcome], heading: str, path: Path = _README) -> None:
    """Replace what stands between the markers of the README by this table; without markers, do nothing."""
    head = ["fault", *HEAD, "slowest recovery", "seen"]
    lines = [f"| {' | '.join(head)} |", f"|---{'|--:' * (len(head) - 2)}|---|"]
    for outcome in outcomes:
        numbers = [str(getattr(outcome.count, word.replace(" ", "_"))) for word in HEAD]
        slowest = f"{outcome.slowest:.1f} s" if outcome.recoveries else ""
        seen = "; ".join(note for note in outcome.notes if not note.startswith("took"))
        lines.append(f"| {' | '.join([outcome.name, *numbers, slowest, seen])} |")
    text = path.read_text() if path.exists() else ""
    table = f"<!-- faults -->\n\n{heading}\n\n" + "\n".join(lines) + "\n\n<!-- /faults -->"
    made = re.sub(r"<!-- faults -->.*?<!-- /faults -->", lambda match: table, text, flags=re.DOTALL)
    if made != text:
        path.write_text(made)


if __name__ == "__main__":
    sys.exit(main())
