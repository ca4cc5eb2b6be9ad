"""The one door through which the farm changes: `apply(farm, event, at_us)`.

Deterministic and total: given the same events in the same order, every farm becomes the same. Nothing is decided here;
what an event says has happened. The only rules applied are those that hold for every frame, whoever moves it:
a frame with open depends cannot wait, die or succeed but is DEPEND, and a succeeded frame cannot be eaten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cuebot.domain import events as ev
from cuebot.domain.apply import archive, depends, frames, jobs, records, runs
from cuebot.domain.apply.depends import hold_by
from cuebot.domain.apply.frames import set_state
from cuebot.domain.farm import Farm
from cuebot.domain.indexes import index_depend, index_job, index_layer, index_proc, index_thing, initial_frames
from cuebot.domain.units import Micros

__all__ = [
    "apply",
    "hold_by",
    "index_depend",
    "index_job",
    "index_layer",
    "index_proc",
    "index_thing",
    "initial_frames",
    "set_state",
]


def apply(farm: Farm, event: ev.Event, at_us: int) -> None:
    """Change the farm as the event says. `at_us` is when it happened, in microseconds since the epoch (UTC)."""
    _APPLIERS[type(event)](farm, event, Micros(at_us))
    farm.change += 1


def _nothing(farm: Farm, event: ev.Event, at_us: Micros) -> None:
    """An event for the history alone."""


_APPLIERS: dict[type[ev.Event], Callable[[Farm, Any, Micros], None]] = {
    ev.Added: records.added,
    ev.Changed: records.changed,
    ev.Removed: records.removed,
    ev.JobLaunched: jobs.job_launched,
    ev.JobFinished: jobs.job_finished,
    ev.JobReopened: jobs.job_reopened,
    ev.JobArchived: archive.job_archived,
    ev.JobRecalled: archive.job_recalled,
    ev.RunsBooked: runs.runs_booked,
    ev.RunEnded: runs.run_ended,
    ev.EndedWithHost: runs.ended_with_host,
    ev.ReportIgnored: _nothing,
    ev.KillRequested: runs.kill_requested,
    ev.FramesEaten: frames.frames_eaten,
    ev.FramesRetried: frames.frames_retried,
    ev.FramesRestored: frames.frames_restored,
    ev.FramesReordered: frames.frames_reordered,
    ev.CheckpointChanged: frames.checkpoint_changed,
    ev.FramesReleased: depends.frames_released,
    ev.FramesHeld: depends.frames_held,
    ev.DependAdded: depends.depend_added,
    ev.DependSatisfied: depends.depend_satisfied,
    ev.DependPairsSatisfied: depends.depend_pairs_satisfied,
    ev.DependUnsatisfied: depends.depend_unsatisfied,
    ev.FiltersApplied: jobs.filters_applied,
    ev.UsageReported: records.usage_reported,
    ev.RequestAnswered: records.request_answered,
}

assert set(_APPLIERS) == set(ev.EVENTS.values()), "every event has its applier"
