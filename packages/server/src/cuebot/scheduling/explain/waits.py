"""What frames wait for that does not come of itself: dead, eaten, over or paused, also at the far end of a chain.

A depend whose other side is under way needs nothing but time and has no root here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

import numpy as np

from cuebot.domain.advice import advise
from cuebot.domain.depends import SHAPES, WHOLE_LAYER, done_of, edges_of, held_frames
from cuebot.domain.farm import Farm
from cuebot.domain.frames import IndexArray, as_indices
from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Depend, Job, Layer
from cuebot.domain.states import FrameState, JobState
from cuebot.scheduling.explain.dead_frames import again, deaths
from cuebot.scheduling.explain.reasons import Reason
from cuebot.scheduling.explain.wording import counted, plural, range_of
from cuebot.scheduling.rules.eligibility import job_reasons

STEPS_MOST: Final = 200
"""Links of a chain that are followed for one frame; a longer one is told without its root."""
LAYER_STEPS_MOST: Final = 20
"""The same for a whole layer: a job may have thousands of them."""
_NONE: Final = as_indices([])
ROOTS_MOST: Final = 5
"""Roots that are told."""
CODES: Final = ("WAITS_FOR_DEAD", "WAITS_FOR_EATEN", "WAITS_FOR_DONE", "WAITS_FOR_ENDED", "WAITS_FOR_STOPPED")


Holding = dict[str, dict[str, list[Depend]]]
"""Active depends by job and by the layer that waits; those of whole jobs under no name."""


def roots(farm: Farm, layer: Layer, indices: IndexArray | None = None, known: Holding | None = None) -> list[Reason]:
    """What DEPEND frames of a layer, or those of them that are named, wait for in vain, each thing once.

    `known` is kept between questions about one moment.
    """
    known = {} if known is None else known
    found: dict[tuple[str, str], Reason] = {}
    wanted = layer.frames.in_state(FrameState.DEPEND) if indices is None else indices
    seen: dict[str, Mask] = {layer.id: np.zeros(len(layer.frames), dtype=np.bool_)}
    seen[layer.id][wanted] = True
    queue: deque[tuple[Layer, IndexArray, str]] = deque([(layer, wanted, "")])
    for _ in range(LAYER_STEPS_MOST if indices is None else STEPS_MOST):
        if not queue or len(found) >= ROOTS_MOST:
            break
        waiting, held, via = queue.popleft()
        for depend in holding(farm, waiting, known):
            for on, frames in _awaited(farm, depend, waiting, held):
                for reason in _in_vain(farm, depend, on, frames, waiting, via):
                    found.setdefault((reason.code, reason.text), reason)
                new = _unseen(on, frames, seen) if on.counts[FrameState.DEPEND] else _NONE
                if len(new) and not _is_over(farm, depend):
                    queue.append((on, new, via or f" (by way of {_named(farm, waiting, on)})"))
    return list(found.values())[:ROOTS_MOST]


def holding(farm: Farm, layer: Layer, known: Holding) -> list[Depend]:
    """Active depends of a layer, its frames and its job."""
    if layer.job_id not in known:
        of_job: dict[str, list[Depend]] = known.setdefault(layer.job_id, {})
        for depend in (farm.depends[id] for id in sorted(farm.depends_of_job.get(layer.job_id, ()))):
            if depend.active:
                whole = SHAPES[depend.type].er == "job"
                of_job.setdefault("" if whole else depend.er_layer or "", []).append(depend)
    found = known[layer.job_id]
    return found.get("", []) + found.get(layer.id, [])


def _awaited(farm: Farm, depend: Depend, layer: Layer, held: IndexArray) -> Iterator[tuple[Layer, IndexArray | None]]:
    """The layers that a depend lets frames of a layer wait for, and which frames of them; None where it is all."""
    if SHAPES[depend.type].pairs:
        edges = edges_of(farm, depend)
        on = edges.on[np.isin(edges.er, held) & ~done_of(farm, depend)]
        if len(on):
            whole = bool((on == WHOLE_LAYER).any())
            yield farm.layers[depend.on_layer or ""], None if whole else as_indices(np.unique(on))
        return
    holds = any(
        one.id == layer.id and (which is None or bool(np.isin(held, which).any()))
        for one, which in held_frames(farm, depend)
    )
    if not holds:
        return
    if depend.on_layer:
        frames = None if depend.on_frame is None else as_indices([depend.on_frame])
        yield farm.layers[depend.on_layer], frames
        return
    for on_layer in farm.layers_of(farm.jobs[depend.on_job]):
        if not on_layer.complete:
            yield on_layer, None


def _is_over(farm: Farm, depend: Depend) -> bool:
    return farm.jobs[depend.on_job].state is JobState.FINISHED


def _in_vain(
    farm: Farm, depend: Depend, on: Layer, frames: IndexArray | None, waiting: Layer, via: str
) -> Iterator[Reason]:
    """What of the awaited will not come of itself."""
    on_job, er_job = farm.jobs[depend.on_job], farm.jobs[depend.er_job]
    release = _release(farm, depend, er_job, waiting)
    if _is_over(farm, depend):
        what = f"layer {on.name} of job {on_job.name}" if depend.on_layer else f"job {on_job.name}"
        how = "it has ended, and some of its frames were eaten" if on_job.complete else "it was killed"
        text = f"waits for {what}, which is over: {how}{via}"
        yield Reason("WAITS_FOR_ENDED", 1, "jobs", text, f"to satisfy what waits for it: {release}")
        return
    if sum(on.counts) == on.counts[FrameState.DEPEND]:
        return  # the rest of the chain says it
    states = on.frames.state if frames is None else on.frames.state[frames]
    of = f"of layer {on.name}" + ("" if on_job is er_job else f" of job {on_job.name}")
    stuck_whole = frames is None and on.complete and bool(depend.on_layer)
    for code, state, word in _ENDED_WITHOUT:
        count = int((states == state).sum())
        eaten_too = state is FrameState.SUCCEEDED and bool((states == FrameState.EATEN).any())
        if count and not depend.on_failure and (stuck_whole or frames is not None) and not eaten_too:
            which = range_of(on, on.frames.in_state(state) if frames is None else frames[states == state])
            mark = release
            if which is not None:
                mark = advise("frame.mark_done", job=farm.word_for(on_job), layer=on.name, frames=which)
            text = f"waits for {counted(count, f'{word} frame')} {of}{via}"
            remedy = f"{mark} to satisfy what waits for {plural(count, 'it', 'them')}"
            yield Reason(code, count, "frames", text, remedy)
    if depend.any_frame and bool(np.isin(states, (FrameState.WAITING, FrameState.RUNNING)).any()):
        return
    if not depend.on_failure:
        yield from _dead(farm, on_job, on, frames, of, via)
    blocked = job_reasons(farm, on_job)
    if on_job is not er_job and bool((states == FrameState.WAITING).any()) and blocked:
        detail = _STOPPED.get(blocked[0])
        if detail:
            text, start = detail(farm, on_job)
            yield Reason("WAITS_FOR_STOPPED", 1, "jobs", f"waits for job {on_job.name}, {text}{via}", start)


def _dead(farm: Farm, job: Job, layer: Layer, frames: IndexArray | None, of: str, via: str) -> Iterator[Reason]:
    """Dead frames among the awaited, by the kind of their death."""
    for death in deaths(farm, layer) if layer.counts[FrameState.DEAD] else ():
        indices = death.indices if frames is None else death.indices[np.isin(death.indices, frames)]
        if not len(indices):
            continue
        count = len(indices)
        which = range_of(layer, indices)
        them = plural(count, "it", "them")
        remedy = f"{death.first}{again(farm, job, layer, indices)} runs {them} again"
        if which is not None:
            word = farm.word_for(job)
            without = advise("frame.eat", job=word, layer=layer.name, frames=which, mark_done=True)
            remedy += f"; {without} goes on without {them}"
        text = f"waits for {counted(count, 'dead frame')} {of}{via}"
        yield Reason("WAITS_FOR_DEAD", count, "frames", text, remedy)


def _release(farm: Farm, depend: Depend, er_job: Job, waiting: Layer) -> str:
    """The least command that lets go what a depend holds, by the side that waits."""
    if SHAPES[depend.type].er == "job":
        return advise("depend.satisfy", job=er_job.name)
    return advise("depend.satisfy", job=er_job.name, layer=waiting.name)


def _unseen(on: Layer, frames: IndexArray | None, seen: dict[str, Mask]) -> IndexArray:
    """DEPEND frames among the awaited that were not followed yet."""
    held = on.frames.in_state(FrameState.DEPEND)
    if frames is not None:
        held = frames[on.frames.state[frames] == FrameState.DEPEND]
    if on.id not in seen:
        seen[on.id] = np.zeros(len(on.frames), dtype=np.bool_)
    new: IndexArray = held[~seen[on.id][held]]
    seen[on.id][new] = True
    return new


def _named(farm: Farm, waiting: Layer, on: Layer) -> str:
    of = "" if on.job_id == waiting.job_id else f" of job {farm.jobs[on.job_id].name}"
    return f"layer {on.name}{of}"


_ENDED_WITHOUT: Final = (
    ("WAITS_FOR_EATEN", FrameState.EATEN, "eaten"),
    ("WAITS_FOR_DONE", FrameState.SUCCEEDED, "finished"),
)
"""Frames that are over and satisfied nothing: given up, or done before the depend was made to hold again."""


def _paused(farm: Farm, job: Job) -> tuple[str, str]:
    return "which is paused", advise("job.resume", job=job.name)


def _show_inactive(farm: Farm, job: Job) -> tuple[str, str]:
    show = farm.shows[job.show_id]
    what = "archived" if show.archived_name else "not active"
    return f"whose show {show.name} is {what}", advise("show.set_active", show=show.name)


def _booking_off(farm: Farm, job: Job) -> tuple[str, str]:
    show = farm.shows[job.show_id].name
    return f"for whose show {show} booking is off", advise("show.set_booking", show=show, enabled=True)


def _dispatch_off(farm: Farm, job: Job) -> tuple[str, str]:
    show = farm.shows[job.show_id].name
    return f"for whose show {show} dispatching is off", advise("show.set_dispatching", show=show, enabled=True)


_STOPPED: Final = {
    "JOB_PAUSED": _paused,
    "SHOW_INACTIVE": _show_inactive,
    "SHOW_BOOKING_OFF": _booking_off,
    "SHOW_DISPATCH_OFF": _dispatch_off,
}
