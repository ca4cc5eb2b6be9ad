"""Groups: the folders of a show, with limits and defaults for the jobs in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opencue_proto import job_pb2

from opencue.wrappers.entity import Entity, getter

if TYPE_CHECKING:
    from opencue.wrappers.job import Job


class Group(Entity):
    """One group of a show."""

    _service = "group"
    _message = job_pb2.Group

    def createSubGroup(self, name: str) -> Group:
        """Make a group inside this one."""
        return Group(self._call("CreateSubGroup", name=name).group)

    def delete(self) -> None:
        """Remove the group, which must be empty."""
        self._call("Delete")

    def setName(self, name: str) -> None:
        """Rename the group."""
        self._call("SetName", name=name)

    def setMaxCores(self, value: float) -> None:
        """Set how many cores the jobs of the group may have together, in cores; -1 for no limit."""
        self._call("SetMaxCores", max_cores=value)

    def setMinCores(self, value: float) -> None:
        """Set how many cores the jobs of the group should have together, in cores."""
        self._call("SetMinCores", min_cores=value)

    def setMaxGpus(self, value: int) -> None:
        """Set how many GPUs the jobs of the group may have together; -1 for no limit."""
        self._call("SetMaxGpus", max_gpus=value)

    def setMinGpus(self, value: int) -> None:
        """Set how many GPUs the jobs of the group should have together."""
        self._call("SetMinGpus", min_gpus=value)

    def setDefaultJobPriority(self, value: int) -> None:
        """Set the priority of jobs that come into the group; -1 leaves theirs."""
        self._call("SetDefaultJobPriority", priority=value)

    def setDefaultJobMinCores(self, value: float) -> None:
        """Set the minimum cores of jobs that come into the group; -1 leaves theirs."""
        self._call("SetDefaultJobMinCores", min_cores=value)

    def setDefaultJobMaxCores(self, value: float) -> None:
        """Set the maximum cores of jobs that come into the group; -1 leaves theirs."""
        self._call("SetDefaultJobMaxCores", max_cores=value)

    def setDefaultJobMinGpus(self, value: int) -> None:
        """Set the minimum GPUs of jobs that come into the group; -1 leaves theirs."""
        self._call("SetDefaultJobMinGpus", min_gpus=value)

    def setDefaultJobMaxGpus(self, value: int) -> None:
        """Set the maximum GPUs of jobs that come into the group; -1 leaves theirs."""
        self._call("SetDefaultJobMaxGpus", max_gpus=value)

    def setDepartment(self, name: str) -> None:
        """Set the department that the group belongs to."""
        self._call("SetDepartment", dept=name)

    def setGroup(self, parentGroup: Group) -> None:
        """Move the group into another one."""
        self._call("SetGroup", parent_group=parentGroup.data)

    def getGroups(self) -> list[Group]:
        """Return the groups inside this one."""
        return [Group(message) for message in self._call("GetGroups").groups.groups]

    def getJobs(self) -> list[Job]:
        """Return the pending jobs of this very group."""
        from opencue.wrappers.job import Job  # here, because jobs name groups

        return [Job(message) for message in self._call("GetJobs").jobs.jobs]

    def reparentJobs(self, jobs: list[Job]) -> None:
        """Move jobs into this group."""
        self._call("ReparentJobs", jobs=job_pb2.JobSeq(jobs=[job.data for job in jobs]))

    def reparentGroups(self, groups: list[Group]) -> None:
        """Move groups into this group."""
        self.reparentGroupIds([group.id() for group in groups])

    def reparentGroupIds(self, groupIds: list[Any]) -> None:
        """Move groups, named by their ids, into this group."""
        groups = [job_pb2.Group(id=group_id) for group_id in groupIds]
        self._call("ReparentGroups", groups=job_pb2.GroupSeq(groups=groups))

    id = getter("id", "UUID of the group.")
    name = getter("name", "Name of the group.")
    department = getter("department", "Department that the group belongs to.")
    defaultJobPriority = getter("default_job_priority", "Priority of jobs that come into the group, -1 if not set.")
    defaultJobMinCores = getter("default_job_min_cores", "Minimum cores of jobs that come in, -1 if not set.")
    defaultJobMaxCores = getter("default_job_max_cores", "Maximum cores of jobs that come in, -1 if not set.")
    minCores = getter("min_cores", "Cores that its jobs should have together, -1 if not set.")
    maxCores = getter("max_cores", "Cores that its jobs may have together, -1 if not set.")
    reservedCores = getter("group_stats.reserved_cores", "Cores that its frames hold now.")
    totalRunning = getter("group_stats.running_frames", "Frames that run.")
    totalDead = getter("group_stats.dead_frames", "Frames that failed for good.")
    totalPending = getter("group_stats.waiting_frames", "Frames that wait for a host.")
    pendingJobs = getter("group_stats.pending_jobs", "Jobs that are pending.")
