"""Parts of hosts on which their users render."""

from __future__ import annotations

from typing import NamedTuple

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Partition


class PartitionRow(NamedTuple):
    """A part of a host; what is held and what may be held, in core units and KiB."""

    id: str
    host: str
    job: str
    layer: str
    """Empty where it is for the whole job; so is the next for a whole layer."""
    frame: str
    threads: int
    cores: int
    max_cores: int
    memory_kib: int
    max_memory_kib: int
    gpus: int
    max_gpus: int
    gpu_memory_kib: int
    max_gpu_memory_kib: int


def partition_row(farm: Farm, partition: Partition) -> PartitionRow:
    """What a partition looks like."""
    host = farm.hosts[partition.host_id]
    own = [farm.procs[id] for id in host.proc_ids if farm.procs[id].partition_id == partition.id]
    layer = farm.layers[partition.layer_id] if partition.layer_id else None
    index = partition.frame_index
    return PartitionRow(
        id=partition.id,
        host=host.name,
        job=farm.jobs[partition.job_id].name,
        layer=layer.name if layer else "",
        frame=farm.frame_name(layer, index) if layer and index is not None else "",
        threads=partition.threads,
        cores=sum(proc.cores for proc in own),
        max_cores=partition.cores,
        memory_kib=sum(proc.memory for proc in own),
        max_memory_kib=partition.memory,
        gpus=sum(proc.gpus for proc in own),
        max_gpus=partition.gpus,
        gpu_memory_kib=sum(proc.gpu_memory for proc in own),
        max_gpu_memory_kib=partition.gpu_memory,
    )


def partitions_of_host(farm: Farm, host: Host) -> list[Partition]:
    """What is rendered on a host by its user, the oldest first."""
    found = [one for one in farm.partitions.values() if one.host_id == host.id]
    return sorted(found, key=lambda one: (one.created_us, one.id))
