"""Departments: who of a show its groups belong to, and which shots they should have cores for."""

from __future__ import annotations

from dataclasses import dataclass

from cuebot.domain.units import CoreUnits

UNKNOWN_DEPARTMENT = "Unknown"
"""Where groups are that nobody put anywhere else."""


@dataclass(slots=True)
class DepartmentName:
    """A name that groups of any show may have as their department."""

    id: str
    name: str


@dataclass(slots=True)
class Department:
    """A department of one show."""

    id: str
    show_id: str
    name: str
    ti_managed: bool = False
    """A task of a production's tracker says what it should have: changes of its tasks are adjustments."""
    ti_task: str = ""
    min_cores: CoreUnits = CoreUnits(0)


@dataclass(slots=True)
class Task:
    """A shot for which a department should have cores: they are shared among the jobs of that shot."""

    id: str
    department_id: str
    shot: str
    min_cores: CoreUnits
    adjust_cores: CoreUnits = CoreUnits(0)
    """Added to the minimum by hand, where the department is managed."""

    @property
    def cores(self) -> CoreUnits:
        """What its jobs should have together."""
        return CoreUnits(self.min_cores + self.adjust_cores)
