"""ShowInterface."""

from __future__ import annotations

from typing import Any

from opencue_proto import department_pb2, filter_pb2, job_pb2, service_pb2, show_pb2, subscription_pb2

from cuebot.domain import commands as c
from cuebot.domain.advice import advise
from cuebot.domain.errors import NotFound
from cuebot.domain.filtering import filters_of
from cuebot.domain.nouns import Show
from cuebot.queries.allocations import subscription_row, subscriptions_of_show
from cuebot.queries.departments import departments_of_show
from cuebot.queries.groups import group_row, groups_of_show
from cuebot.queries.jobs import pending_jobs_of_show
from cuebot.queries.owners import deeds_of_show
from cuebot.queries.services import overrides_of_show
from cuebot.queries.shows import active_shows, listed_shows, show_row, show_rows
from cuebot.scheduling.explain.wording import counted
from cuebot.wire.call import Call, rows_of, shared
from cuebot.wire.messages.allocations import subscription_message
from cuebot.wire.messages.departments import department_message
from cuebot.wire.messages.filters import filter_message
from cuebot.wire.messages.groups import group_message
from cuebot.wire.messages.owners import deed_seq, owner_message
from cuebot.wire.messages.services import override_message, service_values
from cuebot.wire.messages.shows import show_message
from cuebot.wire.requests import OfShow
from cuebot.wire.rows import list_of
from cuebot.wire.services.filters import filter_named
from cuebot.wire.services.services import unknown_service, warn_of_service
from cuebot.wire.values import units
from cuebot.wire.whiteboard import whiteboard


class ShowInterface:
    """Shows and what they may use."""

    def FindShow(self, request: show_pb2.ShowFindShowRequest, call: Call) -> show_pb2.ShowFindShowResponse:
        """A show by name."""
        return show_pb2.ShowFindShowResponse(show=show_message(show_row(call.farm, call.farm.show_named(request.name))))

    def GetShows(self, request: show_pb2.ShowGetShowsRequest, call: Call) -> show_pb2.ShowGetShowsResponse:
        """All shows but those that were archived."""
        return show_pb2.ShowGetShowsResponse(shows=_shows(call, listed_shows(call.farm)))

    def GetActiveShows(
        self, request: show_pb2.ShowGetActiveShowsRequest, call: Call
    ) -> show_pb2.ShowGetActiveShowsResponse:
        """The shows that take jobs."""
        return show_pb2.ShowGetActiveShowsResponse(shows=_shows(call, active_shows(call.farm)))

    @shared
    async def GetJobs(self, request: show_pb2.ShowGetJobsRequest, call: Call) -> bytes:
        """The PENDING jobs of a show."""
        jobs = pending_jobs_of_show(call.farm, _show(request, call).id)
        return list_of(await rows_of(call, jobs, call.rows.job))

    def GetRootGroup(self, request: show_pb2.ShowGetRootGroupRequest, call: Call) -> show_pb2.ShowGetRootGroupResponse:
        """The group that all others of a show are below."""
        root = call.farm.groups[_show(request, call).root_group_id]
        return show_pb2.ShowGetRootGroupResponse(group=group_message(group_row(call.farm, root)))

    def GetGroups(self, request: show_pb2.ShowGetGroupsRequest, call: Call) -> show_pb2.ShowGetGroupsResponse:
        """All groups of a show, from the root down."""
        farm, show = call.farm, _show(request, call)
        groups = [group_message(group_row(farm, group)) for group in groups_of_show(farm, show.id)]
        found = job_pb2.GroupSeq(groups=groups)
        return show_pb2.ShowGetGroupsResponse(groups=found)

    @shared
    async def GetJobWhiteboard(self, request: show_pb2.ShowGetJobWhiteboardRequest, call: Call) -> bytes:
        """All groups of a show with their PENDING jobs, nested. Always fresh."""
        return await whiteboard(call, call.farm.groups[_show(request, call).root_group_id])

    def GetSubscriptions(
        self, request: show_pb2.ShowGetSubscriptionRequest, call: Call
    ) -> show_pb2.ShowGetSubscriptionResponse:
        """What a show may use."""
        show = _show(request, call)
        found = [
            subscription_message(subscription_row(call.farm, s)) for s in subscriptions_of_show(call.farm, show.id)
        ]
        found.sort(key=lambda message: message.name)
        return show_pb2.ShowGetSubscriptionResponse(subscriptions=subscription_pb2.SubscriptionSeq(subscriptions=found))

    def GetServiceOverrides(
        self, request: show_pb2.ShowGetServiceOverridesRequest, call: Call
    ) -> show_pb2.ShowGetServiceOverridesResponse:
        """What a show has in the place of services."""
        found = [override_message(one) for one in overrides_of_show(call.farm, _show(request, call).id)]
        sequence = service_pb2.ServiceOverrideSeq(service_overrides=found)
        return show_pb2.ShowGetServiceOverridesResponse(service_overrides=sequence)

    def GetServiceOverride(
        self, request: show_pb2.ShowGetServiceOverrideRequest, call: Call
    ) -> show_pb2.ShowGetServiceOverrideResponse:
        """What a show has in the place of a service, by its name or id."""
        farm, show = call.farm, _show(request, call)
        found = farm.service_overrides.get(farm.override_of.get((show.id, request.name), request.name))
        if found is None or found.show_id != show.id:
            known = ", ".join(one.name for one in overrides_of_show(farm, show.id)) or "none"
            raise NotFound(f"show {show.name!r} has no service {request.name!r} of its own; it has {known}")
        return show_pb2.ShowGetServiceOverrideResponse(service_override=override_message(found))

    async def CreateServiceOverride(
        self, request: show_pb2.ShowCreateServiceOverrideRequest, call: Call
    ) -> show_pb2.ShowCreateServiceOverrideResponse:
        """Let a service be something else for a show."""
        command = c.CreateServiceOverride(_show(request, call).id, service_values(request.service))
        override = call.farm.get("service_override", await call.submit(command))
        warn_of_service(request.service, call)
        if override.name not in call.farm.service_by_name:
            call.warnings.append(unknown_service(call.farm, override.name, call.farm.shows[override.show_id].name))
        return show_pb2.ShowCreateServiceOverrideResponse(service_override=override_message(override))

    def GetFilters(self, request: show_pb2.ShowGetFiltersRequest, call: Call) -> show_pb2.ShowGetFiltersResponse:
        """A show's filters in their order."""
        found = filters_of(call.farm, _show(request, call).id, enabled=False)
        sequence = filter_pb2.FilterSeq(filters=[filter_message(one) for one in found])
        return show_pb2.ShowGetFiltersResponse(filters=sequence)

    def FindFilter(self, request: show_pb2.ShowFindFilterRequest, call: Call) -> show_pb2.ShowFindFilterResponse:
        """A filter of a show by name."""
        found = filter_named(call.farm, _show(request, call), request.name)
        return show_pb2.ShowFindFilterResponse(filter=filter_message(found))

    async def CreateFilter(
        self, request: show_pb2.ShowCreateFilterRequest, call: Call
    ) -> show_pb2.ShowCreateFilterResponse:
        """Make a filter, enabled and after the others; it fits no job yet."""
        id = await call.submit(c.CreateFilter(_show(request, call).id, request.name))
        return show_pb2.ShowCreateFilterResponse(filter=filter_message(call.farm.get("filter", id)))

    def GetDepartments(
        self, request: show_pb2.ShowGetDepartmentsRequest, call: Call
    ) -> show_pb2.ShowGetDepartmentsResponse:
        """The departments of a show."""
        found = departments_of_show(call.farm, _show(request, call).id)
        messages = [department_message(call.farm, department) for department in found]
        return show_pb2.ShowGetDepartmentsResponse(departments=department_pb2.DepartmentSeq(departments=messages))

    def GetDepartment(
        self, request: show_pb2.ShowGetDepartmentRequest, call: Call
    ) -> show_pb2.ShowGetDepartmentResponse:
        """A department of a show by its name."""
        farm, show = call.farm, _show(request, call)
        found = farm.departments.get(farm.department_of.get((show.id, request.department), ""))
        if found is None:
            known = ", ".join(department.name for department in departments_of_show(farm, show.id))
            raise NotFound(f"show {show.name!r} has no department {request.department!r}; it has {known}")
        return show_pb2.ShowGetDepartmentResponse(department=department_message(farm, found))

    async def CreateShow(self, request: show_pb2.ShowCreateShowRequest, call: Call) -> show_pb2.ShowCreateShowResponse:
        """Make a show."""
        id = await call.submit(c.CreateShow(request.name))
        return show_pb2.ShowCreateShowResponse(show=show_message(show_row(call.farm, call.farm.get("show", id))))

    def GetDeeds(self, request: show_pb2.ShowGetDeedsRequest, call: Call) -> show_pb2.ShowGetDeedsResponse:
        """The deeds of those who own hosts for a show."""
        return show_pb2.ShowGetDeedsResponse(deeds=deed_seq(call.farm, deeds_of_show(call.farm, _show(request, call))))

    async def CreateOwner(
        self, request: show_pb2.ShowCreateOwnerRequest, call: Call
    ) -> show_pb2.ShowCreateOwnerResponse:
        """Let somebody own hosts, on which the show's frames come first."""
        owner = call.farm.get("owner", await call.submit(c.CreateOwner(_show(request, call).id, request.name)))
        return show_pb2.ShowCreateOwnerResponse(owner=owner_message(call.farm, owner))

    async def CreateSubscription(
        self, request: show_pb2.ShowCreateSubscriptionRequest, call: Call
    ) -> show_pb2.ShowCreateSubscriptionResponse:
        """Give a show hosts of an allocation. Size and burst are cores here, and core units ever after."""
        command = c.CreateSubscription(
            _show(request, call).id,
            call.farm.get("allocation", request.allocation_id).id,
            units(request.size, "the size"),
            units(request.burst, "the burst"),
        )
        subscription = call.farm.get("subscription", await call.submit(command))
        message = subscription_message(subscription_row(call.farm, subscription))
        return show_pb2.ShowCreateSubscriptionResponse(subscription=message)

    async def Delete(self, request: show_pb2.ShowDeleteRequest, call: Call) -> None:
        """Remove a show that nothing belongs to."""
        await call.submit(c.Delete("show", _show(request, call).id))

    async def Archive(self, request: show_pb2.ShowArchiveRequest, call: Call) -> None:
        """Put a show away; jobs of its name are launched in the other one from now on. SetActive brings it back."""
        show = _show(request, call)
        name, stopped = show.name, len(pending_jobs_of_show(call.farm, show.id))
        await call.submit(c.ArchiveShow(show.id, request.target_show_name))
        if call.changed and stopped:
            jobs = counted(stopped, "pending job")
            call.warnings.append(
                f"{jobs} of show {name!r} {'stop' if stopped > 1 else 'stops'}: nothing of an archived show is booked;"
                f" {advise('show.set_active', show=show.name)} brings it back"
            )

    async def SetSchedulerManaged(self, request: show_pb2.ShowSetSchedulerManagedRequest, call: Call) -> None:
        """Keep that another scheduler is wanted for a show."""
        await _change(request, call, scheduler_managed=request.enabled)

    async def SetActive(self, request: show_pb2.ShowSetActiveRequest, call: Call) -> None:
        """Say whether a show takes jobs."""
        await _change(request, call, active=request.value)

    async def EnableBooking(self, request: show_pb2.ShowEnableBookingRequest, call: Call) -> None:
        """Say whether a show's frames are booked."""
        await _change(request, call, booking_enabled=request.enabled)

    async def EnableDispatching(self, request: show_pb2.ShowEnableDispatchingRequest, call: Call) -> None:
        """Say whether a show's frames are dispatched."""
        await _change(request, call, dispatch_enabled=request.enabled)

    async def SetCommentEmail(self, request: show_pb2.ShowSetCommentEmailRequest, call: Call) -> None:
        """Say who is told about comments."""
        await _change(request, call, comment_email=request.email)

    async def SetDefaultMinCores(self, request: show_pb2.ShowSetDefaultMinCoresRequest, call: Call) -> None:
        """Set a show's default minimum, to a hundredth."""
        await _change(request, call, default_min_cores=units(request.min_cores, "the minimum of cores"))

    async def SetDefaultMaxCores(self, request: show_pb2.ShowSetDefaultMaxCoresRequest, call: Call) -> None:
        """Set a show's default maximum, to a hundredth."""
        await _change(request, call, default_max_cores=units(request.max_cores, "the maximum of cores"))

    async def SetDefaultMinGpus(self, request: show_pb2.ShowSetDefaultMinGpusRequest, call: Call) -> None:
        """Set a show's default minimum of GPUs."""
        await _change(request, call, default_min_gpus=request.min_gpus)

    async def SetDefaultMaxGpus(self, request: show_pb2.ShowSetDefaultMaxGpusRequest, call: Call) -> None:
        """Set a show's default maximum of GPUs."""
        await _change(request, call, default_max_gpus=request.max_gpus)


def _shows(call: Call, shows: list[Show]) -> show_pb2.ShowSeq:
    ordered = sorted(shows, key=lambda show: show.name)
    return show_pb2.ShowSeq(shows=[show_message(row) for row in show_rows(call.farm, ordered)])


def _show(request: OfShow, call: Call) -> Show:
    show: Show = call.farm.get("show", request.show.id)
    return show


async def _change(request: OfShow, call: Call, **changes: Any) -> None:
    await call.submit(c.Change("show", _show(request, call).id, changes))
