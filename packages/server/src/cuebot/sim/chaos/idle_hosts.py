"""No host idles while an eligible frame fits: the plan is asked again, slowly and in other words.

The server may leave a host alone for a while: it is avoided, in quarantine, on probation, put off, reserved, or kept
for GPU work. None of that is believed because the books say so. Each has to follow from what the world itself saw, or
from a frame that truly waits for that host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cuebot.domain.holds import Hold
from cuebot.domain.nouns import Host, Layer, Proc
from cuebot.domain.units import MINUTE
from cuebot.sim.chaos.failures import Failures
from cuebot.sim.chaos.fitting import Fitting
from cuebot.sim.chaos.ground_truth import Violation

PATIENCE_US = 2 * MINUTE
"""A wide frame that waits for less gets no reservation."""
HOSTS_PER_RESERVATION = 10


def check_nothing_idle(fitting: Fitting, failures: Failures) -> None:
    """Raise Violation if a host could take a waiting frame that the plan has just left, or idles without a reason."""
    farm = fitting.farm
    check = _IdleHosts(fitting, failures)
    check.reservations()
    for layer, alone in check.ready:
        for host in farm.hosts.values():
            if not fitting.why_not_now(layer, host, alone=alone) and not check.excuse(layer, host, alone=alone):
                job = farm.jobs[layer.job_id]
                raise Violation(f"host {host.name} idles although {layer.name} of {job.name} fits there")


class _IdleHosts:
    """The layers that could be booked now, and what excuses there are."""

    def __init__(self, fitting: Fitting, failures: Failures) -> None:
        self.fitting, self.failures, self.farm = fitting, failures, fitting.farm
        self.ready = [
            (layer, alone)
            for layer in fitting.farm.layers.values()
            for alone in (False, True)
            if not fitting.why_not_ready(layer, alone=alone)
        ]
        """Layers with frames that wait for any host, and, with True, for a host to themselves."""

    def excuse(self, layer: Layer, host: Host, *, alone: bool) -> str:
        """Why a layer may be kept off a host where it fits. Raises Violation for an excuse that nothing speaks for."""
        return (
            self._held(layer)
            or self._put_off(host)
            or self._kept(layer, host, alone=alone)
            or self._avoided(layer, host)
        )

    def _held(self, layer: Layer) -> str:
        """A frame of the job could not be started: one is tried at a time, with pauses."""
        hold = self.farm.holds.jobs.get(layer.job_id)
        if hold is None or not hold.active:
            return ""
        job = self.farm.jobs[layer.job_id]
        if not self.failures.excuse_holding_job(job.id, hold.failed_us, hold.until_us):
            raise Violation(f"{job.name} is held, and its frames could be started")
        runs = (run for run in self.farm.procs.values() if run.job_id == job.id)
        return self._tried(hold, runs)

    def _tried(self, hold: Hold, runs: Iterable[Proc]) -> str:
        if self.fitting.now_us < hold.until_us:
            return "nothing is tried for a while"
        return "one frame is tried" if any(run.booked_us > hold.failed_us for run in runs) else ""

    def _put_off(self, host: Host) -> str:
        """Excuses against all layers."""
        now_us = self.fitting.now_us
        hold = self.farm.holds.hosts.get(host.id)
        if hold is not None and hold.active:
            if not self.failures.excuse_holding_host(host.name, hold.failed_us, hold.until_us):
                raise Violation(f"host {host.name} is held, and it could start frames")
            tried = self._tried(hold, self.fitting.runs_on(host))
            if tried:
                return tried
        if host.refused_until_us > now_us:
            if not self.failures.excuse_refusal(host.name, host.refused_until_us):
                raise Violation(f"host {host.name} is left alone as if it had refused a launch, and it has not")
            return "it refused a launch"
        if host.quarantined_until_us > now_us:
            if not self.failures.excuse_quarantine(host.name, host.quarantined_until_us):
                raise Violation(f"host {host.name} is in quarantine, and frames of three jobs did not fail there")
            return "it is in quarantine"
        if self.farm.hosts_table.probing[host.row] and self.fitting.runs_on(host):
            if not self.failures.suspicious(host.name):
                raise Violation(f"host {host.name} is on probation, and frames of three jobs did not fail there")
            return "it takes one frame at a time until one goes well"
        return ""

    def _avoided(self, layer: Layer, host: Host) -> str:
        """A frame of the layer failed there lately, and there is another host for it."""
        until_us = layer.avoided_until_us.get(host.row, 0)
        if until_us <= self.fitting.now_us:
            return ""
        if not self.failures.excuse_avoiding(host.name, layer.id, until_us):
            raise Violation(f"{layer.name} avoids host {host.name}, where no frame of it failed")
        others = (other for other in self.farm.hosts.values() if other is not host)
        return f"{layer.name} failed there" if any(self._could_take(layer, other) for other in others) else ""

    def _could_take(self, layer: Layer, host: Host) -> bool:
        """A host that the layer does not avoid takes frames, and will have room for one."""
        now_us = self.fitting.now_us
        if layer.avoided_until_us.get(host.row, 0) > now_us or self.fitting.why_not_bookable(host):
            return False
        if max(host.refused_until_us, host.quarantined_until_us) > now_us:
            return False
        hold = self.farm.holds.hosts.get(host.id)
        if hold is not None and hold.active:
            return False
        return not self.fitting.why_never_there(layer, host)

    def _kept(self, layer: Layer, host: Host, *, alone: bool) -> str:
        """Excuses for the sake of other frames."""
        kept_for = self.farm.hosts_table.reservations.get(host.row)
        if kept_for is not None and (kept_for.layer_id, kept_for.demand.alone) != (layer.id, alone):
            name = self.farm.layers[kept_for.layer_id].name
            return f"it is reserved for {name}"  # `reservations` has seen that it may be
        if self.fitting.room(layer, host) - self._promised(layer, host) < self.fitting.cores_taken(layer, host):
            return "its room under a cap is kept for what a host is reserved for"
        if not layer.min_gpus:
            idle_gpus = host.gpus - sum(run.gpus for run in self.fitting.runs_on(host))
            for other, _ in self.ready:
                if 0 < other.min_gpus <= idle_gpus and not self.fitting.why_not_when_idle(other, host):
                    return f"its GPUs are kept for {other.name}"
        return ""

    def _promised(self, layer: Layer, host: Host) -> int:
        """Core units that other frames of its group, or of its show in the allocation, will take on reserved hosts."""
        farm, job = self.farm, self.farm.jobs[layer.job_id]
        promised = 0
        for row, layer_id in farm.hosts_table.reserved_for.items():
            reserved, wide = farm.hosts[farm.hosts_table.ids[row]], farm.layers[layer_id]
            other = farm.jobs[wide.job_id]
            same_show = other.show_id == job.show_id and reserved.allocation_id == host.allocation_id
            if other.group_id == job.group_id or same_show:
                promised += self.fitting.cores_taken(wide, reserved)
        return promised

    def reservations(self) -> None:
        """Raise Violation for a host that is kept free for nothing, or for too many of them."""
        by_allocation: Counter[str] = Counter()
        hosts = [self.farm.hosts[id] for id in self.farm.hosts_table.ids if id]
        for host in hosts:
            kept_for = self.farm.hosts_table.reservations.get(host.row)
            if kept_for is not None:
                layer, alone = self.farm.layers[kept_for.layer_id], kept_for.demand.alone
                # One with a single run loses nothing by it; runs of this moment may be there in spite of it.
                earlier = [run for run in self.fitting.runs_on(host) if run.booked_us < self.fitting.now_us]
                by_allocation[host.allocation_id] += len(earlier) > 1
                reason = self._why_not_reserved(layer, host, alone=alone)
                if reason:
                    raise Violation(f"host {host.name} is reserved for {layer.name}: {reason}")
        for allocation_id, count in by_allocation.items():
            there = sum(host.allocation_id == allocation_id for host in hosts if not host.removed)
            if count > max(1, there // HOSTS_PER_RESERVATION):
                raise Violation(f"{count} of {there} hosts of an allocation are reserved")

    def _why_not_reserved(self, layer: Layer, host: Host, *, alone: bool) -> str:
        fitting = self.fitting
        reason = fitting.why_not_ready(layer, alone=alone) or fitting.why_not_bookable(host)
        reason = reason or fitting.why_never_there(layer, host)
        if reason:
            return reason
        waiting = fitting.waiting(layer, alone=alone)
        if int(layer.frames.eligible_us[waiting].min()) > fitting.now_us - PATIENCE_US:
            return "its frames have not waited long"
        wide = 2 * layer.cores_per_frame > host.cores or 2 * layer.reserved_memory > host.memory
        return "" if wide or alone or layer.min_cores <= 0 else "it takes less than half of the host"
