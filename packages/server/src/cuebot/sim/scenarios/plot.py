"""A scenario's report as a picture: cores by show over time, frames that wait, and how long they waited.

Needs matplotlib, which only the extra `plot` installs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cuebot.sim.scenarios.report import Interval, Report
from cuebot.sim.scenarios.text import clock_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK: Final = "#2b2f36"
FAINT: Final = "#9aa1ab"
GRID: Final = "#e4e7eb"
COLOURS: Final = (
    "#3b6fb6",
    "#e08a3c",
    "#4f9d69",
    "#c8553d",
    "#7d5ba6",
    "#3fa7a0",
    "#d9a441",
    "#b0567f",
    "#6b8e23",
    "#5f6f85",
    "#8fb8de",
    "#c9a27e",
)
"""One a show, in its order; further shows are drawn together."""
OTHERS: Final = "other shows"
SHORTEST_S: Final = 0.5
"""Waits below this are drawn as this, since the axis is logarithmic."""
TICKS: Final = {1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3_600: "1 h", 36_000: "10 h", 360_000: "100 h"}


class PlotUnavailable(RuntimeError):
    """matplotlib is not installed."""


def save_plot(report: Report, path: Path) -> None:
    """Write the picture; the file's ending says which format. Raises PlotUnavailable, or OSError and ValueError."""
    try:
        import matplotlib
    except ImportError as error:
        raise PlotUnavailable("a plot needs matplotlib; `pip install 'cuefarm[plot]'` brings it") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    style = {
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": FAINT,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "font.family": "DejaVu Sans",
    }
    names = list(report.shows)
    with pyplot.rc_context(style):
        figure = pyplot.figure(figsize=(12, 7.2), dpi=120, layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=(2.3, 1), height_ratios=(1.6, 1))
        cores = figure.add_subplot(grid[0, 0])
        waiting = figure.add_subplot(grid[1, 0], sharex=cores)
        waits = figure.add_subplot(grid[:, 1])
        colours = {name: COLOURS[place] if place < len(COLOURS) else FAINT for place, name in enumerate(names)}
        _draw_cores(cores, report, colours)
        _draw_waiting(waiting, report, colours)
        _draw_waits(waits, report, colours)
        title = report.scenario + (f" – {report.summary}" if report.summary else "")
        figure.suptitle(
            f"{title}\n{report.hosts:,} hosts, {report.cores:,} cores, {report.utilisation:.1%} of them busy"
            f" over {report.simulated_h:.1f} h",
            fontsize=11,
        )
        try:
            figure.savefig(path)
        finally:
            pyplot.close(figure)


def _draw_cores(axes: Axes, report: Report, colours: dict[str, str]) -> None:
    """Busy cores of each show, one above the other, below the line of those that could be booked."""
    hours, edges = _steps(report.intervals)
    layers = _grouped(report, [row.busy_cores_by_show for row in report.intervals])
    axes.stackplot(
        edges,
        [_doubled(values) for values in layers.values()],
        colors=[colours.get(name, FAINT) for name in layers],
        linewidth=0,
        alpha=0.9,
        labels=list(layers),
    )
    bookable = _doubled([row.bookable_cores for row in report.intervals])
    axes.plot(edges, bookable, color=INK, linewidth=1.4, label="bookable")
    axes.set_ylim(0, max(bookable, default=1) * 1.06 or 1)
    axes.set_title("Busy cores by show", loc="left", fontsize=10)
    axes.legend(
        loc="upper left", bbox_to_anchor=(0, -0.02), ncols=min(len(layers) + 1, 7), frameon=False, fontsize=8,
        handlelength=1.0, columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip
    axes.tick_params(labelbottom=False, bottom=False)
    _finish(axes, hours)


def _draw_waiting(axes: Axes, report: Report, colours: dict[str, str]) -> None:
    """Frames of each show that wait for a host, one above the other."""
    hours = [0.0, *(row.end_h for row in report.intervals)]
    rows = [dict.fromkeys(report.shows, 0), *(row.waiting_frames_by_show for row in report.intervals)]
    layers = _grouped(report, rows)
    axes.stackplot(
        hours, list(layers.values()), colors=[colours.get(name, FAINT) for name in layers], linewidth=0, alpha=0.9
    )
    axes.set_ylim(bottom=0)
    axes.set_title("Frames waiting for a host", loc="left", fontsize=10)
    axes.set_xlabel("time of day" if report.simulated_h > 2 else "hours and minutes")
    _finish(axes, hours)
    ticks = _ticks(report.simulated_h)
    start = report.start_hour if report.simulated_h > 2 else 0
    axes.set_xticks(ticks, [clock_text(start + tick).replace(" ", "\n") for tick in ticks])


def _draw_waits(axes: Axes, report: Report, colours: dict[str, str]) -> None:
    """Median to 95th percentile of the wait, for each show, each priority, and each part of a host."""
    rows: list[tuple[str, Any, str]] = [(name, show.waits, colours[name]) for name, show in report.shows.items()]
    rows += [(f"priority {priority}", waits, INK) for priority, waits in report.priorities.items()]
    rows += [(f"{width} of a host", figures.waits, INK) for width, figures in report.widths.items()]
    for place, (_, waits, colour) in enumerate(rows):
        if not waits.frames:
            axes.text(SHORTEST_S, place, "nothing started", va="center", fontsize=8, color=FAINT)
            continue
        median, p95 = (max(value, SHORTEST_S) for value in (waits.median_s, waits.p95_s))
        axes.plot((median, p95), (place, place), color=colour, linewidth=3, solid_capstyle="round", alpha=0.45)
        axes.plot(median, place, "o", color=colour, markersize=6)
        axes.plot(p95, place, "|", color=colour, markersize=11, markeredgewidth=2)
    longest = max([waits.p95_s for _, waits, _ in rows], default=1)
    ticks = [tick for tick in TICKS if tick <= max(longest * 1.6, 60)]
    axes.set_xscale("log")
    axes.set_xlim(SHORTEST_S * 0.8, max(longest * 1.6, 60))
    axes.set_xticks(ticks, [TICKS[tick] for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    for end in (len(report.shows), len(report.shows) + len(report.priorities)):
        axes.axhline(end - 0.5, color=GRID, linewidth=1)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_title("Wait for the first start (● median, | p95)", loc="left", fontsize=10)


def _grouped(report: Report, rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Values by show over all rows; shows beyond the colours added up as one."""
    names = list(report.shows)
    layers = {name: [float(row[name]) for row in rows] for name in names[: len(COLOURS)]}
    if len(names) > len(COLOURS):
        layers[OTHERS] = [float(sum(row[name] for name in names[len(COLOURS) :])) for row in rows]
    return layers


def _steps(intervals: tuple[Interval, ...]) -> tuple[list[float], list[float]]:
    """All ends of intervals, and each of them twice, so that a mean is drawn as a step over its interval."""
    hours = [0.0, *(row.end_h for row in intervals)]
    return hours, [hour for place in range(len(intervals)) for hour in (hours[place], hours[place + 1])]


def _doubled(values: list[float]) -> list[float]:
    return [value for value in values for _ in range(2)]


def _ticks(hours: float) -> list[float]:
    """Round moments, at most nine."""
    for step in (1 / 60, 1 / 12, 1 / 4, 1 / 2, 1, 2, 3, 6, 12, 24, 48):
        if hours / step <= 8.01:
            return [place * step for place in range(int(hours / step + 1e-9) + 1)]
    return [0.0, hours]


def _finish(axes: Axes, hours: list[float]) -> None:
    axes.set_xlim(0, hours[-1] or 1)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
