"""What queries can ask of each noun (`language`): the fields, how they are written, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from cuebot.domain.host_table import why_not_bookable
from cuebot.domain.nouns import Host, Job, Layer, Proc
from cuebot.domain.run_time import ran_until_now_us
from cuebot.domain.states import FrameState, HostState, JobState, LayerType, LockState
from cuebot.queries.frames import FramePlace
from cuebot.queries.language import DURATION, FLAG, MEMORY, NAME, NUMBER, TEXT, Field, Fields, Moment, choice

_STATES: Final = {
    "waiting": FrameState.WAITING,
    "running": FrameState.RUNNING,
    "depend": FrameState.DEPEND,
    "succeeded": FrameState.SUCCEEDED,
    "dead": FrameState.DEAD,
    "eaten": FrameState.EATEN,
}


def _counts() -> list[Field[Any]]:
    """Fields that count the frames of a job or layer."""
    words = {
        "waiting": "frames that are ready to run",
        "running": "frames that run",
        "depend": "frames that wait for others",
        "succeeded": "frames that are done",
        "dead": "frames that failed too often",
        "eaten": "frames that were given up",
    }
    fields: list[Field[Any]] = [Field("frames", NUMBER, lambda _, thing: sum(thing.counts), "frames in all")]
    fields += [Field(name, NUMBER, partial(_count, state), words[name]) for name, state in _STATES.items()]
    return fields


def _count(state: FrameState, _: Moment, thing: Job | Layer) -> int:
    return thing.counts[state]


def _age_us(moment: Moment, since_us: int) -> int:
    return max(moment.now_us - since_us, 0)


JOBS: Final[Fields[Job]] = Fields(
    "job",
    lambda _, job: job.name,
    Field("name", NAME, lambda _, job: job.name, "the whole name, or with * a part of it"),
    Field("id", TEXT, lambda _, job: job.id, "the id"),
    Field("state", choice(JobState), lambda _, job: job.state, "what becomes of it"),
    Field("show", NAME, lambda at, job: _names_of_show(at, job.show_id), "its show"),
    Field("shot", NAME, lambda _, job: job.shot, "its shot"),
    Field("user", TEXT, lambda _, job: job.user, "who submitted it; `me` is whoever asks"),
    Field("group", TEXT, lambda at, job: at.farm.groups[job.group_id].name, "its group"),
    Field("department", TEXT, lambda at, job: at.farm.groups[job.group_id].department, "its group's department"),
    Field("facility", TEXT, lambda at, job: at.farm.facilities[job.facility_id].name, "where it may run"),
    Field("os", TEXT, lambda _, job: job.os, "the operating system that it needs"),
    Field("service", TEXT, lambda at, job: _of_layers(at, job, "services"), "a service of one of its layers"),
    Field("tag", TEXT, lambda at, job: _of_layers(at, job, "tags"), "a tag that one of its layers asks for"),
    Field("limit", TEXT, lambda at, job: _of_layers(at, job, "limits"), "a limit that one of its layers names"),
    Field("priority", NUMBER, lambda _, job: job.priority, "the higher number goes first"),
    Field("paused", FLAG, lambda _, job: job.paused, "nothing of it is started"),
    Field("layers", NUMBER, lambda _, job: len(job.layer_ids), "how many layers it has"),
    Field("cores", NUMBER, lambda _, job: job.reserved_cores / 100, "cores that its frames hold"),
    Field("gpus", NUMBER, lambda _, job: job.reserved_gpus, "GPUs that its frames hold"),
    Field("age", DURATION, lambda at, job: _age_us(at, job.submitted_us), "how long ago it was submitted"),
    Field(
        "ended",
        DURATION,
        lambda at, job: _age_us(at, job.stopped_us) if job.stopped_us else -1,
        "how long ago it ended; less than nothing while it has not",
    ),
    *_counts(),
)

LAYERS: Final[Fields[Layer]] = Fields(
    "layer",
    lambda _, layer: layer.name,
    Field("name", NAME, lambda _, layer: layer.name, "the whole name, or with * a part of it"),
    Field("id", TEXT, lambda _, layer: layer.id, "the id"),
    Field("type", choice(LayerType), lambda _, layer: layer.type, "what it is for"),
    Field("service", TEXT, lambda _, layer: layer.services, "a service"),
    Field("tag", TEXT, lambda _, layer: layer.tags, "a tag that it asks for"),
    Field("limit", TEXT, lambda _, layer: layer.limits, "a limit that it names"),
    Field("cores", NUMBER, lambda _, layer: layer.min_cores / 100, "cores that a frame asks for"),
    Field("memory", MEMORY, lambda _, layer: layer.min_memory, "memory that a frame asks for"),
    Field("gpus", NUMBER, lambda _, layer: layer.min_gpus, "GPUs that a frame asks for"),
    Field("max_rss", MEMORY, lambda _, layer: layer.max_rss, "the most memory that a run held"),
    *_counts(),
)

FRAMES: Final[Fields[FramePlace]] = Fields(
    "frame",
    lambda _, frame: f"{int(frame[0].frames.number[frame[1]]):04d}-{frame[0].name}",
    Field("number", NUMBER, lambda _, frame: int(frame[0].frames.number[frame[1]]), "its number"),
    Field("state", choice(FrameState), lambda _, frame: FrameState(int(frame[0].frames.state[frame[1]])), "its state"),
    Field("layer", NAME, lambda _, frame: frame[0].name, "its layer"),
    Field("service", TEXT, lambda _, frame: frame[0].services, "a service of its layer"),
    Field("host", TEXT, lambda at, frame: _last_host(at, frame), "where it runs, or ran last"),
    Field("retries", NUMBER, lambda _, frame: int(frame[0].frames.retries[frame[1]]), "how often it was tried again"),
    Field("exit", NUMBER, lambda _, frame: int(frame[0].frames.exit_status[frame[1]]), "the last exit status"),
    Field("max_rss", MEMORY, lambda _, frame: int(frame[0].frames.max_rss_kib[frame[1]]), "the most memory it held"),
    Field("time", DURATION, lambda at, frame: _lasted_us(at, frame), "how long it runs, or ran last"),
)

HOSTS: Final[Fields[Host]] = Fields(
    "host",
    lambda _, host: host.name,
    Field("name", TEXT, lambda _, host: host.name, "the whole name, or with * a part of it"),
    Field("id", TEXT, lambda _, host: host.id, "the id"),
    Field("state", choice(HostState), lambda _, host: host.state, "what it is fit for"),
    Field("lock", choice(LockState), lambda _, host: host.lock, "who keeps it from work"),
    Field("allocation", TEXT, lambda at, host: _allocation_names(at, host), "its allocation, with its facility or not"),
    Field("tag", TEXT, lambda at, host: at.farm.host_tags(host), "one of its tags"),
    Field("os", TEXT, lambda _, host: host.os, "one of its operating systems"),
    Field("bookable", FLAG, lambda _, host: not why_not_bookable(host), "it takes work"),
    Field("runs", NUMBER, lambda _, host: len(host.proc_ids), "how many frames run there"),
    Field("cores", NUMBER, lambda _, host: host.cores / 100, "cores that may be reserved"),
    Field("idle_cores", NUMBER, lambda at, host: _idle_cores(at, host), "cores that are not reserved"),
    Field("memory", MEMORY, lambda _, host: host.memory, "memory that may be reserved"),
    Field("idle_memory", MEMORY, lambda at, host: _idle(at, host, "memory"), "memory that is not reserved"),
    Field("free_memory", MEMORY, lambda _, host: host.free_memory, "memory that its machine has free"),
    Field("gpus", NUMBER, lambda _, host: host.gpus, "GPUs that may be reserved"),
    Field("idle_gpus", NUMBER, lambda at, host: _idle(at, host, "gpus"), "GPUs that are not reserved"),
    Field("load", NUMBER, lambda _, host: host.load / 100, "load of a core in the last minute"),
    Field("silent", DURATION, lambda at, host: _age_us(at, host.ping_us), "how long ago it reported"),
    Field("up", DURATION, lambda at, host: _age_us(at, host.boot_us), "how long ago it was booted"),
)

PROCS: Final[Fields[Proc]] = Fields(
    "proc",
    lambda at, proc: at.farm.jobs[proc.job_id].name,
    Field("host", TEXT, lambda at, proc: at.farm.hosts[proc.host_id].name, "where it runs"),
    Field("job", NAME, lambda at, proc: at.farm.jobs[proc.job_id].name, "whose frame it is"),
    Field("layer", NAME, lambda at, proc: at.farm.layers[proc.layer_id].name, "the frame's layer"),
    Field("show", NAME, lambda at, proc: _names_of_show(at, proc.show_id), "the job's show"),
    Field("user", TEXT, lambda at, proc: at.farm.jobs[proc.job_id].user, "who submitted it; `me` is whoever asks"),
    Field("service", TEXT, lambda at, proc: at.farm.layers[proc.layer_id].services, "a service of the layer"),
    Field("allocation", TEXT, lambda at, proc: _allocation_names(at, at.farm.hosts[proc.host_id]), "its host's"),
    Field("cores", NUMBER, lambda _, proc: proc.cores / 100, "cores that it holds"),
    Field("memory", MEMORY, lambda _, proc: proc.memory, "memory that is reserved for it"),
    Field("rss", MEMORY, lambda _, proc: proc.rss, "memory that it holds"),
    Field("gpus", NUMBER, lambda _, proc: proc.gpus, "GPUs that it holds"),
    Field("age", DURATION, lambda at, proc: _age_us(at, proc.booked_us), "how long ago it was booked"),
)

NOUNS: Final[Mapping[str, Fields[Any]]] = {fields.noun: fields for fields in (JOBS, LAYERS, FRAMES, HOSTS, PROCS)}


def _of_layers(at: Moment, job: Job, field: str) -> list[str]:
    return [text for layer in at.farm.layers_of(job) for text in getattr(layer, field)]


def _names_of_show(at: Moment, show_id: str) -> list[str]:
    """The name of a show; one that was archived is found by the one that it had, too."""
    show = at.farm.shows[show_id]
    return [show.name, show.archived_name] if show.archived_name else [show.name]


def _last_host(at: Moment, frame: FramePlace) -> str:
    row = int(frame[0].frames.last_host[frame[1]])
    return at.farm.host_names[row] if row >= 0 else ""


def _lasted_us(at: Moment, frame: FramePlace) -> int:
    layer, index = frame
    proc = at.farm.proc_of(layer, index)
    if proc is not None:
        return ran_until_now_us(at.farm.hosts[proc.host_id], proc, at.now_us)
    return max(int(layer.frames.stop_us[index]) - int(layer.frames.start_us[index]), 0)


def _allocation_names(at: Moment, host: Host) -> list[str]:
    allocation = at.farm.allocations[host.allocation_id]
    return [allocation.name, at.farm.allocation_name(allocation)]


def _idle_cores(at: Moment, host: Host) -> float:
    return max(int(at.farm.hosts_table.idle_cores[host.row]), 0) / 100


def _idle(at: Moment, host: Host, resource: str) -> int:
    return max(int(at.farm.hosts_table.idle[resource][host.row]), 0)
