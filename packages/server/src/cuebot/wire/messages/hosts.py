"""Hosts as messages, plain and with what runs on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict

from opencue_proto import host_pb2

from cuebot.queries.hosts import HostRow
from cuebot.queries.procs import ProcRow
from cuebot.wire.messages.procs import proc_fields
from cuebot.wire.values import int32, time32


def host_message(row: HostRow) -> host_pb2.Host:
    """A host. `memory` and `cores` are what may be reserved, `total_memory` what the host has."""
    return host_pb2.Host(**_fields(row))


def nested_host_message(row: HostRow, procs: Iterable[ProcRow]) -> host_pb2.NestedHost:
    """A host with what runs on it."""
    nested = [host_pb2.NestedProc(**proc_fields(proc)) for proc in procs]
    return host_pb2.NestedHost(procs=host_pb2.NestedProcSeq(nested_procs=nested), **_fields(row))


class _Fields(TypedDict):
    """What Host and NestedHost have in common."""

    id: str
    name: str
    alloc_name: str
    nimby_enabled: bool
    has_comment: bool
    cores: float
    idle_cores: float
    memory: int
    idle_memory: int
    gpu_memory: int
    idle_gpu_memory: int
    gpus: float
    idle_gpus: float
    total_swap: int
    total_memory: int
    total_gpu_memory: int
    total_mcp: int
    free_swap: int
    free_memory: int
    free_mcp: int
    free_gpu_memory: int
    load: int
    boot_time: int
    ping_time: int
    os: str
    tags: Sequence[str]
    state: host_pb2.HardwareState.ValueType
    lock_state: host_pb2.LockState.ValueType
    thread_mode: host_pb2.ThreadMode.ValueType


def _fields(row: HostRow) -> _Fields:
    return {
        "id": row.id,
        "name": row.name,
        "alloc_name": row.allocation,
        "nimby_enabled": row.nimby_enabled,
        "has_comment": row.commented,
        "cores": row.cores,
        "idle_cores": row.idle_cores,
        "memory": row.memory_kib,
        "idle_memory": row.idle_memory_kib,
        "gpu_memory": row.gpu_memory_kib,
        "idle_gpu_memory": row.idle_gpu_memory_kib,
        "gpus": row.gpus,
        "idle_gpus": row.idle_gpus,
        "total_swap": row.total_swap_kib,
        "total_memory": row.total_memory_kib,
        "total_gpu_memory": row.gpu_memory_kib,
        "total_mcp": row.total_temp_kib,
        "free_swap": row.free_swap_kib,
        "free_memory": row.free_memory_kib,
        "free_mcp": row.free_temp_kib,
        "free_gpu_memory": row.free_gpu_memory_kib,
        "load": int32(row.load),
        "boot_time": time32(row.boot_s),
        "ping_time": time32(row.ping_s),
        "os": ",".join(row.os),
        "tags": row.tags,
        "state": host_pb2.HardwareState.ValueType(row.state),
        "lock_state": host_pb2.LockState.ValueType(row.lock),
        "thread_mode": host_pb2.ThreadMode.ValueType(row.thread_mode),
    }
