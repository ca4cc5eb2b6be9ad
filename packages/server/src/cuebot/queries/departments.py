"""Departments of shows, and what their shots should have."""

from __future__ import annotations

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Department


def departments_of_show(farm: Farm, show_id: str) -> list[Department]:
    """The departments of a show, by name."""
    found = (department for department in farm.departments.values() if department.show_id == show_id)
    return sorted(found, key=lambda department: department.name)


def department_name(farm: Farm, department: Department) -> str:
    """A department's full name, `show.department`."""
    return f"{farm.shows[department.show_id].name}.{department.name}"
