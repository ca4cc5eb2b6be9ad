"""Render partitions: parts of locked hosts on which their users render."""

from __future__ import annotations

from typing import Any

from opencue_proto import renderPartition_pb2

from opencue.caller import userName
from opencue.changed import Changed
from opencue.rpc import call, change
from opencue.wrappers.entity import Entity, Getter, getter


class RenderPartition(Entity):
    """A part of a host for a job, a layer or a frame of its user."""

    _service = "renderPartition"
    _message = renderPartition_pb2.RenderPartition

    def delete(self) -> Changed:
        """Render there no more; what runs there for it ends, and waits again."""
        return change("renderPartition", "Delete", self.stub, render_partition=self.data)

    def setMaxResources(self, cores: int, memory: int, gpuMemory: int, gpuCores: int) -> Changed:
        """Let its frames hold so much together: hundredths of cores, KB, KB and GPUs. What is 0 stays as it is."""
        return change(
            "renderPartition",
            "SetMaxResources",
            self.stub,
            render_partition=self.data,
            cores=cores,
            memory=memory,
            gpu_memory=gpuMemory,
            gpus=gpuCores,
        )

    id: Getter = getter("id", "UUID of the partition.")
    host: Getter = getter("host", "Name of the host.")
    job: Getter = getter("job", "Name of the job.")
    layer: Getter = getter("layer", "Name of the layer; empty where it is for the whole job.")
    frame: Getter = getter("frame", "Name of the frame; empty where it is for a layer or a job.")


def addRenderPartition(service: str, entity: Any, **wanted: Any) -> RenderPartition:
    """Give a job, a layer or a frame a part of a host of whoever runs this script."""
    fields = {service: entity.data, "username": userName(), **wanted}
    return RenderPartition(call(service, "AddRenderPartition", entity.stub, **fields).render_partition)
