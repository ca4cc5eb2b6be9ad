"""Commands on who gets what: shows, allocations and subscriptions."""

from __future__ import annotations

from cue_cli.cueadmin.lookup import (
    findAllocation,
    findShow,
    findSubscription,
    toCores,
    toInteger,
    toSwitch,
    withinBounds,
)
from cue_cli.cueadmin.output import POINTS_PER_CORE
from cue_cli.cueadmin.output_styles import UPSTREAM
from cue_cli.cueadmin.session import CommandError, Session, UsageError
from opencue import api
from opencue.exception import EntityNotFoundException
from opencue.tags import splitTags
from opencue.wording import counted


def create_alloc(session: Session, values: list[str]) -> None:
    """Make an allocation in a facility."""
    facility, name, tag = values
    session.confirm(f"Create allocation {facility}.{name} with the tag {_tags(tag)}")
    try:
        message = api.getFacility(facility)
    except EntityNotFoundException:
        raise CommandError(f"facility {facility!r} does not exist; the third name is the tag") from None
    print(f"Created allocation: {api.createAllocation(name, _tags(tag), message).name()}")


def delete_alloc(session: Session, values: list[str]) -> None:
    """Remove an allocation without hosts."""
    allocation = findAllocation(values[0])
    session.confirm(f"Delete allocation {allocation.name()}")
    session.changed(allocation.name(), allocation.delete(), "deleted", "it was deleted already")


def rename_alloc(session: Session, values: list[str]) -> None:
    """Rename an allocation; the facility may be repeated in the new name, and stays."""
    allocation, new = findAllocation(values[0]), values[1]
    facility = allocation.name().split(".")[0]
    if "." in new:
        new_facility, new = new.split(".", 1)
        if new_facility != facility:
            raise UsageError(f"an allocation stays in its facility: {allocation.name()} cannot go to {new_facility}")
    session.confirm(f"Rename allocation {allocation.name()} to {facility}.{new}")
    name = f"{facility}.{new}"
    session.changed(allocation.name(), allocation.setName(new), f"renamed to {name}", f"it is called {name} already")


def transfer(session: Session, values: list[str]) -> None:
    """Move all hosts of one allocation to another."""
    old, new = findAllocation(values[0]), findAllocation(values[1])
    hosts = old.getHosts()
    session.confirm(f"Transfer {counted(len(hosts), 'host')} from {old.name()} to {new.name()}")
    moved = new.reparentHosts(hosts) if hosts else 0
    if moved is None:
        moved = len(hosts)
    done = f"{counted(moved, 'host')} moved to {new.name()}"
    session.changed(
        old.name(), moved, done, "it has no hosts" if not hosts else f"its hosts are in {new.name()} already"
    )


def tag_alloc(session: Session, values: list[str]) -> None:
    """Set the tag of an allocation, or several with commas between them."""
    allocation, tags = findAllocation(values[0]), _tags(values[1])
    session.confirm(f"Tag allocation {allocation.name()} with {tags}")
    session.changed(allocation.name(), allocation.setTag(tags), f"tagged {tags}", f"it was tagged {tags} already")


def create_show(session: Session, values: list[str]) -> None:
    """Make a show."""
    session.confirm(f"Create show {values[0]}")
    show = api.createShow(values[0])
    session.report(f"{show.name()}: created")


def delete_show(session: Session, values: list[str]) -> None:
    """Remove a show that never had a job."""
    show = findShow(values[0])
    session.confirm(f"Delete show {show.name()}")
    session.changed(show.name(), show.delete(), "deleted", "it was deleted already")


def enable_show(session: Session, values: list[str]) -> None:
    """Let a show have jobs."""
    show = findShow(values[0])
    session.confirm(f"Enable show {show.name()}")
    number = show.setActive(True)
    name = next((one.name() for one in api.getShows() if one.id() == show.id()), show.name())
    done = "enabled" if name == show.name() else f"enabled; it is called {name} again"
    session.changed(show.name(), number, done, "it was enabled already")


def disable_show(session: Session, values: list[str]) -> None:
    """Refuse jobs of a show."""
    show = findShow(values[0])
    session.confirm(f"Disable show {show.name()}")
    session.changed(show.name(), show.setActive(False), "disabled", "it was disabled already")


def dispatching(session: Session, values: list[str]) -> None:
    """Start frames of a show, or stop that."""
    on = toSwitch(values[1])
    show = findShow(values[0])
    if not on:
        session.confirm(f"Start no more frames of {show.name()}")
    session.set(show.name(), f"dispatching {'on' if on else 'off'}", show.enableDispatching(on))


def booking(session: Session, values: list[str]) -> None:
    """Book hosts for a show, or stop that."""
    on = toSwitch(values[1])
    show = findShow(values[0])
    if not on:
        session.confirm(f"Book no more hosts for {show.name()}")
    session.set(show.name(), f"booking {'on' if on else 'off'}", show.enableBooking(on))


def default_min_cores(session: Session, values: list[str]) -> None:
    """Set the minimum cores of a show's new jobs."""
    cores, show = toCores(values[1]), findShow(values[0])
    session.confirm(f"Set the default minimum cores of {show.name()} to {cores:g}")
    session.set(
        show.name(),
        f"default minimum cores {cores:g}",
        show.setDefaultMinCores(cores),
        lambda: f"default minimum cores {findShow(values[0]).defaultMinCores():g}",
    )


def default_max_cores(session: Session, values: list[str]) -> None:
    """Set the maximum cores of a show's new jobs."""
    cores, show = toCores(values[1]), findShow(values[0])
    session.confirm(f"Set the default maximum cores of {show.name()} to {cores:g}")
    session.set(
        show.name(),
        f"default maximum cores {cores:g}",
        show.setDefaultMaxCores(cores),
        lambda: f"default maximum cores {findShow(values[0]).defaultMaxCores():g}",
    )


def create_sub(session: Session, values: list[str]) -> None:
    """Let a show use an allocation; size and burst are cores."""
    size, burst = toCores(values[2]), toCores(values[3])
    show, allocation = findShow(values[0]), findAllocation(values[1])
    session.confirm(f"Create a subscription of {show.name()} to {allocation.name()}, {size:g} to {burst:g} cores")
    show.createSubscription(allocation, size, burst)
    share = f"size {_cores(size * POINTS_PER_CORE)}, burst {_cores(burst * POINTS_PER_CORE)}"
    session.report(f"{allocation.name()}.{show.name()}: {share}")


def delete_sub(session: Session, values: list[str]) -> None:
    """End a show's use of an allocation."""
    subscription = findSubscription(values[0], values[1])
    session.confirm(f"Delete subscription {subscription.name()}")
    session.changed(subscription.name(), subscription.delete(), "deleted", "it was deleted already")


def size(session: Session, values: list[str]) -> None:
    """Set what a subscription guarantees."""
    points = _points(session, values[2], "size")
    subscription = findSubscription(values[0], values[1])
    session.set(subscription.name(), f"size {_cores(points)}", subscription.setSize(points))


def burst(session: Session, values: list[str]) -> None:
    """Set the most that a subscription allows: a number, or `N%` on top of its size."""
    text = values[2]
    share = toInteger(text[:-1], "percentage") if text.endswith("%") else None
    points = 0 if share is not None else _points(session, text, "burst")
    subscription = findSubscription(values[0], values[1])
    if share is not None:
        points = withinBounds(int(subscription.size() + subscription.size() * share / 100), "burst in points")
    session.set(subscription.name(), f"burst {_cores(points)}", subscription.setBurst(points))


def _cores(points: float) -> str:
    return "1 core" if points == POINTS_PER_CORE else f"{points / POINTS_PER_CORE:g} cores"


def _points(session: Session, text: str, what: str) -> int:
    """Return points of a text in cores; upstream's -size and -burst pass points (100 to a core) through unmarked."""
    if session.style == UPSTREAM:
        return toInteger(text, "number of points (100 to a core)")
    cores = toCores(text)
    if cores < 0:
        raise UsageError(f"a {what} of {cores:g} cores makes no sense: write 0 or more")
    return round(cores * POINTS_PER_CORE)


def _tags(text: str) -> str:
    """Return tags as a comma list without blanks and empty parts."""
    tags = splitTags(text)
    if not tags:
        raise UsageError("a tag may not be empty")
    return ",".join(tags)
