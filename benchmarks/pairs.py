"""A benchmark of this checkout beside the same one of others, in turns, so that a busy machine is as busy for each.

    python -m benchmarks.pairs --rounds 9 --of "benchmarks.protocol stream" ../before

Each checkout has an environment of its own (`.venv`, as `make` makes it). Printed are the medians over the rounds of
each figure that all have, and of its ratio to each other checkout's figure in the same round.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
LINE = re.compile(r"(?P<name>.{62}) +(?P<value>[-+.e\d]+) ")
"""Of a table as `benchmarks.table.show` prints it."""


def main() -> int:
    """Measure in turns, and print the medians."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pairs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="how often each is measured (default: 9)")
    parser.add_argument("others", type=Path, nargs="+", metavar="CHECKOUT", help="of another commit")
    parser.add_argument("--of", required=True, metavar="'MODULE ARG ...'", help="what is measured, as one word")
    options = parser.parse_args()
    checkouts = [HERE, *(other.resolve() for other in options.others)]

    found: dict[Path, list[dict[str, float]]] = {checkout: [] for checkout in checkouts}
    loads = []
    for number in range(options.rounds):
        in_turn = checkouts if number % 2 == 0 else checkouts[::-1]
        for checkout in in_turn:
            loads.append(os.getloadavg()[0])
            found[checkout].append(measured(checkout, options.of.split()))
            print(f"round {number + 1}, {checkout.name}: {found[checkout][-1]}", file=sys.stderr, flush=True)

    print(f"{options.rounds} rounds; load {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} processors")
    for name in found[HERE][0]:
        if all(name in figures for rounds in found.values() for figures in rounds):
            show(name, found)
    return 0


def measured(checkout: Path, words: list[str]) -> dict[str, float]:
    """The figures that one run of a checkout's benchmark prints."""
    python = checkout / ".venv" / "bin" / "python"
    run = subprocess.run([python, "-m", *words], cwd=checkout, stdout=subprocess.PIPE, text=True, check=True)
    lines = (LINE.match(line) for line in run.stdout.splitlines())
    return {line["name"].strip(): float(line["value"]) for line in lines if line}


def show(name: str, found: dict[Path, list[dict[str, float]]]) -> None:
    """Print one figure."""
    here = [figures[name] for figures in found[HERE]]
    print(f"{name}: {statistics.median(here):.4g}")
    for checkout, rounds in found.items():
        if checkout != HERE:
            there = [figures[name] for figures in rounds]
            ratios = sorted(one / other for one, other in zip(here, there, strict=True))
            print(
                f"    {checkout.name}: {statistics.median(there):.4g}; here / there: median"
                f" {statistics.median(ratios):.3f}, {ratios[0]:.3f} to {ratios[-1]:.3f}"
            )


if __name__ == "__main__":
    sys.exit(main())
