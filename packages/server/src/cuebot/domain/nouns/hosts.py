"""Hosts, and the runs on them."""

from __future__ import annotations

from dataclasses import dataclass

from cuebot.domain.nouns.fields import derived, volatile
from cuebot.domain.states import (
    Cause,
    HostState,
    LockState,
    OnEnd,
    ThreadMode,
)
from cuebot.domain.units import CoreUnits, KiB, Micros

SYSTEM_MEMORY = KiB(524_288)
"""What a host keeps for itself: 512 MiB is never reserved (mem_reserved_system)."""


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
class Owner:
    """Somebody who owns hosts. On these the frames of his show come first."""

    id: str
    name: str
    show_id: str
    created_us: Micros


@dataclass(slots=True)
class Deed:
    """A host belongs to an owner. A host has one deed at most."""

    id: str
    host_id: str
    owner_id: str
    created_us: Micros


@dataclass(slots=True)
class Partition:
    """A part of a host on which a job, a layer or a frame of its user is rendered, although the host is locked.

    What runs in it counts by no subscription and no maximum of its job or group.
    """

    id: str
    host_id: str
    job_id: str
    layer_id: str | None
    frame_index: int | None
    user: str
    threads: int
    """Whole cores that a frame gets."""
    cores: CoreUnits
    """The most of each that its frames hold together, as the next."""
    memory: KiB
    gpus: int
    gpu_memory: KiB
    created_us: Micros


@dataclass(slots=True)
class Redirect:
    """The place of a run goes to a job, or to the jobs of a group, when the run ends. Its id is the run's.

    From then on it holds the place for a while, so that nobody else gets it first.
    """

    id: str
    host_id: str
    job_id: str | None
    group_id: str | None
    cores: CoreUnits
    memory: KiB
    gpus: int
    gpu_memory: KiB
    created_us: Micros
    until_us: Micros = Micros(0)
    """Until when the place is held; 0 while the run goes on, and holds it itself."""

    @property
    def alone(self) -> bool:
        """A place that is held keeps nobody off the rest of its host."""
        return False

    @property
    def target_id(self) -> str:
        """The id of whom it is for."""
        return self.job_id or self.group_id or ""


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
    partition_id: str = ""
    """The part of its user's host that it runs in; empty for what runs on the farm."""
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
