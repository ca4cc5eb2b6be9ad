"""Dependencies: what waits for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opencue_proto import depend_pb2

from opencue import enums
from opencue.changed import Changed
from opencue.kinds import wrapperOf
from opencue.wrappers.entity import Entity, getter

if TYPE_CHECKING:
    from opencue.wrappers.job import Job
    from opencue.wrappers.layer import Layer


class Depend(Entity):
    """One dependency: the *er* side waits for the *on* side."""

    _service = "depend"
    _message = depend_pb2.Depend
    DependType = enums.DependType
    DependTarget = enums.DependTarget

    def satisfy(self) -> Changed:
        """End the wait as if its condition were met."""
        return self._change("Satisfy")

    def unsatisfy(self) -> Changed:
        """Put a satisfied dependency back in force."""
        return self._change("Unsatisfy")

    def isInternal(self) -> bool:
        """Whether both sides are in the same job."""
        return self.data.depend_er_job == self.data.depend_on_job

    def dependentJob(self) -> Job:
        """Return the job that waits; asking its name costs no call, anything else fetches it."""
        return wrapperOf("JobByName")(self.data.depend_er_job)

    def dependentLayer(self) -> Layer:
        """Return the layer that waits, like `dependentJob`; its name is empty where a whole job waits."""
        if not self.data.depend_er_layer:
            return wrapperOf("Layer")()
        return wrapperOf("LayerByName")(self.data.depend_er_job, self.data.depend_er_layer)

    id = getter("id", "UUID of the dependency.")
    type = getter("type", "A DependType.")
    target = getter("target", "A DependTarget: within the job or across jobs.")
    anyFrame = getter("any_frame", "Whether any one frame of the other side is enough.")
    isActive = getter("active", "Whether something still waits because of it.")
    dependErJob = getter("depend_er_job", "Name of the job that waits.")
    dependErLayer = getter("depend_er_layer", "Name of the layer that waits, empty for a whole job.")
    dependErFrame = getter("depend_er_frame", "Name of the frame that waits, empty for a whole layer or job.")
    dependOnJob = getter("depend_on_job", "Name of the job that is waited for.")
    dependOnLayer = getter("depend_on_layer", "Name of the layer that is waited for, empty for a whole job.")
    dependOnFrame = getter("depend_on_frame", "Name of the frame that is waited for, empty for a whole layer or job.")
