"""Departments: who of a show its groups belong to, and which shots they should have cores for."""

from __future__ import annotations

from typing import Mapping

from opencue_proto import department_pb2

from opencue.changed import Changed
from opencue.wrappers.entity import Entity, Getter, getter
from opencue.wrappers.task import Task


class Department(Entity):
    """A department of one show."""

    _service = "department"
    _message = department_pb2.Department

    def addTask(self, shot: str, minCores: float) -> Task:
        """Give a shot cores: the jobs of it share them as their minimums."""
        return Task(self._call("AddTask", shot=shot, min_cores=minCores).task)

    def addTasks(self, taskMap: Mapping[str, int]) -> list[Task]:
        """Give shots cores, in points (100 to a core); return the tasks that are new."""
        return [Task(message) for message in self._call("AddTasks", tmap=dict(taskMap)).tasks.tasks]

    def replaceTasks(self, taskMap: Mapping[str, int]) -> list[Task]:
        """Give shots cores, in points (100 to a core), in the place of all tasks that there are."""
        return [Task(message) for message in self._call("ReplaceTasks", tmap=dict(taskMap)).tasks.tasks]

    def getTasks(self) -> list[Task]:
        """Return the tasks of the department, by shot."""
        return [Task(message) for message in self._call("GetTasks").tasks.tasks]

    def clearTasks(self) -> Changed:
        """Remove all tasks of the department."""
        return self._change("ClearTasks")

    def clearTaskAdjustments(self) -> Changed:
        """Take back what was adjusted by hand in all of its tasks."""
        return self._change("ClearTaskAdjustments")

    def enableTiManaged(self, tiTask: str, managedCores: float) -> Changed:
        """Let a task of the production's tracker say what the department should have, in cores."""
        return self._change("EnableTiManaged", ti_task=tiTask, managed_cores=managedCores)

    def disableTiManaged(self) -> Changed:
        """Let nobody say any more what the department should have; its tasks go."""
        return self._change("DisableTiManaged")

    def setManagedCores(self, managedCores: float) -> Changed:
        """Set what the department should have, in whole cores."""
        return self._change("SetManagedCores", managed_cores=managedCores)

    id: Getter = getter("id", "UUID of the department.")
    name: Getter = getter("name", "Full name of the department, `show.department`.")
    dept: Getter = getter("dept", "Name of the department.")
    tiTask: Getter = getter("ti_task", "The tracker's task that says what it should have.")
    isTiManaged: Getter = getter("ti_managed", "Whether such a task does.")
    minCores: Getter = getter("min_cores", "Cores that it should have.")
