"""Procs: what runs now, one for each running frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from opencue_proto import host_pb2

from opencue import enums
from opencue.changed import Changed
from opencue.kinds import wrapperOf
from opencue.wrappers.entity import Entity, Getter, Nested, getter

if TYPE_CHECKING:
    from opencue.wrappers.frame import Frame
    from opencue.wrappers.group import Group
    from opencue.wrappers.host import Host
    from opencue.wrappers.job import Job
    from opencue.wrappers.layer import Layer


class Proc(Entity):
    """One frame on one host."""

    _service = "proc"
    _message: Callable[[], Any] = host_pb2.Proc
    RedirectType: Any = enums.RedirectType
    RunState: Any = enums.RunState

    def kill(self) -> Changed:
        """Kill the frame."""
        return self._change("Kill")

    def unbook(self, kill: bool = False) -> Changed:
        """End the frame with `kill`; without it nothing changes: the place is free for others once the frame is done.

        `redirectToJob` and `redirectToGroup` say who is to have it.
        """
        return self._change("Unbook", kill=kill)

    def redirectToJob(self, job: Job, kill: bool = False) -> bool:
        """Give the place to a job once the frame is done, or at once with `kill`; the frame then waits again.

        Returns False where no frame of the job waits that would fit there.
        """
        return self._call("RedirectToJob", job_id=job.id(), kill=kill).value

    def redirectToGroup(self, group: Group, kill: bool = False) -> bool:
        """Do the same for the jobs of a group."""
        return self._call("RedirectToGroup", group_id=group.id(), kill=kill).value

    def clearRedirect(self) -> bool:
        """Give the place to nobody any more; return whether it would have gone to somebody."""
        return self._call("ClearRedirect").value

    def getHost(self) -> Host:
        """Return the host."""
        return wrapperOf("Host")(self._call("GetHost").host)

    def getFrame(self) -> Frame:
        """Return the frame."""
        return wrapperOf("Frame")(self._call("GetFrame").frame)

    def getLayer(self) -> Layer:
        """Return the layer of the frame."""
        return wrapperOf("Layer")(self._call("GetLayer").layer)

    def getJob(self) -> Job:
        """Return the job of the frame."""
        return wrapperOf("Job")(self._call("GetJob").job)

    id: Getter = getter("id", "UUID of the proc.")
    name: Getter = getter("name", "Host name, a slash and more.")
    jobName: Getter = getter("job_name", "Name of the job.")
    frameName: Getter = getter("frame_name", "Name of the frame.")
    showName: Getter = getter("show_name", "Name of the show.")
    coresReserved: Getter = getter("reserved_cores", "Cores reserved.")
    memReserved: Getter = getter("reserved_memory", "Memory reserved, in KB.")
    memUsed: Getter = getter("used_memory", "Memory in use, in KB.")
    bookedTime: Getter = getter("bookedTime", "When the host was booked, in seconds since 1970.")
    dispatchTime: Getter = getter("dispatch_time", "When the frame was started, in seconds since 1970.")
    isUnbooked: Getter = getter("unbooked", "Whether the place goes to another job once the frame is done.")
    redirectTarget: Getter = getter(
        "redirect_target", "Name of the job or group that gets the place; empty where none does."
    )


class NestedProc(Nested, Proc):
    """A proc as the host whiteboard has it."""

    _message = host_pb2.NestedProc
    _plain = host_pb2.Proc

    def children(self) -> list[Any]:
        """Return nothing: a whiteboard ends at procs."""
        return []
