"""Procs as messages: what runs where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from opencue_proto import host_pb2

from cuebot.queries.procs import ProcRow
from cuebot.wire.values import time32


def proc_message(row: ProcRow) -> host_pb2.Proc:
    """A proc."""
    return host_pb2.Proc(**proc_fields(row))


class ProcFields(TypedDict):
    """The fields of both."""

    id: str
    name: str
    show_name: str
    job_name: str
    frame_name: str
    group_name: str
    ping_time: int
    bookedTime: int
    dispatch_time: int
    reserved_memory: int
    used_memory: int
    reserved_cores: float
    reserved_gpus: float
    reserved_gpu_memory: int
    log_path: str
    services: Sequence[str]
    unbooked: bool
    redirect_target: str


def proc_fields(row: ProcRow) -> ProcFields:
    """What Proc and NestedProc have in common."""
    booked_s = time32(row.booked_s)
    return {
        "id": row.id,
        "name": row.name,
        "show_name": row.show,
        "job_name": row.job,
        "frame_name": row.frame,
        "group_name": row.group,
        "ping_time": time32(row.seen_s),
        "bookedTime": booked_s,
        "dispatch_time": booked_s,
        "reserved_memory": row.reserved_memory_kib,
        "used_memory": row.used_memory_kib,
        "reserved_cores": row.reserved_cores,
        "reserved_gpus": row.reserved_gpus,
        "reserved_gpu_memory": row.reserved_gpu_memory_kib,
        "log_path": row.log_path,
        "services": row.services,
        "unbooked": bool(row.redirect_target),
        "redirect_target": row.redirect_target,
    }
