"""A scenario's report as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cuebot.sim.scenarios.report import Interval, Report, Speed, Waits, duration_text, smallest_show

ROWS_AT_MOST: Final = 24
BAR: Final = 30


def report_text(report: Report) -> str:
    """The whole report."""
    parts = [
        f"{report.scenario}: {report.summary}" if report.summary else report.scenario,
        f"{report.hosts:,} hosts, {report.cores:,} cores; {report.simulated_h:.1f} h simulated, seed {report.seed}",
        "",
        f"utilisation  {report.utilisation:.1%} of bookable cores over the whole run",
        *_over_time(report),
        "",
        *_runs(report),
        "",
        *_shows(report),
        "",
        *_priorities(report),
        "",
        *_widths(report),
        "",
        *_jobs(report),
        *_limits(report),
        *_groups(report),
        *_actions(report),
    ]
    if report.speed is not None:
        parts += ["", _speed(report.speed)]
    return "\n".join(parts)


def _over_time(report: Report) -> list[str]:
    rows = [
        (
            clock_text(report.start_hour + row.end_h),
            f"{row.bookable_cores:,.0f}",
            f"{row.utilisation:.1%}",
            f"{row.waiting_frames:,}",
            "█" * round(row.utilisation * BAR),
        )
        for row in _fewer(report.intervals)
    ]
    return table(("until", "bookable cores", "busy", "frames waiting", ""), rows)


def _fewer(intervals: Sequence[Interval]) -> Sequence[Interval]:
    """At most so many rows as a screen shows: intervals joined, their cores averaged over time."""
    every = -(-len(intervals) // ROWS_AT_MOST)
    if every <= 1:
        return intervals
    joined = []
    began_h = 0.0
    for first in range(0, len(intervals), every):
        part = intervals[first : first + every]
        lengths = [
            row.end_h - before for row, before in zip(part, [began_h, *(row.end_h for row in part)], strict=False)
        ]
        whole_h = sum(lengths)
        last = part[-1]
        joined.append(
            Interval(
                end_h=last.end_h,
                bookable_cores=sum(r.bookable_cores * h for r, h in zip(part, lengths, strict=True)) / whole_h,
                busy_cores=sum(r.busy_cores * h for r, h in zip(part, lengths, strict=True)) / whole_h,
                busy_cores_by_show={},
                waiting_frames=last.waiting_frames,
                waiting_frames_by_show=last.waiting_frames_by_show,
            )
        )
        began_h = last.end_h
    return joined


def _runs(report: Report) -> list[str]:
    runs = report.runs
    spent = runs.core_hours_succeeded + runs.core_hours_failed + runs.core_hours_lost_with_hosts or 1
    rows = [
        (what, f"{count:,}", f"{hours:,.1f}", f"{hours / spent:.1%}")
        for what, count, hours in (
            ("succeeded", runs.succeeded, runs.core_hours_succeeded),
            ("failed", runs.failed, runs.core_hours_failed),
            ("lost with their hosts", runs.lost_with_hosts, runs.core_hours_lost_with_hosts),
        )
    ]
    notes = []
    if report.hosts_vanished:
        notes.append(f"hosts vanished {report.hosts_vanished:,} times")
    if runs.out_of_memory:
        notes.append(f"{runs.out_of_memory:,} of those that failed ran out of memory")
    if runs.frames_dead:
        notes.append(f"{runs.frames_dead:,} frames failed too often and are dead")
    return [*table(("runs", "number", "core-hours", "of all"), rows), *notes]


def _shows(report: Report) -> list[str]:
    rows = [
        (
            name,
            f"{show.size_cores:,}",
            f"{show.share:.1%}",
            f"{show.used:.1%}",
            f"{show.contended_h:.1f}",
            "-" if show.served is None else f"{show.served:.2f}",
            "-" if show.received is None else f"{show.received:.2f}",
            "-" if show.received is None else duration_text(show.behind_s),
            *_wait_cells(show.waits),
            f"{show.frames_waiting:,}",
        )
        for name, show in report.shows.items()
    ]
    heads = ("show", "size", "share", "used", "contended h", "served", "received", "behind", *_WAIT_HEADS, "left")
    lines = table(heads, rows)
    lines.append("served: mean cores held in its contended hours (frames waiting throughout), as a part of its size")
    lines.append("received: of what its share entitled it to while frames waited; behind: the furthest it was short")
    smallest = smallest_show(report)
    if smallest:
        show = report.shows[smallest]
        lines.append(
            f"{smallest}, the smallest: behind its share by {duration_text(show.behind_s)} at most (bound"
            f" {duration_text(show.behind_bound_s)}), and {duration_text(show.first_core_s)} until its first core"
        )
    if report.fairness is not None:
        lines.append(f"fairness {report.fairness:.3f} (Jain's index of `served`; 1 is even)")
    return lines


def _priorities(report: Report) -> list[str]:
    rows = [(str(priority), *_wait_cells(waits)) for priority, waits in report.priorities.items()]
    return table(("priority", *_WAIT_HEADS), rows)


def _widths(report: Report) -> list[str]:
    rows = [
        (width, *_wait_cells(figures.waits), f"{figures.never_started:,}") for width, figures in report.widths.items()
    ]
    return table(("part of a host", *_WAIT_HEADS, "never started"), rows)


_WAIT_HEADS: Final = ("frames", "wait median", "p95", "longest")


def _wait_cells(waits: Waits) -> tuple[str, ...]:
    times = (waits.median_s, waits.p95_s, waits.longest_s)
    return f"{waits.frames:,}", *(duration_text(time) if waits.frames else "-" for time in times)


def _jobs(report: Report) -> list[str]:
    rows = [
        (
            name,
            f"{jobs.submitted:,}",
            f"{jobs.complete:,}",
            *(
                duration_text(hours * 3600) if jobs.complete else "-"
                for hours in (jobs.makespan_median_h, jobs.makespan_p95_h, jobs.makespan_longest_h)
            ),
        )
        for name, jobs in report.jobs.items()
    ]
    return table(("jobs", "submitted", "complete", "makespan median", "p95", "longest"), rows)


def _limits(report: Report) -> list[str]:
    rows = [
        (name, use.counts, f"{use.maximum:,}", f"{use.mean:.1f}", f"{use.most:,}", f"{use.full_h:.1f}")
        for name, use in report.limits.items()
    ]
    return ["", *table(("limit", "counts", "maximum", "mean", "most", "full h"), rows)] if rows else []


def _groups(report: Report) -> list[str]:
    rows = [
        (
            f"{use.show}/{use.group}",
            f"{use.min_cores:,}",
            "-" if use.max_cores < 0 else f"{use.max_cores:,}",
            f"{use.mean_cores:,.1f}",
            f"{use.most_cores:,.0f}",
        )
        for use in report.groups
    ]
    return ["", *table(("group", "minimum", "maximum", "mean cores", "most"), rows)] if rows else []


def _actions(report: Report) -> list[str]:
    lines = [f"{clock_text(report.start_hour + after_h)}  {text}" for after_h, text in report.actions]
    return ["", "operators", *lines] if lines else []


def _speed(speed: Speed) -> str:
    return (
        f"simulated in {speed.wall_s:,.1f} s: {speed.commands:,} commands, {speed.commands_per_s:,.0f} a second;"
        f" {speed.simulated_to_real:,.0f} times as fast as life; {speed.memory_peak_mib:,.0f} MiB of memory at most"
    )


def clock_text(hours: float) -> str:
    """Hours from midnight of the first day as a clock shows them; the day in front from the second on."""
    minutes = round(hours * 60)
    day, rest = divmod(minutes, 24 * 60)
    clock = f"{rest // 60:02d}:{rest % 60:02d}"
    return f"{clock} +{day}d" if day else clock


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table: the first column to the left, the others to the right, and an unnamed last one to the left."""
    cells = [tuple(heads), *(tuple(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 or not heads[place] else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
