"""Jobs and their layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from cuebot.domain.frames import Frames
from cuebot.domain.nouns.fields import derived, no_counts, volatile
from cuebot.domain.nouns.limits import Binding
from cuebot.domain.states import (
    FrameState,
    JobState,
    LayerType,
)
from cuebot.domain.units import CoreUnits, KiB, Micros


@dataclass(slots=True)
class Job:
    """One submission: layers of frames, launched and ended together."""

    id: str
    name: str
    show_id: str
    group_id: str
    facility_id: str
    shot: str
    user: str
    log_dir: str
    submitted_us: Micros
    state: JobState = JobState.PENDING
    paused: bool = False
    priority: int = 1
    max_retries: int = 1
    auto_eat: bool = False
    min_cores: CoreUnits = CoreUnits(100)
    max_cores: CoreUnits = CoreUnits(10_000)
    min_gpus: int = 0
    max_gpus: int = 100
    uid: int | None = None
    email: str = ""
    os: str = ""
    env: dict[str, str] = field(default_factory=dict)
    stopped_us: Micros = Micros(0)
    parent_id: str | None = None
    """The job whose end lets this one start, for the post layers of a job."""
    specification_id: str = ""
    """What it was submitted with, which is kept on disk; empty where an older version launched it."""
    superseded: bool = False
    """It was asked for again while a younger job of its name was on disk: its name means that one."""
    subscribers: tuple[str, ...] = ()
    """Addresses that get mail when it ends, besides its own."""
    time_limit_minutes: int = 0
    """How long it may go on from the start of its first frame; 0 for ever."""
    time_limit_from_us: Micros = Micros(0)
    """Since when that is counted; 0 while nothing has started."""
    filtered: tuple[str, ...] = ()
    """What filters of its show did to it when they ran last, a text for each that it fits."""
    layer_ids: list[str] = derived(list)
    recalled_us: Micros = volatile(Micros(0))
    """When it was last loaded again, finished."""
    counts: list[int] = derived(no_counts)
    reserved_cores: CoreUnits = derived(int)
    reserved_gpus: int = derived(int)

    @property
    def complete(self) -> bool:
        """Every frame has succeeded or was eaten."""
        return sum(self.counts) == self.counts[FrameState.SUCCEEDED] + self.counts[FrameState.EATEN]

    @property
    def settled(self) -> bool:
        """No frame will change of itself: each has succeeded, was eaten, or is dead."""
        return _settled(self.counts)


_NO_FRAMES = Frames([], 0)
"""Stands in until a layer gets its own; made once, because a restart makes thousands of layers."""


class Learned(NamedTuple):
    """What the frames of a layer were seen to need; zeros where too few frames say so."""

    runs: int = 0
    """How many runs had succeeded when it was learned."""
    less: bool = False
    """The layer's service allows less than the layer asks for."""
    memory: KiB = KiB(0)
    """What to reserve."""
    memory_used: KiB = KiB(0)
    """95 % of the frames used no more."""
    memory_frames: int = 0
    cores: CoreUnits = CoreUnits(0)
    cores_used: CoreUnits = CoreUnits(0)
    cores_frames: int = 0
    cores_asked: CoreUnits = CoreUnits(0)
    """What these frames ran with."""


_NOTHING_LEARNED = Learned()


@dataclass(slots=True)
class Layer:
    """Frames that run the same command with the same needs."""

    id: str
    key: int
    """A small number, unique on this farm: what frame rows refer to."""
    job_id: str
    name: str
    type: LayerType
    command: str
    range_text: str
    chunk: int
    dispatch_order: int
    min_cores: CoreUnits
    max_cores: CoreUnits
    threadable: bool
    min_memory: KiB
    tags: tuple[str, ...]
    services: tuple[str, ...]
    min_gpus: int = 0
    max_gpus: int = 0
    min_gpu_memory: KiB = KiB(0)
    timeout_minutes: int = 0
    timeout_llu_minutes: int = 0
    limits: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    max_retries: int | None = None
    """This layer's own, where the job's is not meant."""
    memory_optimizer: bool = True
    start_after_us: Micros = Micros(0)
    start_after_reason: str = ""
    last_stop_us: Micros = Micros(0)
    runs_succeeded: int = 0
    runs_failed: int = 0
    core_us_succeeded: int = 0
    core_us_failed: int = 0
    clock_us_succeeded: int = 0
    longest_us: Micros = Micros(0)
    shortest_us: Micros = Micros(0)
    max_rss: KiB = KiB(0)
    bindings: dict[str, Binding] = field(default_factory=dict)
    """Where those of its limits come from that its specification does not name, by name of the limit."""
    frames: Frames = derived(lambda: _NO_FRAMES)
    counts: list[int] = derived(no_counts)
    runs: dict[int, str] = derived(dict)
    """Frame index to the id of the run that is not known to have ended."""
    reserved_cores: CoreUnits = derived(int)
    learned: Learned = volatile(_NOTHING_LEARNED)
    avoided_until_us: dict[int, int] = derived(dict)
    """Rows of hosts where a frame failed, and until when they are avoided; telemetry."""

    @property
    def reserved_memory(self) -> KiB:
        """What the next frame gets: what the layer asks for, or what its frames were seen to need."""
        learned = self.learned
        if not learned.memory or not self.memory_optimizer:
            return self.min_memory
        return learned.memory if learned.less else max(self.min_memory, learned.memory)

    @property
    def cores_per_frame(self) -> CoreUnits:
        """What the next frame gets: what the layer asks for, or what its frames were seen to keep busy."""
        learned = self.learned
        if not learned.cores or learned.cores_asked != self.min_cores or not self.threadable:
            return self.min_cores
        cores = min(learned.cores, self.max_cores) if self.max_cores > 0 else learned.cores
        return cores if learned.less and learned.cores < self.min_cores else max(self.min_cores, cores)

    @property
    def complete(self) -> bool:
        """Every frame has succeeded or was eaten."""
        return sum(self.counts) == self.counts[FrameState.SUCCEEDED] + self.counts[FrameState.EATEN]

    def retries_of(self, job: Job) -> int:
        """How often a frame that failed is tried again."""
        return job.max_retries if self.max_retries is None else self.max_retries

    def waiting(self, *, alone: bool) -> int:
        """How many frames wait for a host: those that run alone there, or the others."""
        alone_count = len(self.frames.waiting_alone()) if self.frames.alone else 0
        return alone_count if alone else self.counts[FrameState.WAITING] - alone_count

    @property
    def settled(self) -> bool:
        """No frame will change of itself: each has succeeded, was eaten, or is dead."""
        return _settled(self.counts)


def _settled(counts: list[int]) -> bool:
    return sum(counts) == sum(counts[state] for state in (FrameState.SUCCEEDED, FrameState.EATEN, FrameState.DEAD))
