"""One line of the table of figures, and how it is printed and kept."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number, with what was to be reached."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    more_is_better: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.more_is_better else self.value <= self.goal


def show(figures: Sequence[Figure]) -> str:
    """The figures as a table."""
    lines = [f"{'what':<62} {'measured':>12}  {'goal':>14}"]
    for figure in figures:
        goal = "" if figure.goal is None else f"{'>=' if figure.more_is_better else '<='} {figure.goal:g} {figure.unit}"
        mark = {None: "", True: "  ok", False: "  MISSED"}[figure.holds]
        lines.append(f"{figure.name:<62} {figure.value:>9.4g} {figure.unit:<8} {goal:>12}{mark}")
    return "\n".join(lines)


def keep(figures: Sequence[Figure], root: Path) -> None:
    """Write build/bench.json and the table of docs/reference/figures.md; what stands below that is written by hand."""
    (root / "build").mkdir(exist_ok=True)
    rows = [{**asdict(figure), "holds": figure.holds} for figure in figures]
    (root / "build" / "bench.json").write_text(json.dumps(rows, indent=2) + "\n")
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    lines = [
        "# Figures",
        "",
        f"Measured by `make bench` on {machine}; such machines are noisy, so read them as",
        "orders of magnitude.",
        "Missed goals are listed as measured; [what stands in their way](../explanation/speed.md).",
        "",
        "| what | measured | goal | |",
        "|---|---|---|---|",
    ]
    for figure in figures:
        goal = "" if figure.goal is None else f"{'≥' if figure.more_is_better else '≤'} {figure.goal:g} {figure.unit}"
        mark = {None: "", True: "yes", False: "**missed**"}[figure.holds]
        lines.append(f"| {figure.name} | {figure.value:.4g} {figure.unit} | {goal} | {mark} |")
    page = root / "docs" / "reference" / "figures.md"
    _, heading, by_hand = page.read_text().partition("\n## ")
    page.write_text("\n".join(lines) + "\n" + heading + by_hand)
