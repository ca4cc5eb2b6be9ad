"""`cuefarm sim`: seeds with faults that prove the core, or a scenario that answers how a farm would do."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.sim.chaos.world import Outcome, run_seed
from cuebot.sim.scenarios.cli import duration_option, list_scenarios, rehearse, scale_option, show_scenario

_EPILOG = """\
examples
  cuefarm sim --list                           the scenarios that are shipped
  cuefarm sim small-studio                     a report of a small studio's day
  cuefarm sim spi-size --scale 0.1 --plot a.png  a tenth of a large farm, with a picture
  cuefarm sim --show small-studio > mine.yaml  a file to begin one's own with
  cuefarm sim mine.yaml --json                 one's own farm, for programs
  cuefarm sim --seeds 300                      300 small farms on which everything goes wrong
"""


def main(argv: Sequence[str] | None = None, bounds: Bounds = DEFAULT_BOUNDS) -> int:
    """Run a scenario on a farm with these bounds, or seeds.

    Returns 0 when all is well, 1 when a seed broke a promise, 2 for what cannot be run.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    if options.list:
        return list_scenarios()
    if options.show:
        return show_scenario(options.show)
    if options.scenario:
        _refuse_others(parser, options, "seeds", "first", "jobs", "verbose", use="with faults, not with a scenario")
        return rehearse(options, bounds)
    _refuse_others(parser, options, "seed", "duration", "scale", "json", "plot", "quiet", use="with a scenario")
    return _run_seeds(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cuefarm sim",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Simulate farms: the server's real core and scheduler, with simulated hosts and simulated time.\n\n"
        "With a SCENARIO: how would such a farm do with such work? Prints utilisation, waits, makespans and fairness.\n"
        "Without: does the core keep its promises? Runs small farms with faults, one a seed, and checks every step.",
        epilog=_EPILOG,
    )
    planning = parser.add_argument_group("planning")
    planning.add_argument("scenario", nargs="?", metavar="SCENARIO", help="a YAML file, or the name of a shipped one")
    planning.add_argument("--list", action="store_true", help="list the shipped scenarios and end")
    planning.add_argument("--show", metavar="NAME", help="print a shipped scenario and end")
    planning.add_argument("--seed", type=int, metavar="N", help="another seed than the scenario's own")
    planning.add_argument("--duration", type=duration_option, metavar="TIME", help="for so long, such as 90m or 24h")
    planning.add_argument("--scale", type=scale_option, metavar="FACTOR", help="hosts, shares and jobs times a factor")
    planning.add_argument("--json", action="store_true", help="the report for programs")
    planning.add_argument("--plot", type=Path, metavar="FILE", help="also as a picture, such as report.png")
    planning.add_argument("--quiet", action="store_true", help="no words on progress")
    faults = parser.add_argument_group("faults")
    faults.add_argument("--seeds", type=int, metavar="N", help="how many seeds (default 50)")
    faults.add_argument("--first", type=int, metavar="K", help="the first seed (default 1)")
    faults.add_argument("--jobs", type=int, metavar="N", help="processes to use (default: one a processor)")
    faults.add_argument("--verbose", action="store_true", help="a line for each seed, and the story of a failure")
    return parser


def _refuse_others(parser: argparse.ArgumentParser, options: argparse.Namespace, *names: str, use: str) -> None:
    for name in names:
        if getattr(options, name) not in (None, False):
            parser.error(f"--{name} goes {use}")


def _run_seeds(options: argparse.Namespace) -> int:
    first = 1 if options.first is None else options.first
    seeds = range(first, first + (50 if options.seeds is None else options.seeds))
    began = time.monotonic()
    tally = Tally(len(seeds), options.verbose)
    jobs = min(options.jobs or len(os.sched_getaffinity(0)), len(seeds))
    if jobs > 1:
        # Spawned, because whoever asks may have threads that a fork would leave half-done.
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            tally.take(pool.map(run_seed, seeds))
    else:
        tally.take(map(run_seed, seeds))
    print(f"{tally.verdict()} ({time.monotonic() - began:.1f} s)")
    if tally.twice:
        print("with upstream's agents, which have no lease: " + told_twice(tally.twice))
    if tally.happened:
        print("with our agents: " + told_happened(tally.happened))
    return 1 if tally.failed else 0


class Tally:
    """Reports outcomes as they come, and sums them up."""

    def __init__(self, count: int, verbose: bool) -> None:
        self.failed = 0
        self.twice: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        self._count, self._verbose = count, verbose

    def take(self, outcomes: Iterable[Outcome]) -> None:
        """Report outcomes."""
        for done, outcome in enumerate(outcomes, start=1):
            self.twice.update(outcome.twice)
            self.happened.update(outcome.happened)
            if outcome.problem:
                self.failed += 1
                if self._verbose:
                    print("\n".join(outcome.story))
                print(f"seed {outcome.seed} failed: {outcome.problem}\n  replay: {outcome.replay}")
            elif self._verbose:
                print(_told(outcome))
            elif sys.stderr.isatty():
                end = "\n" if done == self._count else ""
                print(f"\r{done} of {self._count} seeds", end=end, file=sys.stderr, flush=True)
            elif done % 10 == 0:
                print(f"{done} of {self._count} seeds", file=sys.stderr, flush=True)

    def verdict(self) -> str:
        """How it went, in a few words."""
        if self.failed:
            return f"{self.failed} of {self._count} seeds failed"
        return f"{self._count} seeds kept every promise"


def _told(outcome: Outcome) -> str:
    twice = f", {told_twice(outcome.twice)}" if outcome.twice else ""
    return (
        f"seed {outcome.seed}: {outcome.simulated_s} s simulated, {outcome.steps} steps,"
        f" {outcome.events} events, {outcome.runs} runs{twice}, {outcome.hash[:16]}"
    )


def told_twice(twice: Mapping[str, int]) -> str:
    """How many frames ran a second time beside the first, and why they may."""
    return f"{sum(twice.values())} frames ran twice: " + ", ".join(f"{n} {why}" for why, n in sorted(twice.items()))


def told_happened(happened: Mapping[str, int]) -> str:
    """What agents, supervisors and machines went through while frames lived, and what became of these."""
    return ", ".join(f"{number} {what}" for what, number in sorted(happened.items()))
