"""Limits: how many frames, or hosts, may use a licence at once."""

from __future__ import annotations

from opencue_proto import limit_pb2

from opencue import enums
from opencue.changed import Changed
from opencue.rpc import call, change
from opencue.wrappers.entity import Entity, getter


class Limit(Entity):
    """How many frames of the layers that name it may run at once, or on how many hosts.

    Methods that change it bring `.data` up to date. The server knows a limit by its name.
    """

    _service = "limit"
    _message = limit_pb2.Limit
    LimitType = enums.LimitType
    LimitEnforcement = enums.LimitEnforcement

    def create(self) -> Limit:
        """Make this limit on the farm, with the name, maximum and type in `.data`, and return what the farm has."""
        fields = {name: getattr(self.data, name) for name in ("name", "max_value", "type", "enforcement")}
        return Limit(call("limit", "Create", **fields).limit)

    def delete(self) -> Changed:
        """Remove the limit; layers keep its name, and nothing counts them by it."""
        return change("limit", "Delete", name=self.name())

    @staticmethod
    def find(name: str) -> Limit:
        """Return the limit of a name."""
        return Limit(call("limit", "Find", name=name).limit)

    @staticmethod
    def get(id: str) -> Limit:
        """Return the limit of an id."""
        return Limit(call("limit", "Get", id=id).limit)

    def rename(self, newName: str) -> Changed:
        """Give the limit another name, also in the layers of pending jobs."""
        changed = change("limit", "Rename", old_name=self.name(), new_name=newName)
        self._update()
        return changed

    def setMaxValue(self, maxValue: int) -> Changed:
        """Let more or fewer run at once; what runs goes on."""
        changed = change("limit", "SetMaxValue", name=self.name(), max_value=maxValue)
        self._update()
        return changed

    def setLimitType(self, limitType: int) -> Changed:
        """Count frames, or hosts (a LimitType)."""
        changed = change("limit", "SetType", name=self.name(), type=limitType)
        self._update()
        return changed

    def setEnforcement(self, enforcement: int) -> Changed:
        """Say whether the limit holds frames back (a LimitEnforcement); a farm may refuse all but ENFORCED."""
        changed = change("limit", "SetEnforcement", name=self.name(), enforcement=enforcement)
        self._update()
        return changed

    def _update(self) -> None:
        self.data = Limit.get(self.id()).data

    id = getter("id", "UUID of the limit.")
    name = getter("name", "Name of the limit, by which layers name it.")
    maxValue = getter("max_value", "How many may run at once.")
    currentRunning = getter("current_running", "Frames that run under it.")
    limitType = getter("type", "What it counts.", enums.LimitType)
    enforcement = getter("enforcement", "Whether it holds frames back.", enums.LimitEnforcement)
    currentUsage = getter("current_usage", "How much of it is used: frames, or hosts where it counts those.")
    hostCount = getter("host_count", "Hosts on which frames run under it.")
