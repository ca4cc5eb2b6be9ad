"""Dependencies: what waits for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

from opencue_proto import depend_pb2

from opencue import enums
from opencue.changed import Changed
from opencue.kinds import wrapperOf
from opencue.rpc import call
from opencue.wrappers.entity import Entity, Getter, getter

if TYPE_CHECKING:
    from opencue.wrappers.job import Job
    from opencue.wrappers.layer import Layer


def addDepend(
    job: str = "",
    layer: str = "",
    frame: Union[int, str] = "",
    *,
    on_job: str = "",
    on_layer: str = "",
    on_frame: Union[int, str] = "",
    type: str = "",
    any_frame: bool = False,
    on_failure: bool = False,
) -> Depend:
    """Make a job, a layer or a frame wait for another; a Depend.

    Both sides are named by names or ids, a frame by its number within a layer, too; an id of a layer or frame needs
    nothing else. `type` is a DependType's name, by itself that of what is named, such as LAYER_ON_JOB; FRAME_BY_FRAME
    and PREVIOUS_FRAME are of layers. With `any_frame` one frame of the other layer that succeeds is enough, with
    `on_failure` frames that are dead count as done, so that it holds until everything has ended, however.

    Raises EntityAlreadyExistsException where it exists and holds, NotOfferedException where the server is no cuefarm.
    """
    fields = {"job": job, "layer": layer, "frame": str(frame), "type": type, "any_frame": any_frame}
    fields |= {"on_job": on_job, "on_layer": on_layer, "on_frame": str(on_frame), "on_failure": on_failure}
    id = call("farm", "AddDepend", **fields).depend_id
    return Depend(call("depend", "GetDepend", id=id).depend)


class Depend(Entity):
    """One dependency: the *er* side waits for the *on* side."""

    _service = "depend"
    _message = depend_pb2.Depend
    DependType: Any = enums.DependType
    DependTarget: Any = enums.DependTarget

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

    id: Getter = getter("id", "UUID of the dependency.")
    type: Getter = getter("type", "A DependType.")
    target: Getter = getter("target", "A DependTarget: within the job or across jobs.")
    anyFrame: Getter = getter("any_frame", "Whether any one frame of the other side is enough.")
    isActive: Getter = getter("active", "Whether something still waits because of it.")
    dependErJob: Getter = getter("depend_er_job", "Name of the job that waits.")
    dependErLayer: Getter = getter("depend_er_layer", "Name of the layer that waits, empty for a whole job.")
    dependErFrame: Getter = getter("depend_er_frame", "Name of the frame that waits, empty for a whole layer or job.")
    dependOnJob: Getter = getter("depend_on_job", "Name of the job that is waited for.")
    dependOnLayer: Getter = getter("depend_on_layer", "Name of the layer that is waited for, empty for a whole job.")
    dependOnFrame: Getter = getter(
        "depend_on_frame", "Name of the frame that is waited for, empty for a whole layer or job."
    )
