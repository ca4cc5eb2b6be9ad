"""No host idles while an eligible frame fits: the plan is asked again, slowly and in other words."""

from __future__ import annotations

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import JOBS_TO_QUARANTINE
from cuebot.domain.nouns import Host, Job, Layer
from cuebot.domain.states import FrameState, HostState, JobState, LockState
from cuebot.sim.truth import Violation


def check_nothing_idle(farm: Farm, now_us: int) -> None:
    """Raise Violation if some host could take a waiting frame that the plan has just left."""
    for job in farm.jobs.values():
        show, group = farm.shows[job.show_id], farm.groups[job.group_id]
        if job.state is not JobState.PENDING or job.paused or not show.active or not show.booking_enabled:
            continue
        rooms = [
            most - held
            for most, held in ((job.max_cores, job.reserved_cores), (group.max_cores, group.reserved_cores))
            if most >= 0
        ]
        room = min(rooms, default=1 << 60) - _promised(farm, job)
        for layer in farm.layers_of(job):
            waits = bool((layer.frames.state == FrameState.WAITING).any()) and layer.start_after_us <= now_us
            if not waits or layer.cores_per_frame > room:
                continue
            for host in farm.hosts.values():
                if _takes(farm, host, layer, room, now_us):
                    raise Violation(f"host {host.name} idles although {layer.name} of {job.name} fits there")


def _promised(farm: Farm, job: Job) -> int:
    """Core units of hosts that are reserved for frames of the job's show: they count as if they were held."""
    promised = 0
    for row, layer_id in farm.hosts_table.reserved_for.items():
        layer, host = farm.layers[layer_id], farm.hosts[farm.hosts_table.ids[row]]
        if farm.jobs[layer.job_id].show_id == job.show_id:
            promised += layer.cores_per_frame if layer.min_cores > 0 else host.cores + layer.min_cores
    return promised


def _takes(farm: Farm, host: Host, layer: Layer, room: int, now_us: int) -> bool:
    job = farm.jobs[layer.job_id]
    if host.quarantined_until_us > now_us or layer.avoided_until_us.get(host.row, 0) > now_us:
        return False
    if len(host.failed_jobs) >= JOBS_TO_QUARANTINE and host.proc_ids:
        return False  # it takes one frame at a time until one succeeds
    if farm.hosts_table.reserved_for.get(host.row, layer.id) != layer.id:
        return False
    if host.removed or not host.reported or host.refused_until_us > now_us or host.facility_id != job.facility_id:
        return False
    if host.state is not HostState.UP or host.lock is not LockState.OPEN:
        return False
    procs = [proc for proc in farm.procs.values() if proc.host_id == host.id]
    idle_cores = host.cores - sum(proc.cores for proc in procs)
    idle_memory = host.memory - sum(proc.memory for proc in procs)
    needed = layer.cores_per_frame if layer.min_cores > 0 else host.cores + layer.min_cores
    if not 0 < needed <= room or idle_cores < needed or idle_memory < layer.reserved_memory:
        return False
    if layer.min_cores <= 0 and procs:
        return False
    subscription = farm.subscription_of.get((job.show_id, host.allocation_id))
    if subscription is None:
        return False
    burst = farm.subscriptions[subscription]
    return burst.burst - burst.reserved_cores - _promised(farm, job) >= needed and bool(
        farm.host_tags(host) & {tag.lower() for tag in layer.tags}
    )
