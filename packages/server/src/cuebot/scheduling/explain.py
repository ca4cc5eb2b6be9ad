"""Why frames wait: typed reasons with counts, from the same filters that the plan uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cuebot.domain.depends import SHAPES, done_of
from cuebot.domain.farm import Farm
from cuebot.domain.host_table import why_not_bookable
from cuebot.domain.nouns import Depend, Job, Layer, Limit
from cuebot.domain.ready import Demand
from cuebot.domain.states import FrameState
from cuebot.domain.units import cores_from_units
from cuebot.scheduling.eligibility import (
    allocation_mask,
    avoided_rows,
    burst_room,
    facility_mask,
    fits_now,
    fits_when_idle,
    gpu_room_under_cap,
    job_reason,
    os_mask,
    room_under_caps,
    tag_mask,
)
from cuebot.scheduling.gpus import kept_for_gpus
from cuebot.scheduling.learned_words import learned_words
from cuebot.scheduling.licences import Licences
from cuebot.scheduling.outlook import outlook
from cuebot.scheduling.policy import Policies, Policy

_GIB = 1_048_576


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that stands in the way."""

    code: str
    count: int
    counts: str
    """What is counted: `hosts`, `frames`, `depends`, `jobs`, `shows`, or nothing."""
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one layer waits for, the weightiest reason first."""

    layer_id: str
    summary: str
    reasons: tuple[Reason, ...]


def explain_layer(farm: Farm, layer: Layer, now_us: int, policies: Sequence[Policy] = ()) -> Explanation:
    """Why the frames of a layer that are not done do not run."""
    job = farm.jobs[layer.job_id]
    counts = layer.counts
    reasons: list[Reason] = []
    if counts[FrameState.DEAD]:
        reasons.append(
            Reason(
                "FRAMES_DEAD",
                counts[FrameState.DEAD],
                "frames",
                f"{counts[FrameState.DEAD]} frames failed too often and are dead",
                f"read a log (`cueadmin -ll -job {job.name}`), then `cueadmin -retry {job.name}`",
            )
        )
    reasons += _depend_reasons(farm, job, layer)
    if counts[FrameState.WAITING]:
        reasons += _waiting_reasons(farm, job, layer, now_us, policies)
    return Explanation(layer.id, _summary(layer, reasons), tuple(reasons))


def explain_job(farm: Farm, job: Job, now_us: int, policies: Sequence[Policy] = ()) -> tuple[str, list[Explanation]]:
    """A sentence on the job, and why each layer waits."""
    explanations = [explain_layer(farm, layer, now_us, policies) for layer in farm.layers_of(job)]
    blocked = job_reason(farm, job)
    if blocked:
        return _blocked(farm, job, blocked).text, explanations
    done = job.counts[FrameState.SUCCEEDED] + job.counts[FrameState.EATEN]
    return (
        f"{done} of {sum(job.counts)} frames done, {job.counts[FrameState.RUNNING]} running,"
        f" {job.counts[FrameState.WAITING]} ready, {job.counts[FrameState.DEPEND]} held by depends,"
        f" {job.counts[FrameState.DEAD]} dead",
        explanations,
    )


def _summary(layer: Layer, reasons: list[Reason]) -> str:
    counts = layer.counts
    if layer.complete:
        return "done"
    if reasons:
        return reasons[0].text
    if counts[FrameState.RUNNING]:
        return f"{counts[FrameState.RUNNING]} frames run, {counts[FrameState.WAITING]} follow as soon as they have room"
    return f"{counts[FrameState.WAITING]} frames are ready; the next booking takes them"


def _depend_reasons(farm: Farm, job: Job, layer: Layer) -> list[Reason]:
    if not layer.counts[FrameState.DEPEND]:
        return []
    depends = [farm.depends[id] for id in sorted(farm.depends_of_job.get(job.id, ())) if farm.depends[id].active]
    holding = [d for d in depends if SHAPES[d.type].er == "job" or d.er_layer == layer.id]
    return [_depend_reason(farm, depend, layer) for depend in holding]


def _depend_reason(farm: Farm, depend: Depend, layer: Layer) -> Reason:
    on_job = farm.jobs[depend.on_job]
    what = "" if depend.internal else f"job {on_job.name}"
    if depend.on_layer:
        on_layer = farm.layers[depend.on_layer]
        what = f"layer {on_layer.name}" + (f" of {what}" if what else "")
        if depend.on_frame is not None:
            what = f"frame {farm.frame_name(on_layer, depend.on_frame)}" + (
                "" if depend.internal else f" of {on_job.name}"
            )
        dead = on_layer.counts[FrameState.DEAD]
    else:
        dead = on_job.counts[FrameState.DEAD]
    held = layer.counts[FrameState.DEPEND]
    if SHAPES[depend.type].pairs:
        held = min(held, int((~done_of(farm, depend)).sum()))
    remedy = f"{dead} frames are dead there: retry or eat them" if dead else ""
    return Reason("DEPEND_" + depend.type.name, held, "frames", f"{held} frames wait for {what}", remedy)


def _waiting_reasons(farm: Farm, job: Job, layer: Layer, now_us: int, policies: Sequence[Policy]) -> list[Reason]:
    blocked = job_reason(farm, job)
    if blocked:
        return [_blocked(farm, job, blocked)]
    if layer.start_after_us > now_us:
        seconds = (layer.start_after_us - now_us) // 1_000_000
        return [Reason("START_AFTER", 0, "", f"it may not start for another {seconds} s", layer.start_after_reason)]
    needs = Demand.of(job, layer)
    room, cap = room_under_caps(farm, job)
    if not needs.whole_host and needs.cores > room:
        whose = "job" if cap == "JOB_MAX_CORES" else "group"
        most = job.max_cores if whose == "job" else farm.groups[job.group_id].max_cores
        most_cores, taken = cores_from_units(most), cores_from_units(most - room)
        return [
            Reason(
                cap,
                0,
                "",
                f"the {whose} may use {most_cores:g} cores, and {taken:g} are taken",
                f"`cueadmin -set-max-cores {job.name} CORES`" if whose == "job" else "raise the group's maximum",
            )
        ]
    for whose, holder in (("job", job), ("group", farm.groups[job.group_id])):
        if needs.gpus and needs.gpus > gpu_room_under_cap(holder):
            text = f"the {whose} may use {holder.max_gpus} GPUs, and {holder.reserved_gpus} are taken"
            return [Reason(f"{whose.upper()}_MAX_GPUS", 0, "", text, f"raise the {whose}'s maximum of GPUs")]
    limit = Licences(farm).full(needs)
    if limit is not None:
        return [_limit_reason(farm, limit)]
    return _host_reasons(farm, job, layer, needs, now_us, policies)


def _limit_reason(farm: Farm, limit: Limit) -> Reason:
    use = farm.limit_use.of(limit.name)
    count, what = (len(use.by_host), "hosts") if limit.per_host else (use.frames, "frames")
    text = f"limit {limit.name} allows {limit.max_value} {what} at once, and {count} use it"
    return Reason("LIMIT", count, what, text, "raise the limit's maximum, or wait until one ends")


def _host_reasons(
    farm: Farm, job: Job, layer: Layer, needs: Demand, now_us: int, policies: Sequence[Policy]
) -> list[Reason]:
    """Each host is counted once, under the first constraint that rules it out."""
    table, n = farm.hosts_table, farm.hosts_table.size
    left = table.present[:n].copy()
    hosts = int(left.sum())
    if not hosts:
        return [Reason("NO_HOSTS", 0, "hosts", "this farm has no hosts", "start an agent: `rqd --server HOST:PORT`")]
    show = farm.shows[job.show_id]
    reasons: list[Reason] = []

    def rule_out(code: str, passes: np.ndarray[tuple[int], np.dtype[np.bool_]], text: str, remedy: str = "") -> None:
        nonlocal left
        ruled_out = int((left & ~passes).sum())
        if ruled_out:
            reasons.append(Reason(code, ruled_out, "hosts", text, remedy))
        left = left & passes

    facility = farm.facilities[job.facility_id].name
    rule_out("FACILITY", facility_mask(farm, job.facility_id), f"are not in the facility {facility}")
    rule_out("OS", os_mask(farm, job.os), f"do not run {job.os}")
    tags = " | ".join(layer.tags)
    rule_out("TAGS", tag_mask(farm, needs), f"have none of the tags {tags}", "give a host a tag, or change the layer's")
    subscribed = np.zeros(n, dtype=np.bool_)
    within_burst = np.zeros(n, dtype=np.bool_)
    for allocation in farm.allocations.values():
        burst = burst_room(farm, job.show_id, allocation)
        mask = allocation_mask(farm, allocation.id)
        if burst is not None:
            subscribed |= mask
            if burst >= max(needs.cores, 1):
                within_burst |= mask
    rule_out(
        "NO_SUBSCRIPTION",
        subscribed,
        f"are in allocations that show {show.name} has no subscription to",
        f"`cueadmin -create-sub {show.name} ALLOCATION SIZE BURST`",
    )
    rule_out(
        "BURST", within_burst, f"are in allocations where show {show.name} is at its burst", "raise it with -burst"
    )
    unusable = np.flatnonzero(left & ~table.bookable[:n]).tolist()
    for code, count in Counter(why_not_bookable(farm.hosts[table.ids[row]]) for row in unusable).most_common():
        reasons.append(Reason(code, count, "hosts", _HOST_TEXTS.get(code, code.lower())))
    left &= table.bookable[:n]
    quarantine = "are in quarantine: frames of several jobs failed there in a row"
    rule_out("QUARANTINED", table.quarantined_until_us[:n] <= now_us, quarantine, "look at the host's failures")
    rule_out("HOST_REFUSES", table.refused_until_us[:n] <= now_us, "refused a launch and are left alone for a while")
    rules = Policies(farm, policies, now_us)
    allowed = rules.allowed(needs)
    if allowed is not None:
        rule_out("POLICY", allowed, f"are ruled out by policy ({', '.join(policy.name for policy in policies)})")
    off = np.ones(n, dtype=np.bool_)
    off[list(avoided_rows(farm, layer, needs, now_us, rules))] = False
    rule_out("FAILED_THERE", off, "failed a frame of this layer within 30 minutes")
    free = np.ones(n, dtype=np.bool_)
    free[[row for row, layer_id in table.reserved_for.items() if layer_id != layer.id]] = False
    rule_out("RESERVED", free, "are reserved for frames that need most of a host and wait longer")
    names = ", ".join(needs.limits)
    not_one_more = f"would be one host too many under the limits {names}"
    licences = Licences(farm)
    rule_out("LIMIT_HOSTS", licences.mask(needs), not_one_more, "raise the limit's maximum")
    kept = None if needs.gpus else kept_for_gpus(farm, now_us, licences, rules)
    if kept is not None:
        rule_out("KEPT_FOR_GPUS", ~kept, "are kept for frames that wait for a GPU")
    notes: list[Reason] = []
    broken = [f"{policy.name}: {why}" for policy in policies for why in policy.failures.values()]
    if broken:
        notes.append(Reason("POLICY_FAILED", 0, "", f"policies that failed and were left out: {'; '.join(broken)}"))
    memory = f"{needs.memory / _GIB:.1f} GB"
    cores = "a whole host" if needs.whole_host else f"{cores_from_units(needs.cores):g} cores"
    wanted = f"{cores} and {memory}" + (f" and {needs.gpus} GPUs" if needs.gpus else "")
    rule_out("TOO_SMALL", fits_when_idle(farm, needs), f"never have {wanted}", "ask for less of what they lack")
    rule_out("BUSY", fits_now(farm, needs), f"have no room for {wanted} now")
    notes += [Reason(code, 0, "", text, remedy) for code, text, remedy in learned_words(layer, needs)]
    usable = int(left.sum())
    if usable:
        return [Reason("NEXT", usable, "hosts", f"{usable} hosts can take it now"), *reasons, *notes] if reasons else []
    heaviest = sorted(reasons, key=lambda r: (r.code != "BUSY", -r.count))
    told = [Reason(r.code, r.count, r.counts, f"{r.count} of {hosts} hosts {r.text}", r.remedy) for r in heaviest]
    if any(reason.code == "BUSY" for reason in reasons):
        notes += _turn(farm, job, needs, now_us)
    return told + notes


def _turn(farm: Farm, job: Job, needs: Demand, now_us: int) -> list[Reason]:
    """What is ahead in the order while all hosts that would do are busy."""
    before = outlook(farm, job, needs, now_us)
    found = []
    if before.shows:
        text = f"{before.shows} shows are further under their share of hosts that both may use"
        found.append(Reason("SHARE", before.shows, "shows", text, "raise the size of the show's subscription (-size)"))
    if before.jobs:
        text = f"{before.jobs} jobs of the show with {before.frames} ready frames come first"
        if before.wait_s is not None:
            text += f"; they should have started in about {_duration(before.wait_s)}"
        higher = f"`cueadmin -priority {job.name} {before.highest_priority + 1}` puts it before them"
        found.append(Reason("AHEAD", before.jobs, "jobs", text, higher))
    return found


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


_HOST_TEXTS = {
    "HOST_DOWN": "are down: nothing was heard of them for five minutes",
    "HOST_REPAIR": "are in repair",
    "HOST_REBOOTING": "are rebooting",
    "HOST_REBOOT_WHEN_IDLE": "reboot when idle",
    "HOST_LOCKED": "are locked",
    "HOST_NIMBY_LOCKED": "are in use by their owners",
    "HOST_NOT_HEARD": "have not reported since the server started",
    "HOST_MEMORY_LOW": "report less than 512 MB of free memory",
    "HOST_DISK_LOW": "have less than 5 % of their temporary disk left",
}


def _blocked(farm: Farm, job: Job, code: str) -> Reason:
    show = farm.shows[job.show_id]
    texts = {
        "JOB_PAUSED": ("the job is paused", f"`cueadmin -unpause {job.name}`"),
        "JOB_FINISHED": ("the job is finished", "retrying a frame opens it again"),
        "JOB_POSTED": ("the job starts when its parent job has ended", ""),
        "SHOW_INACTIVE": (f"show {show.name} is not active", f"`cueadmin -enable-show {show.name}`"),
        "SHOW_BOOKING_OFF": (f"booking is off for show {show.name}", f"`cueadmin -booking {show.name} ON`"),
    }
    text, remedy = texts[code]
    return Reason(code, 0, "", text, remedy)
