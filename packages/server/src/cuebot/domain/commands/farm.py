"""Commands on shows and what belongs to them: groups, allocations, subscriptions, services, comments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cuebot.domain.commands.base import Command
from cuebot.domain.events import Values
from cuebot.domain.units import CoreUnits


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
