"""What would lift a constraint: a command for a host, what it costs, and which other hosts it opens as well.

A cost is the part of a present setting that must change, so that a tenth less memory compares with a tenth more burst.
It is weighted by who has to agree: what a job asks for is its owner's to change, a burst or a licence is not. The
weights are the constants below.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cuebot.domain import commands as c
from cuebot.domain.advice import advise
from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Mask, why_not_fit
from cuebot.domain.nouns import Group, Host, Job, Layer, Limit, Show, Subscription
from cuebot.domain.ready import Demand
from cuebot.domain.states import HostState, LockState
from cuebot.domain.units import MIN_MEMORY, ONE_CORE, CoreUnits
from cuebot.scheduling.explain.snapshot import FarmSnapshot
from cuebot.scheduling.explain.wording import GIB, counted, gib, in_cores
from cuebot.scheduling.rules.eligibility import allocation_mask

Numbers = npt.NDArray[np.float64]
Units = npt.NDArray[np.int64]

SWITCH: Final = 0.1
"""Cost of a switch that its owner set and can set back: a job's pause, a start time."""
FOR_OWNER: Final = 1.0
"""Weight of what a job's owner may change."""
FOR_SHOW: Final = 1.5
"""Weight of what a show's or the farm's other users notice: shares, departments, shows."""
FOR_FARM: Final = 2.0
"""Weight of what costs money or was set for a reason that this farm does not know: licences, hosts in repair."""
UNLOCK: Final = 0.5
"""Cost of unlocking a host."""
A_STEP: Final = 0.25
"""Cost of each step beyond the first: one change is better than two that are each a little smaller."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do."""

    code: str
    text: str
    command: c.Command
    """What does it, as it may be submitted."""
    demand: dict[str, int] = field(default_factory=dict)
    """What the layer's frames ask for differently from then on."""
    frames: int | None = None
    """So many frames at most may start by it; None where it sets no such bound."""


@dataclass(frozen=True, slots=True)
class Fix:
    """What would lift one constraint."""

    costs: Numbers
    """By host row; infinite where it cannot be done for that host."""
    step: Callable[[int], Step]
    """What to do for a row."""
    covers: Callable[[int], Mask]
    """The hosts that the constraint leaves open once that is done."""


def everywhere(snapshot: FarmSnapshot, cost: float, step: Step) -> Fix:
    """A fix that is the same for every host."""
    n = snapshot.farm.hosts_table.size
    return Fix(np.full(n, cost), lambda row: step, lambda row: np.ones(n, dtype=np.bool_))


def change(code: str, text: str, kind: str, id: str, frames: int | None = None, **values: Any) -> Step:
    """A step that gives fields of a thing new values."""
    return Step(code, text, c.Change(kind, id, values), frames=frames)


# --- what the layer asks for --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """Something of which a layer may ask for less."""

    code: str
    field: str
    demand: str
    action: str
    """What sets it."""
    argument: str
    """What the action calls an amount of it."""
    detail: Callable[[int], str]
    """An amount of it, for people."""


MEMORY = Ask("LESS_MEMORY", "min_memory", "memory", "layer.set_memory", "kib", gib)
CORES = Ask("FEWER_CORES", "min_cores", "cores", "layer.set_cores", "centicores", in_cores)
GPUS = Ask("FEWER_GPUS", "min_gpus", "gpus", "layer.set_gpus", "gpus", lambda gpus: counted(gpus, "GPU"))
GPU_MEMORY = Ask(
    "LESS_GPU_MEMORY", "min_gpu_memory", "gpu_memory", "layer.set_gpu_memory", "kib",
    lambda kib: f"{gib(kib)} of GPU memory",
)  # fmt: skip


def _ask_less(snapshot: FarmSnapshot, layer: Layer, ask: Ask, targets: Units, now: int, least: int) -> Fix:
    """Let frames of a layer ask for `targets` by row instead of what they get now, but never for less than `least`."""
    job = snapshot.farm.jobs[layer.job_id]
    costs = np.where(targets >= least, FOR_OWNER * (now - targets) / max(now, 1), np.inf)

    def step(row: int) -> Step:
        target = int(targets[row])
        text = f"let layer {layer.name} ask for {ask.detail(target)} instead of {ask.detail(now)}:"
        text += f" {advise(ask.action, job=job.name, layer=layer.name, **{ask.argument: target})}"
        return Step(ask.code, text, c.Change("layer", layer.id, {ask.field: target}), {ask.demand: target})

    return Fix(costs, step, lambda row: targets >= targets[row])


def less_memory(snapshot: FarmSnapshot, layer: Layer, needs: Demand) -> Fix:
    """Ask for what a host has idle, but not for less than frames of the layer were seen to use."""
    table, n = snapshot.farm.hosts_table, snapshot.farm.hosts_table.size
    least = least_memory(layer)
    idle = table.idle["memory"][:n]
    return _ask_less(snapshot, layer, MEMORY, rounded(idle, least), needs.memory, least)


def least_memory(layer: Layer) -> int:
    """What frames of a layer were seen to need: no remedy asks for less."""
    learned = layer.learned.memory if layer.memory_optimizer else 0
    return max(MIN_MEMORY, layer.max_rss, learned)


def rounded(idle: Units, least: int) -> Units:
    """Memory in tenths of a GiB where that still suffices, otherwise all that is idle."""
    tenths = np.asarray(-(-(idle * 10 // GIB) * GIB // 10))
    return np.where(tenths >= least, tenths, idle)


def fewer_cores(snapshot: FarmSnapshot, layer: Layer, needs: Demand) -> Fix:
    """Ask for the whole cores that a host has idle."""
    table, n = snapshot.farm.hosts_table, snapshot.farm.hosts_table.size
    targets = table.idle_cores[:n] // ONE_CORE * ONE_CORE
    if not needs.whole_host:
        return _ask_less(snapshot, layer, CORES, targets, needs.cores, ONE_CORE)
    job, whole = snapshot.farm.jobs[layer.job_id], np.maximum(table.cores[:n], 1)
    costs = np.where(targets >= ONE_CORE, FOR_OWNER * (whole - np.minimum(targets, whole)) / whole, np.inf)

    def step(row: int) -> Step:
        target = int(targets[row])
        text = f"let layer {layer.name} ask for {in_cores(target)} instead of a whole host:"
        text += f" {advise('layer.set_cores', job=job.name, layer=layer.name, centicores=target)}"
        return Step("FEWER_CORES", text, c.Change("layer", layer.id, {"min_cores": target}), {"cores": target})

    return Fix(costs, step, lambda row: targets >= targets[row])


def fewer_gpus(snapshot: FarmSnapshot, layer: Layer, needs: Demand) -> Fix:
    """Ask for the GPUs that a host has idle."""
    idle = snapshot.farm.hosts_table.idle["gpus"][: snapshot.farm.hosts_table.size]
    return _ask_less(snapshot, layer, GPUS, idle, needs.gpus, 1)


def less_gpu_memory(snapshot: FarmSnapshot, layer: Layer, needs: Demand) -> Fix:
    """Ask for the GPU memory that no run holds on a host."""
    idle = snapshot.farm.hosts_table.idle["gpu_memory"][: snapshot.farm.hosts_table.size]
    return _ask_less(snapshot, layer, GPU_MEMORY, rounded(idle, MIN_MEMORY), needs.gpu_memory, MIN_MEMORY)


LESS: Final[dict[str, Callable[[FarmSnapshot, Layer, Demand], Fix]]] = {
    "memory": less_memory,
    "gpus": fewer_gpus,
    "gpu_memory": less_gpu_memory,
}
"""By resource: how a layer asks for less of it. A resource without one has no remedy but another host."""


def another_tag(snapshot: FarmSnapshot, layer: Layer) -> Fix:
    """Give the layer the tag of a host that most hosts have; a host that has none worth naming, one of the layer's."""
    farm, table, n = snapshot.farm, snapshot.farm.hosts_table, snapshot.farm.hosts_table.size
    job = farm.jobs[layer.job_id]
    room = len(layer.tags) < farm.bounds.names_per_list
    costs = np.full(n, np.inf)
    best: dict[int, str] = {}
    for row in np.flatnonzero(table.present[:n]).tolist():
        worth = purposes(farm, farm.hosts[table.ids[row]])
        if worth and room:
            best[row], costs[row] = max(worth, key=lambda tag: len(table.rows_by_tag[tag])), FOR_OWNER
        elif layer.tags:
            costs[row] = FOR_FARM

    def step(row: int) -> Step:
        if row not in best:
            host, tag = farm.hosts[table.ids[row]], layer.tags[0]
            text = f"give host {host.name} the tag {tag}: {advise('host.add_tags', host=host.name, tags=[tag])}"
            return Step("TAG_HOST", text, c.AddHostTags(host.id, (tag,)))
        tags = [*layer.tags, best[row]]
        text = f"give layer {layer.name} the tag {best[row]}:"
        text += f" {advise('layer.set_tags', job=job.name, layer=layer.name, tags=tags)}"
        return change("ANOTHER_TAG", text, "layer", layer.id, tags=tags)

    def covers(row: int) -> Mask:
        mask = np.zeros(n, dtype=np.bool_)
        mask[list(table.rows_by_tag[best[row]]) if row in best else [row]] = True
        return mask

    return Fix(costs, step, covers)


def purposes(farm: Farm, host: Host) -> list[str]:
    """Tags that say what a host is for, in alphabetical order: its allocation's, those that people gave it, and those
    that its agent was told; not its name, nor what only says which machine it is."""
    facts = {host.name.lower(), host.name.lower().split(".")[0], *(os.lower() for os in host.os)}
    told = (tag for tag in farm.host_tags(host) if tag not in facts and not _MACHINE.fullmatch(tag))
    return sorted(told)


_MACHINE: Final = re.compile(r"(32|64)bit|rqdv-.*|v?\d+\.\d+.*|linux|windows|darwin|macos|aarch64|arm64|x86_64|amd64")
"""What agents say of themselves: the word size, their version, the kernel's release, the system, the processor."""


# --- what was set for the job, its group and its show -------------------------------------------------------------


def higher_maximum(snapshot: FarmSnapshot, holder: Job | Group, takes: Units) -> Fix:
    """Let a job or a group hold as many cores more as one frame takes."""
    kind = "job" if isinstance(holder, Job) else "group"
    most = _whole_cores(holder.reserved_cores + takes)
    missing = np.maximum(most - holder.max_cores, 0)
    costs = (FOR_OWNER if kind == "job" else FOR_SHOW) * missing / max(holder.max_cores, ONE_CORE)
    code = "HIGHER_JOB_MAXIMUM" if kind == "job" else "HIGHER_GROUP_MAXIMUM"
    show = snapshot.farm.shows[holder.show_id].name

    def step(row: int) -> Step:
        units = int(most[row])
        text = f"raise the maximum of {kind} {holder.name} to {in_cores(units)}"
        if kind == "job":
            text += f": {advise('job.set_max_cores', job=holder.name, centicores=units)}"
        else:
            text += f": {advise('group.set_max_cores', show=show, group=holder.name, centicores=units)}"
        return change(code, text, kind, holder.id, max_cores=units, frames=1)

    return Fix(costs, step, lambda row: most <= most[row])


def higher_maximum_of_gpus(snapshot: FarmSnapshot, holder: Job | Group, gpus: int) -> Fix:
    """Let a job or a group hold as many GPUs more as one frame takes."""
    kind = "job" if isinstance(holder, Job) else "group"
    most = holder.reserved_gpus + gpus
    cost = (FOR_OWNER if kind == "job" else FOR_SHOW) * (most - holder.max_gpus) / max(holder.max_gpus, 1)
    show = snapshot.farm.shows[holder.show_id].name
    if kind == "job":
        set_it = advise("job.set_max_gpus", job=holder.name, gpus=most)
    else:
        set_it = advise("group.set_max_gpus", show=show, group=holder.name, gpus=most)
    text = f"raise the maximum of {kind} {holder.name} to {counted(most, 'GPU')}: {set_it}"
    code = "HIGHER_JOB_MAXIMUM" if kind == "job" else "HIGHER_GROUP_MAXIMUM"
    return everywhere(snapshot, cost, change(code, text, kind, holder.id, max_gpus=most, frames=1))


def _whole_cores(units: Units) -> Units:
    """Core units rounded up to what people set."""
    return -(-units // ONE_CORE) * ONE_CORE


def higher_burst(snapshot: FarmSnapshot, show: Show, takes: Units) -> Fix:
    """Let the show hold as many cores more of an allocation as one frame takes."""
    farm, n = snapshot.farm, snapshot.farm.hosts_table.size
    costs = np.full(n, np.inf)
    held: dict[str, Subscription] = {}
    for allocation in farm.allocations.values():
        id = farm.subscription_of.get((show.id, allocation.id))
        if id is None:
            continue
        subscription = held[allocation.id] = farm.subscriptions[id]
        mask = allocation_mask(farm, allocation.id)
        missing = np.maximum(_whole_cores(subscription.reserved_cores + takes[mask]) - subscription.burst, 0)
        costs[mask] = FOR_SHOW * missing / max(subscription.burst, ONE_CORE)

    def step(row: int) -> Step:
        allocation = farm.allocations[farm.hosts_table.allocations[row]]
        subscription = held[allocation.id]
        units = int(_whole_cores(subscription.reserved_cores + takes[row]))
        name = farm.allocation_name(allocation)
        text = f"raise the burst of {show.name} in {name} to {in_cores(units)}:"
        text += f" {advise('subscription.set_burst', show=show.name, allocation=name, centicores=units)}"
        return change("HIGHER_BURST", text, "subscription", subscription.id, burst=units, frames=1)

    def covers(row: int) -> Mask:
        return np.asarray(allocation_mask(farm, farm.hosts_table.allocations[row]) & (takes <= takes[row]))

    return Fix(costs, step, covers)


def subscribe(snapshot: FarmSnapshot, show: Show, takes: Units) -> Fix:
    """Give the show a subscription that is just enough for one frame."""
    farm, n = snapshot.farm, snapshot.farm.hosts_table.size

    def step(row: int) -> Step:
        allocation = farm.allocations[farm.hosts_table.allocations[row]]
        units = CoreUnits(int(takes[row]))
        name, amounts = farm.allocation_name(allocation), {"size_centicores": units, "burst_centicores": units}
        text = f"subscribe {show.name} to {name}:"
        text += f" {advise('subscription.create', show=show.name, allocation=name, **amounts)}"
        return Step("SUBSCRIBE", text, c.CreateSubscription(show.id, allocation.id, units, units), frames=1)

    def covers(row: int) -> Mask:
        return np.asarray(allocation_mask(farm, farm.hosts_table.allocations[row]) & (takes <= takes[row]))

    return Fix(np.full(n, FOR_SHOW), step, covers)


# --- limits and hosts ---------------------------------------------------------------------------------------------


def higher_limit(snapshot: FarmSnapshot, limit: Limit, least: Units) -> Fix:
    """Raise what a limit allows to `least` by row: its maximum, and the soft value where that is below."""
    soft = limit.per_host and limit.soft_value >= 0
    now = limit.most if limit.per_host else limit.max_value
    costs = FOR_FARM * np.maximum(least - now, 0) / max(now, 1)

    def step(row: int) -> Step:
        value = int(least[row])
        frames = None if limit.per_host else 1
        changes = {"max_value": value} if value > limit.max_value else {}
        ways = [advise("limit.set_max", limit=limit.name, max=value)] if changes else []
        if soft and value > limit.soft_value:
            changes["soft_value"] = value
            ways.append(advise("limit.set_soft", limit=limit.name, soft=value))
        text = f"raise limit {limit.name} from {now} to {value}: {' and '.join(ways)}"
        return change("HIGHER_LIMIT", text, "limit", limit.id, **changes, frames=frames)

    return Fix(costs, step, lambda row: least <= least[row])


def open_host(snapshot: FarmSnapshot, code: str, closed: Mask) -> Fix | None:
    """Make one of the closed hosts bookable; None where they are not closed by a person's word alone."""
    farm, n = snapshot.farm, snapshot.farm.hosts_table.size
    if code not in ("HOST_LOCKED", "HOST_REPAIR", "HOST_REBOOT_WHEN_IDLE"):
        return None
    costs = np.full(n, np.inf)
    for row in np.flatnonzero(closed).tolist():
        host = farm.hosts[farm.hosts_table.ids[row]]
        if (code == "HOST_LOCKED" or host.lock is LockState.OPEN) and not why_not_fit(host):
            costs[row] = UNLOCK if code == "HOST_LOCKED" else FOR_FARM

    def step(row: int) -> Step:
        host = farm.hosts[farm.hosts_table.ids[row]]
        if code == "HOST_LOCKED":
            text = f"unlock host {host.name}: {advise('host.unlock', host=host.name)}"
            return Step("UNLOCK", text, c.LockHost(host.id, LockState.OPEN))
        text = f"put host {host.name} back to work: {advise('host.set_state', host=host.name, state='UP')}"
        return Step("HOST_UP", text, c.SetHostState(host.id, HostState.UP))

    def covers(row: int) -> Mask:
        mask = np.zeros(n, dtype=np.bool_)
        mask[row] = True
        return mask

    return Fix(costs, step, covers)
