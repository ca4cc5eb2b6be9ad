"""How many things a command changes. Whoever asked is told, because "nothing" must not pass for success.

A command's number counts what it is about: frames for a retry, hosts for a move, depends for a release. What merely
follows from it, such as the jobs that take on a group's new default, is not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.depends import edges_of
from cuebot.domain.farm import Farm
from cuebot.domain.states import FrameState

Events = list[ev.Event]
Count = Callable[[Farm, Any, Events], int]
"""Takes the farm as it is before the events, the command, and the events that carry it out."""


def count_of(farm: Farm, command: c.Command, events: Events) -> int | None:
    """How many things the events change; None for a command that answers with something else. 0 means: none."""
    count = COUNTED.get(type(command))
    return None if count is None else count(farm, command, events)


def _frames(*kinds: type[ev.Event]) -> Count:
    """Frames, by the events that speak of them."""

    def count(farm: Farm, command: Any, events: Events) -> int:
        return sum(_in_event(farm, event) for event in events if isinstance(event, kinds))

    return count


def _retried(farm: Farm, command: c.RetryFrames, events: Events) -> int:
    """Frames that run again, and those that waited in a killed job and may run now that it is open again."""
    count = _frames(ev.FramesRetried, ev.KillRequested)(farm, command, events)
    reopened = {event.job_id for event in events if isinstance(event, ev.JobReopened)}
    for layer_id, indices in command.frames.items():
        layer = farm.get("layer", layer_id)
        if layer.job_id in reopened:
            count += int(np.isin(layer.frames.state[indices], (FrameState.WAITING, FrameState.DEPEND)).sum())
    return count


def _in_event(farm: Farm, event: Any) -> int:
    if isinstance(event, ev.KillRequested):
        return len(event.run_ids)
    if isinstance(event, ev.FramesEaten):  # one that was eaten while it ran may be told to end once more
        states = farm.get("layer", event.layer_id).frames.state[event.indices]
        return int(np.count_nonzero(states != FrameState.EATEN))
    return len(event.indices)


def _depends(farm: Farm, command: Any, events: Events) -> int:
    """Depends; of one between frames of two layers, each pair."""
    count = 0
    for event in events:
        if isinstance(event, ev.DependPairsSatisfied):
            count += len(event.pairs)
        elif isinstance(event, ev.DependUnsatisfied):
            count += 1 if event.pairs is None else len(event.pairs)
        elif isinstance(event, ev.DependSatisfied):
            count += 1
    return count


def _held(farm: Farm, command: c.HoldFrames, events: Events) -> int:
    """Frames that wait for something again, each once, however many depends hold it."""
    held: set[tuple[str, int]] = set()
    for event in events:
        if isinstance(event, ev.FramesHeld):
            held.update((event.layer_id, index) for index in event.indices.tolist())
        elif isinstance(event, ev.DependUnsatisfied) and event.pairs is not None:
            depend = farm.get("depend", event.depend_id)
            held.update((depend.er_layer or "", index) for index in edges_of(farm, depend).er[event.pairs].tolist())
    return len(held)


def _things(kind: str) -> Count:
    """Things of a kind, each once, that get another value or are gone."""

    def count(farm: Farm, command: Any, events: Events) -> int:
        acted = (event for event in events if isinstance(event, (ev.Changed, ev.Removed)))
        return len({event.id for event in acted if event.kind == kind and _differs(farm, event)})

    return count


def _redirects(farm: Farm, command: Any, events: Events) -> int:
    """Runs whose place goes to somebody, also where it went to the same before."""
    return sum(isinstance(event, (ev.Added, ev.Changed)) for event in events)


def _things_of_its_kind(farm: Farm, command: Any, events: Events) -> int:
    return _things(command.kind)(farm, command, events)


def _differs(farm: Farm, event: ev.Changed | ev.Removed) -> bool:
    if isinstance(event, ev.Removed):
        return True
    thing = farm.get(event.kind, event.id)
    return any(getattr(thing, field) != value for field, value in event.changes.items())


def _jobs(farm: Farm, command: Any, events: Events) -> int:
    return sum(isinstance(event, ev.JobFinished) for event in events)


def _filtered(farm: Farm, command: Any, events: Events) -> int:
    """Jobs of which something has another value, or something of a layer."""
    changed = [event for event in events if isinstance(event, ev.Changed)]
    return len({event.id if event.kind == "job" else farm.layers[event.id].job_id for event in changed})


def _tasks(farm: Farm, command: Any, events: Events) -> int:
    """Shots of which the task is new, another one or gone."""
    acted = (event for event in events if isinstance(event, (ev.Added, ev.Removed)) and event.kind == "task")
    return len({event.values["shot"] for event in acted})


def _one(farm: Farm, command: Any, events: Events) -> int:
    return int(bool(events))


COUNTED: Final[dict[type[c.Command], Count]] = {
    c.KillJob: _jobs,
    c.FinishIfComplete: _jobs,
    c.MoveJob: _things("job"),
    c.AddOutput: _things("layer"),
    c.AddSubscriber: _things("job"),
    c.Change: _things_of_its_kind,
    c.Delete: _things_of_its_kind,
    c.RetryFrames: _retried,
    c.EatFrames: _frames(ev.FramesEaten),
    c.RestoreFrames: _frames(ev.FramesRestored),
    c.KillFrames: _frames(ev.KillRequested),
    c.KillProcs: _frames(ev.KillRequested),
    c.RedirectProcs: _redirects,
    c.ClearRedirects: _things("redirect"),
    c.ReleaseFrames: _frames(ev.FramesReleased),
    c.ReorderFrames: _frames(ev.FramesReordered),
    c.StaggerFrames: _frames(ev.FramesReordered),
    c.HoldFrames: _held,
    c.SetCheckpoint: _one,
    c.SetDisplayOverride: _one,
    c.MarkDone: _depends,
    c.SatisfyDepends: _depends,
    c.UnsatisfyDepend: _depends,
    c.AddHostTags: _things("host"),
    c.RemoveHostTags: _things("host"),
    c.LockHost: _things("host"),
    c.SetHostState: _things("host"),
    c.RebootHost: _things("host"),
    c.SetOwnersShow: _things("owner"),
    c.DropOwner: _things("owner"),
    c.TakeOwnership: _one,
    c.DropDeed: _things("deed"),
    c.ResizePartition: _things("partition"),
    c.DropPartition: _things("partition"),
    c.MoveHosts: _things("host"),
    c.DropHost: _things("host"),
    c.MoveGroups: _things("group"),
    c.RenameLimit: _things("limit"),
    c.AddLayerLimit: _things("layer"),
    c.DropLayerLimit: _things("layer"),
    c.SetFailureRule: _things("limit"),
    c.ClearBindings: _things("layer"),
    c.SetDefaultAllocation: _one,
    c.PlaceFilter: _one,
    c.ChangeMatcher: _one,
    c.RemoveMatcher: _one,
    c.ChangeFilterAction: _one,
    c.RemoveFilterAction: _one,
    c.RunFilters: _filtered,
    c.SetGroupDepartment: _things("group"),
    c.ManageDepartment: _things("department"),
    c.ReleaseDepartment: _things("department"),
    c.SetTasks: _tasks,
    c.SetTaskCores: _things("task"),
    c.ClearTaskAdjustments: _things("task"),
    c.ArchiveShow: _one,
}
"""The commands whose reply is such a number, and how each counts."""
