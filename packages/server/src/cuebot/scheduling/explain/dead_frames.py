"""Why frames of a layer are dead, as far as the books tell, and what makes them run again."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from cuebot.domain.advice import advise
from cuebot.domain.farm import Farm
from cuebot.domain.frames import IndexArray
from cuebot.domain.host_ends import ENDS_ALONE, ENDS_MOST
from cuebot.domain.host_table import Mask
from cuebot.domain.memory import MEMORY_EXITS, is_believable
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import Exit, FrameState
from cuebot.domain.units import MINUTE
from cuebot.scheduling.explain.reasons import Reason
from cuebot.scheduling.explain.wording import counted, gib, plural, range_of, tenths_of_gib
from cuebot.scheduling.rules.most_memory import most_memory

CODES: Final = (
    *("FRAMES_TOOK_HOSTS", "FRAMES_NOT_STARTED", "FRAMES_OUT_OF_TIME", "FRAMES_SILENT", "FRAMES_OUT_OF_MEMORY"),
    "FRAMES_DEAD",
)
"""One for each kind of death."""
_ENDED_BY: Final = (signal.SIGKILL, signal.SIGTERM, 128 + signal.SIGTERM)
"""Statuses of what was told to end; the last is a shell's."""


@dataclass(frozen=True, slots=True)
class Death:
    """Dead frames of one kind."""

    code: str
    indices: IndexArray
    text: str
    """What goes after "3 frames"."""
    first: str
    """What is to be done before they run again, as it begins a sentence; empty where nothing is known to be."""


def deaths(farm: Farm, layer: Layer) -> Iterator[Death]:
    """A layer's dead frames by kind."""
    dead = layer.frames.in_state(FrameState.DEAD)
    took_hosts = layer.frames.host_ends[dead] >= ENDS_MOST
    if took_hosts.any():
        yield _took_hosts(farm, layer, dead[took_hosts])

    dead = dead[~took_hosts]
    for told, of_kind in _kinds(layer, dead):
        if of_kind.any():
            yield told(farm, layer, dead[of_kind])


Told = Callable[[Farm, Layer, IndexArray], Death]
"""What is said of dead frames of one kind."""


def _kinds(layer: Layer, dead: IndexArray) -> list[tuple[Told, Mask]]:
    """Which of some dead frames are of which kind: each is of one."""
    frames = layer.frames
    status = frames.exit_status[dead]
    ran_us = frames.stop_us[dead] - frames.start_us[dead]

    not_started = (status == Exit.FAILED_LAUNCH) | (frames.start_us[dead] <= 0)
    says_memory = ~not_started & np.isin(status, tuple(MEMORY_EXITS))
    memory = says_memory & is_believable(frames.max_rss_kib[dead], layer.reserved_memory)

    rest = ~not_started & ~says_memory
    limit_us = layer.timeout_minutes * MINUTE
    late = rest & (limit_us > 0) & (ran_us >= limit_us)
    silent_us = layer.timeout_llu_minutes * MINUTE
    silent = rest & ~late & (silent_us > 0) & (ran_us >= silent_us) & np.isin(status, _ENDED_BY)

    return [
        (_not_started, not_started),
        (_late, late),
        (_silent, silent),
        (_lacked_memory, memory),
        (_had_memory, says_memory & ~memory),
        (_failed, rest & ~late & ~silent),
    ]


def _took_hosts(farm: Farm, layer: Layer, indices: IndexArray) -> Death:
    count = len(indices)
    text = f"took {plural(count, 'its', 'their')} hosts down and {plural(count, 'is', 'are')} dead: {ENDS_MOST} runs"
    text += f" {plural(count, 'ended', 'of each ended')} with their host, the last {ENDS_ALONE} alone there"
    return Death("FRAMES_TOOK_HOSTS", indices, text, _look_first(farm, layer, indices))


def _not_started(farm: Farm, layer: Layer, indices: IndexArray) -> Death:
    text = f"could not be started and {plural(len(indices), 'is', 'are')} dead; there is no log"
    return Death("FRAMES_NOT_STARTED", indices, text, "")


def _late(farm: Farm, layer: Layer, indices: IndexArray) -> Death:
    ran_us = layer.frames.stop_us[indices] - layer.frames.start_us[indices]
    minutes = 2 * max(layer.timeout_minutes, int(-(-ran_us.max() // MINUTE)))
    text = f"ran longer than the {counted(layer.timeout_minutes, 'minute')} that the layer allows"
    longer = advise("layer.set_timeout", job=farm.word_for(farm.jobs[layer.job_id]), layer=layer.name, minutes=minutes)
    return Death("FRAMES_OUT_OF_TIME", indices, text, f"{longer} gives more time, then ")


def _silent(farm: Farm, layer: Layer, indices: IndexArray) -> Death:
    minutes = layer.timeout_llu_minutes
    logs = plural(len(indices), "its log", "their logs")
    text = f"wrote nothing to {logs} for the {counted(minutes, 'minute')} that the layer allows"
    job = farm.jobs[layer.job_id]
    longer = advise("layer.set_llu_timeout", job=farm.word_for(job), layer=layer.name, minutes=2 * minutes)
    return Death("FRAMES_SILENT", indices, text, f"{longer} gives more time, then ")


def _lacked_memory(farm: Farm, layer: Layer, indices: IndexArray) -> Death:
    return Death("FRAMES_OUT_OF_MEMORY", indices, *_out_of_memory(farm, farm.jobs[layer.job_id], layer))


def _had_memory(farm: Farm, layer: Layer, indices: IndexArray) -> Death:
    used, asked = gib(int(layer.frames.max_rss_kib[indices].max())), gib(layer.reserved_memory)
    text = f"ended with a status that stands for want of memory, but used at most {used} of {asked}"
    return Death("FRAMES_DEAD", indices, text, _look_first(farm, layer, indices))


def _failed(farm: Farm, layer: Layer, indices: IndexArray) -> Death:
    if layer.retries_of(farm.jobs[layer.job_id]):
        text = f"failed too often and {plural(len(indices), 'is', 'are')} dead"
    else:
        text = f"failed and {plural(len(indices), 'has', 'have')} no retry"
    return Death("FRAMES_DEAD", indices, text, _look_first(farm, layer, indices))


def _look_first(farm: Farm, layer: Layer, indices: IndexArray) -> str:
    """The way to the log of the first of some frames."""
    job = farm.jobs[layer.job_id]
    number = int(layer.frames.number[indices[0]])
    which = plural(len(indices), "its log", "the log of the first")
    log = advise("log.read", job=farm.word_for(job), layer=layer.name, frame=number)
    return f"{log} shows {which}, and when that is mended, "


def _out_of_memory(farm: Farm, job: Job, layer: Layer) -> tuple[str, str]:
    """Twice of what did not suffice, as far as some host has that."""
    most = most_memory(farm, layer)
    held = max(layer.min_memory, layer.max_rss)
    tenths = min(2 * held, most) * 10 // tenths_of_gib(10)
    text = f"needed more memory than {gib(layer.min_memory)}"
    more = tenths_of_gib(tenths)
    if more <= layer.min_memory:
        return f"{text}, and no host that is up has more than {gib(most)}", "when they need less, "
    more_memory = advise("layer.set_memory", job=farm.word_for(job), layer=layer.name, kib=more)
    return text, f"{more_memory} gives more, then "


def again(farm: Farm, job: Job, layer: Layer, indices: IndexArray) -> str:
    """The action that lets dead frames run again."""
    frames = range_of(layer, indices)
    if frames is None:
        return advise("frame.retry", job=farm.word_for(job))
    return advise("frame.retry", job=farm.word_for(job), layer=layer.name, frames=frames)


def dead_reasons(farm: Farm, layer: Layer) -> list[Reason]:
    """What is said of a layer's dead frames."""
    job = farm.jobs[layer.job_id]
    found = []
    for death in deaths(farm, layer):
        count = len(death.indices)
        remedy = f"{death.first}{again(farm, job, layer, death.indices)} runs {plural(count, 'it', 'them')} again"
        found.append(Reason(death.code, count, "frames", f"{counted(count, 'frame')} {death.text}", remedy))
    return found
