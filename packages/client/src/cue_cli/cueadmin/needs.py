"""Commands on what frames of a layer ask for, and on what a job and a group may have."""

from __future__ import annotations

from typing import Any, Callable, Optional

from cue_cli.cueadmin.format import formatMem
from cue_cli.cueadmin.lookup import findJob, jobAndLayer, toCores, toInteger, toKilobytes
from cue_cli.cueadmin.output import POINTS_PER_CORE
from cue_cli.cueadmin.session import CommandError, Session
from opencue import api
from opencue.changed import Changed
from opencue.exception import EntityNotFoundException
from opencue.tags import splitTags
from opencue.wording import counted
from opencue.wrappers.layer import Layer


def layer_memory(session: Session, values: list[str]) -> None:
    """Set the memory that a frame of a layer needs."""
    kilobytes = toKilobytes(values[2])
    _change(
        session,
        values,
        "memory",
        values[2],
        lambda layer: layer.setMinMemory(kilobytes),
        _memory(values[2], "min_memory"),
    )


def layer_gpu_memory(session: Session, values: list[str]) -> None:
    """Set the GPU memory that a frame of a layer needs."""
    kilobytes = toKilobytes(values[2])
    _change(
        session,
        values,
        "GPU memory",
        values[2],
        lambda layer: layer.setMinGpuMemory(kilobytes),
        _memory(values[2], "min_gpu_memory"),
    )


def layer_cores(session: Session, values: list[str]) -> None:
    """Set the cores that a frame of a layer needs."""
    cores = toCores(values[2])
    _change(
        session,
        values,
        "cores",
        f"{cores:g}",
        lambda layer: layer.setMinCores(cores * POINTS_PER_CORE),
        lambda layer: f"{layer.minCores():g}",
    )


def layer_retries(session: Session, values: list[str]) -> None:
    """Set how often failed frames of a layer are tried again."""
    retries = None if values[2] == "job" else toInteger(values[2], "number of retries")
    _change(session, values, "retries", values[2], lambda layer: layer.setMaxRetries(retries))


def layer_gpus(session: Session, values: list[str]) -> None:
    """Set the GPUs that a frame of a layer needs."""
    gpus = toInteger(values[2], "number of GPUs")
    _change(session, values, "GPUs", str(gpus), lambda layer: layer.setMinGpus(gpus))


def layer_tags(session: Session, values: list[str]) -> None:
    """Set the tags of which a host needs one to run frames of a layer."""
    tags = splitTags(values[2:])
    _change(session, values, "tags", " | ".join(tags), lambda layer: layer.setTags(tags))


def layer_timeout(session: Session, values: list[str]) -> None:
    """Set how many minutes a frame of a layer may run."""
    minutes = toInteger(values[2], "number of minutes")
    _change(
        session,
        values,
        "timeout",
        counted(minutes, "minute") if minutes else "none",
        lambda layer: layer.setTimeout(minutes),
    )


def layer_timeout_llu(session: Session, values: list[str]) -> None:
    """Set how many minutes a frame of a layer may write nothing to its log."""
    minutes = toInteger(values[2], "number of minutes")
    _change(
        session,
        values,
        "timeout_llu",
        counted(minutes, "minute") if minutes else "none",
        lambda layer: layer.setTimeoutLLU(minutes),
    )


def start_now(session: Session, values: list[str]) -> None:
    """Let a layer start that was to start at a later time."""
    _change(session, values, "start", "now", lambda layer: layer.clearStartAfter())


def set_max_gpus(session: Session, values: list[str]) -> None:
    """Set how many GPUs a job may have at most."""
    name, gpus = values[0], toInteger(values[1], "number of GPUs")
    session.confirm(f"Set the maximum of GPUs of {name} to {gpus}", named=True)
    session.set(name, f"maximum GPUs {gpus}", findJob(name).setMaxGpus(gpus))


def group_max_cores(session: Session, values: list[str]) -> None:
    """Set how many cores the jobs of a group may have together."""
    cores = toCores(values[2])
    session.confirm(f"Set the maximum cores of group {values[1]} of {values[0]} to {cores:g}", named=True)
    session.set(
        f"{values[0]}/{values[1]}",
        f"maximum cores {cores:g}",
        _group(values).setMaxCores(cores),
        lambda: f"maximum cores {_group(values).maxCores():g}",
    )


def group_max_gpus(session: Session, values: list[str]) -> None:
    """Set how many GPUs the jobs of a group may have together."""
    gpus = toInteger(values[2], "number of GPUs")
    session.confirm(f"Set the maximum of GPUs of group {values[1]} of {values[0]} to {gpus}", named=True)
    session.set(f"{values[0]}/{values[1]}", f"maximum GPUs {gpus}", _group(values).setMaxGpus(gpus))


def _memory(typed: str, field: str) -> Callable[[Layer], str]:
    """Return what tells the memory of a layer as it was typed, or as it is where the server keeps another amount."""
    kilobytes = toKilobytes(typed)

    def told(layer: Layer) -> str:
        stored = getattr(layer.data, field)
        return typed if stored == kilobytes else formatMem(stored)

    return told


def _change(
    session: Session,
    values: list[str],
    what: str,
    shown: str,
    act: Callable[[Layer], Changed],
    stored: Optional[Callable[[Layer], str]] = None,
) -> None:
    """Do something to the layer that the first two values name; `stored` tells of the layer what came of it."""
    session.confirm(f"Set {what} of {values[0]}/{values[1]}: {shown}", named=True)
    job, layer = jobAndLayer(values)
    ask = None if stored is None else lambda: f"{what} {stored(jobAndLayer(values)[1])}"
    session.set(f"{job.name()}/{layer.name()}", f"{what} {shown}", act(layer), ask)


def _group(values: list[str]) -> Any:
    try:
        return api.findGroup(values[0], values[1])
    except EntityNotFoundException as error:
        raise CommandError(error.details()) from None
