"""Owners: those who own hosts, on which the frames of their show come first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from opencue_proto import host_pb2

from opencue.changed import Changed
from opencue.kinds import wrapperOf
from opencue.rpc import call
from opencue.wrappers.entity import Entity, Getter, getter

if TYPE_CHECKING:
    from opencue.wrappers.deed import Deed
    from opencue.wrappers.host import Host


class Owner(Entity):
    """Somebody who owns hosts."""

    _service = "owner"
    _message = host_pb2.Owner

    def delete(self) -> Changed:
        """Let him own nothing any more; his hosts are nobody's then."""
        return self._change("Delete")

    def getDeeds(self) -> list[Deed]:
        """Return what he owns, as deeds."""
        return [wrapperOf("Deed")(message) for message in self._call("GetDeeds").deeds.deeds]

    def getHosts(self) -> list[Host]:
        """Return his hosts."""
        return [wrapperOf("Host")(message) for message in self._call("GetHosts").hosts.hosts]

    def getOwner(self, name: str) -> Owner:
        """Return an owner by name, or by id."""
        return Owner(call("owner", "GetOwner", name=name).owner)

    def setShow(self, show: Union[str, Entity]) -> Changed:
        """Let the frames of another show, or of the one of a name, come first on his hosts."""
        return self._change("SetShow", show=show if isinstance(show, str) else show.data.name)

    def takeOwnership(self, host: str) -> Changed:
        """Give him a host, by its name, whoever had it before."""
        return self._change("TakeOwnership", host=host)

    id: Getter = getter("id", "UUID of the owner.")
    name: Getter = getter("name", "Name of the owner.")
    show: Getter = getter("show", "Name of the show whose frames come first on his hosts.")
    hostCount: Getter = getter("host_count", "How many hosts he owns.")
