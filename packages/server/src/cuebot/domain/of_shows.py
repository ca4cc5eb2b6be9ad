"""The part of the farm that shows decide for themselves: filters, services of their own, departments and tasks."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from cuebot.domain.nouns import Department, DepartmentName, Filter, ServiceOverride, Task


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
