"""Commands on what users render on their own hosts."""

from __future__ import annotations

from typing import Any, Final

from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.advice import advise
from cuebot.domain.errors import AlreadyExists, Invalid, Refused
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Job, Partition, stored_values
from cuebot.domain.resources import RESOURCES
from cuebot.domain.states import JobState, LockState, OnEnd
from cuebot.domain.units import ONE_CORE
from cuebot.scheduling.explain.wording import amount_of, in_cores
from cuebot.scheduling.rules.eligibility import may_book
from cuebot.scheduling.rules.partitions import is_next, layers_for, left_of

_AMOUNTS: Final = ("cores", *(resource.name for resource in RESOURCES))
_LEAST: Final = "a partition has at least 1 core, and a frame in it at least 1 thread"


def add_partition(farm: Farm, command: c.AddPartition, context: Context) -> tuple[list[ev.Event], str]:
    """Let a job, a layer or a frame be rendered on a part of its user's host. Replies with the partition's id.

    It has no more than its host has. Refused where the host is not locked or not the user's, or where nothing that
    waits would fit.
    """
    host, job = farm.get("host", command.host_id), farm.get("job", command.job_id)
    _check_host(farm, host, command.user)
    _check_job(farm, host, job)
    if command.cores < ONE_CORE or command.threads < 1:
        raise Invalid(_LEAST)
    partition = Partition(
        id=context.new_id(),
        host_id=host.id,
        job_id=job.id,
        layer_id=command.layer_id,
        frame_index=command.frame_index,
        user=command.user,
        threads=command.threads,
        created_us=context.now_us,
        **_as_far_as_it_has(host, {name: getattr(command, name) for name in _AMOUNTS}),
    )
    _check_room(farm, host, partition, context)
    return [ev.Added("partition", stored_values(partition))], partition.id


def _check_host(farm: Farm, host: Host, user: str) -> None:
    if host.lock is LockState.OPEN:
        lock = advise("host.lock", host=host.name)
        raise Refused(f"host {host.name!r} is not locked, so the farm uses it; {lock} locks it")
    deed = farm.deeds.get(farm.deed_of_host.get(host.id, ""))
    if deed is None or farm.owners[deed.owner_id].name != user:
        whose = f"belongs to {farm.owners[deed.owner_id].name}" if deed else "is nobody's"
        raise Refused(
            f"host {host.name!r} {whose}, and {user or 'nobody'} may not render on it;"
            f" {advise('host.give', owner=user or 'OWNER', host=host.name)} gives it"
        )


def _check_job(farm: Farm, host: Host, job: Job) -> None:
    if job.state is not JobState.PENDING:
        raise Refused(f"job {job.name!r} is {job.state.name}")
    show = farm.shows[job.show_id]
    if not may_book(show):
        raise Refused(f"show {show.name!r} books nothing now, on desks neither")
    if any(one.host_id == host.id and one.job_id == job.id for one in farm.partitions.values()):
        raise AlreadyExists(f"job {job.name!r} has a partition on host {host.name!r} already")


def _check_room(farm: Farm, host: Host, partition: Partition, context: Context) -> None:
    """Refuse a partition in which nothing could start now, with what the frame that needs least would need."""
    waiting = [one for one in layers_for(farm, partition, context.now_us) if is_next(farm, partition, one[0])]
    left = left_of(farm, partition)
    if any(left.lets(demand) for _, demand in waiting):
        return
    if not waiting:
        raise Refused(f"no frame that this part of host {host.name!r} is for waits, or may run there now")
    layer, demand = min(waiting, key=lambda one: tuple(getattr(one[1], name) for name in _AMOUNTS[1:]))
    free = [in_cores(left.cores), *(amount_of(r, left.amounts[r.name]) for r in RESOURCES if left.amounts[r.name])]
    needs = [amount_of(r, getattr(demand, r.name)) for r in RESOURCES if getattr(demand, r.name)]
    raise Refused(
        f"no frame that waits would fit into this part of host {host.name!r}, which has {' and '.join(free)} free now:"
        f" a frame of layer {layer.name!r} needs {' and '.join(['a core', *needs])}"
    )


def _as_far_as_it_has(host: Host, wanted: dict[str, Any]) -> dict[str, Any]:
    """Amounts, but no more than a host has."""
    return {name: min(amount, getattr(host, name)) for name, amount in wanted.items()}


def resize_partition(farm: Farm, command: c.ResizePartition, context: Context) -> list[ev.Event]:
    """Give what is rendered there more or less; what runs goes on."""
    partition: Partition = farm.get("partition", command.partition_id)
    wanted: dict[str, Any] = {name: getattr(command, name) for name in _AMOUNTS if getattr(command, name) > 0}
    if 0 < command.cores < ONE_CORE:
        raise Invalid(_LEAST)
    given = _as_far_as_it_has(farm.hosts[partition.host_id], wanted)
    changes = {name: value for name, value in given.items() if getattr(partition, name) != value}
    return [ev.Changed("partition", partition.id, changes)] if changes else []


def drop_partition(farm: Farm, command: c.DropPartition, context: Context) -> list[ev.Event]:
    """Render there no more: what runs ends, and waits again."""
    return _ended(farm, farm.get("partition", command.partition_id), "its user renders there no more")


def without_owner(farm: Farm, host_id: str, owner: str = "") -> list[ev.Event]:
    """Only the owner that a host has from now on renders there: other users' parts end with what runs in them."""
    others = [one for one in farm.partitions.values() if one.host_id == host_id and one.user != owner]
    return [event for one in others for event in _ended(farm, one, "the host is its user's no more")]


def _ended(farm: Farm, partition: Partition, why: str) -> list[ev.Event]:
    own = [id for id in sorted(farm.hosts[partition.host_id].proc_ids) if farm.procs[id].partition_id == partition.id]
    going_on = [id for id in own if not farm.procs[id].kill_message]
    ended = [ev.KillRequested(going_on, OnEnd.RETRY, why)] if going_on else []
    return [*ended, _gone(partition)]


def without_partitions(farm: Farm, host: Host) -> list[ev.Event]:
    """Nobody renders on a host that is forgotten."""
    return [_gone(one) for one in farm.partitions.values() if one.host_id == host.id]


def after_job(farm: Farm, job_id: str) -> list[ev.Event]:
    """A job that is over needs no part of a host."""
    return [_gone(one) for one in farm.partitions.values() if one.job_id == job_id]


def _gone(partition: Partition) -> ev.Event:
    return ev.Removed("partition", partition.id, stored_values(partition))
