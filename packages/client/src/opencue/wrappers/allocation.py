"""Allocations: pools of hosts that shows subscribe to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opencue_proto import facility_pb2, host_pb2

from opencue.changed import Changed
from opencue.kinds import wrapperOf
from opencue.wrappers.entity import Entity, getter

if TYPE_CHECKING:
    from opencue.wrappers.host import Host
    from opencue.wrappers.subscription import Subscription


class Allocation(Entity):
    """One pool of hosts; its name is `facility.allocation`."""

    _service = "allocation"
    _message = facility_pb2.Allocation

    def delete(self) -> Changed:
        """Remove the allocation, which must have no hosts."""
        return self._change("Delete")

    def setName(self, name: str) -> Changed:
        """Rename the allocation; `name` is without the facility."""
        return self._change("SetName", name=name)

    def setTag(self, tag: str) -> Changed:
        """Set the tag that the hosts of the allocation carry; `|`, `,` and blanks separate several."""
        return self._change("SetTag", tag=tag)

    def getHosts(self) -> list[Host]:
        """Return the hosts of the allocation."""
        return [wrapperOf("Host")(message) for message in self._call("GetHosts").hosts.hosts]

    def getSubscriptions(self) -> list[Subscription]:
        """Return which shows may use the allocation and how much."""
        subscriptions = self._call("GetSubscriptions").subscriptions.subscriptions
        return [wrapperOf("Subscription")(message) for message in subscriptions]

    def reparentHosts(self, hosts: list[Host]) -> Changed:
        """Move hosts to this allocation."""
        return self._change("ReparentHosts", hosts=host_pb2.HostSeq(hosts=[host.data for host in hosts]))

    def reparentHostIds(self, hostIds: list[str]) -> Changed:
        """Move hosts, named by their ids, to this allocation."""
        hosts = [host_pb2.Host(id=host_id) for host_id in hostIds]
        return self._change("ReparentHosts", hosts=host_pb2.HostSeq(hosts=hosts))

    id = getter("id", "UUID of the allocation.")
    name = getter("name", "Its name, `facility.allocation`.")
    tag = getter("tag", "Tag that its hosts carry.")
    totalCores = getter("stats.cores", "Cores of all its hosts.")
    totalAvailableCores = getter("stats.available_cores", "Cores that are free to book.")
    totalIdleCores = getter("stats.idle_cores", "Cores that nothing holds.")
    totalRunningCores = getter("stats.running_cores", "Cores that frames hold now.")
    totalLockedCores = getter("stats.locked_cores", "Cores of locked hosts.")
    totalGpus = getter("stats.gpus", "GPUs of all its hosts.")
    totalAvailableGpus = getter("stats.available_gpus", "GPUs that are free to book.")
    totalIdleGpus = getter("stats.idle_gpus", "GPUs that nothing holds.")
    totalRunningGpus = getter("stats.running_gpus", "GPUs that frames hold now.")
    totalLockedGpus = getter("stats.locked_gpus", "GPUs of locked hosts.")
    totalHosts = getter("stats.hosts", "Number of hosts.")
    totalLockedHosts = getter("stats.locked_hosts", "Hosts that are locked.")
    totalDownHosts = getter("stats.down_hosts", "Hosts that are down.")
