"""GroupInterface."""

from __future__ import annotations

from typing import Any

from opencue_proto import job_pb2

from cuebot.domain import commands as c
from cuebot.domain.errors import Invalid, NotFound, Refused
from cuebot.domain.nouns import Group
from cuebot.domain.units import ONE_CORE, UNLIMITED
from cuebot.queries.groups import children, group_row, groups_named
from cuebot.queries.jobs import pending_jobs_of_group
from cuebot.wire.call import Call, rows_of, shared
from cuebot.wire.messages.groups import group_message
from cuebot.wire.requests import OfGroup
from cuebot.wire.rows import list_of
from cuebot.wire.values import units_or_unlimited, unlimited_if_negative


class GroupInterface:
    """Groups: folders of jobs with limits and defaults."""

    def GetGroup(self, request: job_pb2.GroupGetGroupRequest, call: Call) -> job_pb2.GroupGetGroupResponse:
        """The group with that id."""
        return job_pb2.GroupGetGroupResponse(
            group=group_message(group_row(call.farm, call.farm.get("group", request.id)))
        )

    def FindGroup(self, request: job_pb2.GroupFindGroupRequest, call: Call) -> job_pb2.GroupFindGroupResponse:
        """A group of a show, both by name."""
        show = call.farm.show_named(request.show)
        found = groups_named(call.farm, show.id, request.name)
        if not found:
            raise NotFound(f"show {show.name!r} has no group {request.name!r}")
        if len(found) > 1:
            raise Refused(f"show {show.name!r} has {len(found)} groups {request.name!r}; use the id of the one meant")
        return job_pb2.GroupFindGroupResponse(group=group_message(group_row(call.farm, found[0])))

    def GetGroups(self, request: job_pb2.GroupGetGroupsRequest, call: Call) -> job_pb2.GroupGetGroupsResponse:
        """The groups directly below a group."""
        groups = [group_message(group_row(call.farm, group)) for group in children(call.farm, _group(request, call))]
        return job_pb2.GroupGetGroupsResponse(groups=job_pb2.GroupSeq(groups=groups))

    @shared
    async def GetJobs(self, request: job_pb2.GroupGetJobsRequest, call: Call) -> bytes:
        """The PENDING jobs directly in a group."""
        jobs = pending_jobs_of_group(call.farm, _group(request, call).job_ids)
        return list_of(await rows_of(call, jobs, call.rows.job))

    async def CreateSubGroup(
        self, request: job_pb2.GroupCreateSubGroupRequest, call: Call
    ) -> job_pb2.GroupCreateSubGroupResponse:
        """Make a group below a group."""
        id = await call.submit(c.CreateGroup(request.name, _group(request, call).id))
        return job_pb2.GroupCreateSubGroupResponse(
            group=group_message(group_row(call.farm, call.farm.get("group", id)))
        )

    async def Delete(self, request: job_pb2.GroupDeleteRequest, call: Call) -> None:
        """Remove a group that has no active jobs and no groups."""
        await call.submit(c.Delete("group", _group(request, call).id))

    async def SetName(self, request: job_pb2.GroupSetNameRequest, call: Call) -> None:
        """Rename a group."""
        await _change(request, call, name=request.name)

    async def ReparentJobs(self, request: job_pb2.GroupReparentJobsRequest, call: Call) -> None:
        """Move jobs into a group of their show."""
        group = _group(request, call)
        await call.submit_all([c.MoveJob(call.farm.get("job", job.id).id, group.id) for job in request.jobs.jobs])

    async def ReparentGroups(self, request: job_pb2.GroupReparentGroupsRequest, call: Call) -> None:
        """Move groups below a group of their show."""
        group_ids = tuple(call.farm.get("group", group.id).id for group in request.groups.groups)
        await call.submit(c.MoveGroups(group_ids, _group(request, call).id))

    async def SetDepartment(self, request: job_pb2.GroupSetDeptRequest, call: Call) -> None:
        """Put a group into a department, which its show has from now on."""
        await call.submit(c.SetGroupDepartment(_group(request, call).id, request.dept))

    async def SetGroup(self, request: job_pb2.GroupSetGroupRequest, call: Call) -> None:
        """Move a group below another of its show."""
        parent = call.farm.get("group", request.parent_group.id)
        await call.submit(c.MoveGroups((_group(request, call).id,), parent.id))

    # --- limits and defaults: a negative number is "no limit" or "no default" -------------------------------------

    async def SetMinCores(self, request: job_pb2.GroupSetMinCoresRequest, call: Call) -> None:
        """Set the cores that a group should have, to a hundredth."""
        await _change(request, call, min_cores=max(units_or_unlimited(request.min_cores, "the minimum of cores"), 0))

    async def SetMaxCores(self, request: job_pb2.GroupSetMaxCoresRequest, call: Call) -> None:
        """Set the cores that a group may have, to a hundredth, at least one."""
        most = units_or_unlimited(request.max_cores, "the maximum of cores")
        if most != UNLIMITED and most < ONE_CORE:
            raise Invalid("the maximum of a group is at least one core, or -1 for no limit")
        await _change(request, call, max_cores=most)

    async def SetMinGpus(self, request: job_pb2.GroupSetMinGpusRequest, call: Call) -> None:
        """Set the GPUs that a group should have."""
        await _change(request, call, min_gpus=max(request.min_gpus, 0))

    async def SetMaxGpus(self, request: job_pb2.GroupSetMaxGpusRequest, call: Call) -> None:
        """Set the GPUs that a group may have."""
        await _change(request, call, max_gpus=unlimited_if_negative(request.max_gpus))

    async def SetDefaultJobPriority(self, request: job_pb2.GroupSetDefJobPriorityRequest, call: Call) -> None:
        """Set the priority of the group's jobs, now and later."""
        await _change(request, call, default_job_priority=unlimited_if_negative(request.priority))

    async def SetDefaultJobMinCores(self, request: job_pb2.GroupSetDefJobMinCoresRequest, call: Call) -> None:
        """Set the minimum of cores of the group's jobs, now and later."""
        await _change(
            request, call, default_job_min_cores=_or_off(units_or_unlimited(request.min_cores, "the minimum"))
        )

    async def SetDefaultJobMaxCores(self, request: job_pb2.GroupSetDefJobMaxCoresRequest, call: Call) -> None:
        """Set the maximum of cores of the group's jobs, now and later."""
        await _change(
            request, call, default_job_max_cores=_or_off(units_or_unlimited(request.max_cores, "the maximum"))
        )

    async def SetDefaultJobMinGpus(self, request: job_pb2.GroupSetDefJobMinGpusRequest, call: Call) -> None:
        """Set the minimum of GPUs of the group's jobs, now and later."""
        await _change(request, call, default_job_min_gpus=_or_off(request.min_gpus))

    async def SetDefaultJobMaxGpus(self, request: job_pb2.GroupSetDefJobMaxGpusRequest, call: Call) -> None:
        """Set the maximum of GPUs of the group's jobs, now and later."""
        await _change(request, call, default_job_max_gpus=_or_off(request.max_gpus))


def _group(request: OfGroup, call: Call) -> Group:
    group: Group = call.farm.get("group", request.group.id)
    return group


def _or_off(value: int) -> int:
    return value if value > 0 else UNLIMITED


async def _change(request: OfGroup, call: Call, **changes: Any) -> None:
    await call.submit(c.Change("group", _group(request, call).id, changes))
