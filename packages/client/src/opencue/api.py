"""Every question and order to the farm that does not start from something already in hand.

Functions raise `opencue.exception.CueException` and its kinds. Names are exact; ids are UUIDs as text.
"""

from __future__ import annotations

from typing import Any, Optional, Sequence, Union

from opencue_proto import (
    comment_pb2,
    criterion_pb2,
    cue_pb2,
    department_pb2,
    depend_pb2,
    facility_pb2,
    filter_pb2,
    host_pb2,
    job_pb2,
    limit_pb2,
    renderPartition_pb2,
    report_pb2,
    service_pb2,
    show_pb2,
    subscription_pb2,
    task_pb2,
)

from opencue import search, util
from opencue.changed import Changed
from opencue.cuebot import Cuebot
from opencue.doors import getDoors
from opencue.enums import LimitEnforcement, LimitType
from opencue.events import followEvents, getEvents
from opencue.filter_sets import compareFilters, exportFilters, importFilters
from opencue.finding import findIds, getQueryFields
from opencue.rpc import call, change
from opencue.runs import followLog, getFailures, getRetention, getRuns, getSpecification, readLog
from opencue.wrappers.allocation import Allocation
from opencue.wrappers.comment import Comment
from opencue.wrappers.department import Department
from opencue.wrappers.depend import Depend, addDepend
from opencue.wrappers.filter import Action, Filter, Matcher
from opencue.wrappers.frame import Frame, fetchFrames
from opencue.wrappers.group import Group
from opencue.wrappers.host import Host, NestedHost
from opencue.wrappers.job import Job, findLayerMessage
from opencue.wrappers.layer import Layer
from opencue.wrappers.limit import (
    Limit,
    buildLimitReport,
    clearLimitBindings,
    getLimitBindings,
    getLimitHolds,
    reportLimitUsage,
)
from opencue.wrappers.monitoring import (
    getFarmStatistics,
    getFrameHistory,
    getHostHistory,
    getJobHistory,
    getLayerHistory,
    getLayerMemoryHistory,
)
from opencue.wrappers.owner import Owner
from opencue.wrappers.proc import Proc
from opencue.wrappers.service import Service, ServiceOverride, checkMemoryIncrease
from opencue.wrappers.show import Show
from opencue.wrappers.subscription import Subscription
from opencue.wrappers.task import Task

__all__ = [
    "Action",
    "Allocation",
    "Comment",
    "Cuebot",
    "Department",
    "Depend",
    "Filter",
    "Frame",
    "Group",
    "Host",
    "Job",
    "Layer",
    "Limit",
    "Matcher",
    "NestedHost",
    "Owner",
    "Proc",
    "Service",
    "ServiceOverride",
    "Show",
    "Subscription",
    "Task",
    "addDepartmentName",
    "addDepend",
    "allocSetBillable",
    "allocSetName",
    "allocSetTag",
    "buildLimitReport",
    "clearLimitBindings",
    "comment_pb2",
    "compareFilters",
    "createAllocation",
    "createFacility",
    "createLimit",
    "createService",
    "createShow",
    "criterion_pb2",
    "cue_pb2",
    "deleteAllocation",
    "deleteFacility",
    "deleteLimit",
    "deleteShow",
    "department_pb2",
    "depend_pb2",
    "explain",
    "exportFilters",
    "facility_pb2",
    "filter_pb2",
    "findAllocation",
    "findFilter",
    "findFrame",
    "findGroup",
    "findHost",
    "findIds",
    "findJob",
    "findLastJob",
    "findLayer",
    "findLimit",
    "findShow",
    "findSubscription",
    "followEvents",
    "followLog",
    "getActiveShows",
    "getAllocation",
    "getAllocations",
    "getDefaultAllocation",
    "getDefaultServices",
    "getDepartmentNames",
    "getDepend",
    "getDoors",
    "getEvents",
    "getFacility",
    "getFailures",
    "getFarmStatistics",
    "getFinishedJobs",
    "getFrame",
    "getFrameHistory",
    "getFrames",
    "getGroup",
    "getHost",
    "getHostHistory",
    "getHostWhiteboard",
    "getHosts",
    "getJob",
    "getJobHistory",
    "getJobNames",
    "getJobs",
    "getLayer",
    "getLayerHistory",
    "getLayerMemoryHistory",
    "getLimitBindings",
    "getLimitHolds",
    "getLimits",
    "getOwner",
    "getProcs",
    "getQueryFields",
    "getRetention",
    "getRuns",
    "getService",
    "getShows",
    "getSpecification",
    "getSubscription",
    "getSystemStats",
    "host_pb2",
    "importFilters",
    "isJobPending",
    "job_pb2",
    "launchSpec",
    "launchSpecAndWait",
    "limit_pb2",
    "readLog",
    "removeDepartmentName",
    "renameFacility",
    "renderPartition_pb2",
    "reportLimitUsage",
    "report_pb2",
    "search",
    "service_pb2",
    "setDefaultAllocation",
    "show_pb2",
    "subscription_pb2",
    "task_pb2",
    "tryFilters",
    "unbookProcs",
    "unbookProcsToGroup",
    "unbookProcsToJobs",
    "util",
]

# --- Jobs


def findJob(name: str) -> Job:
    """Return the pending job of a full name, or the job of an id; raise EntityNotFoundException if there is none.

    Where a job is named, in this call and others, an id finds finished jobs too. The first 8 characters or more of it
    will do where no other id begins so.
    """
    return Job(call("job", "FindJob", name=name).job)


def getJob(uniq: str) -> Job:
    """Return the job of an id, finished or not."""
    return Job(call("job", "GetJob", id=uniq).job)


def getJobs(**options: Any) -> list[Job]:
    """Return the jobs that match JobSearch options, all pending ones without any.

    `getJobs(show=["demo"], user=["ann"], include_finished=True)`: finished jobs of the last 72 hours, and a warning
    where there are more; those that are named exactly, or whose ids are given, whenever they ended.
    """
    return [Job(message) for message in search.JobSearch.byOptions(**options).jobs.jobs]


def getFinishedJobs(
    parts: Sequence[str] = (),
    *,
    name: Sequence[str] = (),
    show: Sequence[str] = (),
    user: Sequence[str] = (),
    limit: int = 100,
) -> list[Job]:
    """Return finished jobs, the one that ended last first, at most `limit` of them, never over 1,000 (`page_rows`).

    `parts` are parts of the name, any of which must be in it; `name`, `show` and `user` are exact. A warning tells of
    a `limit` that the server did not go up to, and how many jobs there are.
    """
    asked = min(limit, 2**31 - 1)  # what its field can hold
    response = call("farm", "FindFinishedJobs", names=name, parts=parts, shows=show, users=user, limit=asked)
    if not response.job_ids:
        return []
    jobs = {job.id(): job for job in getJobs(id=list(response.job_ids), include_finished=True)}
    return [jobs[job_id] for job_id in response.job_ids if job_id in jobs]


def findLastJob(name: str) -> Optional[Job]:
    """Return the job of a full name that was submitted last, finished or not; None if there never was one."""
    found = getJobs(job=sorted({name, name.lower()}), include_finished=True)
    return max(reversed(found), key=lambda job: job.data.start_time) if found else None


def getJobNames(**options: Any) -> Any:
    """Return the names of the pending jobs that match JobSearch options."""
    return call("job", "GetJobNames", r=search.JobSearch.criteriaFromOptions(**options)).names


def isJobPending(name: str) -> bool:
    """Return whether a job of this full name, or with this id, is pending."""
    return call("job", "IsJobPending", name=name).value


def launchSpec(spec: str) -> Any:
    """Submit a job specification (XML); return the names that its jobs got."""
    return call("job", "LaunchSpec", spec=spec).names


def launchSpecAndWait(spec: str) -> list[Job]:
    """Submit a job specification (XML); return its jobs once they exist."""
    return [Job(message) for message in call("job", "LaunchSpecAndWait", spec=spec).jobs.jobs]


def explain(job: str, layer: Optional[str] = None, frame: Union[int, str, None] = None) -> Any:
    """Return why the frames of a job, or of one layer or frame of it, wait: a cuefarm.v1 ExplainResponse.

    Job and layer are named by name or id, a frame by its number within a layer, its name or its id.
    """
    return call("farm", "Explain", job=job, layer=layer or "", frame="" if frame is None else str(frame))


# --- Layers and frames


def findLayer(job: str, layer: str) -> Layer:
    """Return a layer by its job's name or id and its own name; the spelling that was submitted is found too."""
    return Layer(findLayerMessage(job, layer))


def getLayer(uniq: str) -> Layer:
    """Return the layer of an id."""
    return Layer(call("layer", "GetLayer", id=uniq).layer)


def findFrame(job: str, layer: str, number: int) -> Frame:
    """Return a frame by its job's name or id, its layer's name and its number."""
    return Frame(call("frame", "FindFrame", job=job, layer=layer, frame=number).frame)


def getFrame(uniq: str) -> Frame:
    """Return the frame of an id."""
    return Frame(call("frame", "GetFrame", id=uniq).frame)


def getFrames(job: str, **options: Any) -> list[Frame]:
    """Return the frames of a job, named in full or by its id, that match FrameSearch options.

    All of them, however many; or one page of them with `page` and `limit`.
    """
    return fetchFrames(lambda criteria: call("frame", "GetFrames", job=job, r=criteria).frames.frames, options)


def getDepend(uniq: str) -> Depend:
    """Return the dependency of an id."""
    return Depend(call("depend", "GetDepend", id=uniq).depend)


# --- Shows and groups


def createShow(show: str) -> Show:
    """Make a show."""
    return Show(call("show", "CreateShow", name=show).show)


def deleteShow(show_id: str) -> None:
    """Remove a show, given by its name, that never had a job."""
    findShow(show_id).delete()


def getShows() -> list[Show]:
    """Return all shows."""
    return [Show(message) for message in call("show", "GetShows").shows.shows]


def getActiveShows() -> list[Show]:
    """Return the shows that accept jobs."""
    return [Show(message) for message in call("show", "GetActiveShows").shows.shows]


def findShow(name: str) -> Show:
    """Return the show of a name."""
    return Show(call("show", "FindShow", name=name).show)


def findGroup(show: str, group: str) -> Group:
    """Return a group by the names of its show and itself."""
    return Group(call("group", "FindGroup", show=show, name=group).group)


def getGroup(uniq: str) -> Group:
    """Return the group of an id."""
    return Group(call("group", "GetGroup", id=uniq).group)


def getDepartmentNames() -> list[str]:
    """Return the names that departments may have."""
    return list(call("department", "GetDepartmentNames").names)


def addDepartmentName(name: str) -> Changed:
    """Let groups have a department of this name."""
    return change("department", "AddDepartmentName", name=name)


def removeDepartmentName(name: str) -> Changed:
    """Remove a name that no group's department has."""
    return change("department", "RemoveDepartmentName", name=name)


# --- Filters


def findFilter(show_name: str, filter_name: str) -> Filter:
    """Return a filter by the names of its show and itself."""
    return Filter(call("filter", "FindFilter", show=show_name, name=filter_name).filter)


def tryFilters(
    show: str,
    filter: str = "",
    *,
    spec: str = "",
    jobs: Sequence[str] = (),
    limit: int = 0,
) -> Any:
    """Return what a show's filters would do to jobs, and what they did, changing nothing: a TryFiltersResponse.

    One filter by its name or id, enabled or not, or all that are enabled, in their order. Jobs are those of a
    specification (XML), those that are named, or all of the show, in any state, that are fitted, the last first.
    """
    return call("farm", "TryFilters", show=show, filter=filter, spec=spec, jobs=jobs, limit=limit)


# --- Hosts and what runs on them


def getHosts(**options: Any) -> list[Host]:
    """Return the hosts that match HostSearch options, all of them without any."""
    return search.HostSearch.byOptions(**options)


def getHostWhiteboard() -> list[NestedHost]:
    """Return all hosts, each with what runs on it."""
    return [NestedHost(message) for message in call("host", "GetHostWhiteboard").nested_hosts.nested_hosts]


def findHost(name: str) -> Host:
    """Return the host of a name."""
    return Host(call("host", "FindHost", name=name).host)


def getHost(uniq: str) -> Host:
    """Return the host of an id."""
    return Host(call("host", "GetHost", id=uniq).host)


def getOwner(owner_id: str) -> Owner:
    """Return the owner of hosts of a name, or of an id."""
    return Owner(call("owner", "GetOwner", name=owner_id).owner)


def getProcs(**options: Any) -> list[Proc]:
    """Return what runs now and matches ProcSearch options, everything without any."""
    return [Proc(message) for message in search.ProcSearch.byOptions(**options).procs.procs]


def unbookProcs(kill: bool = False, **options: Any) -> int:
    """End what runs and matches ProcSearch options, with `kill`; return how many match.

    Without `kill` nothing changes: a place is free for others once its frame is done.
    """
    criteria = search.ProcSearch.criteriaFromOptions(**options)
    return call("proc", "UnbookProcs", r=criteria, kill=kill).num_procs


def unbookProcsToJobs(jobs: Sequence[Job], kill: bool = False, **options: Any) -> int:
    """Give the places of what runs and matches ProcSearch options to jobs in turn; return how many they get.

    A place goes there once its frame is done, or at once with `kill`, and the frame waits again. What is a job's own,
    or would fit no frame of it that waits, stays as it is.
    """
    criteria = search.ProcSearch.criteriaFromOptions(**options)
    messages = job_pb2.JobSeq(jobs=[job.data for job in jobs])
    return call("proc", "UnbookToJob", r=criteria, jobs=messages, kill=kill).num_procs


def unbookProcsToGroup(group: Group, kill: bool = False, **options: Any) -> int:
    """Do the same for the jobs of a group, the most urgent first."""
    criteria = search.ProcSearch.criteriaFromOptions(**options)
    return call("proc", "UnbookToGroup", r=criteria, group=group.data, kill=kill).num_procs


# --- Facilities, allocations, subscriptions


def createFacility(name: str) -> facility_pb2.Facility:
    """Make a facility and return its message."""
    return call("facility", "Create", name=name).facility


def getFacility(name: str) -> facility_pb2.Facility:
    """Return the message of a facility, by name or id."""
    return call("facility", "Get", name=name).facility


def renameFacility(facility: facility_pb2.Facility, new_name: str) -> Changed:
    """Rename a facility, given as its message."""
    return change("facility", "Rename", facility=facility, new_name=new_name)


def deleteFacility(name: str) -> Changed:
    """Remove a facility that has no allocations."""
    return change("facility", "Delete", name=name)


def createAllocation(name: str, tag: str, facility: facility_pb2.Facility) -> Allocation:
    """Make an allocation in a facility (a message); its full name becomes `facility.name`, its hosts have the tag."""
    return Allocation(call("allocation", "Create", name=name, tag=tag, facility=facility).allocation)


def getAllocations() -> list[Allocation]:
    """Return all allocations."""
    return [Allocation(message) for message in call("allocation", "GetAll").allocations.allocations]


def findAllocation(name: str) -> Allocation:
    """Return the allocation of a full name, `facility.name`."""
    return Allocation(call("allocation", "Find", name=name).allocation)


def getAllocation(allocId: str) -> Allocation:
    """Return the allocation of an id."""
    return Allocation(call("allocation", "Get", id=allocId).allocation)


def getDefaultAllocation() -> Allocation:
    """Return the allocation that new hosts join."""
    return Allocation(call("allocation", "GetDefault").allocation)


def setDefaultAllocation(alloc: facility_pb2.Allocation) -> Changed:
    """Let new hosts join an allocation, given as its message."""
    return change("allocation", "SetDefault", allocation=alloc)


def deleteAllocation(alloc: facility_pb2.Allocation) -> Changed:
    """Remove an allocation, given as its message, that has no hosts."""
    return change("allocation", "Delete", allocation=alloc)


def allocSetBillable(alloc: facility_pb2.Allocation, is_billable: bool) -> Changed:
    """Count an allocation, given as its message, for billing or not."""
    return change("allocation", "SetBillable", allocation=alloc, value=is_billable)


def allocSetName(alloc: facility_pb2.Allocation, name: str) -> Changed:
    """Rename an allocation, given as its message; `name` is without the facility."""
    return change("allocation", "SetName", allocation=alloc, name=name)


def allocSetTag(alloc: facility_pb2.Allocation, tag: str) -> Changed:
    """Set the tag of an allocation, given as its message; `|`, `,` and blanks separate several."""
    return change("allocation", "SetTag", allocation=alloc, tag=tag)


def getSubscription(uniq: str) -> Subscription:
    """Return the subscription of an id."""
    return Subscription.get(uniq)


def findSubscription(name: str) -> Subscription:
    """Return the subscription of a name, `facility.allocation.show`."""
    return Subscription.find(name)


# --- Limits


def createLimit(
    name: str,
    maxValue: int,
    limitType: int = LimitType.FRAME,
    enforcement: int = LimitEnforcement.ENFORCED,
    softValue: int = -1,
    exitStatus: int = 0,
    delayMinutes: int = 0,
    autoTag: bool = True,
) -> Limit:
    """Make a limit of so many frames at once, or of so many hosts (a LimitType).

    The others are as `Limit.setEnforcement`, `setSoftValue` and `setFailureRule` have them, but a soft value of 0 is
    the maximum here, as -1 is.
    """
    return Limit(
        call(
            "limit",
            "Create",
            name=name,
            max_value=maxValue,
            type=limitType,
            enforcement=enforcement,
            soft_value=softValue,
            exit_status=exitStatus,
            delay_minutes=delayMinutes,
            auto_tag=autoTag,
        ).limit
    )


def findLimit(name: str) -> Limit:
    """Return the limit of a name."""
    return Limit.find(name)


def getLimits() -> list[Limit]:
    """Return all limits, by name."""
    return [Limit(message) for message in call("limit", "GetAll").limits]


def deleteLimit(name: str) -> Changed:
    """Remove a limit; layers keep its name, and nothing counts them by it."""
    return change("limit", "Delete", name=name)


# --- Services and the server itself


def getDefaultServices() -> list[Service]:
    """Return all services of the farm."""
    return Service.getDefaultServices()


def getService(name: str) -> Optional[Service]:
    """Return the service of a name, None if there is none."""
    return Service.getService(name)


def createService(data: service_pb2.Service) -> Service:
    """Make a service; `data` is a Service message. Raises ValueError unless `min_memory_increase` is above 0."""
    checkMemoryIncrease(data)
    return Service(call("service", "CreateService", data=data).service)


def getSystemStats() -> cue_pb2.SystemStats:
    """Return the server's own counters."""
    return call("cue", "GetSystemStats").stats
