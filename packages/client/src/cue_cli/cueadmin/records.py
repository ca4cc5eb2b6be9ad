"""What `--json` prints: one flat object for each thing, with the unit in the name where there is one."""

from __future__ import annotations

import json
from typing import Any, Callable, Iterable, Optional

from opencue_proto import host_pb2

from cue_cli.cueadmin.job_depends import dependsOf, onFailure
from cue_cli.cueadmin.output import isUnheard, jobState
from opencue.causes import causeText, outcome
from opencue.enums import DependType, HardwareState, JobState, LockState, ThreadMode
from opencue.wording import counted, duration
from opencue.wrappers.host import Host

POINTS_PER_CORE = 100
MICROS = 1_000_000


def printJson(value: Any) -> None:
    """Print a value as indented JSON."""
    print(json.dumps(value, indent=2))


def printRecords(things: Iterable[Any], record: Callable[[Any], dict[str, Any]]) -> None:
    """Print a JSON list with a record of each thing."""
    printJson([record(thing) for thing in things])


def jobRecord(job: Any) -> dict[str, Any]:
    """Return what a script wants to know of a job."""
    data, stats = job.data, job.data.job_stats
    return {
        "id": data.id,
        "name": data.name,
        "show": data.show,
        "shot": data.shot,
        "user": data.user,
        "group": data.group,
        "facility": data.facility,
        "state": JobState(data.state).name,
        "killed": jobState(job) == "KILLED",
        "paused": data.is_paused,
        "priority": data.priority,
        "min_cores": data.min_cores,
        "max_cores": data.max_cores,
        "min_gpus": data.min_gpus,
        "max_gpus": data.max_gpus,
        "auto_eat": data.auto_eat,
        "reserved_cores": stats.reserved_cores,
        "submitted_at_epoch_s": data.start_time,
        "finished_at_epoch_s": data.stop_time,
        "log_dir": data.log_dir,
        "frames": {
            "total": stats.total_frames,
            "succeeded": stats.succeeded_frames,
            "running": stats.running_frames,
            "waiting": stats.waiting_frames,
            "depend": stats.depend_frames,
            "dead": stats.dead_frames,
            "eaten": stats.eaten_frames,
        },
    }


def jobDetailsRecord(job: Any, settings: Any) -> dict[str, Any]:
    """Return what else a script wants to know of a single job; less where the server is not a cuefarm."""
    failed = onFailure(settings)
    of_layers = {one.layer_id: one for one in settings.layers} if settings else {}
    layers = [(layer, of_layers.get(layer.id())) for layer in job.getLayers()]
    return {
        **(_settingsRecord(settings) if settings else {}),
        "dependencies": [
            {**dependRecord(depend), "even_failed": depend.id() in failed} for depend in dependsOf(job, settings)
        ],
        "layers": [{**layerRecord(layer), "max_retries": _ownRetries(settings)} for layer, settings in layers],
    }


def _settingsRecord(settings: Any) -> dict[str, Any]:
    ends_us = settings.time_limit_ends_us
    return {
        "uid": settings.uid if settings.HasField("uid") else None,
        "max_retries": settings.max_retries,
        "time_limit_min": settings.time_limit_minutes or None,
        "time_limit_ends_at_epoch_s": ends_us / MICROS if ends_us else None,
        "subscribers": list(settings.subscribers),
    }


def _ownRetries(settings: Any) -> Optional[int]:
    return settings.max_retries if settings is not None and settings.HasField("max_retries") else None


def layerRecord(layer: Any) -> dict[str, Any]:
    """Return what a script wants to know of a layer."""
    data, stats = layer.data, layer.data.layer_stats
    return {
        "id": data.id,
        "name": data.name,
        "range": data.range,
        "min_cores": data.min_cores,
        "max_cores": data.max_cores,
        "threadable": data.is_threadable,
        "min_memory_kb": data.min_memory,
        "memory_optimizer": data.memory_optimizer_enabled,
        "min_gpus": data.min_gpus,
        "max_gpus": data.max_gpus,
        "min_gpu_memory_kb": data.min_gpu_memory,
        "tags": list(data.tags),
        "services": list(data.services),
        "limits": list(data.limits),
        "timeout_min": data.timeout,
        "log_timeout_min": data.timeout_llu,
        "start_after_epoch_s": data.start_after or None,
        "dispatch_order": data.dispatch_order,
        "chunk_size": data.chunk_size,
        "frames": {
            "total": stats.total_frames,
            "succeeded": stats.succeeded_frames,
            "running": stats.running_frames,
            "waiting": stats.waiting_frames,
            "depend": stats.depend_frames,
            "dead": stats.dead_frames,
            "eaten": stats.eaten_frames,
        },
    }


def runRecord(run: Any) -> dict[str, Any]:
    """Return what a script wants to know of a run of a frame."""
    return {
        "id": run.run_id,
        "job": run.job_name,
        "layer": run.layer_name,
        "frame": run.frame_name,
        "number": run.number,
        "attempt": run.attempt,
        "host": run.host_name,
        "state": run.state,
        "outcome": outcome(run),
        "cause": run.cause,
        "text": "" if run.state in ("RUNNING", "SUCCEEDED") else causeText(run),
        "message": run.message,
        "error_line": run.error_line,
        "exit_status": run.exit_status,
        "exit_signal": run.exit_signal,
        "charged": run.charged,
        "cores": run.cores,
        "reserved_memory_kb": run.memory_kib,
        "max_rss_kb": run.max_rss_kib,
        "started_at_epoch_s": run.start_us / MICROS,
        "stopped_at_epoch_s": run.stop_us / MICROS,
        "run_time_s": run.run_us / MICROS,
        "log_path": run.log_path,
    }


def dependRecord(depend: Any) -> dict[str, Any]:
    """Return both sides of a dependency."""
    data = depend.data
    return {
        "id": data.id,
        "type": DependType(data.type).name,
        "active": data.active,
        "any_frame": data.any_frame,
        "waiting": {"job": data.depend_er_job, "layer": data.depend_er_layer, "frame": data.depend_er_frame},
        "on": {"job": data.depend_on_job, "layer": data.depend_on_layer, "frame": data.depend_on_frame},
    }


def hostRecord(host: Any) -> dict[str, Any]:
    """Return what a script wants to know of a host. One not heard since the server started is UNHEARD, not UP."""
    data = host.data
    return {
        "id": data.id,
        "name": data.name,
        "allocation": data.alloc_name,
        "state": "UNHEARD" if isUnheard(data) else HardwareState(data.state).name,
        "lock_state": LockState(data.lock_state).name,
        "nimby": data.nimby_enabled,
        "thread_mode": ThreadMode(data.thread_mode).name,
        "os": data.os,
        "tags": list(data.tags),
        "cores": data.cores,
        "idle_cores": data.idle_cores,
        "memory_kb": data.memory,
        "idle_memory_kb": data.idle_memory,
        "free_memory_kb": data.free_memory,
        "free_swap_kb": data.free_swap,
        "load_percent": data.load,
        "booted_at_epoch_s": data.boot_time,
        "heard_of_at_epoch_s": data.ping_time or None,
    }


def refusedRecord(agent: Any) -> dict[str, Any]:
    """Return an agent that the server refuses as a host in the state REFUSED that offers nothing."""
    nothing = hostRecord(Host(host_pb2.Host(name=agent.name or agent.address)))
    refused = {
        "address": agent.address,
        "code": agent.code,
        "why": agent.why,
        "remedy": agent.remedy,
        "times": agent.count,
        "last_seconds_ago": agent.last_s,
    }
    return {**nothing, "state": "REFUSED", "refused": refused}


def refusedWords(agent: Any) -> str:
    """Return in a line which agent the server refuses, and why."""
    name = f" ({agent.name})" if agent.name else ""
    times = counted(agent.count, "time")
    return f"refused: the agent at {agent.address}{name}: {agent.why}; {times}, last {duration(agent.last_s)} ago"


def procRecord(proc: Any) -> dict[str, Any]:
    """Return what a script wants to know of a running frame."""
    data = proc.data
    return {
        "id": data.id,
        "host": data.name.split("/")[0],
        "show": data.show_name,
        "job": data.job_name,
        "frame": data.frame_name,
        "reserved_cores": data.reserved_cores,
        "reserved_memory_kb": data.reserved_memory,
        "used_memory_kb": data.used_memory,
        "started_at_epoch_s": data.dispatch_time,
        "log_path": data.log_path,
    }


def showRecord(show: Any) -> dict[str, Any]:
    """Return what a script wants to know of a show."""
    data, stats = show.data, show.data.show_stats
    return {
        "id": data.id,
        "name": data.name,
        "active": data.active,
        "booking": data.booking_enabled,
        "dispatching": data.dispatch_enabled,
        "reserved_cores": stats.reserved_cores,
        "running_frames": stats.running_frames,
        "pending_frames": stats.pending_frames,
        "pending_jobs": stats.pending_jobs,
    }


def allocationRecord(allocation: Any) -> dict[str, Any]:
    """Return what a script wants to know of an allocation."""
    data, stats = allocation.data, allocation.data.stats
    return {
        "id": data.id,
        "name": data.name,
        "tag": data.tag,
        "facility": data.facility,
        "billable": data.billable,
        "cores": stats.cores,
        "running_cores": stats.running_cores,
        "available_cores": stats.available_cores,
        "hosts": stats.hosts,
        "locked_hosts": stats.locked_hosts,
        "down_hosts": stats.down_hosts,
    }


def deedRecord(deed: Any) -> dict[str, Any]:
    """Return whose a host is."""
    return {"id": deed.id(), "host": deed.host(), "owner": deed.owner(), "show": deed.show()}


def partitionRecord(partition: Any) -> dict[str, Any]:
    """Return what a part of a host is for, and how much of it is used."""
    data = partition.data
    return {
        "id": data.id,
        "host": data.host,
        "job": data.job,
        "layer": data.layer,
        "frame": data.frame,
        "threads": data.threads,
        "cores": data.cores / POINTS_PER_CORE,
        "max_cores": data.max_cores / POINTS_PER_CORE,
        "memory_kb": data.memory,
        "max_memory_kb": data.max_memory,
        "gpus": data.gpus,
        "max_gpus": data.max_gpus,
    }


def subscriptionRecord(subscription: Any) -> dict[str, Any]:
    """Return a subscription in cores."""
    data = subscription.data
    return {
        "id": data.id,
        "name": data.name,
        "show": data.show_name,
        "allocation": data.allocation_name,
        "size_cores": data.size / POINTS_PER_CORE,
        "burst_cores": data.burst / POINTS_PER_CORE,
        "reserved_cores": data.reserved_cores / POINTS_PER_CORE,
    }


def serviceRecord(service: Any) -> dict[str, Any]:
    """Return what a service asks for."""
    data = service.data
    return {
        "id": data.id,
        "name": data.name,
        "threadable": data.threadable,
        "min_cores": data.min_cores / POINTS_PER_CORE,
        "max_cores": data.max_cores / POINTS_PER_CORE,
        "min_memory_kb": data.min_memory,
        "tags": list(data.tags),
        "timeout_minutes": data.timeout,
        "timeout_llu_minutes": data.timeout_llu,
    }
