"""Services: what a kind of work needs, for layers that name it."""

from __future__ import annotations

from typing import Optional, Union

from opencue_proto import service_pb2

from opencue.changed import Changed
from opencue.exception import EntityNotFoundException
from opencue.rpc import call, change
from opencue.tags import splitTags
from opencue.units import Megabytes, toKilobytes
from opencue.wrappers.entity import Entity, Getter, getter


def checkMemoryIncrease(data: service_pb2.Service) -> None:
    """Raise ValueError unless a frame that ran out of memory would get more the next time."""
    if data.min_memory_increase <= 0:
        raise ValueError("Minimum memory increase must be > 0")


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

    def setMinMemory(self, minMemory: Union[Megabytes, float]) -> None:
        """Set the memory a frame needs, in KB or as `Megabytes`. `update` sends it."""
        self.data.min_memory = toKilobytes(minMemory)

    def setMinMemoryIncrease(self, min_memory_increase: Union[Megabytes, float]) -> None:
        """Set how much more a frame gets that ran out of memory, in KB or as `Megabytes`. `update` sends it."""
        if min_memory_increase <= 0:
            raise ValueError("Minimum memory increase must be > 0")
        self.data.min_memory_increase = toKilobytes(min_memory_increase)

    def setTags(self, tags: Union[str, list[str]]) -> None:
        """Set the tags of which a host needs one, a list or a text such as `general | gpu`. `update` sends them."""
        self.data.tags[:] = splitTags(tags)

    def setName(self, name: str) -> None:
        """Set the name. `update` sends it."""
        self.data.name = name

    def setThreadable(self, threadable: bool) -> None:
        """Set whether a frame may have more cores than it asks for. `update` sends it."""
        self.data.threadable = threadable

    def setMinCores(self, minCores: int) -> None:
        """Set the cores a frame needs, in points (100 to a core). `update` sends it."""
        self.data.min_cores = minCores

    def setMaxCores(self, maxCores: int) -> None:
        """Set the most cores a frame gets, in points, 0 for no limit. `update` sends it."""
        self.data.max_cores = maxCores

    def setMinGpus(self, minGpus: int) -> None:
        """Set the GPUs a frame needs. `update` sends it."""
        self.data.min_gpus = minGpus

    def setMaxGpus(self, maxGpus: int) -> None:
        """Set the most GPUs a frame gets. `update` sends it."""
        self.data.max_gpus = maxGpus

    def setMinGpuMemory(self, minGpuMemory: int) -> None:
        """Set the GPU memory a frame needs, in KB. `update` sends it."""
        self.data.min_gpu_memory = minGpuMemory

    def setTimeout(self, timeout: int) -> None:
        """Set how long a frame may run, in minutes. `update` sends it."""
        self.data.timeout = timeout

    def setTimeoutLLU(self, timeout_llu: int) -> None:
        """Set how long a frame may go without a word in its log, in minutes. `update` sends it."""
        self.data.timeout_llu = timeout_llu

    id: Getter = getter("id", "UUID of the service.")
    name: Getter = getter("name", "Name of the service.")
    threadable: Getter = getter("threadable", "Whether a frame may have more cores than it asks for.")
    minCores: Getter = getter("min_cores", "Cores a frame needs, in points (100 to a core).")
    maxCores: Getter = getter("max_cores", "Most cores a frame gets, in points, 0 for no limit.")
    minMemory: Getter = getter("min_memory", "Memory a frame needs, in KB.")
    minGpuMemory: Getter = getter("min_gpu_memory", "GPU memory a frame needs, in KB.")
    minGpus: Getter = getter("min_gpus", "GPUs a frame needs.")
    maxGpus: Getter = getter("max_gpus", "Most GPUs a frame gets.")
    tags: Getter = getter("tags", "Host tags of which a host needs one.")
    timeout: Getter = getter("timeout", "How long a frame may run, in minutes.")
    timeoutLLU: Getter = getter("timeout_llu", "How long a frame may go without a word in its log, in minutes.")
    minMemoryIncrease: Getter = getter(
        "min_memory_increase", "How much more a frame gets that ran out of memory, in KB."
    )


class ServiceOverride:
    """A show's own values for a service; `.data` is a Service message."""

    def __init__(self, serviceOverride: Optional[service_pb2.ServiceOverride] = None) -> None:
        message = serviceOverride or service_pb2.ServiceOverride()
        self.id = message.id
        self.data = message.data

    def delete(self) -> Changed:
        """Remove the override; the show then has the farm's values again."""
        return change("serviceOverride", "Delete", service=self.data)

    def update(self) -> Changed:
        """Send the values in `.data`."""
        checkMemoryIncrease(self.data)
        return change("serviceOverride", "Update", service=self.data)
