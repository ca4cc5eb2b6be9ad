"""Simulated people who look after the farm: limits, groups, shows, subscriptions, allocations, tags and services.

Each function is one thing that somebody may want now, from a farm and random numbers; None where there is
nothing to do it to.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, Final

from cuebot.domain import commands as c
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Layer
from cuebot.domain.states import BindSource, Enforcement, JobState
from cuebot.domain.units import CoreUnits
from cuebot.sim.chaos.random_specs import GIB, LIMITS, NO_LICENCE

MUCH: Final = CoreUnits(1_000_000)
GROUPS_AT_MOST: Final = 4
TAGS: Final = ("general", "desktop")
"""The tags of the two allocations."""
SECOND_SHOW: Final = "feature"


def furnishing(farm: Farm) -> c.Command | None:
    """The next thing that a new farm lacks for a simulation; None when it has everything."""
    if TAGS[1] not in {allocation.name for allocation in farm.allocations.values()}:
        return c.CreateAllocation(TAGS[1], TAGS[1], next(iter(farm.facilities)))
    for number, name in enumerate(LIMITS):
        if name not in farm.limit_by_name:
            return c.CreateLimit(
                name, 2, per_host=bool(number), exit_status=0 if number else NO_LICENCE, delay_minutes=1
            )
    if SECOND_SHOW not in farm.show_by_name:
        return c.CreateShow(SECOND_SHOW)
    missing = next(_missing_subscriptions(farm), None)
    if missing is not None:
        return missing
    without = [show for show in farm.shows.values() if sum(g.show_id == show.id for g in farm.groups.values()) == 1]
    return c.CreateGroup("comp", without[0].root_group_id) if without else None


def tidy(farm: Farm, rng: random.Random) -> Iterator[c.Command]:
    """What lets frames run again that people hold back, but for a few limits that stay closed."""
    for layer in farm.layers.values():
        changes: dict[str, Any] = {"start_after_us": 0, "tags": TAGS}
        yield c.Change("layer", layer.id, {n: value for n, value in changes.items() if getattr(layer, n) != value})
    for subscription in farm.subscriptions.values():
        yield c.Change("subscription", subscription.id, {"burst": MUCH})
    yield from _missing_subscriptions(farm)
    for allocation in farm.allocations.values():
        yield c.Change("allocation", allocation.id, {"tag": allocation.name})
    for show in farm.shows.values():
        yield c.Change("show", show.id, {"active": True, "booking_enabled": True, "dispatch_enabled": True})
    for group in farm.groups.values():
        yield c.Change("group", group.id, {"max_cores": -1, "max_gpus": -1})
    for limit in farm.limits.values():
        if not limit.max_value and rng.random() < 0.7:
            yield c.Change("limit", limit.id, {"max_value": 2})
        if not limit.soft_value and rng.random() < 0.7:
            yield c.Change("limit", limit.id, {"soft_value": -1})


def _missing_subscriptions(farm: Farm) -> Iterator[c.CreateSubscription]:
    for show in farm.shows.values():
        for allocation in farm.allocations.values():
            if (show.id, allocation.id) not in farm.subscription_of:
                yield c.CreateSubscription(show.id, allocation.id, CoreUnits(400), MUCH)


def _some_layer(farm: Farm, rng: random.Random) -> Layer | None:
    layers = [layer for layer in farm.layers.values() if farm.jobs[layer.job_id].state is JobState.PENDING]
    return rng.choice(layers) if layers else None


# --- limits -------------------------------------------------------------------------------------------------------


def _change_limit(farm: Farm, rng: random.Random) -> c.Command | None:
    if not farm.limits:
        return None
    limit = rng.choice(list(farm.limits.values()))
    what = rng.random()
    if what < 0.15:
        return c.Change("limit", limit.id, {"per_host": not limit.per_host})
    if what < 0.25:
        return c.Change("limit", limit.id, {"enforcement": rng.choice(list(Enforcement))})
    if what < 0.35:
        return c.Change("limit", limit.id, {"soft_value": rng.choice((-1, -1, 0, 1, 2))})
    return c.Change("limit", limit.id, {"max_value": rng.choice((0, 1, 1, 2, 3, 6))})


def _add_or_drop_limit(farm: Farm, rng: random.Random) -> c.Command | None:
    layer = _some_layer(farm, rng)
    if layer is None or not farm.limits:
        return None
    limit = rng.choice(list(farm.limits.values()))
    return c.DropLayerLimit(layer.id, limit.id) if limit.name in layer.limits else c.AddLayerLimit(layer.id, limit.id)


def _change_licence(farm: Farm, rng: random.Random) -> c.Command | None:
    """The status of frames without a licence goes to a limit or from it, or what was learned of it is forgotten."""
    if not farm.limits:
        return None
    limit = rng.choice(list(farm.limits.values()))
    if rng.random() < 0.4:
        return c.ClearBindings(limit.id, (BindSource.AUTO, BindSource.MANUAL))
    if limit.exit_status:
        return c.SetFailureRule(limit.id, 0, 0, True)
    if NO_LICENCE in farm.limit_use.limit_by_exit:
        return None
    return c.SetFailureRule(limit.id, NO_LICENCE, rng.choice((1, 2)), rng.random() < 0.8)


def _rename_or_remake_limit(farm: Farm, rng: random.Random) -> c.Command | None:
    missing = [name for name in (*LIMITS, "spare") if name not in farm.limit_by_name]
    if missing and rng.random() < 0.7:
        return c.CreateLimit(rng.choice(missing), rng.randint(0, 3), per_host=rng.random() < 0.5)
    if not farm.limits or rng.random() < 0.5:
        return None
    limit = rng.choice(list(farm.limits.values()))
    return c.Delete("limit", limit.id) if rng.random() < 0.3 else c.RenameLimit(limit.id, rng.choice(("spare", "x")))


# --- groups and shows ---------------------------------------------------------------------------------------------


def _change_group(farm: Farm, rng: random.Random) -> c.Command | None:
    group = rng.choice(list(farm.groups.values()))
    changes: dict[str, Any] = rng.choice(
        (
            {"max_cores": rng.choice((-1, 0, 100, 300, 800))},
            {"max_cores": -1},
            {"min_cores": rng.choice((0, 100, 400, 1_000))},
            {"default_job_max_cores": rng.choice((-1, 200, 600))},
            {"max_gpus": rng.choice((-1, 0, 1, 2))},
            {"default_job_max_gpus": rng.choice((-1, 1, 2))},
            {"default_job_priority": rng.choice((-1, 1, 120))},
        )
    )
    return c.Change("group", group.id, changes)


def _make_or_move_group(farm: Farm, rng: random.Random) -> c.Command | None:
    groups = list(farm.groups.values())
    group = rng.choice(groups)
    choice = rng.random()
    if choice < 0.3 and len(groups) < 2 * GROUPS_AT_MOST:
        return c.CreateGroup(rng.choice(("comp", "light", "fx")), group.id)
    if choice < 0.5:
        return c.Delete("group", group.id)
    return c.MoveGroups((group.id,), rng.choice(groups).id)


def _move_job(farm: Farm, rng: random.Random) -> c.Command | None:
    """Into another group, now and then of another show, which is refused."""
    if not farm.jobs:
        return None
    job = rng.choice(list(farm.jobs.values()))
    groups = [group for group in farm.groups.values() if group.show_id == job.show_id or rng.random() < 0.2]
    return c.MoveJob(job.id, rng.choice(groups).id)


def _change_show(farm: Farm, rng: random.Random) -> c.Command | None:
    show = rng.choice(list(farm.shows.values()))
    name = rng.choice(("booking_enabled", "booking_enabled", "active", "dispatch_enabled"))
    return c.Change("show", show.id, {name: not getattr(show, name) or rng.random() < 0.3})


def _change_subscription(farm: Farm, rng: random.Random) -> c.Command | None:
    missing = list(_missing_subscriptions(farm))
    if missing and rng.random() < 0.5:
        return rng.choice(missing)
    if not farm.subscriptions:
        return None
    subscription = rng.choice(list(farm.subscriptions.values()))
    if rng.random() < 0.1:
        return c.Delete("subscription", subscription.id)
    if rng.random() < 0.3:
        return c.Change("subscription", subscription.id, {"size": rng.choice((0, 100, 400, 5_000))})
    return c.Change("subscription", subscription.id, {"burst": rng.choice((0, 200, 600, 2_000, MUCH))})


# --- hosts, layers, services --------------------------------------------------------------------------------------


def _move_hosts(farm: Farm, rng: random.Random) -> c.Command | None:
    hosts = [host for host in farm.hosts.values() if not host.removed]
    if not hosts:
        return None
    some = rng.sample(hosts, rng.choice((1, 1, len(hosts))))
    return c.MoveHosts(tuple(host.id for host in some), rng.choice(list(farm.allocations)))


def _change_tags(farm: Farm, rng: random.Random) -> c.Command | None:
    hosts = [host for host in farm.hosts.values() if not host.removed]
    if rng.random() < 0.2:
        allocation = rng.choice(list(farm.allocations.values()))
        tag = rng.choice((allocation.name, allocation.name, f"{allocation.name},night", "night"))
        return c.Change("allocation", allocation.id, {"tag": tag})
    if not hosts:
        return None
    host, tags = rng.choice(hosts), (rng.choice((*TAGS, "night")),)
    return c.AddHostTags(host.id, tags) if rng.random() < 0.6 else c.RemoveHostTags(host.id, tags)


def _change_wants(farm: Farm, rng: random.Random) -> c.Command | None:
    """A layer wants something else from its next frame on."""
    layer = _some_layer(farm, rng)
    if layer is None:
        return None
    changes: dict[str, Any] = rng.choice(
        (
            {"tags": rng.choice((("general",), ("desktop",), TAGS, ("host2", "night")))},
            {"min_memory": rng.choice((GIB // 2, 2 * GIB, 7 * GIB))},
            {"min_gpus": rng.choice((0, 0, 1)), "min_gpu_memory": rng.choice((0, GIB))},
            {"memory_optimizer": rng.random() < 0.7},
            {"max_retries": rng.randint(0, 3)},
            {"dispatch_order": rng.randint(1, 9)},
        )
    )
    return c.Change("layer", layer.id, changes)


def _change_service(farm: Farm, rng: random.Random) -> c.Command | None:
    """Services are defaults of layers to come; one with a name that layers asked for as a tag is no tag any more."""
    names = farm.service_by_name
    if "night" not in names and rng.random() < 0.3:
        return c.CreateService({"name": "night", "tags": TAGS})
    if "night" in names and rng.random() < 0.5:
        return c.Delete("service", names["night"])
    changes: dict[str, Any] = rng.choice(
        (
            {"min_memory": rng.choice((GIB, 6 * GIB))},
            {"min_cores": rng.choice((50, 100, 300))},
            {"tags": rng.choice((TAGS, ("desktop",)))},
            {"min_gpus": rng.choice((0, 1))},
            {"min_memory_increase": rng.choice((GIB // 2, 2 * GIB))},
        )
    )
    return c.Change("service", names[rng.choice(("nuke", "shell", "default"))], changes)


Wrangling = Callable[[Farm, random.Random], c.Command | None]

WRANGLINGS: Final[tuple[Wrangling, ...]] = (
    _change_limit,
    _change_limit,
    _change_limit,
    _add_or_drop_limit,
    _change_licence,
    _rename_or_remake_limit,
    _change_group,
    _change_group,
    _make_or_move_group,
    _move_job,
    _move_job,
    _change_show,
    _change_subscription,
    _change_subscription,
    _move_hosts,
    _move_hosts,
    _change_tags,
    _change_wants,
    _change_wants,
    _change_service,
)
"""For a farm that has its first facility."""
