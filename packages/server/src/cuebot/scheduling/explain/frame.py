"""Why one frame does not run, where it runs, or how it ended."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cuebot.domain.advice import advise
from cuebot.domain.depends import SHAPES, WHOLE_LAYER, done_of, edges_of, held_frames
from cuebot.domain.farm import Farm
from cuebot.domain.frames import as_indices
from cuebot.domain.host_ends import ENDS_ALONE, ENDS_BESIDE_OTHERS, ENDS_MOST
from cuebot.domain.memory import MEMORY_EXITS, is_believable
from cuebot.domain.nouns import Depend, Job, Layer, Proc
from cuebot.domain.silence import AS_BY_DEFAULT, Silence
from cuebot.domain.states import Exit, FrameState, JobState, OnEnd
from cuebot.domain.units import MINUTE, SECOND
from cuebot.scheduling.explain.dead_frames import again, deaths
from cuebot.scheduling.explain.layer import Explanation, explain_layer, killed_job, waited_for
from cuebot.scheduling.explain.reasons import Reason
from cuebot.scheduling.explain.silent_hosts import is_silent, is_unnamed, silent_reason
from cuebot.scheduling.explain.snapshot import FarmSnapshot
from cuebot.scheduling.explain.stuck_runs import stuck_reason
from cuebot.scheduling.explain.waits import roots
from cuebot.scheduling.explain.wording import counted, duration, gib, in_cores, plural
from cuebot.scheduling.rules.policy import Policy

NAMED: Final = 3
"""Frames that are named of those that one waits for; the others are counted."""
_OF_OTHER_FRAMES: Final = ("FRAMES_", "NOT_REPORTED", "HOST_AWAY", "DEPEND_", "WAITS_FOR_")
"""Beginnings of codes that say nothing of a frame that waits for a host."""


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
    farm: Farm,
    layer: Layer,
    index: int,
    now_us: int,
    policies: Sequence[Policy] = (),
    missing_run_us: int = MINUTE,
    silence: Silence = AS_BY_DEFAULT,
) -> FrameExplanation:
    """Why a frame does not run; of one that runs, where; of one that is over, how it ended.

    A run that its host does not name is given up `missing_run_us` after the last word of it.
    """
    state = FrameState(int(layer.frames.state[index]))
    job = farm.jobs[layer.job_id]
    if state in (FrameState.WAITING, FrameState.DEPEND) and job.state is JobState.FINISHED:
        killed = killed_job(FarmSnapshot(farm, now_us, policies), job, layer, index)
        return FrameExplanation(layer.id, index, state, killed.text, (killed,))
    if state is FrameState.WAITING:
        return _waiting(farm, layer, index, now_us, policies, silence)
    if state is FrameState.DEPEND:
        reasons = [*roots(farm, layer, as_indices([index])), *_depends(farm, layer, index)]
    elif state is FrameState.RUNNING:
        reasons = [*_cannot_end(farm, layer, index, now_us, silence)]
        reasons += [_running(farm, layer, index, now_us, missing_run_us)]
        reasons += _retries_left(farm, layer, index)
    elif state is FrameState.DEAD:
        reasons = [_dead(farm, layer, index)]
    elif state is FrameState.SUCCEEDED:
        took_s = int(layer.frames.stop_us[index] - layer.frames.start_us[index]) // SECOND
        text = f"it is done; it ran on {_last_host(farm, layer, index)} for {duration(took_s)}"
        reasons = [Reason("DONE", 0, "", text)]
    elif state is FrameState.CHECKPOINT:
        text = "its last run ended while its checkpoint was made or copied"
        remedy = "it waits again when that is complete, or after a while (setting checkpoint)"
        reasons = [Reason("CHECKPOINT", 0, "", text, remedy)]
    else:
        reasons = [_eaten(farm, layer, index)]
    summary = reasons[0].text if reasons else f"it is {state.name}"
    return FrameExplanation(layer.id, index, state, summary, tuple(reasons))


def _dead(farm: Farm, layer: Layer, index: int) -> Reason:
    """How often it was tried, how that ended, and what makes it run again."""
    job = farm.jobs[layer.job_id]
    (death,) = (death for death in deaths(farm, layer) if index in death.indices)
    runs = int(layer.frames.retries[index]) + 1
    if death.code == "FRAMES_TOOK_HOSTS":
        text = f"it is dead: {ENDS_MOST} of its runs ended with their host, the last {ENDS_ALONE} alone there, the"
        text += f" latest on {_last_host(farm, layer, index)}"
    elif death.code == "FRAMES_NOT_STARTED":
        text = f"it is dead: it could not be started in {counted(runs, 'attempt')}; there is no log"
    else:
        text = f"it is dead after {counted(runs, 'run')}: {_last_run(farm, layer, index)}"
    if death.code in ("FRAMES_OUT_OF_TIME", "FRAMES_SILENT"):
        text += f"; it {death.text}"
    one = as_indices([index])
    return Reason("DEAD", runs, "runs", text, f"{death.first}{again(farm, job, layer, one)} runs it again")


def _eaten(farm: Farm, layer: Layer, index: int) -> Reason:
    """That it was given up, and the way out for what still waits for it."""
    job, one = farm.jobs[layer.job_id], as_indices([index])
    text = "it was given up: its job ends without it, and what depends on it goes on waiting"
    number = int(layer.frames.number[index])
    release = advise("frame.mark_done", job=farm.word_for(job), layer=layer.name, frames=number)
    remedy = f"{again(farm, job, layer, one)} runs it after all; {release}"
    return Reason("EATEN", 0, "", text, f"{remedy} lets go what depends on it")


def _waiting(
    farm: Farm, layer: Layer, index: int, now_us: int, policies: Sequence[Policy], silence: Silence
) -> FrameExplanation:
    frames = layer.frames
    alone = index in frames.alone
    explanation = explain_layer(farm, layer, now_us, policies, alone=alone, silence=silence)
    order = int(frames.dispatch_order[index])
    waiting = (frames.state == FrameState.WAITING) & ((frames.host_ends >= ENDS_BESIDE_OTHERS) == alone)
    place = int((waiting & (frames.dispatch_order < order)).sum())
    place += int((waiting & (frames.dispatch_order == order))[:index].sum())
    about_layer = [r for r in explanation.reasons if not r.code.startswith(_OF_OTHER_FRAMES)]
    come = f"{counted(place, 'frame')} of its layer {plural(place, 'comes', 'come')} first"
    behind = [Reason("BEHIND", place, "frames", come)] if place else []
    reasons = [*behind, *about_layer] if explanation.hosts else [*about_layer, *behind]
    if index in layer.runs:
        host = farm.hosts[farm.procs[layer.runs[index]].host_id].name
        text = f"its last run, on {host}, is not known to have ended"
        remedy = "it ends by a report of the host, or when its lease does"
        reasons.insert(0, Reason("LAST_RUN_OPEN", 0, "", text, remedy))
    if frames.exit_status[index] != Exit.NEVER_RAN:
        job = farm.jobs[layer.job_id]
        most = layer.retries_of(job)
        are = plural(most, "retry is", "retries are")
        text = f"it waits for another run ({most} {are} allowed): {_last_run(farm, layer, index)}"
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
    yield Reason(code, len(waits_for), "frames", f"it waits for {named}{more}{of_job}")


def _on_many(farm: Farm, depend: Depend, code: str) -> Reason:
    on = farm.layers[depend.on_layer] if depend.on_layer else farm.jobs[depend.on_job]
    if depend.on_frame is not None and depend.on_layer:
        on_layer = farm.layers[depend.on_layer]
        state = _state_of(farm, on_layer, depend.on_frame)
        return Reason(code, 1, "frames", f"it waits for {waited_for(farm, depend)} ({state})")
    total = sum(on.counts)
    done, eaten = on.counts[FrameState.SUCCEEDED], on.counts[FrameState.EATEN]
    running, dead = on.counts[FrameState.RUNNING], on.counts[FrameState.DEAD]
    any_frame = "any frame of " if depend.any_frame else ""
    of_all = f"{done} of {counted(total, 'frame')} done, {running} running"
    text = f"it waits for {any_frame}{waited_for(farm, depend)}: {of_all}"
    text += (f", {dead} dead" if dead else "") + (f", {eaten} eaten" if eaten else "")
    return Reason(code, total - done - eaten, "frames", text)


def _state_of(farm: Farm, layer: Layer, index: int) -> str:
    state = FrameState(int(layer.frames.state[index]))
    proc = farm.proc_of(layer, index)
    if state is FrameState.RUNNING and proc is not None:
        return f"running on {farm.hosts[proc.host_id].name}"
    return "held by a depend" if state is FrameState.DEPEND else state.name.lower()


def _running(farm: Farm, layer: Layer, index: int, now_us: int, missing_run_us: int) -> Reason:
    proc = farm.proc_of(layer, index)
    if proc is None:
        return Reason("RUNNING", 0, "", "it runs")
    host = farm.hosts[proc.host_id].name
    if _is_missing(farm, proc):
        left_s = (max(proc.sent_us, proc.seen_us) + missing_run_us - now_us) // SECOND
        when = f"in {duration(left_s)}" if left_s > 0 else "with the next report"
        text = f"{host} does not report it; given up {when}, and it waits again then"
        return Reason("NOT_REPORTED", 0, "", text)
    held = f"{in_cores(proc.cores)} and {gib(proc.memory)}"
    text = f"it runs on {host} with {held} for {duration((now_us - proc.booked_us) // SECOND)}"
    if layer.runs_succeeded:
        each_s = layer.clock_us_succeeded // layer.runs_succeeded // SECOND
        text += f"; frames of this layer took {duration(each_s)} on average"
    if proc.kill_message:
        text += f"; it is being ended: {proc.kill_message}"
    elif not proc.launched:
        text = f"it is booked on {host} with {held}, and the agent there has not confirmed it yet"
    return Reason("RUNNING", 0, "", text)


def _cannot_end(farm: Farm, layer: Layer, index: int, now_us: int, silence: Silence) -> Iterator[Reason]:
    """Why nothing is heard of a run, or it may go on for ever."""
    proc = farm.proc_of(layer, index)
    if proc is None:
        return
    host = farm.hosts[proc.host_id]
    if is_silent(host, now_us, silence):
        yield silent_reason(host, "it is", 1, now_us, silence)
    if proc.stuck:
        yield stuck_reason(farm, proc)


def _is_missing(farm: Farm, proc: Proc) -> bool:
    """Whether its host has reported since the last word of a run, and not named it."""
    host = farm.hosts[proc.host_id]
    awaited = bool(host.agent) and not proc.launched  # its launch is sent again
    return not awaited and is_unnamed(farm, proc)


def _retries_left(farm: Farm, layer: Layer, index: int) -> Iterator[Reason]:
    """How often a frame that runs may fail, or be killed, and is tried again."""
    job, proc = farm.jobs[layer.job_id], farm.proc_of(layer, index)
    if job.auto_eat or job.state is JobState.FINISHED:
        return
    if proc is not None and (proc.on_end is not OnEnd.AS_REPORTED or _is_missing(farm, proc)):
        return
    most = layer.retries_of(job)
    left = max(most - int(layer.frames.retries[index]), 0)
    again = "tried again" if left else "dead"
    retries = plural(left, "retry is", "retries are")
    text = f"should it fail it is {again} ({left} {retries} left)"
    yield Reason("RETRIES_LEFT", left, "retries", text)


def _last_run(farm: Farm, layer: Layer, index: int) -> str:
    status = int(layer.frames.exit_status[index])
    return f"its last run, on {_last_host(farm, layer, index)}, ended with {_exit_words(layer, index, status)}"


def _last_host(farm: Farm, layer: Layer, index: int) -> str:
    row = int(layer.frames.last_host[index])
    return farm.host_names[row] if row >= 0 else "no host"


def _exit_words(layer: Layer, index: int, status: int) -> str:
    meaning = _EXITS.get(status) or _signal_of_shell(status)
    used = int(layer.frames.max_rss_kib[index])
    if status in MEMORY_EXITS and not is_believable(used, layer.reserved_memory):
        meaning = f"which stands for want of memory, but it used at most {gib(used)}, and its layer asks for "
        meaning += gib(layer.reserved_memory)
    return f"exit status {status}" + (f" ({meaning})" if meaning else "")


def _signal_of_shell(status: int) -> str:
    try:
        number = signal.Signals(status - SHELL_SIGNAL)
    except ValueError:
        return ""
    return f"signal {number.value}, {number.name}"


SHELL_SIGNAL: Final = 128
"""A shell whose command was ended by a signal ends with this and the signal's number."""
_EXITS: Final[dict[int, str]] = {
    126: "the command cannot be executed",
    127: "command not found",
    Exit.MEMORY: "it needed more memory than its host had",
    Exit.CONTAINER_MEMORY: "it needed more memory than its host had",
    Exit.FAILED_LAUNCH: "it could not be launched",
    Exit.SKIP_RETRY: "it asked not to be retried, or its host was needed",
    Exit.CLEARED: "its run was cleared",
    Exit.ORPHAN: "its run was not known to the host any more",
    Exit.HOST_DOWN: "its host was lost",
    Exit.RETRIED_BY_USER: "somebody retried it while it ran",
}
