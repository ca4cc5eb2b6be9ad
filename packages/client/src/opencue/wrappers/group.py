"""Groups: the folders of a show, with limits and defaults for the jobs in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opencue_proto import job_pb2

from opencue.changed import Changed
from opencue.kinds import wrapperOf
from opencue.rpc import call
from opencue.wrappers.entity import Entity, Getter, Nested, getter

if TYPE_CHECKING:
    from opencue.wrappers.job import Job


class Group(Entity):
    """One group of a show."""

    _service = "group"
    _message = job_pb2.Group

    def createSubGroup(self, name: str) -> Group:
        """Make a group inside this one."""
        return Group(self._call("CreateSubGroup", name=name).group)

    def delete(self) -> Changed:
        """Remove the group, which must be empty."""
        return self._change("Delete")

    def setName(self, name: str) -> Changed:
        """Rename the group."""
        return self._change("SetName", name=name)

    def setMaxCores(self, value: float) -> Changed:
        """Set how many cores the jobs of the group may have together, in cores; -1 for no limit."""
        return self._change("SetMaxCores", max_cores=value)

    def setMinCores(self, value: float) -> Changed:
        """Set how many cores the jobs of the group should have together, in cores."""
        return self._change("SetMinCores", min_cores=value)

    def setMaxGpus(self, value: int) -> Changed:
        """Set how many GPUs the jobs of the group may have together; -1 for no limit."""
        return self._change("SetMaxGpus", max_gpus=value)

    def setMinGpus(self, value: int) -> Changed:
        """Set how many GPUs the jobs of the group should have together."""
        return self._change("SetMinGpus", min_gpus=value)

    def setDefaultJobPriority(self, value: int) -> Changed:
        """Set the priority of jobs that come into the group; -1 leaves theirs."""
        return self._change("SetDefaultJobPriority", priority=value)

    def setDefaultJobMinCores(self, value: float) -> Changed:
        """Set the minimum cores of jobs that come into the group; -1 leaves theirs."""
        return self._change("SetDefaultJobMinCores", min_cores=value)

    def setDefaultJobMaxCores(self, value: float) -> Changed:
        """Set the maximum cores of jobs that come into the group; -1 leaves theirs."""
        return self._change("SetDefaultJobMaxCores", max_cores=value)

    def setDefaultJobMinGpus(self, value: int) -> Changed:
        """Set the minimum GPUs of jobs that come into the group; -1 leaves theirs."""
        return self._change("SetDefaultJobMinGpus", min_gpus=value)

    def setDefaultJobMaxGpus(self, value: int) -> Changed:
        """Set the maximum GPUs of jobs that come into the group; -1 leaves theirs."""
        return self._change("SetDefaultJobMaxGpus", max_gpus=value)

    def setDepartment(self, name: str) -> Changed:
        """Set the department that the group belongs to."""
        return self._change("SetDepartment", dept=name)

    def setGroup(self, parentGroup: Group) -> Changed:
        """Move the group into another one."""
        return self._change("SetGroup", parent_group=parentGroup.data)

    def getGroups(self) -> list[Group]:
        """Return the groups inside this one."""
        return [Group(message) for message in self._call("GetGroups").groups.groups]

    def getJobs(self) -> list[Job]:
        """Return the pending jobs of this very group."""
        return [wrapperOf("Job")(message) for message in self._call("GetJobs").jobs.jobs]

    def reparentJobs(self, jobs: list[Job]) -> Changed:
        """Move jobs into this group."""
        return self._change("ReparentJobs", jobs=job_pb2.JobSeq(jobs=[job.data for job in jobs]))

    def reparentGroups(self, groups: list[Group]) -> Changed:
        """Move groups into this group."""
        return self.reparentGroupIds([group.id() for group in groups])

    def reparentGroupIds(self, groupIds: list[Any]) -> Changed:
        """Move groups, named by their ids, into this group."""
        groups = [job_pb2.Group(id=group_id) for group_id in groupIds]
        return self._change("ReparentGroups", groups=job_pb2.GroupSeq(groups=groups))

    id: Getter = getter("id", "UUID of the group.")
    name: Getter = getter("name", "Name of the group.")
    department: Getter = getter("department", "Department that the group belongs to.")
    defaultJobPriority: Getter = getter(
        "default_job_priority", "Priority of jobs that come into the group, -1 if not set."
    )
    defaultJobMinCores: Getter = getter("default_job_min_cores", "Minimum cores of jobs that come in, -1 if not set.")
    defaultJobMaxCores: Getter = getter("default_job_max_cores", "Maximum cores of jobs that come in, -1 if not set.")
    minCores: Getter = getter("min_cores", "Cores that its jobs should have together, -1 if not set.")
    maxCores: Getter = getter("max_cores", "Cores that its jobs may have together, -1 if not set.")
    reservedCores: Getter = getter("group_stats.reserved_cores", "Cores that its frames hold now.")
    totalRunning: Getter = getter("group_stats.running_frames", "Frames that run.")
    totalDead: Getter = getter("group_stats.dead_frames", "Frames that failed for good.")
    totalPending: Getter = getter("group_stats.waiting_frames", "Frames that wait for a host.")
    pendingJobs: Getter = getter("group_stats.pending_jobs", "Jobs that are pending.")


class NestedGroup(Nested, Group):
    """A group as the whiteboard of its show has it, with the groups and jobs in it."""

    _message = job_pb2.NestedGroup  # type: ignore[assignment]
    _plain = job_pb2.Group
    _renamed = (("stats", "group_stats"),)

    def _subject(self) -> Any:
        group = super()._subject()
        group.parent_id = self.data.parent.id
        return group

    def asGroup(self) -> Group:
        """Return the group as a plain wrapper."""
        return Group(self._subject())

    def hasParent(self) -> bool:
        """Whether it is in another group."""
        return self.data.HasField("parent")

    def children(self) -> list[Any]:
        """Return the groups in this one, as NestedGroup messages, then the ids of its jobs."""
        return [*self.data.groups.nested_groups, *self.data.jobs]

    def inlineJobs(self) -> list[Job]:
        """Return the jobs of this very group as the whiteboard has them; an old server only says their ids."""
        if self.data.inline_jobs or not self.data.jobs:
            return [wrapperOf("Job")(message) for message in self.data.inline_jobs]
        criteria = job_pb2.JobSearchCriteria(ids=self.data.jobs)
        return [wrapperOf("Job")(message) for message in call("job", "GetJobs", r=criteria).jobs.jobs]
