"""What a scenario's run comes to, as numbers: the answer that text, JSON and the plot are made from."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cuebot.domain.units import HOUR, MINUTE, SECOND
from cuebot.sim.scenarios.measures import LimitUse, Measures, Sample
from cuebot.sim.scenarios.scenario import WIDTHS, Scenario

CORE_HOUR_UNITS = 100 * HOUR
"""Core units over microseconds in one core-hour."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The farm over one interval: means of cores, and the frames that wait at its end."""

    end_h: float
    """Hours since the start."""
    bookable_cores: float
    busy_cores: float
    busy_cores_by_show: dict[str, float]
    waiting_frames: int
    waiting_frames_by_show: dict[str, int]

    @property
    def utilisation(self) -> float:
        """Busy cores as a part of the bookable ones; 0 where there were none."""
        return self.busy_cores / self.bookable_cores if self.bookable_cores else 0.0


@dataclass(frozen=True, slots=True)
class Waits:
    """How long frames waited from being ready to their first start. Frames that never started are not in it."""

    frames: int
    median_s: float
    p95_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class WidthFigures:
    """Frames that take about the same part of a host."""

    never_started: int
    """Of those that were ready in the end."""
    waits: Waits


@dataclass(frozen=True, slots=True)
class ShowFigures:
    """One show: what it was to have, what it got, and how long it waited."""

    size_cores: int
    share: float
    """Its size as a part of all sizes."""
    used: float
    """Its core-hours as a part of all core-hours."""
    contended_h: float
    """Hours of intervals at whose start and end it had frames waiting."""
    served: float | None
    """Mean cores that it held in those hours, as a part of its size; None without such hours."""
    received: float | None
    """Of what its share entitled it to while it had frames waiting; None where it never had."""
    behind_s: float
    """The furthest that it was behind its share (`scenario_shares`), looked at every 15 s."""
    behind_bound_s: float
    """Twice the time in which its share of the farm's cores becomes free once: what `behind_s` should not exceed."""
    first_core_s: float
    """The longest that it had work and held nothing."""
    core_hours: float
    frames_waiting: int
    """Frames that wait for a host at the end."""
    waits: Waits


@dataclass(frozen=True, slots=True)
class JobFigures:
    """Jobs of one kind. Makespans, from submission to the end of the last frame, are those of complete jobs."""

    submitted: int
    complete: int
    makespan_median_h: float
    makespan_p95_h: float
    makespan_longest_h: float


@dataclass(frozen=True, slots=True)
class LimitFigures:
    """The use of one limit: frames, or hosts."""

    counts: str
    maximum: int
    """At the end."""
    mean: float
    most: int
    full_h: float
    """Hours in which all of it was used."""


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """What a department held, in cores."""

    show: str
    group: str
    min_cores: int
    max_cores: int
    """-1 is no maximum."""
    mean_cores: float
    most_cores: float


@dataclass(frozen=True, slots=True)
class RunFigures:
    """Runs, and what they cost."""

    started: int
    succeeded: int
    failed: int
    out_of_memory: int
    """Of those that failed."""
    lost_with_hosts: int
    frames_dead: int
    """Frames that failed too often."""
    core_hours_succeeded: float
    core_hours_failed: float
    core_hours_lost_with_hosts: float


@dataclass(frozen=True, slots=True)
class Speed:
    """What the simulation itself took; no part of its result."""

    wall_s: float
    commands: int
    commands_per_s: float
    simulated_to_real: float
    memory_peak_mib: float


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a run. The same scenario, seed and version of the server give the same one, but for `speed`."""

    scenario: str
    summary: str
    seed: int
    start_hour: int
    hosts: int
    cores: int
    simulated_h: float
    utilisation: float
    """Over the whole run."""
    fairness: float | None
    """Jain's index of `served` over shows that had contended hours: 1 is even, 1/n is all for one."""
    hosts_vanished: int
    runs: RunFigures
    shows: dict[str, ShowFigures]
    priorities: dict[int, Waits]
    widths: dict[str, WidthFigures]
    """By how much of a host a frame takes, of those that there are."""
    jobs: dict[str, JobFigures]
    limits: dict[str, LimitFigures]
    groups: tuple[GroupFigures, ...]
    actions: tuple[tuple[float, str], ...]
    """What operators did, and after how many hours."""
    intervals: tuple[Interval, ...]
    speed: Speed | None = None

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return asdict(self)


def make_report(measures: Measures, end_us: int) -> Report:
    """The report of a run that ended at `end_us`."""
    scenario, start_us = measures.scenario, measures.start_us
    intervals = tuple(_intervals(measures))
    busy = {name: level.total(end_us) for name, level in measures.busy.items()}
    bookable = measures.bookable.total(end_us)
    tallies = measures.tallies.values()
    shows = _shows(measures, busy)
    return Report(
        scenario=scenario.name,
        summary=scenario.summary,
        seed=scenario.seed,
        start_hour=scenario.start_hour,
        hosts=scenario.host_count,
        cores=scenario.core_count,
        simulated_h=(end_us - start_us) / HOUR,
        utilisation=sum(busy.values()) / bookable if bookable else 0.0,
        fairness=jain([show.served for show in shows.values() if show.served is not None]),
        hosts_vanished=measures.hosts_vanished,
        runs=RunFigures(
            started=sum(tally.started for tally in tallies),
            succeeded=sum(tally.succeeded for tally in tallies),
            failed=sum(tally.failed for tally in tallies),
            out_of_memory=sum(tally.out_of_memory for tally in tallies),
            lost_with_hosts=sum(tally.lost for tally in tallies),
            frames_dead=sum(tally.dead for tally in tallies),
            core_hours_succeeded=sum(tally.core_us_succeeded for tally in tallies) / HOUR,
            core_hours_failed=sum(tally.core_us_failed for tally in tallies) / HOUR,
            core_hours_lost_with_hosts=sum(tally.core_us_lost for tally in tallies) / HOUR,
        ),
        shows=shows,
        priorities={
            priority: _waits(waits for (_, own), waits in measures.waits.items() if own == priority)
            for priority in sorted({priority for _, priority in measures.waits}, reverse=True)
        },
        widths=_widths(measures),
        jobs={kind.name: _jobs(measures.jobs[kind.name], measures.makespans[kind.name]) for kind in scenario.jobs},
        limits={name: _limit(use, end_us, start_us) for name, use in measures.limits.items()},
        groups=_groups(measures, end_us),
        actions=tuple(((at_us - start_us) / HOUR, text) for at_us, text in measures.actions),
        intervals=intervals,
    )


def jain(values: list[float]) -> float | None:
    """Jain's index of fairness: 1 where all are equal, 1/n where one has everything. None of nothing, or of zeros."""
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else None


def smallest_show(report: Report) -> str:
    """The show with the smallest size of those that had frames waiting; empty where none had."""
    wanting = [(show.size_cores, name) for name, show in report.shows.items() if show.received is not None]
    return min(wanting)[1] if wanting else ""


def _intervals(measures: Measures) -> Iterable[Interval]:
    before = Sample(measures.start_us, 0, dict.fromkeys(measures.busy, 0), {})
    for sample in measures.samples:
        unit = 100 * (sample.end_us - before.end_us)
        by_show = {name: (total - before.busy[name]) / unit for name, total in sample.busy.items()}
        yield Interval(
            end_h=(sample.end_us - measures.start_us) / HOUR,
            bookable_cores=(sample.bookable - before.bookable) / unit,
            busy_cores=sum(by_show.values()),
            busy_cores_by_show=by_show,
            waiting_frames=sum(sample.waiting.values()),
            waiting_frames_by_show=sample.waiting,
        )
        before = sample


def _widths(measures: Measures) -> dict[str, WidthFigures]:
    there = [width for width in WIDTHS if width in measures.widths or width in measures.never_started]
    return {
        width: WidthFigures(
            never_started=measures.never_started.get(width, 0),
            waits=_waits(waits for own, waits in measures.widths.items() if own == width),
        )
        for width in there
    }


def _shows(measures: Measures, busy: dict[str, int]) -> dict[str, ShowFigures]:
    scenario: Scenario = measures.scenario
    sizes = sum(show.size for show in scenario.shows) or 1
    everything = sum(busy.values()) or 1
    ended = [tally for tally in measures.tallies.values() if tally.cores_ended]
    turnover_us = (
        sum(t.core_us_succeeded + t.core_us_failed for t in ended) * 100 / max(sum(t.cores_ended for t in ended), 1)
    )
    found = {}
    for show in scenario.shows:
        contended_us, held = _contended(measures, show.name)
        account = measures.shares.of[show.name]
        found[show.name] = ShowFigures(
            size_cores=show.size // 100,
            share=show.size / sizes,
            used=busy[show.name] / everything,
            contended_h=contended_us / HOUR,
            served=held / contended_us / show.size if contended_us and show.size else None,
            received=account.received / account.owed if account.owed else None,
            behind_s=account.behind_us / SECOND,
            behind_bound_s=2 * (scenario.plan_interval_us + account.part * turnover_us) / SECOND,
            first_core_s=account.first_core_us / SECOND,
            core_hours=busy[show.name] / CORE_HOUR_UNITS,
            frames_waiting=measures.samples[-1].waiting[show.name] if measures.samples else 0,
            waits=_waits(waits for (own, _), waits in measures.waits.items() if own == show.name),
        )
    return found


def _contended(measures: Measures, show: str) -> tuple[int, int]:
    """Microseconds in which a show had more to do than it got, and its core units over them."""
    contended_us = held = 0
    for before, after in zip(measures.samples, measures.samples[1:], strict=False):
        if before.waiting[show] and after.waiting[show]:
            contended_us += after.end_us - before.end_us
            held += after.busy[show] - before.busy[show]
    return contended_us, held


def _limit(use: LimitUse, end_us: int, start_us: int) -> LimitFigures:
    return LimitFigures(
        counts="hosts" if use.plan.per_host else "frames",
        maximum=use.maximum,
        mean=use.used.total(end_us) / (end_us - start_us),
        most=use.used.most,
        full_h=use.full.total(end_us) / HOUR,
    )


def _groups(measures: Measures, end_us: int) -> tuple[GroupFigures, ...]:
    found = []
    for show in measures.scenario.shows:
        for group in show.groups:
            held = measures.groups[show.name, group.name]
            found.append(
                GroupFigures(
                    show=show.name,
                    group=group.name,
                    min_cores=group.min_cores // 100,
                    max_cores=group.max_cores // 100 if group.max_cores >= 0 else -1,
                    mean_cores=held.total(end_us) / 100 / (end_us - measures.start_us),
                    most_cores=held.most / 100,
                )
            )
    return tuple(found)


def _waits(parts: Iterable[array[int]]) -> Waits:
    everything = [np.frombuffer(part, dtype=np.int64) for part in parts]
    if not everything:
        return Waits(0, 0.0, 0.0, 0.0)
    waits = np.concatenate(everything)
    median, p95 = np.percentile(waits, (50, 95))
    return Waits(len(waits), float(median) / SECOND, float(p95) / SECOND, float(waits.max()) / SECOND)


def _jobs(submitted: int, makespans: array[int]) -> JobFigures:
    if not makespans:
        return JobFigures(submitted, 0, 0.0, 0.0, 0.0)
    values = np.frombuffer(makespans, dtype=np.int64)
    median, p95 = np.percentile(values, (50, 95))
    return JobFigures(submitted, len(values), median / HOUR, p95 / HOUR, float(values.max()) / HOUR)


def duration_text(seconds: float) -> str:
    """A duration as people say it: 0.4 s, 12 s, 7 min, 3.2 h."""
    if seconds < 1:
        return f"{seconds:.1f} s" if seconds >= 0.05 else "0 s"
    if seconds < 2 * MINUTE / SECOND:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR / SECOND:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
