"""`cuefarm sim SCENARIO`: run a scenario and print what it comes to."""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from dataclasses import replace
from typing import Final

from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.units import Micros
from cuebot.sim.scenarios.plot import PlotUnavailable, save_plot
from cuebot.sim.scenarios.report import Report, Speed, duration_text, make_report
from cuebot.sim.scenarios.run import ScenarioRun
from cuebot.sim.scenarios.scenario import Scenario
from cuebot.sim.scenarios.shipped import load_scenario, shipped_names, shipped_text
from cuebot.sim.scenarios.text import report_text
from cuebot.sim.scenarios.values import ScenarioError, duration

TERMINAL_S: Final = 0.5
LOG_S: Final = 10.0
"""Between two words about progress: on a terminal, and elsewhere."""


def list_scenarios() -> int:
    """Print the shipped scenarios with a line each."""
    for name in shipped_names():
        print(f"{name:16} {load_scenario(name).summary}")
    return 0


def show_scenario(name: str) -> int:
    """Print a shipped scenario, to begin one's own with."""
    if name not in shipped_names():
        print(f"there is no shipped scenario {name!r}; there are {', '.join(shipped_names())}", file=sys.stderr)
        return 2
    print(shipped_text(name), end="")
    return 0


def rehearse(options: argparse.Namespace, bounds: Bounds) -> int:
    """Run a scenario and print its report. Returns 0, or 2 where the scenario or the plot cannot be used."""
    try:
        report = run_scenario(_wanted(options, bounds), bounds, progress=not options.quiet)
        if options.plot:
            save_plot(report, options.plot)
    except ScenarioError as error:
        print(f"cuefarm sim: {error}", file=sys.stderr)
        return 2
    except (PlotUnavailable, OSError, ValueError) as error:
        print(f"cuefarm sim: no plot in {options.plot}: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report.as_json(), indent=2) if options.json else report_text(report))
    if options.plot:
        print(f"plot: {options.plot}", file=sys.stderr)
    return 0


def run_scenario(scenario: Scenario, bounds: Bounds = DEFAULT_BOUNDS, *, progress: bool = False) -> Report:
    """Run a scenario on a farm with these bounds, and time it."""
    teller = _Progress() if progress else None
    began_s = time.perf_counter()
    rehearsal = ScenarioRun(scenario, bounds)
    collecting = gc.isenabled()
    gc.disable()  # millions of objects that stay, hardly a cycle: looking for those would take a fifth of the time
    try:
        measures = rehearsal.run(teller)
    finally:
        if collecting:
            gc.enable()
    wall_s = time.perf_counter() - began_s
    if teller is not None:
        teller.end()
    report = make_report(measures, rehearsal.clock.now_us)
    commands = rehearsal.core.counters.commands
    speed = Speed(
        wall_s=wall_s,
        commands=commands,
        commands_per_s=commands / wall_s,
        simulated_to_real=report.simulated_h * 3600 / wall_s,
        memory_peak_mib=_memory_peak_mib(),
    )
    return replace(report, speed=speed)


def _wanted(options: argparse.Namespace, bounds: Bounds) -> Scenario:
    """The scenario as the command line changes it."""
    scenario = load_scenario(options.scenario, bounds)
    if options.scale is not None:
        scenario = scenario.scaled(options.scale)
    if options.seed is not None:
        scenario = replace(scenario, seed=options.seed)
    if options.duration is not None:
        scenario = replace(scenario, duration_us=options.duration)
    return scenario


def duration_option(text: str) -> Micros:
    """A duration on the command line."""
    try:
        return duration(text, "duration")
    except ScenarioError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def scale_option(text: str) -> float:
    """A factor on the command line."""
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0.0001 <= factor <= 100:
        raise argparse.ArgumentTypeError(f"a factor from 0.0001 to 100, not {text!r}")
    return factor


class _Progress:
    """Says on stderr how far a run is, not too often."""

    def __init__(self) -> None:
        self._began_s = self._told_s = time.perf_counter()
        self._terminal = sys.stderr.isatty()
        self._told = False

    def __call__(self, rehearsal: ScenarioRun) -> None:
        now_s = time.perf_counter()
        if now_s - self._told_s < (TERMINAL_S if self._terminal else LOG_S):
            return
        self._told_s, self._told = now_s, True
        elapsed_s = now_s - self._began_s
        of_all = rehearsal.simulated_us / rehearsal.scenario.duration_us
        line = (
            f"{rehearsal.simulated_us / 3.6e9:.2f} h simulated ({of_all:.0%}), {rehearsal.running:,} frames run,"
            f" {rehearsal.core.counters.commands / elapsed_s:,.0f} commands/s,"
            f" {duration_text(elapsed_s * (1 - of_all) / of_all)} to go at most"
        )
        print(f"\r\x1b[K{line}" if self._terminal else line, end="" if self._terminal else "\n", file=sys.stderr)
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the terminal as it was."""
        if self._terminal and self._told:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _memory_peak_mib() -> float:
    """The most memory that this process has held."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset / 2**20)
    import resource

    unit = 1 if sys.platform == "darwin" else 1_024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
