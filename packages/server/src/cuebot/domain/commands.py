"""Commands: what somebody wants done. `decide` turns each into events, or refuses it.

A command travels in an envelope that says who wants it and from where, and the events keep that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cuebot.domain.events import Values
from cuebot.domain.frames import IndexArray
from cuebot.domain.principals import NOBODY, Principal
from cuebot.domain.states import Cause, DependType, HostState, LockState
from cuebot.domain.units import CoreUnits, KiB, Micros


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who wants a command done, from where, and why."""

    actor: str = "system"
    """What whoever wants it says that its user is called."""
    origin: str = ""
    reason: str = ""
    request_id: str = ""
    """Not empty: a command with the same id is answered as the first one was, and not done again."""
    principal: Principal = NOBODY
    """Who was proven to want it. Watchers are told; the stored history has only the actor."""


@dataclass(frozen=True, slots=True)
class Command:
    """Base of all commands."""


# --- jobs, layers, frames -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SubmitJobs(Command):
    """Launch every job of a job specification, or none of them.

    `spec` is a `cuebot.spec.Spec`, which lies above this module. It is parsed before it enters the mailbox, because a
    big one takes a while.
    """

    spec: Any


@dataclass(frozen=True, slots=True)
class KillJob(Command):
    """End a job: it is FINISHED, its running frames are killed and wait again should it be reopened."""

    job_id: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class FinishIfComplete(Command):
    """End a job if every frame has succeeded or was eaten; otherwise do nothing."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Change(Command):
    """Give some fields of a thing new values; `decide.changes` says which may be given and what they may be."""

    kind: str
    id: str
    changes: Values


@dataclass(frozen=True, slots=True)
class MoveJob(Command):
    """Put a job into another group of its show; the group's defaults become the job's."""

    job_id: str
    group_id: str


Selection = dict[str, IndexArray]
"""Frames by layer id."""


@dataclass(frozen=True, slots=True)
class RetryFrames(Command):
    """Let frames run again; those that run are killed first."""

    frames: Selection
    message: str = ""


@dataclass(frozen=True, slots=True)
class EatFrames(Command):
    """Give frames up so that their job can end without them."""

    frames: Selection
    message: str = ""


@dataclass(frozen=True, slots=True)
class KillFrames(Command):
    """End the runs of frames; what becomes of the frames, their outcomes decide."""

    frames: Selection
    message: str = ""


@dataclass(frozen=True, slots=True)
class MarkDone(Command):
    """Satisfy what waits for frames, or for whole layers, as if they had succeeded."""

    frames: Selection
    layer_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseFrames(Command):
    """Let DEPEND frames go although what they wait for has not happened."""

    frames: Selection


@dataclass(frozen=True, slots=True)
class ReorderFrames(Command):
    """Move frames to the front (FIRST) or the back (LAST) of their layer's order, or turn theirs round (REVERSE)."""

    layer_id: str
    numbers: tuple[int, ...]
    order: str


@dataclass(frozen=True, slots=True)
class AddOutput(Command):
    """Say that a layer writes a file."""

    layer_id: str
    path: str


# --- depends ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddDepend(Command):
    """Make one side wait for the other. Job fields hold ids; layers and frames as the type needs them."""

    type: DependType
    er_job: str
    on_job: str
    er_layer: str | None = None
    er_frame: int | None = None
    on_layer: str | None = None
    on_frame: int | None = None
    any_frame: bool = False


@dataclass(frozen=True, slots=True)
class SatisfyDepends(Command):
    """Let depends hold nothing back any more."""

    depend_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnsatisfyDepend(Command):
    """Let a satisfied depend hold again."""

    depend_id: str


# --- hosts and runs -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a host says of itself in a report. Memory and disk in KiB, cores in core units."""

    name: str
    facility: str
    cores: CoreUnits
    total_memory: KiB
    free_memory: KiB
    total_swap: KiB
    free_swap: KiB
    total_temp: KiB
    free_temp: KiB
    load: int
    boot_us: Micros
    tags: tuple[str, ...]
    os: tuple[str, ...]
    state: HostState = HostState.UP
    nimby_enabled: bool = False
    nimby_locked: bool = False
    gpus: int = 0
    gpu_memory: KiB = KiB(0)
    free_gpu_memory: KiB = KiB(0)
    address: str = ""
    agent: str = ""
    instance: str = ""
    lease_us: Micros = Micros(0)
    full_name: str = ""
    """With its domain, as it was sent."""
    peer: str = ""
    """The network address that the report came from."""
    succeeds: tuple[str, ...] = ()
    """Instances of dead agents on this machine whose runs go on, and which this one has taken over."""
    closed: str = ""
    """Why our agent takes no launches for a time, in words; empty while it does."""


class Speaker(NamedTuple):
    """Who reports an outcome, as far as that was told. The fields are those of HostFacts."""

    name: str
    agent: str
    instance: str
    full_name: str
    peer: str
    boot_us: Micros


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a host says of one run."""

    run_id: str
    frame_id: str
    rss: KiB = KiB(0)
    max_rss: KiB = KiB(0)
    llu_s: int = 0
    ended: bool = False
    """It is over and its outcome is on the way."""
    ran_us: Micros = Micros(0)
    """How long it has run, without the time for which it was suspended; 0 where the agent does not tell."""
    stuck: str = ""
    """What of it is still there although it was killed; empty where there is no such thing."""


@dataclass(frozen=True, slots=True)
class ReportHost(Command):
    """A host says how it is and which runs it has. The reply is the list of those that it should end."""

    host: HostFacts
    runs: tuple[RunFacts, ...]
    boot: bool = False


@dataclass(frozen=True, slots=True)
class ReportOutcome(Command):
    """A host says how a run ended."""

    host_name: str
    run_id: str
    frame_id: str
    exit_status: int
    exit_signal: int
    cause: Cause
    run_us: Micros
    max_rss: KiB
    message: str = ""
    nimby_locked: bool = False
    cpu_us: Micros = Micros(0)
    """Processor time of all its processes; 0 where the agent does not tell."""
    error_line: str = ""
    """The line of its log that says best what went wrong; empty where the agent found none."""
    log_name: str = ""
    """Name of its log file where that is not `JOB.FRAME.rqlog`."""
    speaker: Speaker | None = None
    """Who says so; None where the way that it came by has told."""


@dataclass(frozen=True, slots=True)
class RefuseRun(Command):
    """A host said definitely that it will not run this."""

    run_id: str
    message: str


@dataclass(frozen=True, slots=True)
class Sweep(Command):
    """Look for hosts that fell silent and runs whose lease is over. The engine does it every few seconds."""


@dataclass(frozen=True, slots=True)
class AddHostTags(Command):
    """Give a host manual tags."""

    host_id: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveHostTags(Command):
    """Take manual or hardware tags from a host."""

    host_id: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LockHost(Command):
    """Keep a host from being booked, or open it again."""

    host_id: str
    lock: LockState


@dataclass(frozen=True, slots=True)
class SetHostState(Command):
    """Say what a host is fit for."""

    host_id: str
    state: HostState


@dataclass(frozen=True, slots=True)
class MoveHosts(Command):
    """Put hosts into another allocation; refused while they hold runs."""

    host_ids: tuple[str, ...]
    allocation_id: str


@dataclass(frozen=True, slots=True)
class DropHost(Command):
    """Forget a host: its runs are over. It comes back with its next report."""

    host_id: str


@dataclass(frozen=True, slots=True)
class KillProcs(Command):
    """End runs by their ids."""

    run_ids: tuple[str, ...]
    message: str = ""


class Booking(NamedTuple):
    """A place for one frame: what `plan` returns. A tuple, because thousands are made in a moment."""

    layer_id: str
    frame_index: int
    host_id: str
    cores: CoreUnits
    memory: KiB
    gpus: int = 0
    gpu_memory: KiB = KiB(0)


@dataclass(frozen=True, slots=True)
class Book(Command):
    """Carry out a plan. Decided in the same step that the plan was made, so nothing of it can be out of date."""

    bookings: tuple[Booking, ...]


# --- shows and what belongs to them -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seed(Command):
    """Give an empty farm its first facility, allocation, show and services."""


@dataclass(frozen=True, slots=True)
class CreateShow(Command):
    """Make a show with its root group."""

    name: str


@dataclass(frozen=True, slots=True)
class CreateGroup(Command):
    """Make a group below another."""

    name: str
    parent_id: str


@dataclass(frozen=True, slots=True)
class MoveGroups(Command):
    """Put groups below another group of their show: all of them, or none."""

    group_ids: tuple[str, ...]
    parent_id: str


@dataclass(frozen=True, slots=True)
class CreateFacility(Command):
    """Make a facility."""

    name: str


@dataclass(frozen=True, slots=True)
class CreateAllocation(Command):
    """Make an allocation of a facility."""

    name: str
    tag: str
    facility_id: str


@dataclass(frozen=True, slots=True)
class CreateSubscription(Command):
    """Give a show hosts of an allocation."""

    show_id: str
    allocation_id: str
    size: CoreUnits
    burst: CoreUnits


@dataclass(frozen=True, slots=True)
class CreateService(Command):
    """Make a service."""

    values: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreateLimit(Command):
    """Make a limit on frames, or on hosts."""

    name: str
    max_value: int
    per_host: bool = False


@dataclass(frozen=True, slots=True)
class RenameLimit(Command):
    """Give a limit another name, also where layers name it."""

    limit_id: str
    name: str


@dataclass(frozen=True, slots=True)
class AddLayerLimit(Command):
    """Count a layer by one more limit."""

    layer_id: str
    limit_id: str


@dataclass(frozen=True, slots=True)
class DropLayerLimit(Command):
    """Count a layer no longer by a limit."""

    layer_id: str
    limit_id: str


@dataclass(frozen=True, slots=True)
class Delete(Command):
    """Remove a thing of a kind that may be removed (`decide.shows.DELETABLE`) and that nothing needs any more."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class SetDefaultAllocation(Command):
    """Say where new hosts go."""

    allocation_id: str


@dataclass(frozen=True, slots=True)
class AddComment(Command):
    """Remark on a job or a host."""

    user: str
    subject: str
    message: str
    job_id: str | None = None
    host_id: str | None = None


Reply = Any
"""What a command answers: ids, or nothing."""
