"""Shows: the productions that share the farm."""

from __future__ import annotations

from typing import Any

from opencue_proto import service_pb2, show_pb2

from opencue.changed import Changed
from opencue.wrappers.allocation import Allocation
from opencue.wrappers.deed import Deed
from opencue.wrappers.department import Department
from opencue.wrappers.entity import Entity, Getter, getter
from opencue.wrappers.filter import Filter
from opencue.wrappers.group import Group
from opencue.wrappers.owner import Owner
from opencue.wrappers.service import ServiceOverride, checkMemoryIncrease
from opencue.wrappers.subscription import Subscription


class Show(Entity):
    """One production."""

    _service = "show"
    _message = show_pb2.Show

    def createSubscription(self, allocation: Allocation, size: float, burst: float) -> Subscription:
        """Let the show use an allocation: `size` cores guaranteed, `burst` cores at most (cores, not points)."""
        return Subscription(
            self._call("CreateSubscription", allocation_id=allocation.id(), size=size, burst=burst).subscription
        )

    def createOwner(self, user: str) -> Owner:
        """Let somebody own hosts, on which the show's frames come first."""
        return Owner(self._call("CreateOwner", name=user).owner)

    def getDeeds(self) -> list[Deed]:
        """Return what those own whose hosts go to the show first."""
        return [Deed(message) for message in self._call("GetDeeds").deeds.deeds]

    def delete(self) -> Changed:
        """Remove the show, which must never have had a job."""
        return self._change("Delete")

    def archive(self, target_show_name: str) -> Changed:
        """Put the show away: it takes no jobs, and new ones of its name go to the other show.

        It is found as `NAME_archive` then, and `setActive(True)` brings it back.
        """
        return self._change("Archive", target_show_name=target_show_name)

    def setActive(self, value: bool) -> Changed:
        """Accept new jobs, or refuse them."""
        return self._change("SetActive", value=value)

    def enableBooking(self, value: bool) -> Changed:
        """Book new hosts for the show, or stop that."""
        return self._change("EnableBooking", enabled=value)

    def enableDispatching(self, value: bool) -> Changed:
        """Start frames of the show, or stop that."""
        return self._change("EnableDispatching", enabled=value)

    def setDefaultMaxCores(self, maxcores: float) -> Changed:
        """Set the maximum cores of new jobs, in cores."""
        return self._change("SetDefaultMaxCores", max_cores=maxcores)

    def setDefaultMinCores(self, mincores: float) -> Changed:
        """Set the minimum cores of new jobs, in cores."""
        return self._change("SetDefaultMinCores", min_cores=mincores)

    def setDefaultMaxGpus(self, maxgpus: int) -> Changed:
        """Set the maximum GPUs of new jobs."""
        return self._change("SetDefaultMaxGpus", max_gpus=maxgpus)

    def setDefaultMinGpus(self, mingpus: int) -> Changed:
        """Set the minimum GPUs of new jobs."""
        return self._change("SetDefaultMinGpus", min_gpus=mingpus)

    def setCommentEmail(self, email: str) -> Changed:
        """Send comments on the show's jobs to an address."""
        return self._change("SetCommentEmail", email=email)

    def setSchedulerManaged(self, value: bool) -> Changed:
        """Keep that an outside scheduler is wanted for the show; a farm with one scheduler books it all the same."""
        return self._change("SetSchedulerManaged", enabled=value)

    def createServiceOverride(self, data: service_pb2.Service) -> ServiceOverride:
        """Give a service other values in this show; `data` is a Service message."""
        checkMemoryIncrease(data)
        return ServiceOverride(self._call("CreateServiceOverride", service=data).service_override)

    def getServiceOverride(self, serviceName: str) -> ServiceOverride:
        """Return the show's own values of a service."""
        return ServiceOverride(self._call("GetServiceOverride", name=serviceName).service_override)

    def getServiceOverrides(self) -> list[ServiceOverride]:
        """Return all services that have values of their own in this show."""
        response = self._call("GetServiceOverrides")
        return [ServiceOverride(message) for message in response.service_overrides.service_overrides]

    def createFilter(self, name: str) -> Filter:
        """Make a filter, enabled and after the others; it fits no job until it has a matcher."""
        return Filter(self._call("CreateFilter", name=name).filter)

    def findFilter(self, name: str) -> Filter:
        """Return the show's filter of a name."""
        return Filter(self._call("FindFilter", name=name).filter)

    def getFilters(self) -> list[Filter]:
        """Return the show's filters in their order."""
        return [Filter(message) for message in self._call("GetFilters").filters.filters]

    def getDepartment(self, department: str) -> Department:
        """Return the show's department of a name, without the show's before it."""
        return Department(self._call("GetDepartment", department=department).department)

    def getDepartments(self) -> list[Department]:
        """Return the departments of the show."""
        return [Department(message) for message in self._call("GetDepartments").departments.departments]

    def getSubscriptions(self) -> list[Subscription]:
        """Return which allocations the show may use and how much."""
        return [Subscription(message) for message in self._call("GetSubscriptions").subscriptions.subscriptions]

    @staticmethod
    def findSubscription(name: str) -> Subscription:
        """Return a subscription by its name, `facility.allocation.show`."""
        return Subscription.find(name)

    def getGroups(self) -> list[Group]:
        """Return all groups of the show."""
        return [Group(message) for message in self._call("GetGroups").groups.groups]

    def getRootGroup(self) -> Group:
        """Return the group that holds all others."""
        return Group(self._call("GetRootGroup").group)

    def getJobWhiteboard(self, fresh: bool = False) -> Any:
        """Return the show's groups and jobs as one nested message; `fresh` skips the server's cache."""
        return self._call("GetJobWhiteboard", fresh=fresh).whiteboard

    id: Getter = getter("id", "UUID of the show.")
    name: Getter = getter("name", "Name of the show.")
    schedulerManaged: Getter = getter("scheduler_managed", "Whether an outside scheduler runs the show.")
    defaultMinCores: Getter = getter("default_min_cores", "Minimum cores of new jobs.")
    defaultMaxCores: Getter = getter("default_max_cores", "Maximum cores of new jobs.")
    defaultMinProcs: Getter = getter("default_min_cores", "Minimum cores of new jobs, under its old name.")
    defaultMaxProcs: Getter = getter("default_max_cores", "Maximum cores of new jobs, under its old name.")
    pendingJobs: Getter = getter("show_stats.pending_jobs", "Jobs that are pending.")
    pendingFrames: Getter = getter("show_stats.pending_frames", "Frames that are still to be done.")
    runningFrames: Getter = getter("show_stats.running_frames", "Frames that run.")
    deadFrames: Getter = getter("show_stats.dead_frames", "Frames that failed for good.")
    reservedCores: Getter = getter("show_stats.reserved_cores", "Cores that its frames hold now.")
    totalJobsCreated: Getter = getter("show_stats.created_job_count", "Jobs ever submitted.")
    totalFramesCreated: Getter = getter("show_stats.created_frame_count", "Frames ever submitted.")
