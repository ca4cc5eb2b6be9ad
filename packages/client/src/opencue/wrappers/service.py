"""Services: what a kind of work needs, for layers that name it."""

from __future__ import annotations

from typing import Any, Callable, Optional, Union

from opencue_proto import service_pb2

from opencue.changed import Changed
from opencue.exception import EntityNotFoundException
from opencue.rpc import call, change
from opencue.tags import splitTags
from opencue.units import Megabytes, toKilobytes
from opencue.wrappers.entity import Entity, getter


def checkMemoryIncrease(data: service_pb2.Service) -> None:
    """Raise ValueError unless a frame that ran out of memory would get more the next time."""
    if data.min_memory_increase <= 0:
        raise ValueError("Minimum memory increase must be > 0")


def _setter(field: str, doc: str) -> Callable[[Service, Any], None]:
    """Make a method that sets one field in the snapshot; `update` sends it."""

    def change(self: Service, value: Any) -> None:
        setattr(self.data, field, value)

    change.__doc__ = f"{doc} `update` sends it."
    return change


class Service(Entity):
    """What layers of a service need. Setters change the snapshot only; `create` or `update` sends it."""

    _service = "service"
    _message = service_pb2.Service

    def create(self) -> Service:
        """Make this service on the farm and return what the farm has."""
        checkMemoryIncrease(self.data)
        return Service(call("service", "CreateService", data=self.data).service)

    def delete(self) -> Changed:
        """Remove the service."""
        return self._change("Delete")

    def update(self) -> Changed:
        """Send the values that were set."""
        checkMemoryIncrease(self.data)
        return self._change("Update")

    @staticmethod
    def getDefaultServices() -> list[Service]:
        """Return all services of the farm."""
        return [Service(message) for message in call("service", "GetDefaultServices").services.services]

    @staticmethod
    def getService(name: str) -> Optional[Service]:
        """Return the service of a name, None if there is none."""
        try:
            return Service(call("service", "GetService", name=name).service)
        except EntityNotFoundException:
            return None

    def setMinMemory(self, memory: Union[Megabytes, float]) -> None:
        """Set the memory a frame needs, in KB or as `Megabytes`. `update` sends it."""
        self.data.min_memory = toKilobytes(memory)

    def setMinMemoryIncrease(self, memory: Union[Megabytes, float]) -> None:
        """Set how much more a frame gets that ran out of memory, in KB or as `Megabytes`. `update` sends it."""
        if memory <= 0:
            raise ValueError("Minimum memory increase must be > 0")
        self.data.min_memory_increase = toKilobytes(memory)

    def setTags(self, tags: Union[str, list[str]]) -> None:
        """Set the tags of which a host needs one, a list or a text such as `general | gpu`. `update` sends them."""
        self.data.tags[:] = splitTags(tags)

    setName = _setter("name", "Set the name.")
    setThreadable = _setter("threadable", "Set whether a frame may have more cores than it asks for.")
    setMinCores = _setter("min_cores", "Set the cores a frame needs, in points (100 to a core).")
    setMaxCores = _setter("max_cores", "Set the most cores a frame gets, in points, 0 for no limit.")
    setMinGpus = _setter("min_gpus", "Set the GPUs a frame needs.")
    setMaxGpus = _setter("max_gpus", "Set the most GPUs a frame gets.")
    setMinGpuMemory = _setter("min_gpu_memory", "Set the GPU memory a frame needs, in KB.")
    setTimeout = _setter("timeout", "Set how long a frame may run, in minutes.")
    setTimeoutLLU = _setter("timeout_llu", "Set how long a frame may go without a word in its log, in minutes.")

    id = getter("id", "UUID of the service.")
    name = getter("name", "Name of the service.")
    threadable = getter("threadable", "Whether a frame may have more cores than it asks for.")
    minCores = getter("min_cores", "Cores a frame needs, in points (100 to a core).")
    maxCores = getter("max_cores", "Most cores a frame gets, in points, 0 for no limit.")
    minMemory = getter("min_memory", "Memory a frame needs, in KB.")
    minGpuMemory = getter("min_gpu_memory", "GPU memory a frame needs, in KB.")
    minGpus = getter("min_gpus", "GPUs a frame needs.")
    maxGpus = getter("max_gpus", "Most GPUs a frame gets.")
    tags = getter("tags", "Host tags of which a host needs one.")
    timeout = getter("timeout", "How long a frame may run, in minutes.")
    timeoutLLU = getter("timeout_llu", "How long a frame may go without a word in its log, in minutes.")
    minMemoryIncrease = getter("min_memory_increase", "How much more a frame gets that ran out of memory, in KB.")


class ServiceOverride:
    """A show's own values for a service; `.data` is a Service message."""

    def __init__(self, override: Optional[service_pb2.ServiceOverride] = None) -> None:
        override = override or service_pb2.ServiceOverride()
        self.id = override.id
        self.data = override.data

    def delete(self) -> Changed:
        """Remove the override; the show then has the farm's values again."""
        return change("serviceOverride", "Delete", service=self.data)

    def update(self) -> Changed:
        """Send the values in `.data`."""
        checkMemoryIncrease(self.data)
        return change("serviceOverride", "Update", service=self.data)
