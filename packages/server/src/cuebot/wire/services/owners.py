"""OwnerInterface and DeedInterface."""

from __future__ import annotations

from typing import Protocol

from opencue_proto import host_pb2

from cuebot.domain import commands as c
from cuebot.domain.indexes import deeds_of
from cuebot.domain.nouns import Deed, Owner
from cuebot.queries.comments import commented
from cuebot.queries.hosts import host_row
from cuebot.wire.call import Call
from cuebot.wire.messages.hosts import host_message
from cuebot.wire.messages.owners import deed_seq, owner_message


class OfOwner(Protocol):
    """Names an owner."""

    @property
    def owner(self) -> host_pb2.Owner:
        """The owner, of which the id counts."""


class OfDeed(Protocol):
    """Names a deed."""

    @property
    def deed(self) -> host_pb2.Deed:
        """The deed, of which the id counts."""


class OwnerInterface:
    """Those who own hosts, on which the frames of their show come first."""

    def GetOwner(self, request: host_pb2.OwnerGetOwnerRequest, call: Call) -> host_pb2.OwnerGetOwnerResponse:
        """An owner by name, or by id."""
        owner = call.farm.owners.get(request.name) or call.farm.owner_named(request.name)
        return host_pb2.OwnerGetOwnerResponse(owner=owner_message(call.farm, owner))

    def GetDeeds(self, request: host_pb2.OwnerGetDeedsRequest, call: Call) -> host_pb2.OwnerGetDeedsResponse:
        """What an owner has."""
        deeds = deeds_of(call.farm, _owner(request, call))
        return host_pb2.OwnerGetDeedsResponse(deeds=deed_seq(call.farm, deeds))

    def GetHosts(self, request: host_pb2.OwnerGetHostsRequest, call: Call) -> host_pb2.OwnerGetHostsResponse:
        """The hosts of an owner."""
        hosts = [_host_of(deed, call) for deed in deeds_of(call.farm, _owner(request, call))]
        return host_pb2.OwnerGetHostsResponse(hosts=host_pb2.HostSeq(hosts=hosts))

    async def SetShow(self, request: host_pb2.OwnerSetShowRequest, call: Call) -> None:
        """Say which show's frames come first on an owner's hosts."""
        await call.submit(c.SetOwnersShow(_owner(request, call).id, call.farm.show_named(request.show).id))

    async def TakeOwnership(self, request: host_pb2.OwnerTakeOwnershipRequest, call: Call) -> None:
        """Give a host, by its name, to an owner, whoever had it before."""
        await call.submit(c.TakeOwnership(_owner(request, call).id, call.farm.host_named(request.host).id))

    async def Delete(self, request: host_pb2.OwnerDeleteRequest, call: Call) -> None:
        """Let somebody own nothing any more."""
        await call.submit(c.DropOwner(_owner(request, call).id))


class DeedInterface:
    """What belongs to whom."""

    def GetHost(self, request: host_pb2.DeedGetHostRequest, call: Call) -> host_pb2.DeedGetHostResponse:
        """The host of a deed."""
        return host_pb2.DeedGetHostResponse(host=_host_of(_deed(request, call), call))

    def GetOwner(self, request: host_pb2.DeedGetOwnerRequest, call: Call) -> host_pb2.DeedGetOwnerResponse:
        """Whose a deed is."""
        owner = call.farm.owners[_deed(request, call).owner_id]
        return host_pb2.DeedGetOwnerResponse(owner=owner_message(call.farm, owner))

    async def Delete(self, request: host_pb2.DeedDeleteRequest, call: Call) -> None:
        """Let a host be nobody's."""
        await call.submit(c.DropDeed(_deed(request, call).id))


def _owner(request: OfOwner, call: Call) -> Owner:
    owner: Owner = call.farm.get("owner", request.owner.id)
    return owner


def _deed(request: OfDeed, call: Call) -> Deed:
    deed: Deed = call.farm.get("deed", request.deed.id)
    return deed


def _host_of(deed: Deed, call: Call) -> host_pb2.Host:
    farm = call.farm
    return host_message(host_row(farm, farm.hosts[deed.host_id], commented(farm)))
