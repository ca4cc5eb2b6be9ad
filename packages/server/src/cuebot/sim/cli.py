"""`cuefarm sim`: run seeds, say how it goes, and name the command that repeats a failure."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor

from cuebot.sim.world import Outcome, run_seed


def main(argv: Sequence[str] | None = None) -> int:
    """Run seeds FIRST to FIRST+SEEDS-1. Returns 0 when every one kept every promise, otherwise 1."""
    parser = argparse.ArgumentParser(prog="cuefarm sim", description="Simulate farms with faults, one a seed.")
    parser.add_argument("--seeds", type=int, default=50, metavar="N", help="how many seeds (default 50)")
    parser.add_argument("--first", type=int, default=1, metavar="K", help="the first seed (default 1)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes to use (default 1)")
    parser.add_argument("--verbose", action="store_true", help="a line for each seed, and the story of a failure")
    options = parser.parse_args(argv)
    seeds = range(options.first, options.first + options.seeds)
    began = time.monotonic()
    if options.jobs > 1:
        with ProcessPoolExecutor(options.jobs) as pool:
            failed = _tell(pool.map(run_seed, seeds), len(seeds), options.verbose)
    else:
        failed = _tell(map(run_seed, seeds), len(seeds), options.verbose)
    verdict = f"{failed} of {len(seeds)} seeds failed" if failed else f"{len(seeds)} seeds kept every promise"
    print(f"{verdict} ({time.monotonic() - began:.1f} s)")
    return 1 if failed else 0


def _tell(outcomes: Iterable[Outcome], count: int, verbose: bool) -> int:
    """Report outcomes as they come. Returns how many failed."""
    failed = 0
    for done, outcome in enumerate(outcomes, start=1):
        if outcome.problem:
            failed += 1
            if verbose:
                print("\n".join(outcome.story))
            print(f"seed {outcome.seed} failed: {outcome.problem}\n  replay: {outcome.replay}")
        elif verbose:
            print(
                f"seed {outcome.seed}: {outcome.simulated_s} s simulated, {outcome.steps} steps,"
                f" {outcome.events} events, {outcome.runs} runs, {outcome.hash[:16]}"
            )
        elif sys.stderr.isatty():
            print(f"\r{done} of {count} seeds", end="\n" if done == count else "", file=sys.stderr, flush=True)
        elif done % 10 == 0:
            print(f"{done} of {count} seeds", file=sys.stderr, flush=True)
    return failed
