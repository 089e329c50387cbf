"""How soon urgent work starts, and how fair a line is: `python -m tests.benchmarks.fairness [--short]`.

Own PostgreSQL and Redis, the four pools of enrichment at their default sizes, real worker processes.
"""

from __future__ import annotations

import argparse
import json
import os
from contextlib import ExitStack
from typing import Any

from tests.benchmarks.site import Site, site

_POOLS = ("enrichment-critical", "enrichment-high", "enrichment-normal", "enrichment-low")


def probe(place: Site, *words: str) -> dict[str, Any]:
    return json.loads(place.run("-m", "tests.benchmarks.fairness_probe", *words).splitlines()[-1])


def urgent(singles: int) -> dict[str, Any]:
    """Every pool has more work of its own than it can do; critical jobs come in one by one."""
    with site(production=True) as place, ExitStack() as stack:
        for pool in _POOLS:
            stack.enter_context(place.process("manage.py", "qcluster", "--pool", pool))
        return probe(place, "urgent", str(singles))


def shared(word: str, bulk: int, singles: int) -> dict[str, Any]:
    """One owner's bulk and another owner's single jobs, in the same pool of two; `word` as in the probe."""
    with (
        site(production=True) as place,
        place.process("manage.py", "qcluster", "--pool", "enrichment-normal"),
    ):
        return probe(place, word, str(bulk), str(singles))


def report(*, bulk: int, singles: int) -> list[str]:
    """The rows of a table, measured now."""
    first = urgent(singles)
    rows = [
        f"| a critical job while every pool is full: until it starts | p50 {first['p50']:.0f} ms, "
        f"p99 {first['p99']:.0f} ms, worst {first['worst']:.0f} ms of {first['n']} |",
        f"| low work meanwhile | {first['low_done']} done in {first['seconds']:.0f} s, by 1 worker |",
    ]
    for word, what in (("files", "a single job of 0.5 s"), ("shared", "a single real enrichment")):
        rows += _rows(what, shared(word, bulk, singles), bulk)
    return rows


def _rows(what: str, found: dict[str, Any], bulk: int) -> list[str]:
    ratio = found["beside_p50"] / found["alone_p50"]
    return [
        f"| {what} in an empty pool: until it is done | p50 {found['alone_p50']:.0f} ms, "
        f"worst {found['alone_worst']:.0f} ms |",
        f"| the same beside another owner's bulk of {bulk} | p50 {found['beside_p50']:.0f} ms, "
        f"worst {found['beside_worst']:.0f} ms ({ratio:.2f} times) |",
        f"| of that, until it starts: empty, beside the bulk | p50 {found['alone_start_p50']:.0f} ms, "
        f"{found['beside_start_p50']:.0f} ms |",
        f"| the bulk itself | {found['bulk_left']} of {bulk} were left when the last single one was done |",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="few jobs: that it runs, not how fast")
    options = parser.parse_args()
    print(f"measuring on {os.cpu_count()} cores\n\n| what | measured |\n|---|---|", flush=True)
    for row in report(**({"bulk": 60, "singles": 5} if options.short else {"bulk": 500, "singles": 20})):
        print(row, flush=True)


if __name__ == "__main__":
    main()
