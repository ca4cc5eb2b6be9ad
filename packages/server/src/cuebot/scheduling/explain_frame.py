"""Why one frame does not run, where it runs, or how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cuebot.domain.depends import SHAPES, WHOLE_LAYER, done_of, edges_of, held_frames
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Depend, Job, Layer
from cuebot.domain.states import Exit, FrameState
from cuebot.domain.units import SECOND, cores_from_units
from cuebot.scheduling.cures import gib
from cuebot.scheduling.explain import Explanation, Reason, duration, explain_layer, waited_for
from cuebot.scheduling.policy import Policy

NAMED: Final = 3
"""Frames that are named of those that one waits for; the others are counted."""


@dataclass(frozen=True, slots=True)
class FrameExplanation:
    """What one frame waits for or does, the weightiest reason first."""

    layer_id: str
    index: int
    state: FrameState
    summary: str
    reasons: tuple[Reason, ...]
    place: int | None = None
    """Waiting frames of its layer that come before it; None for one that does not wait for a host."""
    layer: Explanation | None = None
    """Why the frames of its layer wait, for one that waits for a host; remedies and what is ahead are there."""
    starts_in_s: int | None = None
    """About how long until it starts, as things are; None where nothing can be said."""


def explain_frame(
    farm: Farm, layer: Layer, index: int, now_us: int, policies: Sequence[Policy] = ()
) -> FrameExplanation:
    """Why a frame does not run; of one that runs, where; of one that is over, how it ended."""
    state = FrameState(int(layer.frames.state[index]))
    if state is FrameState.WAITING:
        return _waiting(farm, layer, index, now_us, policies)
    if state is FrameState.DEPEND:
        reasons = list(_depends(farm, layer, index))
    elif state is FrameState.RUNNING:
        reasons = [_running(farm, layer, index, now_us)]
    elif state is FrameState.DEAD:
        name = farm.jobs[layer.job_id].name
        remedy = f"read its log (`cueadmin -ll -job {name}`), then `cueadmin -retry-frames {name} {layer.name}"
        remedy += f" {int(layer.frames.number[index])}`"
        text = f"it is dead after {int(layer.frames.retries[index]) + 1} runs: {_last_run(farm, layer, index)}"
        reasons = [Reason("DEAD", 0, "", text, remedy)]
    elif state is FrameState.SUCCEEDED:
        took_s = int(layer.frames.stop_us[index] - layer.frames.start_us[index]) // SECOND
        text = f"it is done; it ran on {_last_host(farm, layer, index)} for {duration(took_s)}"
        reasons = [Reason("DONE", 0, "", text)]
    else:
        reasons = [Reason(state.name, 0, "", "it was given up: it counts as done, and satisfies nothing")]
    summary = reasons[0].text if reasons else f"it is {state.name}"
    return FrameExplanation(layer.id, index, state, summary, tuple(reasons))


def _waiting(farm: Farm, layer: Layer, index: int, now_us: int, policies: Sequence[Policy]) -> FrameExplanation:
    explanation = explain_layer(farm, layer, now_us, policies)
    frames = layer.frames
    order = int(frames.dispatch_order[index])
    waiting = frames.state == FrameState.WAITING
    place = int((waiting & (frames.dispatch_order < order)).sum())
    place += int((waiting & (frames.dispatch_order == order))[:index].sum())
    about_layer = [r for r in explanation.reasons if r.code != "FRAMES_DEAD" and not r.code.startswith("DEPEND_")]
    behind = [Reason("BEHIND", place, "frames", f"{place} frames of its layer come first")] if place else []
    reasons = [*behind, *about_layer] if explanation.hosts else [*about_layer, *behind]
    if index in layer.runs:
        host = farm.hosts[farm.procs[layer.runs[index]].host_id].name
        text = f"its last run, on {host}, is not known to have ended"
        remedy = "it ends by a report of the host, or when its lease does"
        reasons.insert(0, Reason("LAST_RUN_OPEN", 0, "", text, remedy))
    if frames.exit_status[index] != Exit.NEVER_RAN:
        job = farm.jobs[layer.job_id]
        most = job.max_retries if layer.max_retries is None else layer.max_retries
        text = f"it waits for another run ({most} retries are allowed): {_last_run(farm, layer, index)}"
        reasons.append(Reason("RETRYING", int(frames.retries[index]) + 1, "runs", text))
    return FrameExplanation(
        layer.id,
        index,
        FrameState.WAITING,
        reasons[0].text if reasons else "the next booking takes it",
        tuple(reasons),
        place,
        explanation,
        _starts_in_s(layer, place, explanation),
    )


def _starts_in_s(layer: Layer, place: int, explanation: Explanation) -> int | None:
    """When its layer's next frame starts, and as long after that as the frames before it need."""
    first_s, ahead = explanation.starts_in_s, explanation.ahead
    if first_s is None or not place:
        return first_s
    if not layer.runs_succeeded or ahead is None or not ahead.cores:
        return None
    each_us = layer.core_us_succeeded / layer.runs_succeeded
    return first_s + int(place * each_us / ahead.cores / SECOND)


def _depends(farm: Farm, layer: Layer, index: int) -> Iterator[Reason]:
    """What an active depend holds the frame for, one reason a depend."""
    job: Job = farm.jobs[layer.job_id]
    for id in sorted(farm.depends_of_job.get(job.id, ())):
        depend = farm.depends[id]
        if depend.active:
            yield from _depend(farm, depend, layer, index)


def _depend(farm: Farm, depend: Depend, layer: Layer, index: int) -> Iterator[Reason]:
    code = "DEPEND_" + depend.type.name
    if not SHAPES[depend.type].pairs:
        held = any(
            held_layer.id == layer.id and (indices is None or index in indices)
            for held_layer, indices in held_frames(farm, depend)
        )
        if held:
            yield _on_many(farm, depend, code)
        return
    if depend.er_layer != layer.id:
        return
    on = farm.layers[depend.on_layer or ""]
    edges = edges_of(farm, depend)
    waits_for = edges.on[(edges.er == index) & ~done_of(farm, depend)]
    if not len(waits_for):
        return
    if WHOLE_LAYER in waits_for:
        yield _on_many(farm, depend, code)
        return
    named = ", ".join(f"{farm.frame_name(on, one)} ({_state_of(farm, on, one)})" for one in waits_for[:NAMED].tolist())
    more = f" and {len(waits_for) - NAMED} more" if len(waits_for) > NAMED else ""
    of_job = "" if depend.internal else f" of job {farm.jobs[depend.on_job].name}"
    dead = int((on.frames.state[waits_for] == FrameState.DEAD).sum())
    yield Reason(code, len(waits_for), "frames", f"it waits for {named}{more}{of_job}", _revive(dead))


def _on_many(farm: Farm, depend: Depend, code: str) -> Reason:
    on = farm.layers[depend.on_layer] if depend.on_layer else farm.jobs[depend.on_job]
    if depend.on_frame is not None and depend.on_layer:
        on_layer = farm.layers[depend.on_layer]
        state = _state_of(farm, on_layer, depend.on_frame)
        dead = int(on_layer.frames.state[depend.on_frame] == FrameState.DEAD)
        return Reason(code, 1, "frames", f"it waits for {waited_for(farm, depend)} ({state})", _revive(dead))
    total = sum(on.counts)
    done = on.counts[FrameState.SUCCEEDED] + on.counts[FrameState.EATEN]
    running, dead = on.counts[FrameState.RUNNING], on.counts[FrameState.DEAD]
    any_frame = "any frame of " if depend.any_frame else ""
    text = f"it waits for {any_frame}{waited_for(farm, depend)}: {done} of {total} frames done, {running} running"
    return Reason(code, total - done, "frames", text + (f", {dead} dead" if dead else ""), _revive(dead))


def _revive(dead: int) -> str:
    return f"{dead} frames are dead there: retry or eat them" if dead else ""


def _state_of(farm: Farm, layer: Layer, index: int) -> str:
    state = FrameState(int(layer.frames.state[index]))
    proc = farm.proc_of(layer, index)
    if state is FrameState.RUNNING and proc is not None:
        return f"running on {farm.hosts[proc.host_id].name}"
    return "held by a depend" if state is FrameState.DEPEND else state.name.lower()


def _running(farm: Farm, layer: Layer, index: int, now_us: int) -> Reason:
    proc = farm.proc_of(layer, index)
    if proc is None:
        return Reason("RUNNING", 0, "", "it runs")
    host = farm.hosts[proc.host_id].name
    held = f"{cores_from_units(proc.cores):g} cores and {gib(proc.memory)}"
    text = f"it runs on {host} with {held} for {duration((now_us - proc.booked_us) // SECOND)}"
    if layer.runs_succeeded:
        each_s = layer.clock_us_succeeded // layer.runs_succeeded // SECOND
        text += f"; frames of this layer took {duration(each_s)} on average"
    if proc.kill_message:
        text += f"; it is being ended: {proc.kill_message}"
    elif not proc.launched:
        text = f"it is booked on {host} with {held}, and the agent there has not confirmed it yet"
    return Reason("RUNNING", 0, "", text)


def _last_run(farm: Farm, layer: Layer, index: int) -> str:
    status = int(layer.frames.exit_status[index])
    return f"its last run, on {_last_host(farm, layer, index)}, ended with {_exit_words(status)}"


def _last_host(farm: Farm, layer: Layer, index: int) -> str:
    row = int(layer.frames.last_host[index])
    return farm.host_names[row] if row >= 0 else "no host"


def _exit_words(status: int) -> str:
    meaning = _EXITS.get(status)
    return f"exit status {status}" + (f" ({meaning})" if meaning else "")


_EXITS: Final[dict[int, str]] = {
    Exit.MEMORY: "it needed more memory than its host had",
    Exit.CONTAINER_MEMORY: "it needed more memory than its host had",
    Exit.FAILED_LAUNCH: "it could not be launched",
    Exit.SKIP_RETRY: "it asked not to be retried, or its host was needed",
    Exit.CLEARED: "its run was cleared",
    Exit.ORPHAN: "its run was not known to the host any more",
    Exit.HOST_DOWN: "its host was lost",
    Exit.RETRIED_BY_USER: "somebody retried it while it ran",
}
