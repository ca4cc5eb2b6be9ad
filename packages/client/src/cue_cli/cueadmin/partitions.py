"""Commands on parts of hosts on which their users render."""

from __future__ import annotations

from typing import Any, Sequence

from cue_cli.cueadmin import records
from cue_cli.cueadmin.lookup import chosenHosts, findJob, jobAndLayer, toKilobytes
from cue_cli.cueadmin.session import CommandError, Session, UsageError
from opencue import api
from opencue.wording import counted
from opencue.wrappers.job import Job
from opencue.wrappers.render_partition import RenderPartition

KB_PER_GB = 1024 * 1024
CORES_DIGITS_MAX = 4
LAYOUT = "%-24s %-40s %-20s %13s %15s"


def list_partitions(session: Session, names: list[str]) -> None:
    """Print what users render on their own hosts."""
    hosts = chosenHosts(session, names) if names or session.options.host else api.getHosts()
    found = [one for host in hosts for one in host.getRenderPartitions()]
    if session.options.json:
        records.printRecords(found, records.partitionRecord)
        return
    print(LAYOUT % ("Host", "Job", "Layer or frame", "Cores", "Memory (GB)"))
    for partition in found:
        data = partition.data
        cores = f"{data.cores / 100:g} of {data.max_cores / 100:g}"
        memory = f"{data.memory / KB_PER_GB:.1f} of {data.max_memory / KB_PER_GB:.1f}"
        print(LAYOUT % (data.host, data.job, data.frame or data.layer, cores, memory))


def add_partition(session: Session, values: list[str]) -> None:
    """Render a job, a layer or a frame on a part of one's own host, too."""
    job, host = findJob(values[0]), values[1]
    cores, memory = _whole(values[2]), toKilobytes(values[3])
    of = _part_of(job, values[4:])
    session.confirm(
        f"Render {' '.join([job.name(), *values[4:]])} on {counted(cores, 'core')} of {host}, too", named=True
    )
    partition = of.addRenderPartition(host, 1, cores, memory)
    session.changed(host, 1, f"renders {job.name()} on {_size(partition)}", "")


def delete_partition(session: Session, values: list[str]) -> None:
    """Render a job on a host no more."""
    job, host = findJob(values[0]), values[1]
    session.confirm(f"Render {job.name()} on {host} no more")
    gone = _of_job(job, host).delete()
    session.changed(host, gone, f"renders {job.name()} no more", "it did not any more")


def partition_size(session: Session, values: list[str]) -> None:
    """Give what is rendered on a host more or less of it."""
    job, host = findJob(values[0]), values[1]
    cores, memory = _whole(values[2]), toKilobytes(values[3])
    partition = _of_job(job, host)
    session.confirm(f"Render {job.name()} on {counted(cores, 'core')} of {host}")
    number = partition.setMaxResources(cores * 100, memory, 0, 0)
    detail = f"renders {job.name()} on {_size(_of_job(job, host))}"
    session.changed(host, number, detail, f"{detail} already")


def _size(partition: RenderPartition) -> str:
    """What a part may use, which is less than what was wanted where its host has less."""
    cores = partition.data.max_cores / 100
    return f"{cores:g} core{'s' * (cores != 1)} and {partition.data.max_memory / KB_PER_GB:.1f} GB"


def _part_of(job: Job, names: Sequence[str]) -> Any:
    if not names:
        return job
    _, layer = jobAndLayer([job.id(), names[0]])
    if len(names) == 1:
        return layer
    frames = layer.getFrames(range=names[1])
    if len(frames) != 1:
        raise CommandError(f"layer {layer.name()} has no frame {names[1]!r}: name one by its number")
    return frames[0]


def _of_job(job: Job, host: str) -> RenderPartition:
    for partition in api.findHost(host).getRenderPartitions():
        if partition.job() == job.name():
            return partition
    raise CommandError(f"{job.name()} is not rendered on a part of {host}; `cueadmin -partitions` lists what is")


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > CORES_DIGITS_MAX or not int(text):
        raise UsageError(f"{text!r} is not a whole number of cores")
    return int(text)
