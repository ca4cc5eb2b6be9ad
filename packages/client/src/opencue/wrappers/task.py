"""Tasks of departments: shots that should have cores."""

from __future__ import annotations

from opencue_proto import task_pb2

from opencue.changed import Changed
from opencue.wrappers.entity import Entity, Getter, getter


class Task(Entity):
    """What the jobs of a shot should have together in a department."""

    _service = "task"
    _message = task_pb2.Task

    def setMinCores(self, minCores: float) -> Changed:
        """Set what the shot should have, in whole cores; in a managed department by an adjustment."""
        return self._change("SetMinCores", new_min_cores=minCores)

    def clearAdjustments(self) -> Changed:
        """Take back what was adjusted by hand."""
        return self._change("ClearAdjustments")

    def delete(self) -> Changed:
        """Remove the task; the jobs of the shot keep the minimums that they have."""
        return self._change("Delete")

    id: Getter = getter("id", "UUID of the task.")
    shot: Getter = getter("shot", "The shot.")
    minCores: Getter = getter("min_cores", "Cores that its jobs should have together, adjustment included.")
    adjustCores: Getter = getter("adjust_cores", "Cores of it that were adjusted by hand.")
