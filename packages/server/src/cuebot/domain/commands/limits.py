"""Commands on limits."""

from __future__ import annotations

from dataclasses import dataclass, field

from cuebot.domain.commands.base import Command
from cuebot.domain.states import BindSource, Enforcement


@dataclass(frozen=True, slots=True)
class CreateLimit(Command):
    """Make a limit on frames, or on hosts."""

    name: str
    max_value: int
    per_host: bool = False
    enforcement: Enforcement = Enforcement.ENFORCED
    soft_value: int = -1
    exit_status: int = 0
    delay_minutes: int = 0
    auto_tag: bool = True


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
class SetFailureRule(Command):
    """Say which exit status means that a limit's licence was not to be had; 0 for none, and what follows from it."""

    limit_id: str
    exit_status: int
    delay_minutes: int
    auto_tag: bool


@dataclass(frozen=True, slots=True)
class ClearBindings(Command):
    """Count by a limit no longer what is counted for these reasons."""

    limit_id: str
    sources: tuple[BindSource, ...]


@dataclass(frozen=True, slots=True)
class HostUsage:
    """How much of a limit a host uses."""

    host_name: str
    tokens: int
    user: str = ""


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Who uses a limit: all who do."""

    limit_name: str
    hosts: tuple[HostUsage, ...] = ()
    licences: int = 0
    """How many there are in all; 0 where that is not said."""
    captured_us: int = 0
    """When that was so; 0 for now."""


@dataclass(frozen=True, slots=True)
class ReportUsage(Command):
    """Take in who uses limits, as somebody outside counts it."""

    reports: tuple[UsageReport, ...] = field(default=())
    source: str = ""
