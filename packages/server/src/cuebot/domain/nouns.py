"""The things of the farm: shows, groups, jobs, layers, depends, hosts, procs and what they belong to.

Each class is a row of the journal. A field made by `derived()` is none: it is computed when the farm is loaded and kept
current by `apply`. A field made by `volatile()` is telemetry: what hosts said last, forgotten on a restart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from cuebot.domain.frames import Frames
from cuebot.domain.states import (
    Cause,
    DependType,
    FrameState,
    HostState,
    JobState,
    LayerType,
    LockState,
    OnEnd,
    ThreadMode,
)
from cuebot.domain.units import MINUTE, CoreUnits, KiB, Micros

SYSTEM_MEMORY = KiB(524_288)
"""What a host keeps for itself: 512 MiB is never reserved (mem_reserved_system)."""
SHARE_HALF_LIFE_US = 30 * MINUTE
"""How long it takes until what a show held counts half for its share."""


def derived(default_factory: Any) -> Any:
    """A field computed from other rows, never stored."""
    return field(default_factory=default_factory, metadata={"stored": False}, compare=False, repr=False)


def volatile(default: Any) -> Any:
    """A field that holds telemetry: outside rows and events."""
    return field(default=default, metadata={"stored": False}, compare=False, repr=False)


@cache
def stored_fields(noun: Hashable) -> tuple[str, ...]:
    """Names of the fields of a noun that the journal keeps, in order."""
    return tuple(f.name for f in dataclasses.fields(cast(Any, noun)) if f.metadata.get("stored", True))


@cache
def _stored_getter(noun: Hashable) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*stored_fields(noun))


def stored_values(thing: Any) -> dict[str, Any]:
    """The stored fields of a thing, shallow."""
    noun = cast(Hashable, type(thing))
    return dict(zip(stored_fields(noun), _stored_getter(noun)(thing), strict=True))


def no_counts() -> list[int]:
    """Frame counters, one for each FrameState."""
    return [0] * len(FrameState)


@dataclass(slots=True)
class Facility:
    """A site. Hosts and jobs belong to one, and a job runs only in its own."""

    id: str
    name: str


@dataclass(slots=True)
class Allocation:
    """A named set of hosts of one facility; its full name is `facility.name`."""

    id: str
    name: str
    tag: str
    facility_id: str
    billable: bool = True
    is_default: bool = False
    reserved_cores: CoreUnits = derived(int)


@dataclass(slots=True)
class Show:
    """A production. What it may use is said by its subscriptions."""

    id: str
    name: str
    created_us: Micros
    active: bool = True
    booking_enabled: bool = True
    dispatch_enabled: bool = True
    default_min_cores: CoreUnits = CoreUnits(100)
    default_max_cores: CoreUnits = CoreUnits(10_000)
    default_min_gpus: int = 0
    default_max_gpus: int = 100
    comment_email: str = ""
    jobs_created: int = 0
    frames_created: int = 0
    runs_succeeded: int = 0
    runs_failed: int = 0
    root_group_id: str = ""


@dataclass(slots=True)
class Group:
    """A folder of jobs within a show, with limits of its own; -1 is "no limit" or "no default"."""

    id: str
    name: str
    show_id: str
    parent_id: str | None
    department: str = "Unknown"
    min_cores: CoreUnits = CoreUnits(0)
    max_cores: CoreUnits = CoreUnits(-1)
    min_gpus: int = 0
    max_gpus: int = -1
    default_job_priority: int = -1
    default_job_min_cores: CoreUnits = CoreUnits(-1)
    default_job_max_cores: CoreUnits = CoreUnits(-1)
    default_job_min_gpus: int = -1
    default_job_max_gpus: int = -1
    job_ids: set[str] = derived(set)
    reserved_cores: CoreUnits = derived(int)
    reserved_gpus: int = derived(int)


@dataclass(slots=True)
class Subscription:
    """What a show may use of an allocation: `size` is its share, `burst` its hard cap."""

    id: str
    show_id: str
    allocation_id: str
    size: CoreUnits
    burst: CoreUnits
    reserved_cores: CoreUnits = derived(int)
    average_cores: float = volatile(0.0)
    average_us: Micros = volatile(Micros(0))
    """When the average was brought up to date; 0 since the server started: what is held now stands for the past."""

    def held_lately(self, now_us: int) -> float:
        """Core units held on average of the time until now, the past counting half every SHARE_HALF_LIFE_US."""
        kept: float = 0.5 ** (max(now_us - self.average_us, 0) / SHARE_HALF_LIFE_US)
        return self.average_cores * kept + self.reserved_cores * (1.0 - kept)

    def hold(self, by: int, at_us: int) -> None:
        """Count core units as held from now on, or as free again."""
        self.average_cores = self.held_lately(at_us)
        self.average_us = Micros(max(at_us, self.average_us))
        self.reserved_cores = CoreUnits(self.reserved_cores + by)


@dataclass(slots=True)
class Service:
    """Defaults for the layers that name it; `max_cores` 0 is "no maximum"."""

    id: str
    name: str
    threadable: bool = False
    min_cores: CoreUnits = CoreUnits(100)
    max_cores: CoreUnits = CoreUnits(0)
    min_memory: KiB = KiB(3_355_443)
    min_gpus: int = 0
    max_gpus: int = 0
    min_gpu_memory: KiB = KiB(0)
    tags: tuple[str, ...] = ("general",)
    timeout_minutes: int = 0
    timeout_llu_minutes: int = 0
    min_memory_increase: KiB = KiB(2_097_152)


@dataclass(slots=True)
class Limit:
    """How many frames of the layers that name it may run at once, or on how many hosts (a licence)."""

    id: str
    name: str
    max_value: int
    per_host: bool = False


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
    layer_ids: list[str] = derived(list)
    counts: list[int] = derived(no_counts)
    reserved_cores: CoreUnits = derived(int)
    reserved_gpus: int = derived(int)

    @property
    def complete(self) -> bool:
        """Every frame has succeeded or was eaten."""
        return sum(self.counts) == self.counts[FrameState.SUCCEEDED] + self.counts[FrameState.EATEN]


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
        ended = (FrameState.SUCCEEDED, FrameState.EATEN, FrameState.DEAD)
        return sum(self.counts) == sum(self.counts[state] for state in ended)


@dataclass(slots=True)
class Edges:
    """Which frame waits for which in a composite depend: pairs of indices; -1 on the right is the whole layer."""

    er: npt.NDArray[np.int32]
    on: npt.NDArray[np.int32]
    by_on: npt.NDArray[np.int64]
    """Positions of the pairs, sorted by `on`."""
    sorted_on: npt.NDArray[np.int32]
    """`on[by_on]`."""

    def waiting_for(self, indices: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Positions, ascending, of the pairs that wait for these frames of the other layer (-1: all of it)."""
        if len(indices) == 1:  # the usual case, one frame that succeeded, costs no look at every pair
            first, last = np.searchsorted(self.sorted_on, [indices[0], indices[0] + 1])
            return self.by_on[first:last].astype(np.int32)
        return np.flatnonzero(np.isin(self.on, indices)).astype(np.int32)


@dataclass(slots=True)
class Depend:
    """One dependency record, however many frames it holds back.

    `er` is the side that waits, `on` what it waits for; which fields are set follows from the type
    (`domain.depends.SHAPES`).
    """

    id: str
    type: DependType
    er_job: str
    on_job: str
    er_layer: str | None = None
    er_frame: int | None = None
    on_layer: str | None = None
    on_frame: int | None = None
    any_frame: bool = False
    on_failure: bool = False
    """Dead and eaten frames count as done (decisions: regardless-of-failure)."""
    active: bool = True
    created_us: Micros = Micros(0)
    satisfied: bytes = b""
    """Composite types: one bit a pair of `edges`, packed; empty while none is satisfied."""
    waived: tuple[tuple[str, int], ...] = ()
    """Other types: (layer id, frame index) of single frames that were let go although the depend is active."""
    edges: Edges | None = volatile(None)
    done: npt.NDArray[np.bool_] | None = volatile(None)
    """`satisfied`, unpacked."""

    @property
    def internal(self) -> bool:
        """Both sides are in one job."""
        return self.er_job == self.on_job


@dataclass(slots=True)
class Host:
    """A render host, known from its first report on."""

    id: str
    name: str
    row: int
    """Its row in `Farm.hosts_table`, and its number in `Farm.host_names`."""
    facility_id: str
    allocation_id: str
    created_us: Micros
    state: HostState = HostState.UP
    lock: LockState = LockState.OPEN
    nimby_enabled: bool = False
    thread_mode: ThreadMode = ThreadMode.AUTO
    os: tuple[str, ...] = ()
    cores: CoreUnits = CoreUnits(0)
    memory: KiB = KiB(0)
    """What may be reserved: what the host has, less what its system needs."""
    gpus: int = 0
    gpu_memory: KiB = KiB(0)
    manual_tags: tuple[str, ...] = ()
    hardware_tags: tuple[str, ...] = ()
    boot_us: Micros = Micros(0)
    address: str = ""
    agent: str = ""
    """Version of our agent; empty for any other."""
    instance: str = ""
    lease_us: Micros = Micros(0)
    """How long our agent lets frames run without contact; 0 for any other agent, NO_END for one that goes on."""
    removed: bool = False
    stopped: bool = False
    """Its agent has said that it was told to stop, and nothing since."""
    proc_ids: set[str] = derived(set)
    ping_us: Micros = volatile(Micros(0))
    load: int = volatile(0)
    total_memory: KiB = volatile(KiB(0))
    free_memory: KiB = volatile(KiB(0))
    total_swap: KiB = volatile(KiB(0))
    free_swap: KiB = volatile(KiB(0))
    total_temp: KiB = volatile(KiB(0))
    free_temp: KiB = volatile(KiB(0))
    free_gpu_memory: KiB = volatile(KiB(0))
    reported: bool = volatile(False)
    """It has reported since the server started."""
    closed: str = volatile("")
    """Why its agent takes no launches for a time, in words; empty while it does."""
    peer: str = volatile("")
    """The network address that its agent's last report came from."""
    full_name: str = volatile("")
    """Its name with its domain, as its agent's last report had it."""
    goodbye_us: Micros = volatile(Micros(0))
    """When its agent last said that it was told to stop; at the latest when the server started, of a host that was down
    then. What was booked before has not ended unannounced."""
    rival: str = volatile("")
    """The last other agent that reported under this host's name and was refused, in words."""
    rival_us: Micros = volatile(Micros(0))
    """When that was last heard."""
    refusals: int = volatile(0)
    refused_until_us: Micros = volatile(Micros(0))
    """No booking before this: it refused launches, and is asked again with growing pauses."""
    failed_jobs: tuple[str, ...] = volatile(())
    """Jobs whose frames failed here since the last frame that succeeded here."""
    quarantined_until_us: Micros = volatile(Micros(0))
    """No booking before this: frames of several jobs failed here in a row."""

    @property
    def machine_memory(self) -> KiB:
        """What the machine has: as reported, or before its first report since the start from what may be reserved."""
        return self.total_memory or KiB(self.memory + SYSTEM_MEMORY)


@dataclass(slots=True)
class Proc:
    """One run of a frame on a host and what it holds there. Its id is the run's id."""

    id: str
    host_id: str
    show_id: str
    job_id: str
    layer_id: str
    frame_index: int
    cores: CoreUnits
    memory: KiB
    gpus: int
    booked_us: Micros
    on_end: OnEnd = OnEnd.AS_REPORTED
    kill_message: str = ""
    """Not empty: somebody asked to have it killed."""
    gpu_memory: KiB = KiB(0)
    """Of all its GPUs together."""
    kill_cause: Cause = Cause.KILLED
    """Why it is to be killed, where it is."""
    alone: bool = False
    """It has its host to itself: earlier runs of its frame ended with their host."""
    launched: bool = volatile(False)
    """The agent has said that it has it."""
    sent_us: Micros = volatile(Micros(0))
    """When its launch was last sent."""
    seen_us: Micros = volatile(Micros(0))
    """When its agent last said that it has it; at first when it was booked or loaded."""
    unanswered_us: Micros = volatile(Micros(0))
    """When a launch of it was last left without an answer: for a while after this it may still arrive."""
    kill_sent_us: Micros = volatile(Micros(0))
    rss: KiB = volatile(KiB(0))
    max_rss: KiB = volatile(KiB(0))
    llu_s: int = volatile(0)
    """When its log last grew, by its host's clock, in seconds; 0 where its agent does not tell."""
    ran_us: Micros = volatile(Micros(0))
    """How long it had run when its host last named it, without the time for which it was suspended."""
    grew_us: Micros | None = volatile(None)
    """How long it had run when a report last told another `llu_s`; None before the first that tells any."""
    stuck: str = volatile("")
    """What of it is still there although it was killed, as its host said last."""


@dataclass(slots=True)
class Comment:
    """A remark of a person on a job or a host."""

    id: str
    job_id: str | None
    host_id: str | None
    user: str
    subject: str
    message: str
    created_us: Micros


@dataclass(slots=True)
class Request:
    """The answer that a request id once got, so that a repeated submission is answered and not done again."""

    id: str
    reply: Any
    answered_us: Micros


NOUNS: dict[str, type] = {
    "facility": Facility,
    "allocation": Allocation,
    "show": Show,
    "group": Group,
    "subscription": Subscription,
    "service": Service,
    "limit": Limit,
    "job": Job,
    "layer": Layer,
    "depend": Depend,
    "host": Host,
    "proc": Proc,
    "comment": Comment,
    "request": Request,
}
"""Every kind of row, in an order in which they can be loaded."""
