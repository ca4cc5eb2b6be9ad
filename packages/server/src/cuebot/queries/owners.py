"""Owners of hosts and their deeds."""

from __future__ import annotations

from typing import NamedTuple

from cuebot.domain.errors import NotFound
from cuebot.domain.farm import Farm
from cuebot.domain.indexes import deeds_of
from cuebot.domain.nouns import Deed, Host, Owner, Show


class OwnerRow(NamedTuple):
    """Somebody who owns hosts."""

    id: str
    name: str
    show: str
    host_count: int


class DeedRow(NamedTuple):
    """A host that somebody owns."""

    id: str
    host: str
    owner: str
    show: str


def owner_row(farm: Farm, owner: Owner) -> OwnerRow:
    """What an owner looks like."""
    return OwnerRow(owner.id, owner.name, farm.shows[owner.show_id].name, len(deeds_of(farm, owner)))


def deed_row(farm: Farm, deed: Deed) -> DeedRow:
    """What a deed looks like."""
    owner = farm.owners[deed.owner_id]
    return DeedRow(deed.id, farm.hosts[deed.host_id].name, owner.name, farm.shows[owner.show_id].name)


def deed_of_host(farm: Farm, host: Host) -> Deed:
    """The deed of a host. Raises NotFound where nobody owns it."""
    id = farm.deed_of_host.get(host.id)
    if id is None:
        raise NotFound(f"nobody owns host {host.name!r}")
    return farm.deeds[id]


def deeds_of_show(farm: Farm, show: Show) -> list[Deed]:
    """The deeds of those who own hosts for a show, by the names of the hosts."""
    found = [deed for deed in farm.deeds.values() if farm.owners[deed.owner_id].show_id == show.id]
    return sorted(found, key=lambda deed: farm.hosts[deed.host_id].name)
