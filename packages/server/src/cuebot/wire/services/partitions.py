"""RenderPartitionInterface, and how jobs, layers and frames get a part of a host."""

from __future__ import annotations

from typing import Protocol

from opencue_proto import renderPartition_pb2

from cuebot.domain import commands as c
from cuebot.domain.errors import FarmError
from cuebot.domain.nouns import Job, Layer, Partition
from cuebot.domain.resources import RESOURCES
from cuebot.domain.units import ONE_CORE, CoreUnits, KiB
from cuebot.queries.partitions import partition_row
from cuebot.scheduling.explain.wording import amount_of, in_cores
from cuebot.spec import LocalSpec
from cuebot.wire.call import Call
from cuebot.wire.messages.partitions import partition_message
from cuebot.wire.runs import host_name


class Wanted(Protocol):
    """Says which part of which host is wanted. Cores are whole ones, memory is KB."""

    @property
    def host(self) -> str:
        """Name of the host."""

    @property
    def threads(self) -> int:
        """Cores for each frame; 0 is 1."""

    @property
    def max_cores(self) -> int:
        """Cores for all frames together."""

    @property
    def max_memory(self) -> int:
        """Memory for all frames together."""

    @property
    def max_gpus(self) -> int:
        """GPUs for all frames together."""

    @property
    def max_gpu_memory(self) -> int:
        """GPU memory for all frames together."""

    @property
    def username(self) -> str:
        """Who owns the host."""


class RenderPartitionInterface:
    """Parts of locked hosts on which their users render."""

    async def Delete(self, request: renderPartition_pb2.RenderPartDeleteRequest, call: Call) -> None:
        """Render there no more; what runs ends, and waits again."""
        await call.submit(c.DropPartition(call.farm.get("partition", request.render_partition.id).id))

    async def SetMaxResources(self, request: renderPartition_pb2.RenderPartSetMaxResourcesRequest, call: Call) -> None:
        """Give what is rendered there more or less: hundredths of cores, as partitions show them, and KB. 0 keeps."""
        partition = call.farm.get("partition", request.render_partition.id)
        command = c.ResizePartition(
            partition.id, CoreUnits(request.cores), KiB(request.memory), request.gpus, KiB(request.gpu_memory)
        )
        await call.submit(command)
        _warn_of_less(call, command, partition)


async def add_partition(
    call: Call, wanted: Wanted, job: Job, layer: Layer | None = None, frame_index: int | None = None
) -> renderPartition_pb2.RenderPartition:
    """Render a job, a layer or a frame on a part of a host."""
    command = c.AddPartition(
        host_id=call.farm.host_named(wanted.host).id,
        job_id=job.id,
        user=wanted.username,
        cores=CoreUnits(wanted.max_cores * ONE_CORE),
        memory=KiB(wanted.max_memory),
        layer_id=layer.id if layer else None,
        frame_index=frame_index,
        threads=wanted.threads or 1,
        gpus=wanted.max_gpus,
        gpu_memory=KiB(wanted.max_gpu_memory),
    )
    partition = call.farm.get("partition", await call.submit(command, actor=wanted.username))
    _warn_of_less(call, command, partition)
    return partition_message(partition_row(call.farm, partition))


def _warn_of_less(call: Call, wanted: c.AddPartition | c.ResizePartition, partition: Partition) -> None:
    """Tell the caller what of the part that he wants its host does not have."""
    less = [f"{in_cores(partition.cores)} of the {in_cores(wanted.cores)}"] if partition.cores < wanted.cores else []
    less += [
        f"{amount_of(resource, getattr(partition, resource.name))} of the {amount_of(resource, amount)}"
        for resource in RESOURCES
        if getattr(partition, resource.name) < (amount := getattr(wanted, resource.name))
    ]
    if less:
        host = host_name(call.farm, partition.host_id)
        call.warnings.append(f"host {host!r} has no more for frames, so this part of it is {' and '.join(less)} wanted")


async def add_local(call: Call, job: Job, local: LocalSpec) -> None:
    """Render a job that was just launched on a part of its user's host, too. Where that cannot be, he is told why."""
    try:
        host = call.farm.host_named(local.host)
        command = c.AddPartition(
            host_id=host.id,
            job_id=job.id,
            user=job.user,
            cores=CoreUnits(local.cores),
            memory=KiB(local.memory),
            threads=local.threads or 1,
            gpus=local.gpus,
            gpu_memory=KiB(local.gpu_memory),
        )
        id = await call.submit(command, actor=job.user)
        _warn_of_less(call, command, call.farm.get("partition", id))
    except FarmError as error:
        call.warnings.append(f'job "{job.name}" is not rendered on host {local.host!r}, but on the farm: {error}')
