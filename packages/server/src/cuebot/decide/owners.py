"""Commands on the owners of hosts and their deeds."""

from __future__ import annotations

from cuebot.decide.context import Context
from cuebot.decide.partitions import without_owner
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.advice import advise
from cuebot.domain.errors import AlreadyExists, Invalid, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.indexes import deeds_of
from cuebot.domain.names import label
from cuebot.domain.nouns import Deed, Host, Owner, stored_values


def create_owner(farm: Farm, command: c.CreateOwner, context: Context) -> tuple[list[ev.Event], str]:
    """Let somebody own hosts. Replies with the owner's id."""
    show = farm.get("show", command.show_id)
    try:
        label(command.name, context.bounds)
    except ValueError as error:
        raise Invalid(f"an owner's name cannot be {quoted(command.name)!r}: accepted is {error}") from error
    if command.name in farm.owner_by_name:
        other = advise("owner.set_show", owner=command.name, show="SHOW")
        raise AlreadyExists(f"there is an owner {command.name!r} already; {other} gives him another show")
    owner = Owner(context.new_id(), command.name, show.id, context.now_us)
    return [ev.Added("owner", stored_values(owner))], owner.id


def set_show(farm: Farm, command: c.SetOwnersShow, context: Context) -> list[ev.Event]:
    """Say whose frames come first on an owner's hosts."""
    owner, show = farm.get("owner", command.owner_id), farm.get("show", command.show_id)
    return [ev.Changed("owner", owner.id, {"show_id": show.id})] if owner.show_id != show.id else []


def drop_owner(farm: Farm, command: c.DropOwner, context: Context) -> list[ev.Event]:
    """Let somebody own nothing any more: his deeds are gone first."""
    owner: Owner = farm.get("owner", command.owner_id)
    events: list[ev.Event] = []
    for deed in deeds_of(farm, owner):
        events += [*without_owner(farm, deed.host_id), _gone(deed)]
    return [*events, ev.Removed("owner", owner.id, stored_values(owner))]


def take_ownership(farm: Farm, command: c.TakeOwnership, context: Context) -> list[ev.Event]:
    """Give a host to an owner; whoever had it has it no more."""
    owner, host = farm.get("owner", command.owner_id), farm.get("host", command.host_id)
    old = deed_of(farm, host)
    if old is not None and old.owner_id == owner.id:
        return []
    deed = Deed(context.new_id(), host.id, owner.id, context.now_us)
    parts = without_owner(farm, host.id, owner.name)
    return [*parts, *([_gone(old)] if old else []), ev.Added("deed", stored_values(deed))]


def drop_deed(farm: Farm, command: c.DropDeed, context: Context) -> list[ev.Event]:
    """Let a host be nobody's."""
    deed: Deed = farm.get("deed", command.deed_id)
    return [*without_owner(farm, deed.host_id), _gone(deed)]


def deed_of(farm: Farm, host: Host) -> Deed | None:
    """The deed of a host; None where nobody owns it."""
    id = farm.deed_of_host.get(host.id)
    return farm.deeds[id] if id else None


def without_deed(farm: Farm, host: Host) -> list[ev.Event]:
    """A host that is forgotten is nobody's."""
    deed = deed_of(farm, host)
    return [_gone(deed)] if deed else []


def _gone(deed: Deed) -> ev.Event:
    return ev.Removed("deed", deed.id, stored_values(deed))
