"""Commands on filters, service overrides, departments with their tasks, and the archiving of shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from cuebot.domain.commands.base import Command
from cuebot.domain.events import Values
from cuebot.domain.units import CoreUnits


class Place(Enum):
    """Where a filter goes among those of its show."""

    FIRST = "first"
    LAST = "last"
    EARLIER = "earlier"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class CreateFilter(Command):
    """Make a filter of a show, after those that it has."""

    show_id: str
    name: str


@dataclass(frozen=True, slots=True)
class PlaceFilter(Command):
    """Give a filter another place: one that is named, or before the filter that has a number."""

    filter_id: str
    place: Place | int


@dataclass(frozen=True, slots=True)
class WantedFilter:
    """A filter as it should be. Numbers are those of the wire; a group is named, or given by its id."""

    name: str
    type: int
    enabled: bool
    matchers: tuple[tuple[int, int, str], ...]
    """Subject, type and input of each."""
    actions: tuple[tuple[int, Any], ...]
    """Type and value of each."""


@dataclass(frozen=True, slots=True)
class ReplaceFilters(Command):
    """Make the filters of a show these, in their order; others are removed."""

    show_id: str
    filters: tuple[WantedFilter, ...]


@dataclass(frozen=True, slots=True)
class AddMatcher(Command):
    """Let a filter ask one more question. Numbers are those of the wire."""

    filter_id: str
    subject: int
    type: int
    input: str


@dataclass(frozen=True, slots=True)
class ChangeMatcher(Command):
    """Let a matcher ask something else."""

    matcher_id: str
    subject: int
    type: int
    input: str


@dataclass(frozen=True, slots=True)
class RemoveMatcher(Command):
    """Let a filter ask one question less."""

    matcher_id: str


@dataclass(frozen=True, slots=True)
class AddFilterAction(Command):
    """Let a filter do one thing more. The number is that of the wire; for values see `domain.nouns.filters`."""

    filter_id: str
    type: int
    value: Any = None


@dataclass(frozen=True, slots=True)
class ChangeFilterAction(Command):
    """Let a filter do something else."""

    action_id: str
    type: int
    value: Any = None


@dataclass(frozen=True, slots=True)
class RemoveFilterAction(Command):
    """Let a filter do one thing less."""

    action_id: str


@dataclass(frozen=True, slots=True)
class RunFilters(Command):
    """Have filters act on jobs now: one of them, enabled or not, or the enabled ones of each job's show."""

    job_ids: tuple[str, ...]
    filter_id: str = ""


@dataclass(frozen=True, slots=True)
class CreateServiceOverride(Command):
    """Let a service be something else for a show."""

    show_id: str
    values: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AddDepartmentName(Command):
    """Let groups have a department of that name."""

    name: str


@dataclass(frozen=True, slots=True)
class SetGroupDepartment(Command):
    """Put a group into a department of its show."""

    group_id: str
    department: str


@dataclass(frozen=True, slots=True)
class ManageDepartment(Command):
    """Let a task of the production's tracker say what a department should have; changes are adjustments then."""

    department_id: str
    ti_task: str
    cores: CoreUnits


@dataclass(frozen=True, slots=True)
class ReleaseDepartment(Command):
    """Let nobody say any more what a department should have; its tasks go."""

    department_id: str


@dataclass(frozen=True, slots=True)
class SetTasks(Command):
    """Give a department tasks by their shots, beside those that it has or in their place."""

    department_id: str
    cores: dict[str, CoreUnits]
    replace: bool = False


@dataclass(frozen=True, slots=True)
class SetTaskCores(Command):
    """Set what a shot should have: in a managed department by an adjustment."""

    task_id: str
    cores: CoreUnits


@dataclass(frozen=True, slots=True)
class ClearTaskAdjustments(Command):
    """Take back what was adjusted by hand."""

    task_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ArchiveShow(Command):
    """Put a show away: it takes no jobs, and new ones of its name are launched in another show."""

    show_id: str
    target_name: str
