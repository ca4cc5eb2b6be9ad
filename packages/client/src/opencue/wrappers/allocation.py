"""Allocations: pools of hosts that shows subscribe to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opencue_proto import facility_pb2, host_pb2

from opencue.changed import Changed
from opencue.kinds import wrapperOf
from opencue.wrappers.entity import Entity, Getter, getter

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

    id: Getter = getter("id", "UUID of the allocation.")
    name: Getter = getter("name", "Its name, `facility.allocation`.")
    tag: Getter = getter("tag", "Tag that its hosts carry.")
    totalCores: Getter = getter("stats.cores", "Cores of all its hosts.")
    totalAvailableCores: Getter = getter("stats.available_cores", "Cores that are free to book.")
    totalIdleCores: Getter = getter("stats.idle_cores", "Cores that nothing holds.")
    totalRunningCores: Getter = getter("stats.running_cores", "Cores that frames hold now.")
    totalLockedCores: Getter = getter("stats.locked_cores", "Cores of locked hosts.")
    totalGpus: Getter = getter("stats.gpus", "GPUs of all its hosts.")
    totalAvailableGpus: Getter = getter("stats.available_gpus", "GPUs that are free to book.")
    totalIdleGpus: Getter = getter("stats.idle_gpus", "GPUs that nothing holds.")
    totalRunningGpus: Getter = getter("stats.running_gpus", "GPUs that frames hold now.")
    totalLockedGpus: Getter = getter("stats.locked_gpus", "GPUs of locked hosts.")
    totalHosts: Getter = getter("stats.hosts", "Number of hosts.")
    totalLockedHosts: Getter = getter("stats.locked_hosts", "Hosts that are locked.")
    totalDownHosts: Getter = getter("stats.down_hosts", "Hosts that are down.")
