"""What operators do in a scenario at a set time, as commands to the server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from cuebot.domain import commands as c
from cuebot.domain.farm import Farm
from cuebot.domain.states import LockState
from cuebot.domain.units import CoreUnits, Micros
from cuebot.sim.scenarios.arrivals import scaled_count

A = TypeVar("A", bound="Action")

OpenJobs = Mapping[str, tuple[str, str]]
"""Kind and show of jobs, by id."""


def scaled_cores(units: CoreUnits, factor: float) -> CoreUnits:
    """Core units of a larger or smaller farm, at least one core; nothing and "no maximum" stay what they are."""
    return CoreUnits(scaled_count(units // 100, factor) * 100) if units > 0 else units


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(ABC):
    """Something that is done once."""

    at_us: Micros
    """From the start."""

    @property
    @abstractmethod
    def text(self) -> str:
        """What is done, in words."""

    @abstractmethod
    def commands(self, farm: Farm, jobs: OpenJobs) -> Iterator[c.Command]:
        """The commands that do it on a farm as it is then, with its jobs that are not complete."""

    def scaled(self: A, factor: float) -> A:
        """The same on a larger or smaller farm."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class OnJobs(Action):
    """Something that is done to jobs of a kind that are not finished then."""

    jobs: str
    show: str
    """Only jobs of this show; empty for all."""

    @property
    def _whose(self) -> str:
        return f"{self.jobs} of {self.show}" if self.show else self.jobs

    def _found(self, jobs: OpenJobs) -> list[str]:
        return [id for id, (kind, show) in jobs.items() if kind == self.jobs and self.show in ("", show)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPriority(OnJobs):
    """Jobs get another priority."""

    priority: int

    @property
    def text(self) -> str:
        """What is done, in words."""
        return f"jobs {self._whose} get the priority {self.priority}"

    def commands(self, farm: Farm, jobs: OpenJobs) -> Iterator[c.Command]:
        """A change for each job."""
        return (c.Change("job", id, {"priority": self.priority}) for id in self._found(jobs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(OnJobs):
    """Jobs start no more frames, or do so again."""

    paused: bool

    @property
    def text(self) -> str:
        """What is done, in words."""
        return f"jobs {self._whose} are {'paused' if self.paused else 'unpaused'}"

    def commands(self, farm: Farm, jobs: OpenJobs) -> Iterator[c.Command]:
        """A change for each job."""
        return (c.Change("job", id, {"paused": self.paused}) for id in self._found(jobs))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetShare(Action):
    """A show's size or burst in an allocation is another one."""

    show: str
    allocation: str
    field: str
    """`size` or `burst`."""
    cores: CoreUnits

    @property
    def text(self) -> str:
        """What is done, in words."""
        return f"the {self.field} of {self.show} in {self.allocation} becomes {self.cores // 100:,} cores"

    def commands(self, farm: Farm, jobs: OpenJobs) -> Iterator[c.Command]:
        """A change of the subscription."""
        allocation = farm.allocation_named(self.allocation)
        id = farm.subscription_of[farm.show_by_name[self.show], allocation.id]
        yield c.Change("subscription", id, {self.field: self.cores})

    def scaled(self, factor: float) -> SetShare:
        """So many cores more or fewer."""
        return replace(self, cores=scaled_cores(self.cores, factor))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimit(Action):
    """A limit's maximum is another one."""

    limit: str
    most: int

    @property
    def text(self) -> str:
        """What is done, in words."""
        return f"limit {self.limit} becomes {self.most:,}"

    def commands(self, farm: Farm, jobs: OpenJobs) -> Iterator[c.Command]:
        """A change of the limit."""
        yield c.Change("limit", farm.limit_by_name[self.limit], {"max_value": self.most})

    def scaled(self, factor: float) -> SetLimit:
        """So much more or less; nothing stays nothing."""
        return replace(self, most=scaled_count(self.most, factor) if self.most else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockHosts(Action):
    """Hosts of a kind start nothing more, or do so again; what runs there goes on."""

    kind: str
    count: int
    """The first so many of the kind."""
    locked: bool

    @property
    def text(self) -> str:
        """What is done, in words."""
        return f"{self.count:,} hosts of the kind {self.kind} are {'locked' if self.locked else 'unlocked'}"

    def commands(self, farm: Farm, jobs: OpenJobs) -> Iterator[c.Command]:
        """A command for each host that the server knows by then."""
        for number in range(self.count):
            id = farm.host_by_name.get(host_name(self.kind, number))
            if id is not None:
                yield c.LockHost(id, LockState.LOCKED if self.locked else LockState.OPEN)

    def scaled(self, factor: float) -> LockHosts:
        """So many hosts more or fewer."""
        return replace(self, count=scaled_count(self.count, factor))


def host_name(kind: str, number: int) -> str:
    """The name of a scenario's host."""
    return f"{kind}{number:05d}"
