"""What keeps a layer's next frame from starting: one constraint after another, each with the hosts that it leaves open.

These are the plan's own filters (`eligibility`, `limits`, `policy`), one at a time and with words. A constraint that
somebody could remove has a fix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from cuebot.domain import resources
from cuebot.domain.advice import advise
from cuebot.domain.farm import Farm
from cuebot.domain.holds import Hold
from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Job, Layer, Show
from cuebot.domain.ready import Demand
from cuebot.domain.states import FrameState
from cuebot.domain.units import SECOND, cores_from_units
from cuebot.scheduling.explain import fixes as fixes
from cuebot.scheduling.explain.constraint import Constraint
from cuebot.scheduling.explain.fixes import FOR_SHOW, SWITCH, Fix, Units, change, everywhere
from cuebot.scheduling.explain.limits import limit_constraints
from cuebot.scheduling.explain.queue_position import comes_before
from cuebot.scheduling.explain.snapshot import FarmSnapshot
from cuebot.scheduling.explain.wording import (
    amount_of,
    counted,
    duration,
    gib,
    in_cores,
    plural,
)
from cuebot.scheduling.rules.caps import NOT_SUBSCRIBED, gpu_room_under_cap, room_under_cap
from cuebot.scheduling.rules.eligibility import (
    avoided_rows,
    burst_rooms,
    facility_mask,
    has_lonely_run,
    held_hosts,
    job_reasons,
    os_mask,
    tag_mask,
)
from cuebot.scheduling.rules.fits import cores_taken, room_when_idle
from cuebot.scheduling.rules.most_memory import most_memory
from cuebot.scheduling.rules.places import room_for

WORDS_TOLD: Final = 3
"""Different words of held hosts that are told."""


def constraints(
    snapshot: FarmSnapshot, job: Job, layer: Layer, needs: Demand
) -> tuple[list[Constraint], list[Constraint]]:
    """What stops the layer whatever the hosts, and what rules hosts out, both in the order of the words."""
    taken = takes(snapshot, needs)
    job_constraints = [
        *_of_job(snapshot, job, layer),
        *_maximums(snapshot, job, needs, taken),
        *_maximums_of_gpus(snapshot, job, needs),
        *limit_constraints(snapshot, needs),
    ]
    host_constraints = [
        *_not_for_job(snapshot, job, layer, needs, taken),
        *_closed(snapshot),
        *_not_for_layer(snapshot, layer, needs),
        *_full(snapshot, layer, needs),
    ]
    return [constraint for constraint in job_constraints if constraint.open is None], [
        constraint for constraint in job_constraints if constraint.open is not None
    ] + host_constraints


def takes(snapshot: FarmSnapshot, needs: Demand) -> Units:
    """Core units that a frame takes of each host: at least one, also where it never has room."""
    return np.maximum(cores_taken(snapshot.farm.hosts_table, needs), 1)


def _of_job(snapshot: FarmSnapshot, job: Job, layer: Layer) -> Iterator[Constraint]:
    for blocked in job_reasons(snapshot.farm, job):
        yield blocked_job(snapshot, job, blocked)
    hold = snapshot.farm.holds.of_job(job)
    if hold is not None:
        text = f"{hold.detail}; {_tried(hold, snapshot.now_us)}, and all go on when it is started"
        yield Constraint("JOB_HELD", None, text, "mend what is named there; no frame is charged for it")
    if layer.start_after_us > snapshot.now_us:
        text = f"it may not start for another {duration((layer.start_after_us - snapshot.now_us) // 1_000_000)}"
        text += f" ({layer.start_after_reason})" if layer.start_after_reason else ""
        hint = advise("layer.set_start", job=job.name, layer=layer.name)
        step = change("START_NOW", hint, "layer", layer.id, start_after_us=0)
        yield Constraint("START_AFTER", None, text, hint, partial(everywhere, snapshot, SWITCH, step))


def _tried(hold: Hold, now_us: int) -> str:
    """When it is asked again whether a hold is over."""
    left_s = -((now_us - hold.until_us) // SECOND)
    return f"one frame is tried in {left_s} s" if left_s > 0 else "one frame is tried now"


def _put_away(show: Show) -> str:
    return "archived" if show.archived_name else "not active"


def blocked_job(snapshot: FarmSnapshot, job: Job, code: str) -> Constraint:
    """A job of which nothing at all may be booked, by the code of the reason."""
    show = snapshot.farm.shows[job.show_id]
    fix: Callable[[], Fix | None] | None = None
    if code == "JOB_PAUSED":
        text, hint = "the job is paused", advise("job.resume", job=job.name)
        fix = partial(everywhere, snapshot, SWITCH, change("UNPAUSE", hint, "job", job.id, paused=False))
    elif code == "SHOW_INACTIVE":
        text, hint = f"show {show.name} is {_put_away(show)}", advise("show.set_active", show=show.name)
        fix = partial(everywhere, snapshot, FOR_SHOW, change("ENABLE_SHOW", hint, "show", show.id, active=True))
    elif code == "SHOW_BOOKING_OFF":
        text, hint = f"booking is off for show {show.name}", advise("show.set_booking", show=show.name, enabled=True)
        fix = partial(everywhere, snapshot, FOR_SHOW, change("BOOKING_ON", hint, "show", show.id, booking_enabled=True))
    elif code == "SHOW_DISPATCH_OFF":
        text = f"dispatching is off for show {show.name}"
        hint = advise("show.set_dispatching", show=show.name, enabled=True)
        fix = partial(
            everywhere, snapshot, FOR_SHOW, change("DISPATCH_ON", hint, "show", show.id, dispatch_enabled=True)
        )
    elif code == "JOB_FINISHED":
        text, hint = _finished(job), ""
    else:
        parent = snapshot.farm.jobs.get(job.parent_id or "")
        name = f"job {parent.name}" if parent else "its parent job"
        text, hint = f"the job starts when {name} has ended", ""
        if parent:
            hint = f"{advise('job.explain', job=parent.name)} says how far that is"
    return Constraint(code, None, text, hint, fix)


def _finished(job: Job) -> str:
    """A job that was killed has frames that are not done."""
    left = sum(job.counts) - job.counts[FrameState.SUCCEEDED] - job.counts[FrameState.EATEN]
    if not left:
        return "the job is finished"
    return f"the job is over: it was killed with {counted(left, 'frame')} not done"


def _maximums(snapshot: FarmSnapshot, job: Job, needs: Demand, taken: Units) -> Iterator[Constraint]:
    for code, holder in (("JOB_MAX_CORES", job), ("GROUP_MAX_CORES", snapshot.farm.groups[job.group_id])):
        room, whose = room_under_cap(holder), code.split("_")[0].lower()
        if max(needs.cores, 1) > room or (needs.whole_host and (taken > room).any()):
            most, held = cores_from_units(holder.max_cores), cores_from_units(holder.reserved_cores)
            fix = partial(fixes.higher_maximum, snapshot, holder, taken)
            if max(needs.cores, 1) > room:
                are = "is" if held == 1 else "are"
                text = f"the {whose} may use {in_cores(holder.max_cores)}, and {held:g} {are} taken"
                yield Constraint(code, None, text, fix=fix)
            else:
                text = f"have more cores than the {whose} may use: {most:g}, of which {held:g} are taken"
                yield Constraint(code, taken <= room, text, fix=fix)


def _maximums_of_gpus(snapshot: FarmSnapshot, job: Job, needs: Demand) -> Iterator[Constraint]:
    for whose, holder in (("job", job), ("group", snapshot.farm.groups[job.group_id])):
        if needs.gpus and needs.gpus > gpu_room_under_cap(holder):
            are = plural(holder.reserved_gpus, "is", "are")
            text = f"the {whose} may use {counted(holder.max_gpus, 'GPU')}, and {holder.reserved_gpus} {are} taken"
            fix = partial(fixes.higher_maximum_of_gpus, snapshot, holder, needs.gpus)
            yield Constraint(f"{whose.upper()}_MAX_GPUS", None, text, fix=fix)


def _not_for_job(snapshot: FarmSnapshot, job: Job, layer: Layer, needs: Demand, taken: Units) -> Iterator[Constraint]:
    farm = snapshot.farm
    facility, show = farm.facilities[job.facility_id].name, farm.shows[job.show_id]
    hint = f"the facility is chosen at submission: submit it to another, or start agents with `--facility {facility}`"
    yield Constraint("FACILITY", facility_mask(farm, job.facility_id), f"are not in the facility {facility}", hint)
    hint = f"the system is chosen at submission: submit it for another, or start agents on hosts that run {job.os}"
    yield Constraint("OS", os_mask(farm, job.os), f"do not run {job.os}", hint)
    tags = " | ".join(layer.tags)
    text = f"have none of the tags {tags}" if len(layer.tags) > 1 else f"do not have the tag {tags}"
    yield Constraint("TAGS", tag_mask(farm, needs), text, fix=partial(fixes.another_tag, snapshot, layer))
    rooms = burst_rooms(farm, job.show_id)
    subscribed = rooms != NOT_SUBSCRIBED
    within_burst = ~subscribed | (taken <= rooms)
    text = f"are in allocations that show {show.name} has no subscription to"
    yield Constraint("NO_SUBSCRIPTION", subscribed, text, fix=partial(fixes.subscribe, snapshot, show, taken))
    text = f"are in allocations where show {show.name} is at its burst"
    yield Constraint("BURST", within_burst, text, fix=partial(fixes.higher_burst, snapshot, show, taken))


def _closed(snapshot: FarmSnapshot) -> Iterator[Constraint]:
    table, n = snapshot.farm.hosts_table, snapshot.farm.hosts_table.size
    for code, mask in snapshot.closed:
        text = _HOST_TEXTS.get(code, code.lower()) + _words_of_closed(snapshot, code, mask)
        yield Constraint(code, ~mask, text, _HOST_HINTS.get(code, ""), partial(fixes.open_host, snapshot, code, mask))
    text = "are in quarantine: frames of several jobs failed there in a row"
    hint = "they are tried again by themselves, with one frame each"
    yield Constraint("QUARANTINED", table.quarantined_until_us[:n] <= snapshot.now_us, text, hint)
    text = "are on probation, and run the one frame that they may have"
    yield Constraint("PROBATION", ~(table.probing[:n] & (table.idle_cores[:n] < table.cores[:n])), text)
    text = "have a run beside which nothing may run"
    yield Constraint("HOST_OF_ONE", ~has_lonely_run(snapshot.farm), text, "they come back when that has ended")
    held = held_hosts(snapshot.farm, snapshot.now_us)
    if held.any():
        detail = dict.fromkeys(
            snapshot.farm.holds.hosts[table.ids[row]].detail for row in np.flatnonzero(held).tolist()
        )
        text = f"could not start frames and are tried one frame at a time: {'; '.join(list(detail)[:WORDS_TOLD])}"
        yield Constraint("HOST_HELD", ~held, text, "mend the host; no frame is charged for it")
    text = "refused a launch and are left alone for a while"
    yield Constraint("HOST_REFUSES", table.refused_until_us[:n] <= snapshot.now_us, text)


def _words_of_closed(snapshot: FarmSnapshot, code: str, mask: Mask) -> str:
    if code != "HOST_CLOSED":
        return ""
    hosts = [
        snapshot.farm.hosts[snapshot.farm.hosts_table.ids[row]] for row in np.flatnonzero(mask)[:WORDS_TOLD].tolist()
    ]
    return ": " + "; ".join(f"{host.name} says: {host.closed}" for host in hosts)


def _not_for_layer(snapshot: FarmSnapshot, layer: Layer, needs: Demand) -> Iterator[Constraint]:
    farm, n = snapshot.farm, snapshot.farm.hosts_table.size
    allowed = snapshot.asked.allowed(needs)
    if allowed is not None:
        names = ", ".join(policy.name for policy in snapshot.policies)
        yield Constraint("POLICY", allowed, f"are ruled out by policy ({names})")
    off = np.ones(n, dtype=np.bool_)
    off[list(avoided_rows(farm, layer, needs, snapshot.now_us, snapshot.asked))] = False
    yield Constraint("FAILED_THERE", off, "failed a frame of this layer within 30 minutes")
    lately = [row for row, until_us in layer.avoided_until_us.items() if until_us > snapshot.now_us]
    if lately:  # what is changed for other hosts makes these avoided, so no remedy is for them
        off = np.ones(n, dtype=np.bool_)
        off[lately] = False
        yield Constraint("FAILED_LATELY", off, "", told=False)
    free = np.ones(n, dtype=np.bool_)
    for row, kept_for in farm.hosts_table.reservations.items():
        id = kept_for.layer_id
        is_own = id == layer.id and kept_for.demand.alone is needs.alone
        if not is_own and id in farm.layers and comes_before(snapshot, farm.layers[id], layer):
            free[row] = False
    yield Constraint(
        "RESERVED", free, "are reserved for frames that need most of a host, or all of it, and wait longer"
    )
    if not needs.gpus and snapshot.kept is not None:
        yield Constraint("KEPT_FOR_GPUS", ~snapshot.kept, "are kept for frames that wait for a GPU")
    if not needs.gpus and snapshot.gpus_wanted:  # what is changed for this layer may have more of these kept
        yield Constraint("GPUS_IDLE", farm.hosts_table.idle["gpus"][:n] <= 0, "", told=False)


def _full(snapshot: FarmSnapshot, layer: Layer, needs: Demand) -> Iterator[Constraint]:
    farm, table = snapshot.farm, snapshot.farm.hosts_table
    now = room_for(farm, farm.jobs[layer.job_id])
    wanted = _wanted(needs)

    hint = _what_the_largest_has(farm, layer, needs)
    yield Constraint("TOO_SMALL", room_when_idle(table).fitting(needs), f"never have {wanted}", hint, has_parts=True)
    if farm.places_of_host:
        unheld = room_for(farm, None)
        text = "have room that is held for others: somebody redirected the places of runs there"
        hint = "a place that is not used is free again shortly (redirect_held)"
        yield Constraint("PLACE_HELD", now.fitting(needs) | ~unheld.fitting(needs), text, hint)
    if needs.alone:
        yield Constraint("BUSY", now.have_cores(needs), "are not idle, and it has to be alone there")
    else:
        open = now.fitting(needs) & ~has_lonely_run(farm)
        yield Constraint("BUSY", open, f"have no room for {wanted} now", has_parts=True)

    fewer = partial(fixes.fewer_cores, snapshot, layer, needs)
    yield Constraint("CORES", now.have_cores(replace(needs, alone=False)), "", fix=fewer, told=False)
    for name, asked in needs.amounts:
        less = fixes.LESS.get(name)
        fix = partial(less, snapshot, layer, needs) if less else None
        yield Constraint(name.upper(), now.amounts[name] >= asked, "", fix=fix, told=False)


def _wanted(needs: Demand) -> str:
    """What a frame asks of a host, for people."""
    wanted = ["a whole host" if needs.whole_host else in_cores(needs.cores)]
    named = {resource.name: resource for resource in resources.RESOURCES}
    wanted += [amount_of(named[name], asked) for name, asked in needs.amounts]
    return " and ".join(wanted)


def _what_the_largest_has(farm: Farm, layer: Layer, needs: Demand) -> str:
    """The way out for frames that need more memory than any host has, also where hosts are busy with others.

    No remedy asks for less than frames were seen to use; who wants to try that is told so.
    """
    most, least = most_memory(farm, layer), fixes.least_memory(layer)
    if not most or needs.memory <= most:
        return ""
    target = int(fixes.rounded(np.array([most]), min(least, most))[0])
    less = advise("layer.set_memory", job=farm.jobs[layer.job_id].name, layer=layer.name, kib=target)
    if most >= least:
        return less
    tried = f"{less} tries them with what the largest host has that is up, but they were seen to use {gib(least)}"
    return f"{tried}; else start an agent on a host with more memory"


_HOST_TEXTS: Final = {
    "HOST_DOWN": "are down: nothing was heard of them for minutes",
    "HOST_STOPPED": "are down: their agents were stopped",
    "HOST_REPAIR": "are in repair",
    "HOST_REBOOTING": "are rebooting",
    "HOST_REBOOT_WHEN_IDLE": "reboot when idle",
    "HOST_LOCKED": "are locked",
    "HOST_NIMBY_LOCKED": "are in use by their owners",
    "HOST_NOT_HEARD": "have not reported since the server started",
    "HOST_CLOSED": "have agents that take nothing now",
    "HOST_MEMORY_LOW": "report less than 512 MB of free memory",
    "HOST_DISK_LOW": "have less than 5 % of their temporary disk left",
}
_HOST_HINTS: Final = {
    "HOST_DOWN": "they come back as soon as their agent reports: see that the machine is up and `rqd` runs on it",
    "HOST_STOPPED": "they come back as soon as their agents are started again",
    "HOST_REBOOTING": "they come back when their agent reports",
    "HOST_NIMBY_LOCKED": "they come back when their owners leave them",
    "HOST_NOT_HEARD": "they come back when their agent reports: see that the machine is up and `rqd` runs on it",
    "HOST_CLOSED": "they come back when their agents report that they take frames: do what they say",
    "HOST_MEMORY_LOW": "they come back when other programs there use less",
    "HOST_DISK_LOW": "they come back when files there were removed",
}
"""What makes hosts bookable again that no command does."""
