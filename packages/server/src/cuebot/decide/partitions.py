"""Commands on what users render on their own hosts."""

from __future__ import annotations

from typing import Any

from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.advice import advise
from cuebot.domain.errors import AlreadyExists, Invalid, Refused
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Job, Partition, stored_values
from cuebot.domain.states import JobState, LockState, OnEnd
from cuebot.domain.units import ONE_CORE, CoreUnits
from cuebot.scheduling.rules.eligibility import may_book
from cuebot.scheduling.rules.partitions import is_next, layers_for, left_of


def add_partition(farm: Farm, command: c.AddPartition, context: Context) -> tuple[list[ev.Event], str]:
    """Let a job, a layer or a frame be rendered on a part of its user's host. Replies with the partition's id.

    Refused where the host is not locked or not the user's, or where nothing that waits would fit.
    """
    host, job = farm.get("host", command.host_id), farm.get("job", command.job_id)
    _check_host(farm, host, command.user)
    _check_job(farm, host, job)
    if command.cores < ONE_CORE or command.threads < 1:
        raise Invalid("a partition has at least 1 core, and a frame in it at least 1 thread")
    partition = Partition(
        id=context.new_id(),
        host_id=host.id,
        job_id=job.id,
        layer_id=command.layer_id,
        frame_index=command.frame_index,
        user=command.user,
        threads=command.threads,
        cores=CoreUnits(min(command.cores, host.cores)),
        memory=command.memory,
        gpus=command.gpus,
        gpu_memory=command.gpu_memory,
        created_us=context.now_us,
    )
    left = left_of(farm, partition)
    layers = layers_for(farm, partition, context.now_us)
    if not any(left.lets(demand) and is_next(farm, partition, layer) for layer, demand in layers):
        raise Refused(
            f"no frame that waits would fit into {command.cores // ONE_CORE} cores and {command.memory} KiB of host"
            f" {host.name!r} now, as far as they are free"
        )
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


def resize_partition(farm: Farm, command: c.ResizePartition, context: Context) -> list[ev.Event]:
    """Give what is rendered there more or less; what runs goes on."""
    partition: Partition = farm.get("partition", command.partition_id)
    wanted: dict[str, Any] = {
        name: getattr(command, name) for name in ("cores", "memory", "gpus", "gpu_memory") if getattr(command, name) > 0
    }
    changes = {name: value for name, value in wanted.items() if getattr(partition, name) != value}
    return [ev.Changed("partition", partition.id, changes)] if changes else []


def drop_partition(farm: Farm, command: c.DropPartition, context: Context) -> list[ev.Event]:
    """Render there no more: what runs ends, and waits again."""
    partition: Partition = farm.get("partition", command.partition_id)
    own = [id for id in sorted(farm.hosts[partition.host_id].proc_ids) if farm.procs[id].partition_id == partition.id]
    going_on = [id for id in own if not farm.procs[id].kill_message]
    ended = [ev.KillRequested(going_on, OnEnd.RETRY, "its user renders there no more")] if going_on else []
    return [*ended, _gone(partition)]


def without_partitions(farm: Farm, host: Host) -> list[ev.Event]:
    """Nobody renders on a host that is forgotten."""
    return [_gone(one) for one in farm.partitions.values() if one.host_id == host.id]


def after_job(farm: Farm, job_id: str) -> list[ev.Event]:
    """A job that is over needs no part of a host."""
    return [_gone(one) for one in farm.partitions.values() if one.job_id == job_id]


def _gone(partition: Partition) -> ev.Event:
    return ev.Removed("partition", partition.id, stored_values(partition))
