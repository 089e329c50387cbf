"""`make bench`: prints what is measured here and now. `ARGS=--short` for a smoke run.

`ARGS=fairness`, `documents`, `uploads`, `search` or `admin` measures that instead of the engine;
`ARGS="documents --help"` tells what each takes.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys

from tests.benchmarks import engine
from tests.faults.processes import leave_nothing_behind

OTHERS = {
    "fairness": "fairness",
    "documents": "documents",
    "uploads": "upload_memory",
    "admin": "admin_million",
    "search": "search",
}


def main() -> None:
    leave_nothing_behind()
    if sys.argv[1:2] and sys.argv[1] in OTHERS:
        name = OTHERS[sys.argv.pop(1)]
        runpy.run_module(f"tests.benchmarks.{name}", run_name="__main__", alter_sys=True)
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--short", action="store_true", help="few jobs, one round: that it runs, not how fast"
    )
    options = parser.parse_args()
    sizes = (
        {"jobs": 400, "rounds": 1, "singles": 20}
        if options.short
        else {"jobs": 4000, "rounds": 5, "singles": 200}
    )
    print(f"measuring on {os.cpu_count()} cores; ratios hold better than figures\n", flush=True)
    print("| what | measured |\n|---|---|")
    for row in engine.report(**sizes):
        print(row, flush=True)


if __name__ == "__main__":
    main()
