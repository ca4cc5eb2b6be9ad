"""Procs: what runs now, one for each running frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opencue_proto import host_pb2

from opencue import enums
from opencue.changed import Changed
from opencue.kinds import wrapperOf
from opencue.wrappers.entity import Entity, Nested, getter

if TYPE_CHECKING:
    from opencue.wrappers.frame import Frame
    from opencue.wrappers.group import Group
    from opencue.wrappers.host import Host
    from opencue.wrappers.job import Job
    from opencue.wrappers.layer import Layer


class Proc(Entity):
    """One frame on one host."""

    _service = "proc"
    _message = host_pb2.Proc
    RedirectType = enums.RedirectType
    RunState = enums.RunState

    def kill(self) -> Changed:
        """Kill the frame."""
        return self._change("Kill")

    def unbook(self, kill: bool = False) -> Changed:
        """Give the place to another job once the frame is done, or at once with `kill`."""
        return self._change("Unbook", kill=kill)

    def redirectToJob(self, job: Job, kill: bool = False) -> bool:
        """Give the place to a job; return whether that worked."""
        return self._call("RedirectToJob", job_id=job.id(), kill=kill).value

    def redirectToGroup(self, group: Group, kill: bool = False) -> bool:
        """Give the place to a group; return whether that worked."""
        return self._call("RedirectToGroup", group_id=group.id(), kill=kill).value

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

    id = getter("id", "UUID of the proc.")
    name = getter("name", "Host name, a slash and more.")
    jobName = getter("job_name", "Name of the job.")
    frameName = getter("frame_name", "Name of the frame.")
    showName = getter("show_name", "Name of the show.")
    coresReserved = getter("reserved_cores", "Cores reserved.")
    memReserved = getter("reserved_memory", "Memory reserved, in KB.")
    memUsed = getter("used_memory", "Memory in use, in KB.")
    bookedTime = getter("bookedTime", "When the host was booked, in seconds since 1970.")
    dispatchTime = getter("dispatch_time", "When the frame was started, in seconds since 1970.")
    isUnbooked = getter("unbooked", "Whether the place goes to another job once the frame is done.")


class NestedProc(Nested, Proc):
    """A proc as the host whiteboard has it."""

    _message = host_pb2.NestedProc  # type: ignore[assignment]
    _plain = host_pb2.Proc

    def children(self) -> list[Any]:
        """Return nothing: a whiteboard ends at procs."""
        return []
