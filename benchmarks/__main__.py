"""`make bench`: run every benchmark, print one table, keep it in build/bench.json and docs/reference/figures.md.

What a change costs, by turns with another checkout: python -m benchmarks.pairs --help
A million finished jobs, or any number: python -m benchmarks.finished_builder --help, then
python -m benchmarks.finished WITH_URL WITHOUT_URL
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks.table import Figure, keep, show

ROOT = Path(__file__).resolve().parents[1]
CASES = (
    "farm",
    "agent",
    "supervisor",
    "idle_agent",
    "peer",
    "watching",
    "wire",
    "launches",
    "protocol",
    "one_socket",
    "calls",
    "crowd",
    "client",
    "journal",
    "finished",
    "scheduler",
    "scale",
)


def main() -> int:
    """Run the cases that are named, or all."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)} (default: all, and keep the table)"
    )
    wanted = parser.parse_args().cases
    for case in wanted:
        if case not in CASES:
            parser.error(f"there is no case {case!r}; there are {', '.join(CASES)}")
    found: list[Figure] = []
    for case in wanted or CASES:
        print(f"measuring {case} ...", file=sys.stderr, flush=True)
        for figure in importlib.import_module(f"benchmarks.{case}").figures():
            print(show([figure]).splitlines()[1], file=sys.stderr, flush=True)
            found.append(figure)
    print(show(found))
    if not wanted:
        keep(found, ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
