"""A run as the messages that go over our agents' streams; upstream's agents get another, in `agents`."""

from __future__ import annotations

from typing import Final

from cuebot.engine.requests import LaunchRequest, RunLimits
from cuefarm_proto import agent_pb2

GPU: Final = "gpu"
LOG_PATH_PARTS: Final = 4
"""Show, shot, `logs` and job: what a job's log folder has below the farm's log root."""


def run_message(order: LaunchRequest) -> agent_pb2.RunOrder:
    """Everything that an agent needs to run one frame once. Raises TypeError or ValueError where it cannot be said."""
    root, *path = order.log_dir.rsplit("/", LOG_PATH_PARTS)
    message = agent_pb2.RunOrder(
        run_id=order.run_id,
        frame_id=order.frame_id,
        frame_name=order.frame_name,
        layer_id=order.layer_id,
        job_id=order.job_id,
        job_name=order.job_name,
        show=order.show,
        shot=order.shot,
        user=agent_pb2.User(name=order.user, uid=order.uid),
        shell_text=order.command,
        environment=order.environment,
        cores=order.cores,
        memory_kib=order.memory,
        log=agent_pb2.Log(root=root or "/", path=path, name=(order.job_name, order.frame_name)),
        limits=limits_message(order.limits),
    )
    if order.gpus:
        message.devices.add(kind=GPU, count=order.gpus)
    return message


def limits_message(limits: RunLimits) -> agent_pb2.Limits:
    """What a run may not exceed."""
    return agent_pb2.Limits(
        run_seconds=limits.run_s,
        silence_seconds=limits.silence_s,
        start_seconds=limits.start_s,
        memory_kib=limits.memory,
    )
