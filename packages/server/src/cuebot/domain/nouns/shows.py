"""Shows and what they may use: facilities, allocations, groups, subscriptions, services, limits."""

from __future__ import annotations

from dataclasses import dataclass

from cuebot.domain.nouns.fields import derived, volatile
from cuebot.domain.units import MINUTE, CoreUnits, KiB, Micros

SHARE_HALF_LIFE_US = 30 * MINUTE
"""How long it takes until what a show held counts half for its share."""


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
    scheduler_managed: bool = False
    """Somebody wants another scheduler than this server's for it: kept and shown."""
    aliases: tuple[str, ...] = ()
    """Names of archived shows whose new jobs are launched in this one."""
    archived_name: str = ""
    """What it was called before it was archived; empty where it is not."""


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
class ServiceOverride(Service):
    """What a service is for the layers of one show, instead of what it is for all."""

    show_id: str = ""
