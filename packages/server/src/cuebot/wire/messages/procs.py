"""Procs as messages: what runs where."""

from __future__ import annotations

from typing import Any

from opencue_proto import host_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Proc
from cuebot.wire.values import cores, time_s
from rqd.runner.log_name import file_name


def proc_message(farm: Farm, proc: Proc) -> host_pb2.Proc:
    """A proc. Its name is `host/cores/gpus`."""
    return host_pb2.Proc(**proc_fields(farm, proc))


def proc_fields(farm: Farm, proc: Proc) -> dict[str, Any]:
    """What Proc and NestedProc have in common."""
    layer, job = farm.layers[proc.layer_id], farm.jobs[proc.job_id]
    frame_name = farm.frame_name(layer, proc.frame_index)
    booked_s = time_s(proc.booked_us)
    return {
        "id": proc.id,
        "name": f"{farm.hosts[proc.host_id].name}/{proc.cores / 100:.2f}/{proc.gpus}",
        "show_name": farm.shows[proc.show_id].name,
        "job_name": job.name,
        "frame_name": frame_name,
        "group_name": farm.groups[job.group_id].name,
        "ping_time": time_s(proc.seen_us),
        "bookedTime": booked_s,
        "dispatch_time": booked_s,
        "reserved_memory": proc.memory,
        "used_memory": proc.rss,
        "reserved_cores": cores(proc.cores),
        "reserved_gpus": proc.gpus,
        "reserved_gpu_memory": proc.gpu_memory,
        "log_path": f"{job.log_dir}/{file_name(job.name, frame_name)}",
        "services": layer.services,
    }
