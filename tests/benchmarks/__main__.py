"""`make bench`: prints what is measured here and now. `ARGS=--short` for a smoke run."""

from __future__ import annotations

import argparse
import os

from tests.benchmarks import engine


def main() -> None:
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
