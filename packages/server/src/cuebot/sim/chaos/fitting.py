"""Whether a host could take a frame of a layer, asked one host at a time and in other words than the plan's.

Everything is counted anew from the runs in the books. Reasons are given in words, so that a failed check explains
itself, and so that a farm at rest says of every frame that still waits why it can never run.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Layer, Limit, Proc, Redirect
from cuebot.domain.states import Enforcement, FrameState, HostState, JobState, LockState
from cuebot.domain.units import KiB
from cuebot.sim.chaos.house_policy import HousePolicy

NO_CAP = 1 << 60
ENDS_BESIDE_OTHERS = 3
"""A frame of which so many runs ended with their host gets one to itself."""
LEAST_FREE_MEMORY = KiB(524_288)


class Fitting:
    """A farm as it is now, seen by somebody who looks for places."""

    def __init__(self, farm: Farm, now_us: int, policy: HousePolicy | None) -> None:
        self.farm, self.now_us, self._policy = farm, now_us, policy
        self._runs_on: defaultdict[str, list[Proc]] = defaultdict(list)
        self._cores_of: defaultdict[str, int] = defaultdict(int)
        """Core units by job, by group, and by subscription."""
        self._gpus_of: defaultdict[str, int] = defaultdict(int)
        """GPUs by job and by group."""
        self._under: defaultdict[str, list[str]] = defaultdict(list)
        """Hosts of the runs under each limit, by the limit's name; one entry a run."""
        for proc in farm.procs.values():
            self._runs_on[proc.host_id].append(proc)
            job = farm.jobs[proc.job_id]
            subscription = farm.subscription_of.get((job.show_id, farm.hosts[proc.host_id].allocation_id), "")
            for holder in (job.id, job.group_id, subscription) if not proc.partition_id else ():
                self._cores_of[holder] += proc.cores
                self._gpus_of[holder] += proc.gpus
            for name in farm.layers[proc.layer_id].limits:
                self._under[name].append(proc.host_id)
        self._limits: dict[str, Limit] = {limit.name: limit for limit in farm.limits.values()}
        self._services = {service.name for service in farm.services.values()}
        self._tags = {host.id: farm.host_tags(host) for host in farm.hosts.values()}

    def runs_on(self, host: Host) -> list[Proc]:
        """The runs that the books have on a host."""
        return self._runs_on[host.id]

    # --- a layer by itself ----------------------------------------------------------------------------------------

    def waiting(self, layer: Layer, *, alone: bool) -> npt.NDArray[np.bool_]:
        """Which frames of a layer wait for a host to themselves, or for any."""
        frames = layer.frames
        return np.asarray((frames.state == FrameState.WAITING) & ((frames.host_ends >= ENDS_BESIDE_OTHERS) == alone))

    def why_not_ready(self, layer: Layer, *, alone: bool) -> str:
        """Why no frame of a layer may be booked on any host at this moment; empty when one may."""
        farm, job = self.farm, self.farm.jobs[layer.job_id]
        show = farm.shows[job.show_id]
        if job.state is not JobState.PENDING or job.paused:
            return "its job is paused or not pending"
        if not (show.active and show.booking_enabled and show.dispatch_enabled):
            return f"show {show.name} books nothing"
        if not self.waiting(layer, alone=alone).any():
            return "none of its frames waits for a host"
        if layer.start_after_us > self.now_us:
            return "it is to start later"
        for limit in self._limits_of(layer):
            is_full = len(self._under[limit.name]) >= limit.max_value
            if self._never(limit) or (is_full and not limit.per_host):
                return f"limit {limit.name} allows {limit.max_value}"
        return ""

    def why_never(self, layer: Layer) -> str:
        """Why no frame of a layer will run, however long the farm is left alone; empty when one may."""
        job = self.farm.jobs[layer.job_id]
        show = self.farm.shows[job.show_id]
        if job.paused:
            return "its job is paused"
        if not (show.active and show.booking_enabled and show.dispatch_enabled):
            return f"show {show.name} books nothing"
        for limit in self._limits_of(layer):
            if self._never(limit):
                return f"limit {limit.name} allows none"
        reasons = [self.why_never_there(layer, host) for host in self.farm.hosts.values() if not host.removed]
        return "" if "" in reasons else "; ".join(dict.fromkeys(reasons)) or "there is no host"

    def _limits_of(self, layer: Layer) -> list[Limit]:
        """Those that may keep a layer's frames from starting."""
        limits = [self._limits[name] for name in layer.limits if name in self._limits]
        return [limit for limit in limits if limit.enforcement is Enforcement.ENFORCED]

    def _never(self, limit: Limit) -> bool:
        """It lets no frame start; a soft value of 0 still lets those that go where others hold it."""
        return not limit.max_value or (limit.per_host and not limit.most and not self._under[limit.name])

    # --- a layer and a host ---------------------------------------------------------------------------------------

    def cores_taken(self, layer: Layer, host: Host) -> int:
        """Core units that a frame would take there; 0 or less where it cannot run."""
        return layer.cores_per_frame if layer.min_cores > 0 else host.cores + layer.min_cores

    def why_never_there(self, layer: Layer, host: Host) -> str:
        """Why a frame of a layer could not run on a host on which nothing else runs."""
        farm, job, taken = self.farm, self.farm.jobs[layer.job_id], self.cores_taken(layer, host)
        if host.facility_id != job.facility_id:
            return "another facility"
        if job.os and job.os.lower() not in {name.lower() for name in host.os}:
            return f"no {job.os}"
        asked = {tag.lower() for tag in layer.tags}
        asked |= {name.lower() for name in layer.services if name not in self._services}
        if not asked & self._tags[host.id]:
            return f"none of the tags {', '.join(sorted(asked))}"
        if (job.show_id, host.allocation_id) not in farm.subscription_of:
            return "no subscription"
        if not 0 < taken <= host.cores:
            return f"not {layer.min_cores} core units"
        if layer.reserved_memory > host.memory:
            return f"not {layer.reserved_memory} KiB"
        if layer.min_gpus > host.gpus or layer.min_gpu_memory > host.gpu_memory:
            return f"not {layer.min_gpus} GPUs with {layer.min_gpu_memory} KiB"
        if self._policy is not None and not self._policy.allows(farm, layer, host):
            return f"the policy: {self._policy.rule}"
        for holder in (job, farm.groups[job.group_id]):
            if 0 <= holder.max_cores < taken or (layer.min_gpus and 0 <= holder.max_gpus < layer.min_gpus):
                return f"maximums of {holder.max_cores} core units and {holder.max_gpus} GPUs"
        burst = farm.subscriptions[farm.subscription_of[job.show_id, host.allocation_id]].burst
        return f"a burst of {burst} core units" if burst < taken else ""

    def why_not_when_idle(self, layer: Layer, host: Host) -> str:
        """Why a frame of a layer could not run there if every run on that host ended, and none elsewhere."""
        reason = self.why_never_there(layer, host)
        if reason:
            return reason
        if self.cores_taken(layer, host) > self.room(layer, host):
            return "not within the caps"
        job = self.farm.jobs[layer.job_id]
        for holder in (job, self.farm.groups[job.group_id]):
            if layer.min_gpus and 0 <= holder.max_gpus < self._gpus_of[holder.id] + layer.min_gpus:
                return "not within the maximums of GPUs"
        for limit in self._limits_of(layer):
            holders = set(self._under[limit.name])
            if limit.per_host and host.id not in holders and len(holders) >= limit.most:
                return f"limit {limit.name} allows {limit.most} hosts"
        return ""

    def room(self, layer: Layer, host: Host) -> int:
        """Core units up to the nearest cap: the job's, its group's, or the burst in the host's allocation."""
        farm, job = self.farm, self.farm.jobs[layer.job_id]
        group = farm.groups[job.group_id]
        subscription = farm.subscriptions[farm.subscription_of[job.show_id, host.allocation_id]]
        room = subscription.burst - self._cores_of[subscription.id]
        for holder, cap in ((job.id, job.max_cores), (group.id, group.max_cores)):
            room = min(room, cap - self._cores_of[holder] if cap >= 0 else NO_CAP)
        return room

    def why_not_bookable(self, host: Host) -> str:
        """Why a host takes nothing at all, whoever asks and however idle it is."""
        if host.removed or not host.reported:
            return "not heard of"
        if host.state is not HostState.UP or host.lock is not LockState.OPEN:
            return "locked or not up"
        if host.free_memory < LEAST_FREE_MEMORY or host.free_temp * 20 < host.total_temp:
            return "it reports too little free memory or disk"
        return ""

    def why_not_now(self, layer: Layer, host: Host, *, alone: bool) -> str:
        """Why a frame of a layer cannot run on a host as both are."""
        reason = self.why_not_bookable(host) or self.why_not_when_idle(layer, host)
        if reason:
            return reason
        runs = self.runs_on(host)
        if any(run.alone for run in runs):
            return "a run there has it to itself"
        held: list[Proc | Redirect] = [*runs, *self._held_for_others(layer, host)]
        if (alone or layer.min_cores <= 0) and held:  # a place that is held is somebody's as if something ran there
            return "it is not idle"
        if host.cores - sum(one.cores for one in held) < self.cores_taken(layer, host):
            return "too few idle cores"
        if host.memory - sum(one.memory for one in held) < layer.reserved_memory:
            return "too little idle memory"
        if host.gpu_memory - sum(one.gpu_memory for one in held) < layer.min_gpu_memory:
            return "too little idle GPU memory"
        return "too few idle GPUs" if host.gpus - sum(one.gpus for one in held) < layer.min_gpus else ""

    def _held_for_others(self, layer: Layer, host: Host) -> list[Redirect]:
        """Places of runs that are over, and that go to other jobs than the layer's."""
        job = self.farm.jobs[layer.job_id]
        places = [place for place in self.farm.redirects.values() if place.until_us and place.host_id == host.id]
        return [p for p in places if p.job_id != job.id and (p.job_id or p.group_id != job.group_id)]
