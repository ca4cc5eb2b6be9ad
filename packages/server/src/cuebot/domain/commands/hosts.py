"""Commands on hosts and runs, and what hosts say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from cuebot.domain.commands.base import Command
from cuebot.domain.states import Cause, HostState, LockState
from cuebot.domain.units import CoreUnits, KiB, Micros


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
class RebootHost(Command):
    """Keep a host from work until it has booted again. Whoever tells its agent does that beside."""

    host_id: str
    when_idle: bool
    """What runs there goes on to its end."""


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


@dataclass(frozen=True, slots=True)
class RedirectProcs(Command):
    """Give the places of runs, once those end, to jobs in turn or to a group."""

    run_ids: tuple[str, ...]
    job_ids: tuple[str, ...] = ()
    group_id: str = ""
    kill: bool = False
    """End the runs for it; their frames wait again."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class ClearRedirects(Command):
    """Give the places of runs to nobody any more."""

    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreateOwner(Command):
    """Let somebody own hosts, on which the frames of a show come first."""

    show_id: str
    name: str


@dataclass(frozen=True, slots=True)
class SetOwnersShow(Command):
    """Say whose frames come first on an owner's hosts."""

    owner_id: str
    show_id: str


@dataclass(frozen=True, slots=True)
class DropOwner(Command):
    """Let somebody own nothing any more."""

    owner_id: str


@dataclass(frozen=True, slots=True)
class TakeOwnership(Command):
    """Give a host to an owner, whoever had it before."""

    owner_id: str
    host_id: str


@dataclass(frozen=True, slots=True)
class DropDeed(Command):
    """Let a host be nobody's."""

    deed_id: str


@dataclass(frozen=True, slots=True)
class AddPartition(Command):
    """Let a job, a layer or a frame be rendered on a part of its user's host, which is locked."""

    host_id: str
    job_id: str
    user: str
    cores: CoreUnits
    memory: KiB
    layer_id: str | None = None
    frame_index: int | None = None
    threads: int = 1
    gpus: int = 0
    gpu_memory: KiB = KiB(0)


@dataclass(frozen=True, slots=True)
class ResizePartition(Command):
    """Give what is rendered on a host more or less of it; what is 0 or less stays as it is."""

    partition_id: str
    cores: CoreUnits
    memory: KiB
    gpus: int
    gpu_memory: KiB


@dataclass(frozen=True, slots=True)
class DropPartition(Command):
    """Render on a host no more: what runs there for it ends, and waits again."""

    partition_id: str
