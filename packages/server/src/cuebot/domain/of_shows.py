"""The part of the farm that shows decide for themselves: filters, services of their own, departments and tasks."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from cuebot.domain.errors import NotFound
from cuebot.domain.nouns import Department, DepartmentName, Filter, FilterAction, Matcher, ServiceOverride, Task


class OfShows:
    """What shows have for themselves, by id, and how it is found."""

    def __init__(self) -> None:
        self.service_overrides: dict[str, ServiceOverride] = {}
        self.filters: dict[str, Filter] = {}
        self.department_names: dict[str, DepartmentName] = {}
        self.departments: dict[str, Department] = {}
        self.tasks: dict[str, Task] = {}

        self.override_of: dict[tuple[str, str], str] = {}
        """By the show and the name."""
        self.filter_by_name: dict[tuple[str, str], str] = {}
        """By the show and the name."""
        self.filters_of_show: dict[str, set[str]] = defaultdict(set)
        self.department_name_by_name: dict[str, str] = {}
        self.department_of: dict[tuple[str, str], str] = {}
        """By the show and the name."""
        self.task_of: dict[tuple[str, str], str] = {}
        """By the department and the shot."""
        self.jobs_of_shot: dict[tuple[str, str], set[str]] = defaultdict(set)
        """Jobs by the show and the shot."""
        self.alias_of_show: dict[str, str] = {}
        """Shows by the names of archived shows that they stand for, as names are found (`folded`)."""

    def tables_of_shows(self) -> dict[str, dict[str, Any]]:
        """The things by kind and id."""
        return {
            "service_override": self.service_overrides,
            "filter": self.filters,
            "department_name": self.department_names,
            "department": self.departments,
            "task": self.tasks,
        }

    def matcher(self, id: str) -> tuple[Filter, Matcher]:
        """The matcher with this id, and whose it is. Raises NotFound."""
        for one in self.filters.values():
            for matcher in one.matchers:
                if matcher.id == id:
                    return one, matcher
        raise NotFound(f"there is no matcher with the id {id!r}")

    def filter_action(self, id: str) -> tuple[Filter, FilterAction]:
        """The action of a filter with this id, and whose it is. Raises NotFound."""
        for one in self.filters.values():
            for action in one.actions:
                if action.id == id:
                    return one, action
        raise NotFound(f"there is no action of a filter with the id {id!r}")

    def department_called(self, name: str) -> DepartmentName:
        """The name of a department, as groups of any show may have it. Raises NotFound, with those that there are."""
        id = self.department_name_by_name.get(name)
        if id is None:
            known = ", ".join(sorted(self.department_name_by_name)[:20])
            raise NotFound(f"there is no department {name!r}; there are {known}")
        return self.department_names[id]

    def tasks_of(self, department_id: str) -> list[Task]:
        """The tasks of a department, by shot."""
        found = (task for task in self.tasks.values() if task.department_id == department_id)
        return sorted(found, key=lambda task: task.shot)
