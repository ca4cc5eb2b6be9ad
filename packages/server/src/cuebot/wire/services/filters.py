"""FilterInterface, MatcherInterface and ActionInterface."""

from __future__ import annotations

from typing import Any, Final

from opencue_proto import filter_pb2

from cuebot.domain import commands as c
from cuebot.domain.errors import Invalid, NotFound
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Filter, Show
from cuebot.wire.call import Call
from cuebot.wire.messages.filters import action_message, action_value, filter_message, matcher_message
from cuebot.wire.requests import OfFilter

JOBS_AT_A_TIME: Final = 4
"""On how many jobs filters act before others have their turn."""


class FilterInterface:
    """Filters of shows: what is done to jobs as they are launched."""

    def FindFilter(
        self, request: filter_pb2.FilterFindFilterRequest, call: Call
    ) -> filter_pb2.FilterFindFilterResponse:
        """A filter of a show, both by name."""
        found = filter_named(call.farm, call.farm.show_named(request.show), request.name)
        return filter_pb2.FilterFindFilterResponse(filter=filter_message(found))

    def GetMatchers(
        self, request: filter_pb2.FilterGetMatchersRequest, call: Call
    ) -> filter_pb2.FilterGetMatchersResponse:
        """What a filter asks, in the order in which that was said."""
        found = [matcher_message(matcher) for matcher in _filter(request, call).matchers]
        return filter_pb2.FilterGetMatchersResponse(matchers=filter_pb2.MatcherSeq(matchers=found))

    def GetActions(
        self, request: filter_pb2.FilterGetActionsRequest, call: Call
    ) -> filter_pb2.FilterGetActionsResponse:
        """What a filter does, in its order."""
        found = [action_message(action) for action in _filter(request, call).in_order()]
        return filter_pb2.FilterGetActionsResponse(actions=filter_pb2.ActionSeq(actions=found))

    async def CreateMatcher(
        self, request: filter_pb2.FilterCreateMatcherRequest, call: Call
    ) -> filter_pb2.FilterCreateMatcherResponse:
        """Let a filter ask one more question."""
        data = request.data
        id = await call.submit(c.AddMatcher(_filter(request, call).id, data.subject, data.type, data.input))
        return filter_pb2.FilterCreateMatcherResponse(matcher=matcher_message(call.farm.matcher(id)[1]))

    async def CreateAction(
        self, request: filter_pb2.FilterCreateActionRequest, call: Call
    ) -> filter_pb2.FilterCreateActionResponse:
        """Let a filter do one thing more."""
        data = request.data
        id = await call.submit(c.AddFilterAction(_filter(request, call).id, data.type, action_value(data)))
        return filter_pb2.FilterCreateActionResponse(action=action_message(call.farm.filter_action(id)[1]))

    async def Delete(self, request: filter_pb2.FilterDeleteRequest, call: Call) -> None:
        """Remove a filter with all that it asks and does."""
        await call.submit(c.Delete("filter", _filter(request, call).id))

    async def SetName(self, request: filter_pb2.FilterSetNameRequest, call: Call) -> None:
        """Rename a filter."""
        await _change(request, call, name=request.name)

    async def SetType(self, request: filter_pb2.FilterSetTypeRequest, call: Call) -> None:
        """Say whether a job has to fit all that a filter asks, or any of it."""
        await _change(request, call, type=request.type)

    async def SetEnabled(self, request: filter_pb2.FilterSetEnabledRequest, call: Call) -> None:
        """Let a filter act on jobs that are launched, or no more."""
        await _change(request, call, enabled=request.enabled)

    # --- their order ----------------------------------------------------------------------------------------------

    async def SetOrder(self, request: filter_pb2.FilterSetOrderRequest, call: Call) -> None:
        """Put a filter before the one that has this number."""
        await _place(request, call, request.order)

    async def RaiseOrder(self, request: filter_pb2.FilterRaiseOrderRequest, call: Call) -> None:
        """Let a filter act one place earlier."""
        await _place(request, call, c.Place.EARLIER)

    async def LowerOrder(self, request: filter_pb2.FilterLowerOrderRequest, call: Call) -> None:
        """Let a filter act one place later."""
        await _place(request, call, c.Place.LATER)

    async def OrderFirst(self, request: filter_pb2.FilterOrderFirstRequest, call: Call) -> None:
        """Let a filter act before all others."""
        await _place(request, call, c.Place.FIRST)

    async def OrderLast(self, request: filter_pb2.FilterOrderLastRequest, call: Call) -> None:
        """Let a filter act after all others."""
        await _place(request, call, c.Place.LAST)

    # --- on jobs that are there -----------------------------------------------------------------------------------

    async def RunFilterOnJobs(self, request: filter_pb2.FilterRunFilterOnJobsRequest, call: Call) -> None:
        """Have one filter, enabled or not, act on jobs."""
        await _run(call, _filter(request, call), [call.farm.get("job", job.id).id for job in request.jobs.jobs])

    async def RunFilterOnGroup(self, request: filter_pb2.FilterRunFilterOnGroupRequest, call: Call) -> None:
        """Have one filter, enabled or not, act on the jobs of a group, in any state."""
        group = call.farm.get("group", request.group.id)
        await _run(call, _filter(request, call), sorted(group.job_ids))


class MatcherInterface:
    """What filters ask."""

    async def Commit(self, request: filter_pb2.MatcherCommitRequest, call: Call) -> None:
        """Let a matcher ask what the message says."""
        data = request.matcher
        await call.submit(c.ChangeMatcher(data.id, data.subject, data.type, data.input))

    async def Delete(self, request: filter_pb2.MatcherDeleteRequest, call: Call) -> None:
        """Let a filter ask one question less."""
        await call.submit(c.RemoveMatcher(request.matcher.id))

    def GetParentFilter(
        self, request: filter_pb2.MatcherGetParentFilterRequest, call: Call
    ) -> filter_pb2.MatcherGetParentFilterResponse:
        """Whose a matcher is."""
        found = call.farm.matcher(request.matcher.id)[0]
        return filter_pb2.MatcherGetParentFilterResponse(filter=filter_message(found))


class ActionInterface:
    """What filters do."""

    async def Commit(self, request: filter_pb2.ActionCommitRequest, call: Call) -> None:
        """Let an action do what the message says."""
        data = request.action
        await call.submit(c.ChangeFilterAction(data.id, data.type, action_value(data)))

    async def Delete(self, request: filter_pb2.ActionDeleteRequest, call: Call) -> None:
        """Let a filter do one thing less."""
        await call.submit(c.RemoveFilterAction(request.action.id))

    def GetParentFilter(
        self, request: filter_pb2.ActionGetParentFilterRequest, call: Call
    ) -> filter_pb2.ActionGetParentFilterResponse:
        """Whose an action is."""
        found = call.farm.filter_action(request.action.id)[0]
        return filter_pb2.ActionGetParentFilterResponse(filter=filter_message(found))


def filter_named(farm: Farm, show: Show, name: str) -> Filter:
    """A filter of a show. Raises NotFound, with those that it has."""
    id = farm.filter_by_name.get((show.id, name))
    if id is None:
        known = ", ".join(sorted(farm.filters[id].name for id in farm.filters_of_show.get(show.id, ()))) or "none"
        raise NotFound(f"show {show.name!r} has no filter {name!r}; it has {known}")
    return farm.filters[id]


def _filter(request: OfFilter, call: Call) -> Filter:
    one: Filter = call.farm.get("filter", request.filter.id)
    return one


async def _change(request: OfFilter, call: Call, **changes: Any) -> None:
    await call.submit(c.Change("filter", _filter(request, call).id, changes))


async def _place(request: OfFilter, call: Call, place: c.Place | int) -> None:
    await call.submit(c.PlaceFilter(_filter(request, call).id, place))


async def _run(call: Call, one: Filter, job_ids: list[str]) -> None:
    """Some jobs at a time; a job of another show is refused before anything is done."""
    for job_id in job_ids:
        job = call.farm.jobs[job_id]
        if job.show_id != one.show_id:
            raise Invalid(f"filter {one.name!r} belongs to another show than job {job.name!r}")
    call.count(0)
    for first in range(0, len(job_ids), JOBS_AT_A_TIME):
        some = tuple(job_ids[first : first + JOBS_AT_A_TIME])
        await call.submit(c.RunFilters(some, one.id), part=str(first) if len(job_ids) > JOBS_AT_A_TIME else "")
