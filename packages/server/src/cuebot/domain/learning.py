"""What frames of a layer really need of a host, learned from those that succeeded: memory, and cores.

A layer that asks for less than its frames use crowds its hosts, and one that asks for more leaves them idle. So what is
still to run gets what the 95th percentile of its finished frames used: more than the layer asks for always, less only
where its service allows it by the tag `LESS_TAG`. Cores are learned for threadable layers, from frames that ran with
the cores that the layer asks for: what frames do with other than those says nothing on whether they should have them.

Nothing is learned that would be too much for hosts that did it, or for a cap. Memory is left alone where the layer's
memory optimizer is off, as after a memory failure, when what it asks for is raised instead. What is learned is
telemetry: after a restart it is learned anew from the frames' columns.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cuebot.domain.events import Changed
from cuebot.domain.farm import Farm
from cuebot.domain.frames import Places
from cuebot.domain.nouns import Group, Job, Layer, Learned, Service
from cuebot.domain.states import FrameState
from cuebot.domain.units import ONE_CORE, CoreUnits, KiB

FRAMES_TO_LEARN: Final = 10
PERCENTILE: Final = 95
MEMORY_HEAD_ROOM: Final = 1.1
MEMORY_STEP: Final = KiB(262_144)
"""Memory is rounded up to so much, so that similar layers go on asking for the same."""
CORE_TOLERANCE: Final = CoreUnits(25)
"""Whole cores are learned, and a quarter of a core is not another one: reading and writing files takes time too."""
LESS_TAG: Final = "reserve-less"
"""A service with this tag lets its layers get less than they ask for. It is no tag that hosts are asked for."""


def worth_learning(layer: Layer) -> bool:
    """Enough frames have succeeded, and half as many again since the last time."""
    learns = layer.memory_optimizer or layer.threadable
    return learns and layer.runs_succeeded >= max(FRAMES_TO_LEARN, layer.learned.runs * 3 // 2)


def learn(farm: Farm, layer: Layer) -> bool:
    """Learn anew. Returns whether something else is to be reserved now."""
    before = layer.reserved_memory, layer.cores_per_frame
    done = np.flatnonzero(layer.frames.state == FrameState.SUCCEEDED)
    memory, memory_used, memory_frames = _memory(farm, layer, done)
    cores, cores_used, cores_frames = _cores(farm, layer, done)
    layer.learned = Learned(
        runs=layer.runs_succeeded,
        less=_less_allowed(farm, layer),
        memory=memory,
        memory_used=memory_used,
        memory_frames=memory_frames,
        cores=cores,
        cores_used=cores_used,
        cores_frames=cores_frames,
        cores_asked=layer.min_cores,
    )
    return (layer.reserved_memory, layer.cores_per_frame) != before


def forget_where_changed(farm: Farm, event: Changed) -> None:
    """A cap or a service is another one: layers under it get what they ask for, until a frame of theirs succeeds."""
    if _CAPS.get(event.kind, "") not in event.changes:
        return
    for job_id in farm.active_job_by_name.values():
        job = farm.jobs[job_id]
        held_to = {"group": job.group_id, "subscription": job.show_id, "job": job.id, "service_override": job.show_id}
        of_show = event.kind in ("subscription", "service_override")
        changed = farm.get(event.kind, event.id).show_id if of_show else event.id
        if event.kind != "service" and held_to[event.kind] != changed:
            continue
        forgotten = [forget(layer) for layer in farm.layers_of(job) if layer.learned.runs]
        if any(forgotten):
            farm.requeue(job)


_CAPS: Final = {
    "group": "max_cores",
    "subscription": "burst",
    "job": "group_id",
    "service": "tags",
    "service_override": "tags",
}
"""What says how much, or how little, may be learned. A job's own maximum counts anew for every demand."""


def forget(layer: Layer) -> bool:
    """Go back to what the layer asks for, until its next frame succeeds. Returns whether that is something else."""
    before = layer.reserved_memory, layer.cores_per_frame
    layer.learned = Learned()
    return (layer.reserved_memory, layer.cores_per_frame) != before


def service_of(farm: Farm, names: tuple[str, ...], show_id: str) -> Service | None:
    """The first of these services that has a record, the show's own before the farm's; otherwise the farm's `default`.

    None without any. (decisions: unknown-services.)
    """
    for name in names:
        override_id = farm.override_of.get((show_id, name))
        if override_id:
            return farm.service_overrides[override_id]
        if name in farm.service_by_name:
            return farm.services[farm.service_by_name[name]]
    default_id = farm.service_by_name.get("default")
    return farm.services[default_id] if default_id else None


def _less_allowed(farm: Farm, layer: Layer) -> bool:
    service = service_of(farm, layer.services, farm.jobs[layer.job_id].show_id)
    return service is not None and any(tag.lower() == LESS_TAG for tag in service.tags)


def _memory(farm: Farm, layer: Layer, done: Places) -> tuple[KiB, KiB, int]:
    """What to reserve, what 95 % of the frames used at most, and how many frames say so; zeros where too few do."""
    done = done[(layer.frames.max_rss_kib[done] > 0) & (layer.frames.last_host[done] >= 0)]
    rows = layer.frames.last_host[done]
    machines = {row: farm.hosts[farm.hosts_table.ids[row]].machine_memory for row in np.unique(rows).tolist()}
    # Where more was told than there is, it was cut to all of the machine, which no frame can have.
    possible = [rss < machines[row] for rss, row in zip(layer.frames.max_rss_kib[done], rows.tolist(), strict=True)]
    done = done[np.array(possible, dtype=np.bool_)]
    if len(done) < FRAMES_TO_LEARN:
        return KiB(0), KiB(0), 0
    used = float(np.percentile(layer.frames.max_rss_kib[done], PERCENTILE))
    rounded = -(-int(used * MEMORY_HEAD_ROOM) // MEMORY_STEP) * MEMORY_STEP
    most = int(farm.hosts_table.has["memory"][_rows(layer, done)].max(initial=0))
    return KiB(min(rounded, most)), KiB(int(used)), len(done)


def _cores(farm: Farm, layer: Layer, done: Places) -> tuple[CoreUnits, CoreUnits, int]:
    """The same of cores."""
    frames = layer.frames
    if not layer.threadable or layer.min_cores < ONE_CORE:
        return CoreUnits(0), CoreUnits(0), 0
    done = done[(frames.used_cores[done] > 0) & (frames.last_cores[done] == layer.min_cores)]
    if len(done) < FRAMES_TO_LEARN:
        return CoreUnits(0), CoreUnits(0), 0
    used = int(np.percentile(frames.used_cores[done], PERCENTILE))
    whole = max(-(-(used - CORE_TOLERANCE) // ONE_CORE), 1) * ONE_CORE
    hosts = farm.hosts_table.cores[_rows(layer, done)]
    most = min([int(hosts.min(initial=whole)), *_caps(farm, layer)])
    return CoreUnits(min(whole, max(most, layer.min_cores))), CoreUnits(used), len(done)


def _rows(layer: Layer, done: Places) -> Places:
    rows = layer.frames.last_host[done]
    return np.asarray(rows[rows >= 0], dtype=np.int64)


def _caps(farm: Farm, layer: Layer) -> list[int]:
    """Core units that a frame may have by the maximums of its group and of its show's subscriptions."""
    job: Job = farm.jobs[layer.job_id]
    group: Group = farm.groups[job.group_id]
    bursts: list[int] = [
        farm.subscriptions[id].burst for (show_id, _), id in farm.subscription_of.items() if show_id == job.show_id
    ]
    return [*bursts, group.max_cores] if group.max_cores >= 0 else list(bursts)
