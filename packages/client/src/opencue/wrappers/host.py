"""Hosts: the machines that render."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from opencue_proto import host_pb2

from opencue import enums, reboots
from opencue.changed import Changed
from opencue.tags import splitTags
from opencue.wrappers.comment import Comment, newComment
from opencue.wrappers.deed import Deed
from opencue.wrappers.entity import Entity, Getter, Nested, getter, timeGetter
from opencue.wrappers.owner import Owner
from opencue.wrappers.proc import NestedProc, Proc
from opencue.wrappers.render_partition import RenderPartition

if TYPE_CHECKING:
    from opencue.wrappers.allocation import Allocation
    from opencue.wrappers.job import Job


class Host(Entity):
    """One machine."""

    _service = "host"
    _message: Callable[[], Any] = host_pb2.Host
    HardwareState: Any = enums.HardwareState
    LockState: Any = enums.LockState
    ThreadMode: Any = enums.ThreadMode
    HostTagType: Any = enums.HostTagType

    def lock(self) -> Changed:
        """Start nothing more on the host; what runs goes on. Also updates `.data`."""
        changed = self._change("Lock")
        self.data.lock_state = host_pb2.LOCKED
        return changed

    def unlock(self) -> Changed:
        """Let the host take work again. Also updates `.data`."""
        changed = self._change("Unlock")
        self.data.lock_state = host_pb2.OPEN
        return changed

    def delete(self) -> Changed:
        """Forget the host; it is back with its agent's next report."""
        return self._change("Delete")

    def reboot(self) -> Changed:
        """Reboot the machine now; what runs on it ends, and waits again."""
        return self._change("Reboot")

    def rebootWhenIdle(self) -> Changed:
        """Start nothing more on the machine, and reboot it once nothing runs on it."""
        return self._change("RebootWhenIdle")

    def restartRqdNow(self) -> Changed:
        """Restart the agent now."""
        return self._change("RestartRqdNow")

    def restartRqdWhenIdle(self) -> Changed:
        """Restart the agent once nothing runs on the host."""
        return self._change("RestartRqdWhenIdle")

    def redirectToJob(self, procs: list[Proc], job: Job) -> bool:
        """End procs of this host and give their places to a job; their frames wait again.

        Returns False where no frame of the job waits that would fit there.
        """
        return self._call("RedirectToJob", proc_names=[proc.id() for proc in procs], job_id=job.id()).value

    def addTags(self, tags: Union[str, list[str]]) -> Changed:
        """Add tags, a list or a text such as `gpu, big`, that the host does not have yet. Also updates `.data`."""
        new = [tag for tag in splitTags(tags) if tag not in self.data.tags]
        if not new:
            return 0
        changed = self._change("AddTags", tags=new)
        self.data.tags.extend(new)
        return changed

    def removeTags(self, tags: Union[str, list[str]]) -> Changed:
        """Take tags, a list or a text such as `gpu, big`, from the host."""
        return self._change("RemoveTags", tags=splitTags(tags))

    def renameTag(self, oldTag: str, newTag: str) -> Changed:
        """Rename a tag of the host."""
        return self._change("RenameTag", old_tag=oldTag, new_tag=newTag)

    def setAllocation(self, allocation: Allocation) -> Changed:
        """Move the host to an allocation."""
        return self._change("SetAllocation", allocation_id=allocation.id())

    def setHardwareState(self, state: int) -> Changed:
        """Set the HardwareState, such as REPAIR."""
        return self._change("SetHardwareState", state=state)

    def setOs(self, osName: str) -> Changed:
        """Set the name of the operating system."""
        return self._change("SetOs", os=osName)

    def setThreadMode(self, mode: int) -> Changed:
        """Set the ThreadMode."""
        return self._change("SetThreadMode", mode=mode)

    def addComment(self, subject: str, message: str = "") -> Changed:
        """Leave a comment; a single text is the message, and its first words become the subject."""
        return self._change("AddComment", new_comment=newComment(subject, message))

    def getComments(self) -> list[Comment]:
        """Return the comments that were left on the host."""
        return [Comment(message) for message in self._call("GetComments").comments.comments]

    def getProcs(self) -> list[Proc]:
        """Return what runs on the host."""
        return [Proc(message) for message in self._call("GetProcs").procs.procs]

    def getDeed(self) -> Deed:
        """Return the deed of the host; raise EntityNotFoundException where nobody owns it."""
        return Deed(self._call("GetDeed").deed)

    def getOwner(self) -> Owner:
        """Return who owns the host; raise EntityNotFoundException where nobody does."""
        return Owner(self._call("GetOwner").owner)

    def getRenderPartitions(self) -> list[RenderPartition]:
        """Return the parts of the host on which its user renders."""
        partitions = self._call("GetRenderPartitions").render_partitions
        return [RenderPartition(message) for message in partitions.render_partitions]

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

    @staticmethod
    def hasHostRebootedSince(host: Host, start_time: float) -> bool:
        """Return whether a host that was listed has booted after a time, in seconds since 1970."""
        return host.data.boot_time > start_time

    @staticmethod
    def rebootFarmSafely(group_size: int, start_time: Optional[float] = None, **hostSearch: Any) -> None:
        """Reboot hosts when idle, `group_size` at a time: the next group follows when a fifth of one is left.

        `hostSearch` are HostSearch options. Hosts with NIMBY or in another state than UP are left alone, as are those
        that have booted since `start_time` (seconds since 1970). It asks before it begins, on the terminal.
        """
        reboots.rebootFarmSafely(Host, group_size, start_time, hostSearch)

    @staticmethod
    def monitorRebootFarm(start_time: float, **hostSearch: Any) -> None:
        """Print how many of the hosts that match HostSearch options have booted since a time, until all have."""
        reboots.monitorRebootFarm(Host, start_time, hostSearch)

    id: Getter = getter("id", "UUID of the host.")
    name: Getter = getter("name", "Name of the host.")
    os: Getter = getter("os", "Operating system.")
    tags: Getter = getter("tags", "Tags of the host.")
    state: Getter = getter("state", "A HardwareState.")
    lockState: Getter = getter("lock_state", "A LockState.")
    isNimbyEnabled: Getter = getter("nimby_enabled", "Whether its user's presence takes it off the farm.")
    isCommented: Getter = getter("has_comment", "Whether somebody left a comment.")
    cores: Getter = getter("cores", "Cores that the farm may use.")
    coresIdle: Getter = getter("idle_cores", "Cores that are free.")
    mem: Getter = getter("memory", "Memory that the farm may use, in KB.")
    memIdle: Getter = getter("idle_memory", "Memory that is not reserved, in KB.")
    memTotal: Getter = getter("total_memory", "Memory of the machine, in KB.")
    memFree: Getter = getter("free_memory", "Memory that nothing uses, in KB.")
    swapTotal: Getter = getter("total_swap", "Swap of the machine, in KB.")
    swapFree: Getter = getter("free_swap", "Swap that nothing uses, in KB.")
    mcpTotal: Getter = getter("total_mcp", "Temporary disk space of the machine, in KB.")
    mcpFree: Getter = getter("free_mcp", "Temporary disk space that is free, in KB.")
    load: Getter = getter("load", "Load average of one minute, times 100.")
    bootTime: Getter = timeGetter("boot_time", "When the machine booted.")
    pingTime: Getter = timeGetter("ping_time", "When the host was last heard of.")


class NestedHost(Nested, Host):
    """A host as the host whiteboard has it, with what runs on it."""

    _message = host_pb2.NestedHost
    _plain = host_pb2.Host

    def children(self) -> Any:
        """Return what runs on the host, as a NestedProcSeq message."""
        return self.data.procs

    def getNestedProcs(self) -> list[NestedProc]:
        """Return what runs on the host, without asking the server again."""
        return [NestedProc(message) for message in self.data.procs.nested_procs]
