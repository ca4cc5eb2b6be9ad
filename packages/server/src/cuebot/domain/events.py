"""Events: facts about the farm, in the past tense. `apply` is their only reader that changes anything.

Events speak of sets: frame indices within one layer. One command on 100,000 frames is one event. Every class has a
`version`; a journal keeps it, so that a later reader knows which fields to expect.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import msgspec
import numpy as np

from cuebot.domain.frames import IndexArray, from_runs, to_runs
from cuebot.domain.nouns.limits import Holder
from cuebot.domain.states import Cause, CheckpointState, FrameState, OnEnd
from cuebot.domain.units import CoreUnits, KiB, Micros

Values = dict[str, Any]
"""Stored fields of a noun by name."""


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""

    version: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Added(Event):
    """A thing exists now. Jobs have an event of their own."""

    kind: str
    values: Values


@dataclass(frozen=True, slots=True)
class Changed(Event):
    """Some fields of a thing have new values."""

    kind: str
    id: str
    changes: Values


@dataclass(frozen=True, slots=True)
class Removed(Event):
    """A thing is gone."""

    version: ClassVar[int] = 2

    kind: str
    id: str
    values: Values = field(default_factory=dict)
    """What it was, for those who are told of it; empty in events of version 1."""


@dataclass(frozen=True, slots=True)
class JobLaunched(Event):
    """A job and its layers exist, every frame WAITING until a DependAdded says otherwise."""

    job: Values
    layers: list[Values]


@dataclass(frozen=True, slots=True)
class JobFinished(Event):
    """A job left PENDING: complete, or killed."""

    job_id: str
    killed: bool = False


@dataclass(frozen=True, slots=True)
class JobReopened(Event):
    """A finished job is PENDING again, or a post job may start."""

    job_id: str


@dataclass(frozen=True, slots=True)
class JobArchived(Event):
    """A finished job has left memory, and is kept on disk."""

    job_id: str
    older: list[str] = field(default_factory=list)
    """Older jobs of its name that stay in memory: the name goes on to mean the one that left."""


@dataclass(frozen=True, slots=True)
class JobRecalled(Event):
    """A finished job is in memory again, because somebody asked for it."""

    job_id: str
    summary: bytes
    rest: bytes
    """As `domain.archive` packs them. History keeps neither: the job's rows say the same from now on."""
    layer_keys: list[int]
    """The keys that its layers have from now on, in dispatch order."""
    group_id: str
    facility_id: str
    """Where it belongs now: its own may be gone."""
    superseded: bool


@dataclass(frozen=True, slots=True)
class RunsBooked(Event):
    """Frames of one layer were given places on hosts; each is a run from here on."""

    version: ClassVar[int] = 3
    layer_id: str
    indices: IndexArray
    run_ids: list[str]
    host_ids: list[str]
    cores: list[int]
    memory: list[int]
    gpus: list[int]
    gpu_memory: list[int] = field(default_factory=list)
    """KiB; empty where no run takes any, as in every event of version 1."""
    partition_id: str = ""
    """The part of their user's host that they run in; empty for runs on the farm, as in events before version 3."""


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """A run is over, and its frame went to `state` (None: the frame keeps the state that it has)."""

    version: ClassVar[int] = 4

    run_id: str
    job_id: str
    layer_id: str
    index: int
    number: int
    host_id: str
    cores: CoreUnits
    memory: KiB
    booked_us: Micros
    state: FrameState | None
    exit_status: int
    exit_signal: int
    cause: Cause
    run_us: Micros
    max_rss: KiB
    message: str = ""
    used_cores: CoreUnits = CoreUnits(0)
    """Core units that it kept busy on average; 0 where nobody told, as in every event of version 1."""
    attempt: int = 0
    """Which run of the frame it was, the first is 1; 0 in events before version 3, as the next two are empty."""
    error_line: str = ""
    """The line of its log that says best what went wrong, at most 200 bytes; empty where none does."""
    log_name: str = ""
    """Name of its log file, as the agent gave it; empty where that is `JOB.FRAME.rqlog`."""
    free: bool = False
    """It ended by the frame's own doing, and the next start costs no retry, because the frame asked for that."""
    with_host: bool | None = False
    """Its host's agent died, or the host was booted, unannounced, and the run ended by that; None where nobody can say
    yet, because the host is silent."""
    alone: bool = False
    """It had its host to itself."""


@dataclass(frozen=True, slots=True)
class EndedWithHost(Event):
    """A host is back, so that of a run which was given up while it was silent it is known: it ended with its host."""

    run_id: str
    layer_id: str
    index: int
    alone: bool
    """It had the host to itself."""


@dataclass(frozen=True, slots=True)
class ReportIgnored(Event):
    """A report named a run that is not the frame's current one. History only: nothing changes."""

    run_id: str
    host_name: str
    exit_status: int
    exit_signal: int


@dataclass(frozen=True, slots=True)
class KillRequested(Event):
    """Somebody wants runs ended, and said what becomes of their frames."""

    version: ClassVar[int] = 2

    run_ids: list[str]
    on_end: OnEnd
    message: str
    cause: Cause = Cause.KILLED


@dataclass(frozen=True, slots=True)
class FramesEaten(Event):
    """Frames were given up: they count as done for their job, but satisfy nothing."""

    layer_id: str
    indices: IndexArray
    exit_status: int | None = None


@dataclass(frozen=True, slots=True)
class FramesRetried(Event):
    """Frames that were not running wait again."""

    layer_id: str
    indices: IndexArray


@dataclass(frozen=True, slots=True)
class FramesRestored(Event):
    """Frames that never ran here have ended, as they had on the farm that they come from."""

    layer_id: str
    indices: IndexArray
    state: FrameState
    exit_statuses: list[int]
    retries: list[int]
    start_us: list[int]
    stop_us: list[int]
    max_rss_kib: list[int]


@dataclass(frozen=True, slots=True)
class FramesReordered(Event):
    """Frames of a layer have a new place in the dispatch order."""

    layer_id: str
    indices: IndexArray
    orders: list[int]


@dataclass(frozen=True, slots=True)
class DependAdded(Event):
    """A depend holds frames back; `satisfied_pairs` of a composite one never did."""

    values: Values
    satisfied_pairs: IndexArray = field(default_factory=lambda: np.zeros(0, dtype=np.int32))


@dataclass(frozen=True, slots=True)
class DependSatisfied(Event):
    """A depend holds nothing back any more."""

    depend_id: str


@dataclass(frozen=True, slots=True)
class DependPairsSatisfied(Event):
    """Some pairs of a composite depend are satisfied."""

    depend_id: str
    pairs: IndexArray


@dataclass(frozen=True, slots=True)
class DependUnsatisfied(Event):
    """A depend holds again: all of it, or these pairs of a composite one."""

    depend_id: str
    pairs: IndexArray | None = None


@dataclass(frozen=True, slots=True)
class FramesReleased(Event):
    """Somebody let frames go although what they wait for has not happened."""

    layer_id: str
    indices: IndexArray


@dataclass(frozen=True, slots=True)
class FiltersApplied(Event):
    """Filters of its show have acted on a job, as it was launched or later; what they changed is in other events."""

    job_id: str
    filter_ids: list[str]
    done: list[str]
    """What each did, in words."""


@dataclass(frozen=True, slots=True)
class UsageReported(Event):
    """Somebody outside said who uses a limit: all who do, and nothing of others."""

    limit_id: str
    captured_us: Micros
    """When that was so."""
    since_us: Micros
    """What began after this is not in it, unless it names the host."""
    source: str
    licences: int
    tokens: int
    holders: dict[str, Holder]
    """By short name of the host. History keeps only how many tokens: the limit's row says the rest."""


@dataclass(frozen=True, slots=True)
class FramesHeld(Event):
    """Frames that somebody had let go wait again for what they waited for: all but pairs of frames."""

    layer_id: str
    indices: IndexArray


@dataclass(frozen=True, slots=True)
class CheckpointChanged(Event):
    """What is known of a frame's checkpoint is another thing; a frame in CHECKPOINT waits once it is over."""

    layer_id: str
    index: int
    checkpoint: CheckpointState


@dataclass(frozen=True, slots=True)
class RequestAnswered(Event):
    """A request with an id of its own was carried out, with this answer."""

    request_id: str
    reply: Any


EVENTS: dict[str, type[Event]] = {
    name: thing
    for name, thing in list(globals().items())
    if isinstance(thing, type) and issubclass(thing, Event) and thing is not Event
}
"""Every event class by its name."""


def encode(event: Event) -> bytes:
    """An event as JSON, frame indices as [first, last] runs; without what is long and stands in rows."""
    if isinstance(event, JobRecalled):
        event = replace(event, summary=b"", rest=b"")
    elif isinstance(event, UsageReported):
        event = replace(event, holders={})
    return msgspec.json.encode(event, enc_hook=_encode_array)


def decode(kind: str, body: bytes) -> Event:
    """The inverse of `encode`; `kind` is the class's name. Raises KeyError for an unknown kind."""
    event: Event = msgspec.json.decode(body, type=EVENTS[kind], dec_hook=_decode_array)
    return event


def _encode_array(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return to_runs(value)
    if isinstance(value, (np.integer, np.floating)):
        return value.item()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"an event cannot carry a {type(value).__name__}")


def _decode_array(hint: Any, value: Any) -> Any:
    return from_runs(value)
