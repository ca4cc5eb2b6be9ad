"""Deeds: each says that a host belongs to an owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opencue_proto import host_pb2

from opencue.changed import Changed
from opencue.kinds import wrapperOf
from opencue.wrappers.entity import Entity, Getter, getter
from opencue.wrappers.owner import Owner

if TYPE_CHECKING:
    from opencue.wrappers.host import Host


class Deed(Entity):
    """A host that somebody owns."""

    _service = "deed"
    _message = host_pb2.Deed

    def delete(self) -> Changed:
        """Let the host be nobody's."""
        return self._change("Delete")

    def getHost(self) -> Host:
        """Return the host."""
        return wrapperOf("Host")(self._call("GetHost").host)

    def getOwner(self) -> Owner:
        """Return who owns it."""
        return Owner(self._call("GetOwner").owner)

    id: Getter = getter("id", "UUID of the deed.")
    host: Getter = getter("host", "Name of the host.")
    owner: Getter = getter("owner", "Name of its owner.")
    show: Getter = getter("show", "Name of the show whose frames come first there.")
