"""Hosts: the machines that render."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Union

from opencue_proto import host_pb2

from opencue import enums
from opencue.tags import splitTags
from opencue.wrappers.comment import Comment, newComment
from opencue.wrappers.entity import Entity, getter, timeGetter
from opencue.wrappers.proc import Proc

if TYPE_CHECKING:
    from opencue.wrappers.allocation import Allocation
    from opencue.wrappers.job import Job


class Host(Entity):
    """One machine."""

    _service = "host"
    _message = host_pb2.Host
    HardwareState = enums.HardwareState
    LockState = enums.LockState
    ThreadMode = enums.ThreadMode
    HostTagType = enums.HostTagType

    def lock(self) -> None:
        """Start nothing more on the host; what runs goes on. Also updates `.data`."""
        self._call("Lock")
        self.data.lock_state = host_pb2.LOCKED

    def unlock(self) -> None:
        """Let the host take work again. Also updates `.data`."""
        self._call("Unlock")
        self.data.lock_state = host_pb2.OPEN

    def delete(self) -> None:
        """Forget the host."""
        self._call("Delete")

    def reboot(self) -> None:
        """Reboot the machine now; what runs on it is lost."""
        self._call("Reboot")

    def rebootWhenIdle(self) -> None:
        """Lock the machine and reboot it once nothing runs on it."""
        self._call("RebootWhenIdle")

    def restartRqdNow(self) -> None:
        """Restart the agent now."""
        self._call("RestartRqdNow")

    def restartRqdWhenIdle(self) -> None:
        """Restart the agent once nothing runs on the host."""
        self._call("RestartRqdWhenIdle")

    def redirectToJob(self, procs: list[Proc], job: Job) -> bool:
        """Kill procs of this host and give their place to a job; return whether that worked."""
        return self._call("RedirectToJob", proc_names=[proc.id() for proc in procs], job_id=job.id()).value

    def addTags(self, tags: Union[str, list[str]]) -> None:
        """Add tags, a list or a text such as `gpu, big`, that the host does not have yet. Also updates `.data`."""
        new = [tag for tag in splitTags(tags) if tag not in self.data.tags]
        if new:
            self._call("AddTags", tags=new)
            self.data.tags.extend(new)

    def removeTags(self, tags: Union[str, list[str]]) -> None:
        """Take tags, a list or a text such as `gpu, big`, from the host."""
        self._call("RemoveTags", tags=splitTags(tags))

    def renameTag(self, oldTag: str, newTag: str) -> None:
        """Rename a tag of the host."""
        self._call("RenameTag", old_tag=oldTag, new_tag=newTag)

    def setAllocation(self, allocation: Allocation) -> None:
        """Move the host to an allocation."""
        self._call("SetAllocation", allocation_id=allocation.id())

    def setHardwareState(self, state: int) -> None:
        """Set the HardwareState, such as REPAIR."""
        self._call("SetHardwareState", state=state)

    def setOs(self, osName: str) -> None:
        """Set the name of the operating system."""
        self._call("SetOs", os=osName)

    def setThreadMode(self, mode: int) -> None:
        """Set the ThreadMode."""
        self._call("SetThreadMode", mode=mode)

    def addComment(self, subject: str, message: str = "") -> None:
        """Leave a comment; a single text is the message, and its first words become the subject."""
        self._call("AddComment", new_comment=newComment(subject, message))

    def getComments(self) -> list[Comment]:
        """Return the comments that were left on the host."""
        return [Comment(message) for message in self._call("GetComments").comments.comments]

    def getProcs(self) -> list[Proc]:
        """Return what runs on the host."""
        return [Proc(message) for message in self._call("GetProcs").procs.procs]

    def isUp(self) -> bool:
        """Whether the host is in the state UP."""
        return self.data.state == host_pb2.UP

    def isLocked(self) -> bool:
        """Whether somebody locked the host; NIMBY is no such lock."""
        return self.data.lock_state == host_pb2.LOCKED

    def coresReserved(self) -> float:
        """Cores that frames hold now."""
        return self.data.cores - self.data.idle_cores

    def memReserved(self) -> int:
        """Memory that frames hold now, in KB."""
        return self.data.memory - self.data.idle_memory

    def memUsed(self) -> int:
        """Memory in use by anything, in KB."""
        return self.data.total_memory - self.data.free_memory

    def swapUsed(self) -> int:
        """Swap in use, in KB."""
        return self.data.total_swap - self.data.free_swap

    def mcpUsed(self) -> int:
        """Temporary disk space in use, in KB."""
        return self.data.total_mcp - self.data.free_mcp

    def pingLast(self) -> int:
        """Seconds since the host was last heard of."""
        return int(time.time() - self.data.ping_time)

    id = getter("id", "UUID of the host.")
    name = getter("name", "Name of the host.")
    os = getter("os", "Operating system.")
    tags = getter("tags", "Tags of the host.")
    state = getter("state", "A HardwareState.")
    lockState = getter("lock_state", "A LockState.")
    isNimbyEnabled = getter("nimby_enabled", "Whether its user's presence takes it off the farm.")
    isCommented = getter("has_comment", "Whether somebody left a comment.")
    cores = getter("cores", "Cores that the farm may use.")
    coresIdle = getter("idle_cores", "Cores that are free.")
    mem = getter("memory", "Memory that the farm may use, in KB.")
    memIdle = getter("idle_memory", "Memory that is not reserved, in KB.")
    memTotal = getter("total_memory", "Memory of the machine, in KB.")
    memFree = getter("free_memory", "Memory that nothing uses, in KB.")
    swapTotal = getter("total_swap", "Swap of the machine, in KB.")
    swapFree = getter("free_swap", "Swap that nothing uses, in KB.")
    mcpTotal = getter("total_mcp", "Temporary disk space of the machine, in KB.")
    mcpFree = getter("free_mcp", "Temporary disk space that is free, in KB.")
    load = getter("load", "Load average of one minute, times 100.")
    bootTime = timeGetter("boot_time", "When the machine booted.")
    pingTime = timeGetter("ping_time", "When the host was last heard of.")
