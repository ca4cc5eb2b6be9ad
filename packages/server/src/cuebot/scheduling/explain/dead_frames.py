"""Why frames of a layer are dead, as far as the books tell, and what makes them run again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from cuebot.domain.advice import advise
from cuebot.domain.farm import Farm
from cuebot.domain.frames import IndexArray
from cuebot.domain.host_ends import ENDS_ALONE, ENDS_MOST
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
    frames, job = layer.frames, farm.jobs[layer.job_id]
    dead = frames.in_state(FrameState.DEAD)
    took_hosts = dead[frames.host_ends[dead] >= ENDS_MOST]
    if len(took_hosts):
        its = plural(len(took_hosts), "its", "their")
        text = f"took {its} hosts down and {plural(len(took_hosts), 'is', 'are')} dead: {ENDS_MOST} runs"
        text += (
            f" {plural(len(took_hosts), 'ended', 'of each ended')} with their host, the last {ENDS_ALONE} alone there"
        )
        yield Death("FRAMES_TOOK_HOSTS", took_hosts, text, _look_first(farm, job, layer, took_hosts))
        dead = dead[frames.host_ends[dead] < ENDS_MOST]
    status, ran_us = frames.exit_status[dead], frames.stop_us[dead] - frames.start_us[dead]
    not_started = (status == Exit.FAILED_LAUNCH) | (frames.start_us[dead] <= 0)
    says_memory = ~not_started & np.isin(status, tuple(MEMORY_EXITS))
    memory = says_memory & is_believable(frames.max_rss_kib[dead], layer.reserved_memory)
    had_memory = says_memory & ~memory
    limit_us = layer.timeout_minutes * MINUTE
    late = ~not_started & ~says_memory & (limit_us > 0) & (ran_us >= limit_us)
    silent_us = layer.timeout_llu_minutes * MINUTE
    silent = ~not_started & ~says_memory & ~late & (silent_us > 0) & (ran_us >= silent_us) & np.isin(status, _ENDED_BY)
    if not_started.any():
        one = int(not_started.sum())
        text = f"could not be started and {plural(one, 'is', 'are')} dead; there is no log"
        yield Death("FRAMES_NOT_STARTED", dead[not_started], text, "")
    if late.any():
        longest = int(-(-ran_us[late].max() // MINUTE))
        minutes = 2 * max(layer.timeout_minutes, longest)
        text = f"ran longer than the {counted(layer.timeout_minutes, 'minute')} that the layer allows"
        longer = advise("layer.set_timeout", job=farm.word_for(job), layer=layer.name, minutes=minutes)
        first = f"{longer} gives more time, then "
        yield Death("FRAMES_OUT_OF_TIME", dead[late], text, first)
    if silent.any():
        logs, minutes = plural(int(silent.sum()), "its log", "their logs"), layer.timeout_llu_minutes
        text = f"wrote nothing to {logs} for the {counted(minutes, 'minute')} that the layer allows"
        longer = advise("layer.set_llu_timeout", job=farm.word_for(job), layer=layer.name, minutes=2 * minutes)
        first = f"{longer} gives more time, then "
        yield Death("FRAMES_SILENT", dead[silent], text, first)
    if memory.any():
        yield Death("FRAMES_OUT_OF_MEMORY", dead[memory], *_out_of_memory(farm, job, layer))
    if had_memory.any():
        used, asked = gib(int(frames.max_rss_kib[dead[had_memory]].max())), gib(layer.reserved_memory)
        text = f"ended with a status that stands for want of memory, but used at most {used} of {asked}"
        yield Death("FRAMES_DEAD", dead[had_memory], text, _look_first(farm, job, layer, dead[had_memory]))
    other = ~not_started & ~says_memory & ~late & ~silent
    if other.any():
        one = int(other.sum())
        text = f"failed too often and {plural(one, 'is', 'are')} dead"
        if not layer.retries_of(job):
            text = f"failed and {plural(one, 'has', 'have')} no retry"
        yield Death("FRAMES_DEAD", dead[other], text, _look_first(farm, job, layer, dead[other]))


def _look_first(farm: Farm, job: Job, layer: Layer, indices: IndexArray) -> str:
    """The way to the log of the first of some frames."""
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
