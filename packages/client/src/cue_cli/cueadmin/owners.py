"""Commands on those who own hosts, and the list of what they own."""

from __future__ import annotations

from shlex import quote
from typing import Any, Optional

from cue_cli.cueadmin import records
from cue_cli.cueadmin.lookup import chosenHosts, findShow
from cue_cli.cueadmin.session import CommandError, Session
from opencue import api
from opencue.exception import EntityNotFoundException
from opencue.wording import counted
from opencue.wrappers.deed import Deed
from opencue.wrappers.host import Host
from opencue.wrappers.owner import Owner

LAYOUT = "%-24s %-24s %s"


def list_deeds(session: Session, shows: list[str]) -> None:
    """Print which hosts belong to whom."""
    deeds = [deed for show in _shows(shows) for deed in show.getDeeds()]
    if session.options.json:
        records.printRecords(deeds, records.deedRecord)
        return
    print(LAYOUT % ("Host", "Owner", "Show"))
    for deed in deeds:
        print(LAYOUT % (deed.host(), deed.owner(), deed.show()))


def _shows(names: list[str]) -> list[Any]:
    return [findShow(name) for name in names] if names else sorted(api.getShows(), key=lambda show: show.name())


def create_owner(session: Session, values: list[str]) -> None:
    """Let somebody own hosts, on which a show's frames come first."""
    name, show = values
    session.confirm(f"Let {name} own hosts, on which {show} comes first")
    owner = findShow(show).createOwner(name)
    session.changed(owner.name(), 1, "may own hosts", "")


def delete_owner(session: Session, values: list[str]) -> None:
    """Let somebody own nothing any more."""
    owner = _findOwner(values[0])
    session.confirm(f"Delete owner {owner.name()} with {counted(owner.hostCount(), 'host')}")
    session.changed(owner.name(), owner.delete(), "deleted", "it was deleted already")


def owner_show(session: Session, values: list[str]) -> None:
    """Say which show's frames come first on somebody's hosts."""
    owner, show = _findOwner(values[0]), findShow(values[1])
    session.confirm(f"Let {show.name()} come first on the hosts of {owner.name()}")
    detail = f"{show.name()} comes first"
    session.changed(owner.name(), owner.setShow(show), detail, f"{detail} already")


def give(session: Session, values: list[str]) -> None:
    """Give hosts to an owner."""
    owner, hosts = _findOwner(values[0]), chosenHosts(session, values[1:])
    session.confirm(f"Give {', '.join(host.name() for host in hosts)} to {owner.name()}")
    for host in hosts:
        taken = owner.takeOwnership(host.name())
        session.changed(host.name(), taken, f"belongs to {owner.name()}", f"it was {owner.name()}'s already")


def disown(session: Session, names: list[str]) -> None:
    """Let hosts be nobody's."""
    hosts = chosenHosts(session, names)
    session.confirm(f"Let {', '.join(host.name() for host in hosts)} be nobody's")
    for host in hosts:
        deed = _deedOf(host)
        session.changed(host.name(), deed.delete() if deed else 0, "is nobody's", "nobody owns it")


def _deedOf(host: Host) -> Optional[Deed]:
    try:
        return host.getDeed()
    except EntityNotFoundException:
        return None


def _findOwner(name: str) -> Owner:
    try:
        return api.getOwner(name)
    except EntityNotFoundException:
        raise CommandError(
            f"there is no owner {name!r}; `cueadmin -create-owner {quote(name)} SHOW` makes one, `cueadmin -deeds`"
            " lists who owns hosts"
        ) from None
