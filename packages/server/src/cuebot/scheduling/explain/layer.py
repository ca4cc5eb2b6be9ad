"""Why frames wait: typed reasons with counts, what is ahead, the cheapest remedy, and when it may start.

Reasons come from the filters that the plan uses (`constraints`), and what is ahead from the plan's order
(`queue_position`). Who asks about many layers of one moment shares a `FarmSnapshot` between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cuebot.domain.advice import advise
from cuebot.domain.depends import SHAPES, done_of
from cuebot.domain.farm import Farm
from cuebot.domain.frames import as_indices
from cuebot.domain.host_ends import ENDS_ALONE, ENDS_BESIDE_OTHERS
from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Depend, Job, Layer
from cuebot.domain.ready import Demand
from cuebot.domain.silence import AS_BY_DEFAULT, Silence
from cuebot.domain.states import ENDED_FRAME_STATES, FrameState, JobState
from cuebot.domain.units import MINUTE, SECOND
from cuebot.scheduling.explain.constraint import Constraint
from cuebot.scheduling.explain.constraints import blocked_job, constraints
from cuebot.scheduling.explain.dead_frames import again, dead_reasons
from cuebot.scheduling.explain.learned_needs import learned_words
from cuebot.scheduling.explain.queue_position import QueuePosition, queue_position, soonest_s
from cuebot.scheduling.explain.reasons import Reason
from cuebot.scheduling.explain.remedies import Remedy, remedies
from cuebot.scheduling.explain.silent_hosts import silent_reasons, unnamed_reasons
from cuebot.scheduling.explain.snapshot import FarmSnapshot
from cuebot.scheduling.explain.stuck_runs import stuck_reasons
from cuebot.scheduling.explain.waits import holding, roots
from cuebot.scheduling.explain.wording import agreeing, counted, duration, plural, range_of
from cuebot.scheduling.rules.eligibility import job_reasons
from cuebot.scheduling.rules.fits import room_when_idle
from cuebot.scheduling.rules.policy import Policy

REFUSED_LATELY_US: Final = MINUTE
"""For so long after its last report a machine is told of that is refused under another's name."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one layer waits for, the weightiest reason first."""

    layer_id: str
    summary: str
    reasons: tuple[Reason, ...]
    remedies: tuple[Remedy, ...] = ()
    """What would let frames start at once, the cheapest first; empty where nothing would but time."""
    ahead: QueuePosition | None = None
    """What comes first in the order; None where no frame of the layer waits for a host."""
    hosts: int = 0
    """Hosts that have room for a frame now, and nothing in the way."""
    starts_in_s: int | None = None
    """About how long until the next frame starts, as things are; None where nothing can be said."""


def explain_layer(
    farm: Farm,
    layer: Layer,
    now_us: int,
    policies: Sequence[Policy] = (),
    snapshot: FarmSnapshot | None = None,
    *,
    alone: bool | None = None,
    silence: Silence = AS_BY_DEFAULT,
) -> Explanation:
    """Why the frames of a layer that are not done do not run.

    `alone` asks for those that run alone on a host, or for the others: the others where there are any, unless said.
    """
    job = farm.jobs[layer.job_id]
    snapshot = snapshot or FarmSnapshot(farm, now_us, policies, silence)
    if job.state is JobState.FINISHED:
        return _finished(snapshot, job, layer)
    reasons = dead_reasons(farm, layer)
    reasons += silent_reasons(farm, layer, now_us, snapshot.silence)
    reasons += unnamed_reasons(farm, layer)
    reasons += stuck_reasons(farm, layer)
    reasons += _depend_reasons(snapshot, job, layer)
    if not layer.counts[FrameState.WAITING]:
        return Explanation(layer.id, _summary(layer, reasons), tuple(reasons))
    if alone is None:
        alone = not layer.waiting(alone=False)
    waiting = _explain_waiting(snapshot, job, layer, Demand.of(job, layer, alone=alone))
    reasons += waiting.reasons
    return Explanation(
        layer.id, _summary(layer, reasons), tuple(reasons), waiting.remedies, waiting.ahead, waiting.hosts,
        waiting.starts_in_s,
    )  # fmt: skip


def explain_job(
    farm: Farm, job: Job, now_us: int, policies: Sequence[Policy] = (), silence: Silence = AS_BY_DEFAULT
) -> tuple[str, list[Explanation]]:
    """A sentence on the job, and why each layer waits."""
    snapshot = FarmSnapshot(farm, now_us, policies, silence)
    explanations = [explain_layer(farm, layer, now_us, snapshot=snapshot) for layer in farm.layers_of(job)]
    blocked = job_reasons(farm, job)
    if blocked:
        return blocked_job(snapshot, job, blocked[0]).text, explanations
    return (
        f"{_progress(job.counts)}, {job.counts[FrameState.RUNNING]} running,"
        f" {job.counts[FrameState.WAITING]} ready, {job.counts[FrameState.DEPEND]} held by depends,"
        f" {job.counts[FrameState.DEAD]} dead",
        explanations,
    )


def _progress(counts: Sequence[int]) -> str:
    """How many frames are done, and apart from them how many were given up."""
    eaten = counts[FrameState.EATEN]
    done = f"{counts[FrameState.SUCCEEDED]} of {counted(sum(counts), 'frame')} done"
    return f"{done}, {eaten} eaten" if eaten else done


def _complete(layer: Layer) -> str:
    return _progress(layer.counts) if layer.counts[FrameState.EATEN] else "done"


def _finished(snapshot: FarmSnapshot, job: Job, layer: Layer) -> Explanation:
    """Of a job that is over: that, what of the layer was never done, and of what frames died before."""
    if layer.complete:
        return Explanation(layer.id, _complete(layer), ())
    reason = killed_job(snapshot, job, layer)
    return Explanation(layer.id, reason.text, (reason, *dead_reasons(snapshot.farm, layer)))


def killed_job(snapshot: FarmSnapshot, job: Job, layer: Layer, index: int | None = None) -> Reason:
    """That a job was killed, and what has frames of a layer, or the one that is named, done after all."""
    over = blocked_job(snapshot, job, "JOB_FINISHED")
    left = np.flatnonzero(~np.isin(layer.frames.state, sorted(ENDED_FRAME_STATES))) if index is None else [index]
    while range_of(layer, as_indices(left)) is None:  # one frame would open the job, and all that is left goes on
        left = left[: len(left) // 2]
    return Reason(over.code, 0, "", over.text, f"{again(snapshot.farm, job, layer, as_indices(left))} opens it again")


def _summary(layer: Layer, reasons: list[Reason]) -> str:
    counts = layer.counts
    if layer.complete:
        return _complete(layer)
    if reasons:
        return reasons[0].text
    if counts[FrameState.RUNNING]:
        running, waiting = counts[FrameState.RUNNING], counts[FrameState.WAITING]
        now = f"{counted(running, 'frame')} {plural(running, 'runs', 'run')}"
        return f"{now}, {waiting} {plural(waiting, 'follows', 'follow')} as soon as there is room" if waiting else now
    ready = counts[FrameState.WAITING]
    are, them = plural(ready, "is", "are"), plural(ready, "it", "them")
    return f"{counted(ready, 'frame')} {are} ready; the next booking takes {them}"


def _depend_reasons(snapshot: FarmSnapshot, job: Job, layer: Layer) -> list[Reason]:
    if not layer.counts[FrameState.DEPEND]:
        return []
    farm, found = snapshot.farm, roots(snapshot.farm, layer, known=snapshot.holding)
    for depend in holding(farm, layer, snapshot.holding):
        reason = _depend_reason(farm, depend, layer)
        if not _is_told(farm, depend, reason.count, found):
            found.append(reason)
    return found


def _is_told(farm: Farm, depend: Depend, held: int, told: Sequence[Reason]) -> bool:
    """Whether reasons say already, of all frames that a depend holds, what they wait for."""
    if not depend.on_layer:
        return False
    of = f" of layer {farm.layers[depend.on_layer].name}"
    of += "" if depend.internal else f" of job {farm.jobs[depend.on_job].name}"
    count = sum(r.count for r in told if r.code.startswith("WAITS_FOR_") and r.text.endswith(of))
    return count > 0 and (not SHAPES[depend.type].pairs or count >= held)


def _depend_reason(farm: Farm, depend: Depend, layer: Layer) -> Reason:
    held = layer.counts[FrameState.DEPEND]
    if SHAPES[depend.type].pairs:
        held = min(held, int((~done_of(farm, depend)).sum()))
    text = f"{counted(held, 'frame')} {plural(held, 'waits', 'wait')} for {waited_for(farm, depend)}"
    return Reason("DEPEND_" + depend.type.name, held, "frames", text)


def waited_for(farm: Farm, depend: Depend) -> str:
    """What a depend waits for, in words."""
    job = "" if depend.internal else f"job {farm.jobs[depend.on_job].name}"
    if not depend.on_layer:
        return job
    layer = farm.layers[depend.on_layer]
    if depend.on_frame is None:
        return f"layer {layer.name}" + (f" of {job}" if job else "")
    name = f"frame {farm.frame_name(layer, depend.on_frame)}"
    return name if depend.internal else f"{name} of {farm.jobs[depend.on_job].name}"


def _explain_waiting(snapshot: FarmSnapshot, job: Job, layer: Layer, needs: Demand) -> Explanation:
    """Why the frames of a layer that wait for nothing but a host do not start."""
    farm = snapshot.farm
    table, n = farm.hosts_table, farm.hosts_table.size
    job_constraints, host_constraints = constraints(snapshot, job, layer, needs)
    hosts, reasons, left = _count_hosts(snapshot, host_constraints)
    ahead = queue_position(snapshot, job, layer, needs)
    found = (
        remedies(snapshot, job, layer, needs, job_constraints, host_constraints)
        if job_constraints or not left.any()
        else ()
    )
    if job_constraints:
        told = [
            Reason(constraint.code, constraint.count, constraint.counts, constraint.text, constraint.hint)
            for constraint in job_constraints
        ]
        return Explanation(layer.id, "", tuple(told), found, ahead, 0, _when_it_may(snapshot, layer, job_constraints))
    if not hosts:
        remedy = "start an agent on a machine that is to render: `rqd --help` says how"
        return Explanation(layer.id, "", (Reason("NO_HOSTS", 0, "hosts", "this farm has no hosts", remedy),), (), ahead)
    notes = _notes(snapshot, layer, needs)
    usable = int(left.sum())
    if usable:
        closed = [_of_hosts(r, hosts) for r in reasons]
        shown = (Reason("NEXT", usable, "hosts", f"{counted(usable, 'host')} can take it now"), *closed, *notes)
        turn = tuple(_turn(job, ahead))
        told_all = (*shown[:1], *turn, *shown[1:]) if reasons or turn or notes else ()
        return Explanation(layer.id, "", told_all, (), ahead, usable, ahead.wait_s if ahead.jobs else 0)
    heaviest = sorted(reasons, key=lambda r: (r.code != "BUSY", -r.count))
    told = [_of_hosts(r, hosts) for r in heaviest]
    starts_in_s = None
    if heaviest and heaviest[0].code == "BUSY":
        told += _turn(job, ahead)
        busy = table.present[:n] & room_when_idle(table).fitting(needs)
        for constraint in host_constraints:
            if constraint.told and not constraint.has_parts and constraint.open is not None:
                busy &= constraint.open
        soonest = soonest_s(snapshot, needs, busy)
        if soonest is not None and (ahead.wait_s is not None or not (ahead.jobs or ahead.own_frames)):
            starts_in_s = max(soonest, ahead.wait_s or 0)
    return Explanation(layer.id, "", (*told, *notes), found, ahead, 0, starts_in_s)


def _of_hosts(reason: Reason, hosts: int) -> Reason:
    """What is said of some of the hosts."""
    text = f"{reason.count} of {counted(hosts, 'host')} {agreeing(reason.count, reason.text)}"
    return replace(reason, text=text, remedy=agreeing(reason.count, reason.remedy))


def _when_it_may(snapshot: FarmSnapshot, layer: Layer, job_constraints: list[Constraint]) -> int | None:
    if all(constraint.code == "START_AFTER" for constraint in job_constraints):
        return (layer.start_after_us - snapshot.now_us) // 1_000_000
    return None


def _count_hosts(snapshot: FarmSnapshot, host_constraints: list[Constraint]) -> tuple[int, list[Reason], Mask]:
    """How many hosts there are, the reasons that rule some out, and those that are left.

    Each host is counted once, under the first constraint that rules it out.
    """
    table, n = snapshot.farm.hosts_table, snapshot.farm.hosts_table.size
    left = table.present[:n].copy()
    hosts = int(left.sum())
    reasons = []
    for constraint in host_constraints:
        if constraint.told and constraint.open is not None:
            ruled_out = int(np.count_nonzero(left & ~constraint.open))
            if ruled_out:
                reasons.append(Reason(constraint.code, ruled_out, "hosts", constraint.text, constraint.hint))
                left &= constraint.open
    return hosts, reasons, left


def _notes(snapshot: FarmSnapshot, layer: Layer, needs: Demand) -> list[Reason]:
    notes = []
    broken = [f"{policy.name}: {why}" for policy in snapshot.policies for why in policy.failures.values()]
    if broken:
        notes.append(Reason("POLICY_FAILED", 0, "", f"policies that failed and were left out: {'; '.join(broken)}"))
    notes += [*_to_be_alone(snapshot, layer), *_name_conflicts(snapshot)]
    return notes + [Reason(code, 0, "", text) for code, text in learned_words(layer, needs)]


def _to_be_alone(snapshot: FarmSnapshot, layer: Layer) -> list[Reason]:
    """Frames that get a host to themselves, because earlier runs of them ended with theirs."""
    count = layer.waiting(alone=True)
    if not count:
        return []
    text = f"{counted(count, 'frame')} {plural(count, 'gets a host to itself', 'get a host each to themselves')}:"
    text += f" at least {ENDS_BESIDE_OTHERS} runs {plural(count, 'of it', 'of each')} ended with their host"
    remedy = f"a host is kept free for {plural(count, 'it', 'them')} once {plural(count, 'it has', 'they have')} waited"
    patience_s = snapshot.farm.settings.reservation_patience_us // SECOND
    remedy += f" for {duration(patience_s)}; {plural(count, 'it is', 'they are')} dead if"
    remedy += f" {ENDS_ALONE} more runs end so"
    return [Reason("RUNS_ALONE", count, "frames", text, remedy)]


def _name_conflicts(snapshot: FarmSnapshot) -> list[Reason]:
    """Machines that could take frames and are refused, because another agent has their name."""
    lately_us = snapshot.now_us - REFUSED_LATELY_US
    names = [host.name for host in snapshot.farm.hosts.values() if host.rival and host.rival_us > lately_us]
    if not names:
        return []
    shown = ", ".join(sorted(names)[:5])
    text = f"other agents are refused under the {plural(len(names), 'name', 'names')} of {shown}"
    remedy = f"{advise('host.read')} says which; give each a name of its own"
    return [Reason("NAME_TAKEN", len(names), "hosts", text, remedy)]


def _turn(job: Job, ahead: QueuePosition) -> list[Reason]:
    """What is ahead in the order."""
    found = []
    if ahead.shows:
        are, its = plural(ahead.shows, "is", "are"), plural(ahead.shows, "its", "their")
        text = f"{counted(ahead.shows, 'show')} {are} further under {its} share of hosts that both may use"
        found.append(Reason("SHARE", ahead.shows, "shows", text))
    if ahead.jobs:
        come = plural(ahead.jobs, "comes", "come")
        text = f"{counted(ahead.jobs, 'job')} of the show with {counted(ahead.frames, 'ready frame')} {come} first"
        if ahead.for_minimum:
            text += f", {ahead.for_minimum} of them because their group holds less than its minimum"
        if ahead.wait_s is not None:
            text += f"; {plural(ahead.jobs, 'it', 'they')} should have started in about {duration(ahead.wait_s)}"
        higher = f"{advise('job.set_priority', job=job.name, priority=ahead.passing_priority)} puts this job first"
        found.append(Reason("AHEAD", ahead.jobs, "jobs", text, higher if ahead.passing_priority is not None else ""))
    if ahead.own_frames:
        come = plural(ahead.own_frames, "comes", "come")
        text = f"{counted(ahead.own_frames, 'frame')} of the job's other layers {come} first"
        found.append(Reason("OWN_LAYERS", ahead.own_frames, "frames", text))
    return found
