"""Sums over frames and runs, which rows of jobs, layers, groups and shows share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import FrameState
from cuebot.domain.units import SECOND
from cuebot.queries.units import in_cores


class FrameCounts(NamedTuple):
    """How many frames are in each state."""

    total: int
    waiting: int
    running: int
    depend: int
    succeeded: int
    eaten: int
    dead: int

    @property
    def pending(self) -> int:
        """Frames that are to run still and do not."""
        return self.waiting + self.depend


class UsageRow(NamedTuple):
    """What ended runs of some layers took, and what those to come should take."""

    runs_succeeded: int
    runs_failed: int
    mean_run_s: int
    """Of the runs that succeeded."""
    longest_run_s: int
    mean_core_s: int
    """Core-seconds that a run takes that succeeds."""
    remaining_core_s: int
    """Frames to come times that."""
    succeeded_core_s: int
    failed_core_s: int
    total_core_s: int
    max_rss_kib: int
    succeeded_gpu_s: int
    """GPU-seconds; of runs that failed they are not counted."""


class Totals(NamedTuple):
    """What the PENDING jobs of a group or show come to."""

    jobs: int
    running: int
    dead: int
    depend: int
    waiting: int
    reserved_cores: float
    reserved_gpus: int


def frame_counts(counts: list[int]) -> FrameCounts:
    """Counts of frames by state, as jobs and layers keep them."""
    return FrameCounts(
        total=sum(counts),
        waiting=counts[FrameState.WAITING],
        running=counts[FrameState.RUNNING],
        depend=counts[FrameState.DEPEND],
        succeeded=counts[FrameState.SUCCEEDED],
        eaten=counts[FrameState.EATEN],
        dead=counts[FrameState.DEAD],
    )


def usage_row(pending: int, layers: Iterable[Layer]) -> UsageRow:
    """What layers took; `pending` of their frames are to run still."""
    succeeded = failed = core_us = failed_core_us = clock_us = longest_us = max_rss_kib = gpu_us = 0
    for layer in layers:
        succeeded += layer.runs_succeeded
        failed += layer.runs_failed
        core_us += layer.core_us_succeeded
        failed_core_us += layer.core_us_failed
        clock_us += layer.clock_us_succeeded
        gpu_us += layer.clock_us_succeeded * layer.min_gpus
        longest_us = max(longest_us, layer.longest_us)
        max_rss_kib = max(max_rss_kib, layer.max_rss)
    mean_core_s = core_us // SECOND // succeeded if succeeded else 0
    return UsageRow(
        runs_succeeded=succeeded,
        runs_failed=failed,
        mean_run_s=clock_us // SECOND // succeeded if succeeded else 0,
        longest_run_s=longest_us // SECOND,
        mean_core_s=mean_core_s,
        remaining_core_s=pending * mean_core_s,
        succeeded_core_s=core_us // SECOND,
        failed_core_s=failed_core_us // SECOND,
        total_core_s=(core_us + failed_core_us) // SECOND,
        max_rss_kib=max_rss_kib,
        succeeded_gpu_s=gpu_us // SECOND,
    )


def totals(jobs: Iterable[Job]) -> Totals:
    """What jobs come to together."""
    number = running = dead = depend = waiting = core_units = gpus = 0
    for job in jobs:
        number += 1
        running += job.counts[FrameState.RUNNING]
        dead += job.counts[FrameState.DEAD]
        depend += job.counts[FrameState.DEPEND]
        waiting += job.counts[FrameState.WAITING]
        core_units += job.reserved_cores
        gpus += job.reserved_gpus
    return Totals(number, running, dead, depend, waiting, in_cores(core_units), gpus)
