"""Commands on shows, groups, facilities, allocations, subscriptions and services, and the first start of a farm."""

from __future__ import annotations

from typing import Any, Final

from cuebot.decide.changes import called, checked, no_longer_stood_for
from cuebot.decide.context import Context
from cuebot.decide.departments import added_department, check_needless, removed_tasks, why_no_name_goes
from cuebot.decide.filters import renumbered
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import AlreadyExists, Invalid, Refused
from cuebot.domain.farm import Farm
from cuebot.domain.filtering import filters_of
from cuebot.domain.names import check_name, folded
from cuebot.domain.nouns import (
    Allocation,
    Department,
    DepartmentName,
    Facility,
    Filter,
    Group,
    Service,
    Show,
    Subscription,
    stored_values,
)
from cuebot.domain.nouns.departments import UNKNOWN_DEPARTMENT
from cuebot.domain.nouns.filters import ActionType
from cuebot.domain.states import JobState
from cuebot.domain.units import CoreUnits, KiB
from cuebot.scheduling.explain.wording import counted

SEED_SERVICES: Final = (
    # name, threadable, core units, memory KiB, tags (opencue-behaviour: services-of-a-new-farm)
    ("default", False, 100, 3_355_443, ("general", "desktop")),
    ("prman", False, 100, 3_355_443, ("general", "desktop")),
    ("arnold", True, 100, 3_355_443, ("general", "desktop")),
    ("shell", False, 100, 3_355_443, ("general", "util")),
    ("maya", False, 100, 2_097_152, ("general", "desktop")),
    ("houdini", False, 100, 3_355_443, ("general", "desktop")),
    ("katana", True, 100, 2_097_152, ("general", "desktop", "util")),
    ("nuke", False, 100, 2_097_152, ("general", "desktop")),
    ("preprocess", False, 10, 393_216, ("general", "util")),
    ("postprocess", False, 10, 524_288, ("general", "util")),
)
"""`preprocess` and `postprocess` also ask for `general` here: on a farm just started no host has the tag `util`."""

SEED_DEPARTMENTS: Final = ("Lighting", "Animation", "Hair", "Cloth", "Layout", "FX", "Pipeline", UNKNOWN_DEPARTMENT)

SEED_BURST: Final = CoreUnits(10_000_000)
"""100,000 cores: a new farm's show may use everything."""


DELETABLE: Final = frozenset(
    {
        "show", "group", "facility", "allocation", "subscription", "service", "service_override", "limit", "comment",
        "filter", "department", "department_name", "task",
    }
)  # fmt: skip


def seed(farm: Farm, command: c.Seed, context: Context) -> list[ev.Event]:
    """Give an empty farm what the first job needs; a farm that has a facility is left alone."""
    if farm.facilities:
        return []
    facility = Facility(context.new_id(), "local")
    general = Allocation(context.new_id(), "general", "general", facility.id, is_default=True)
    events: list[ev.Event] = [
        ev.Added("facility", stored_values(facility)),
        ev.Added("allocation", stored_values(general)),
    ]
    show_events, show_id = _new_show("testing", context)
    subscription = Subscription(context.new_id(), show_id, general.id, SEED_BURST, SEED_BURST)
    events += [*show_events, ev.Added("subscription", stored_values(subscription))]
    names = [DepartmentName(context.new_id(), name) for name in SEED_DEPARTMENTS]
    events += [ev.Added("department_name", stored_values(name)) for name in names]
    for name, threadable, cores, memory, tags in SEED_SERVICES:
        service = Service(context.new_id(), name, threadable, CoreUnits(cores), min_memory=KiB(memory), tags=tags)
        events.append(ev.Added("service", stored_values(service)))
    return events


def create_show(farm: Farm, command: c.CreateShow, context: Context) -> tuple[list[ev.Event], str]:
    """Make a show and its root group. Replies with the show's id."""
    check_name("show", command.name, context.bounds)
    stand_in = farm.stand_in(command.name)
    if stand_in:
        raise AlreadyExists(f"show {command.name!r} was archived, and its jobs go to show {stand_in.name!r}")
    same = farm.shows.get(farm.show_by_name.get(folded(command.name), ""))
    if same is not None:
        spelled = "" if same.name == command.name else f", which {command.name!r} means too (case, '-', '_' are alike)"
        raise AlreadyExists(f"there is a show {same.name!r} already{spelled}")
    return _new_show(command.name, context)


def _new_show(name: str, context: Context) -> tuple[list[ev.Event], str]:
    root_id, show_id = context.new_id(), context.new_id()
    show = Show(show_id, name, context.now_us, root_group_id=root_id)
    root = Group(root_id, name, show_id, None)
    department = Department(context.new_id(), show_id, root.department)
    things = (("show", show), ("group", root), ("department", department))
    return [ev.Added(kind, stored_values(thing)) for kind, thing in things], show_id


def archive_show(farm: Farm, command: c.ArchiveShow, context: Context) -> list[ev.Event]:
    """Put a show away under another name; jobs of its name are launched in the target from now on.

    It takes no jobs and is in no list; nothing more of those that it has is booked. Making it active undoes all of it.
    """
    show: Show = farm.get("show", command.show_id)
    if show.archived_name:
        return []
    target = farm.show_named(command.target_name)
    if target is show or target.archived_name:
        raise Refused(f"the jobs of show {show.name!r} cannot go to show {target.name!r}; name one that takes jobs")
    name = f"{show.name}_archive"
    if farm.show_id_of(name) or folded(name) in farm.alias_of_show:
        raise AlreadyExists(f"there is a show {name!r} already; delete or rename it first")
    stands_in = ev.Changed("show", target.id, {"aliases": [*target.aliases, show.name]})
    away = {"name": name, "archived_name": show.name, "active": False}
    return [ev.Changed("show", show.id, away), stands_in]


def create_group(farm: Farm, command: c.CreateGroup, context: Context) -> tuple[list[ev.Event], str]:
    """Make a group below another. Replies with its id."""
    parent: Group = farm.get("group", command.parent_id)
    checked("group", command.name, {"name": command.name}, context.bounds)
    if any(g.parent_id == parent.id and g.name == command.name for g in farm.groups.values()):
        raise AlreadyExists(f"there is a group {command.name!r} in {parent.name!r} already")
    group = Group(context.new_id(), command.name, parent.show_id, parent.id)
    department = added_department(farm, group.show_id, group.department, context)
    return [*department, ev.Added("group", stored_values(group))], group.id


def move_groups(farm: Farm, command: c.MoveGroups, context: Context) -> list[ev.Event]:
    """Put groups below another; a root group stays, and no group comes to lie below itself."""
    parent: Group = farm.get("group", command.parent_id)
    above = {parent.id}
    group = parent
    while group.parent_id is not None:
        group = farm.groups[group.parent_id]
        above.add(group.id)
    events: list[ev.Event] = []
    taken = {g.name for g in farm.groups.values() if g.parent_id == parent.id}
    for group in (farm.get("group", id) for id in dict.fromkeys(command.group_ids)):
        if group.parent_id is None:
            raise Refused(f"group {group.name!r} is the root group of its show and cannot be moved")
        if group.show_id != parent.show_id:
            raise Refused(f"group {group.name!r} belongs to another show than group {parent.name!r}")
        if group.id in above:
            raise Refused(f"group {group.name!r} cannot be put below itself")
        if group.parent_id == parent.id:
            continue
        if group.name in taken:
            raise AlreadyExists(f"there is a group {group.name!r} in {parent.name!r} already")
        taken.add(group.name)
        events.append(ev.Changed("group", group.id, {"parent_id": parent.id}))
    return events


def create_facility(farm: Farm, command: c.CreateFacility, context: Context) -> tuple[list[ev.Event], str]:
    """Make a facility. Replies with its id."""
    name = checked("facility", command.name, {"name": command.name}, context.bounds)["name"]
    if name in farm.facility_by_name:
        raise AlreadyExists(f"there is a facility {name!r} already")
    facility = Facility(context.new_id(), name)
    return [ev.Added("facility", stored_values(facility))], facility.id


def create_allocation(farm: Farm, command: c.CreateAllocation, context: Context) -> tuple[list[ev.Event], str]:
    """Make an allocation of a facility. Replies with its id."""
    facility: Facility = farm.get("facility", command.facility_id)
    if (facility.id, command.name) in farm.allocation_by_name:
        raise AlreadyExists(f"there is an allocation {facility.name}.{command.name} already")
    named = {"name": command.name, "tag": command.tag or command.name}
    tag = checked("allocation", command.name, named, context.bounds)["tag"]
    allocation = Allocation(context.new_id(), command.name, tag, facility.id)
    return [ev.Added("allocation", stored_values(allocation))], allocation.id


def create_subscription(farm: Farm, command: c.CreateSubscription, context: Context) -> tuple[list[ev.Event], str]:
    """Give a show hosts of an allocation. Replies with the subscription's id."""
    show, allocation = farm.get("show", command.show_id), farm.get("allocation", command.allocation_id)
    if (show.id, allocation.id) in farm.subscription_of:
        name = farm.allocation_name(allocation)
        raise AlreadyExists(f"show {show.name!r} has a subscription to {name} already; change it with -size and -burst")
    if command.size < 0 or command.burst < 0:
        raise Invalid("size and burst of a subscription are at least 0 cores")
    subscription = Subscription(context.new_id(), show.id, allocation.id, command.size, command.burst)
    return [ev.Added("subscription", stored_values(subscription))], subscription.id


def create_service(farm: Farm, command: c.CreateService, context: Context) -> tuple[list[ev.Event], str]:
    """Make a service. Replies with its id."""
    name = str(command.values.get("name", ""))
    values: dict[str, Any] = {**checked("service", name, command.values, context.bounds), "id": context.new_id()}
    if "name" not in values:
        raise Invalid("a service needs a name")
    if name in farm.service_by_name:
        raise AlreadyExists(f"there is a service {name!r} already")
    return [ev.Added("service", values)], values["id"]


def create_service_override(
    farm: Farm, command: c.CreateServiceOverride, context: Context
) -> tuple[list[ev.Event], str]:
    """Let a service be something else for a show. Replies with the id of the override."""
    show: Show = farm.get("show", command.show_id)
    name = str(command.values.get("name", ""))
    values: dict[str, Any] = checked("service_override", name, command.values, context.bounds)
    if "name" not in values:
        raise Invalid("a service needs a name")
    if (show.id, name) in farm.override_of:
        raise AlreadyExists(f"show {show.name!r} has a service {name!r} of its own already")
    values |= {"id": context.new_id(), "show_id": show.id}
    return [ev.Added("service_override", values)], values["id"]


def set_default_allocation(farm: Farm, command: c.SetDefaultAllocation, context: Context) -> list[ev.Event]:
    """Say where new hosts go."""
    chosen: Allocation = farm.get("allocation", command.allocation_id)
    return [
        ev.Changed("allocation", a.id, {"is_default": a.id == chosen.id})
        for a in farm.allocations.values()
        if a.is_default != (a.id == chosen.id)
    ]


def delete(farm: Farm, command: c.Delete, context: Context) -> list[ev.Event]:
    """Remove a thing that nothing needs any more; what still needs it is named in the refusal."""
    if command.kind not in DELETABLE:
        raise Invalid(f"a {command.kind} cannot be deleted")
    thing = farm.get(command.kind, command.id)
    needed_by = _needed_by(farm, command.kind, thing)
    if needed_by:
        name = called(farm, command.kind, thing)
        raise Refused(f"{command.kind} {name!r} cannot be deleted: {needed_by}")
    events: list[ev.Event] = []
    if command.kind == "show":
        events += _with_show(farm, thing)
    if command.kind == "department":
        events += removed_tasks(farm, thing.id)
    if command.kind == "filter":
        later = [one for one in filters_of(farm, thing.show_id, enabled=False) if one is not thing]
        return [ev.Removed("filter", thing.id, stored_values(thing)), *renumbered(later)]
    if command.kind == "group":  # finished jobs of a deleted group go to the root
        root = farm.shows[thing.show_id].root_group_id
        events += [ev.Changed("job", id, {"group_id": root}) for id in sorted(thing.job_ids)]
    return [*events, ev.Removed(command.kind, command.id, stored_values(thing))]


def _with_show(farm: Farm, show: Show) -> list[ev.Event]:
    """What goes with a show. Of one that was archived that is the word of the show that stands for it."""
    events: list[ev.Event] = no_longer_stood_for(farm, show)
    for department_id in [one.id for one in farm.departments.values() if one.show_id == show.id]:
        events += removed_tasks(farm, department_id)
    for kind in ("department", "filter", "service_override", "group"):
        things = [thing for thing in farm.table(kind).values() if thing.show_id == show.id]
        events += [ev.Removed(kind, thing.id, stored_values(thing)) for thing in things]
    return events


def _needed_by(farm: Farm, kind: str, thing: Any) -> str:
    if kind == "show":
        jobs = thing.jobs_created  # also those that are on disk
        subscriptions = sum(s.show_id == thing.id for s in farm.subscriptions.values())
        groups = sum(g.show_id == thing.id for g in farm.groups.values()) - 1
        owners = sum(owner.show_id == thing.id for owner in farm.owners.values())
        return _listed(jobs=jobs, subscriptions=subscriptions, groups=groups, owners=owners)
    if kind == "group":
        if thing.parent_id is None:
            return "it is the root group of its show"
        filters = [one.name for one in filters_of(farm, thing.show_id, enabled=False) if _moves_to(one, thing)]
        if filters:
            return f"filter {filters[0]!r} moves jobs to it"
        active = sum(farm.jobs[id].state is not JobState.FINISHED for id in thing.job_ids)
        return _listed(jobs=active, groups=sum(g.parent_id == thing.id for g in farm.groups.values()))
    if kind == "facility":
        return _listed(
            allocations=sum(a.facility_id == thing.id for a in farm.allocations.values()),
            jobs=sum(job.facility_id == thing.id for job in farm.jobs.values()),
        )
    if kind == "allocation":
        if thing.is_default:
            return "new hosts go there; make another one the default first"
        return _listed(
            hosts=sum(h.allocation_id == thing.id and not h.removed for h in farm.hosts.values()),
            subscriptions=sum(s.allocation_id == thing.id for s in farm.subscriptions.values()),
        )
    if kind == "subscription":
        return "frames of its show are running there" if thing.reserved_cores else ""
    if kind == "department":
        return check_needless(farm, thing)
    if kind == "department_name":
        return why_no_name_goes(farm, thing)
    if kind == "service" and thing.name == "default":
        return "layers without a known service fall back to it"
    return ""


def _moves_to(one: Filter, group: Group) -> bool:
    return any(x.type is ActionType.MOVE_JOB_TO_GROUP and x.value == group.id for x in one.actions)


def _listed(**counts: int) -> str:
    found = [counted(count, name.removesuffix("s")) for name, count in counts.items() if count]
    return "it still has " + " and ".join(found) if found else ""
