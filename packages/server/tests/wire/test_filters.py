"""Filters over the wire: every RPC that a wrangler's window uses, dry runs, and what a restart remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from opencue_proto import filter_pb2, filter_pb2_grpc, job_pb2, show_pb2

from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain.states import JobState
from cuebot.engine.core import SYSTEM
from cuefarm_proto import farm_pb2

SPEC = (
    "<spec><facility>local</facility><show>{show}</show><shot>sh1</shot><user>ada</user><job name='{name}'><layers>"
    "<layer name='beauty' type='Render'><cmd>true</cmd><range>1-2</range><chunk>1</chunk></layer></layers></job></spec>"
)


class Room:
    """A server and stubs to what filters have."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.filter = filter_pb2_grpc.FilterInterfaceStub(site.channel)
        self.matcher = filter_pb2_grpc.MatcherInterfaceStub(site.channel)
        self.action = filter_pb2_grpc.ActionInterfaceStub(site.channel)

    async def show(self) -> Any:
        """The show `testing`."""
        return (await self.site.show.FindShow(show_pb2.ShowFindShowRequest(name="testing"))).show

    async def make(self, name: str = "hurry", query: str = "comp", priority: int = 80) -> Any:
        """A filter that gives a priority to jobs whose name contains a text."""
        request = show_pb2.ShowCreateFilterRequest(show=await self.show(), name=name)
        made = (await self.site.show.CreateFilter(request)).filter
        matcher = filter_pb2.Matcher(subject=filter_pb2.JOB_NAME, type=filter_pb2.CONTAINS, input=query)
        await self.filter.CreateMatcher(filter_pb2.FilterCreateMatcherRequest(filter=made, data=matcher))
        action = filter_pb2.Action(
            type=filter_pb2.SET_JOB_PRIORITY, value_type=filter_pb2.INTEGER_TYPE, integer_value=priority
        )
        await self.filter.CreateAction(filter_pb2.FilterCreateActionRequest(filter=made, data=action))
        return made

    async def names(self) -> list[str]:
        """The filters of the show in their order."""
        found = (await self.site.show.GetFilters(show_pb2.ShowGetFiltersRequest(show=await self.show()))).filters
        assert [one.order for one in found.filters] == [float(n + 1) for n in range(len(found.filters))]
        return [one.name for one in found.filters]

    async def matchers(self, one: Any) -> list[Any]:
        """What a filter asks."""
        return list((await self.filter.GetMatchers(filter_pb2.FilterGetMatchersRequest(filter=one))).matchers.matchers)

    async def actions(self, one: Any) -> list[Any]:
        """What a filter does."""
        return list((await self.filter.GetActions(filter_pb2.FilterGetActionsRequest(filter=one))).actions.actions)

    async def priority(self, job: Any) -> int:
        """A job's priority now."""
        found = (await self.site.job.GetJob(job_pb2.JobGetJobRequest(id=job.id))).job
        return int(found.priority)

    async def imported(self, **queries: str) -> Any:
        """Make these the filters of the show, by the texts that they look for; each gives priority 80."""
        wanted = [
            farm_pb2.WantedFilter(
                name=name,
                type=filter_pb2.MATCH_ALL,
                enabled=True,
                matchers=[farm_pb2.WantedMatcher(subject=filter_pb2.JOB_NAME, type=filter_pb2.CONTAINS, input=query)],
                actions=[farm_pb2.WantedAction(type=filter_pb2.SET_JOB_PRIORITY, number=80)],
            )
            for name, query in queries.items()
        ]
        request = farm_pb2.ImportFiltersRequest(show="testing", filters=wanted)
        return await self.site.farm_interface.ImportFilters(request)

    async def tried(self, **fields: Any) -> Any:
        """What filters of the show would do."""
        return await self.site.farm_interface.TryFilters(farm_pb2.TryFiltersRequest(show="testing", **fields))


@pytest.fixture
async def room(site: Any) -> Room:
    """A server."""
    return Room(site)


async def test_a_filter_is_made_found_and_acts_on_jobs_that_are_launched(room: Room) -> None:
    """By its show's name and its own; only jobs that fit get what it gives."""
    made = await room.make()
    assert (made.type, made.order, made.enabled) == (filter_pb2.MATCH_ALL, 1.0, True)
    request = filter_pb2.FilterFindFilterRequest(show="testing", name="hurry")
    assert (await room.filter.FindFilter(request)).filter.id == made.id
    of_show = show_pb2.ShowFindFilterRequest(show=await room.show(), name="hurry")
    assert (await room.site.show.FindFilter(of_show)).filter.id == made.id
    assert await room.priority(await room.site.launch(name="comp")) == 80
    assert await room.priority(await room.site.launch(name="anim")) == 1

    request.name = "nothing"
    code, words = await room.site.refused(room.filter.FindFilter(request))
    assert (code, "hurry" in words) == ("NOT_FOUND", True)


async def test_a_filter_is_renamed_switched_and_asks_for_any(room: Room) -> None:
    """Each by its own call; one that is off acts on nothing."""
    made = await room.make()
    await room.filter.SetName(filter_pb2.FilterSetNameRequest(filter=made, name="later"))
    await room.filter.SetType(filter_pb2.FilterSetTypeRequest(filter=made, type=filter_pb2.MATCH_ANY))
    await room.filter.SetEnabled(filter_pb2.FilterSetEnabledRequest(filter=made, enabled=False))
    (found,) = (await room.site.show.GetFilters(show_pb2.ShowGetFiltersRequest(show=await room.show()))).filters.filters
    assert (found.name, found.type, found.enabled) == ("later", filter_pb2.MATCH_ANY, False)
    assert await room.priority(await room.site.launch(name="comp")) == 1
    unknown: Any = 7
    request = filter_pb2.FilterSetTypeRequest(filter=made, type=unknown)
    code, words = await room.site.refused(room.filter.SetType(request))
    assert (code, "type" in words) == ("INVALID_ARGUMENT", True)


async def test_every_call_about_order_moves_a_filter(room: Room) -> None:
    """One earlier, one later, first, last, and before a number."""
    made = {name: await room.make(name) for name in "abcd"}
    await room.filter.RaiseOrder(filter_pb2.FilterRaiseOrderRequest(filter=made["c"]))
    assert await room.names() == ["a", "c", "b", "d"]
    await room.filter.LowerOrder(filter_pb2.FilterLowerOrderRequest(filter=made["a"]))
    assert await room.names() == ["c", "a", "b", "d"]
    await room.filter.OrderFirst(filter_pb2.FilterOrderFirstRequest(filter=made["d"]))
    assert await room.names() == ["d", "c", "a", "b"]
    await room.filter.OrderLast(filter_pb2.FilterOrderLastRequest(filter=made["c"]))
    assert await room.names() == ["d", "a", "b", "c"]
    await room.filter.SetOrder(filter_pb2.FilterSetOrderRequest(filter=made["c"], order=2))
    assert await room.names() == ["d", "c", "a", "b"]
    await room.filter.Delete(filter_pb2.FilterDeleteRequest(filter=made["c"]))
    assert await room.names() == ["d", "a", "b"]


async def test_matchers_and_actions_are_committed_deleted_and_know_their_filter(room: Room) -> None:
    """What a commit says is what the filter asks or does from then on."""
    made = await room.make()
    (matcher,), (action,) = await room.matchers(made), await room.actions(made)
    matcher.input = "anim"
    await room.matcher.Commit(filter_pb2.MatcherCommitRequest(matcher=matcher))
    action.integer_value = 60
    await room.action.Commit(filter_pb2.ActionCommitRequest(action=action))
    assert await room.priority(await room.site.launch(name="anim")) == 60
    parents = (
        (await room.matcher.GetParentFilter(filter_pb2.MatcherGetParentFilterRequest(matcher=matcher))).filter,
        (await room.action.GetParentFilter(filter_pb2.ActionGetParentFilterRequest(action=action))).filter,
    )
    assert [one.id for one in parents] == [made.id, made.id]

    await room.matcher.Delete(filter_pb2.MatcherDeleteRequest(matcher=matcher))
    await room.action.Delete(filter_pb2.ActionDeleteRequest(action=action))
    assert (await room.matchers(made), await room.actions(made)) == ([], [])
    code, _ = await room.site.refused(room.action.Commit(filter_pb2.ActionCommitRequest(action=action)))
    assert code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("PAUSE_JOB", {"value_type": "BOOLEAN_TYPE", "boolean_value": True}),
        ("SET_JOB_MIN_CORES", {"value_type": "FLOAT_TYPE", "float_value": 2.5}),
        ("SET_JOB_MAX_CORES", {"value_type": "FLOAT_TYPE", "float_value": -1.0}),
        ("SET_ALL_UTIL_LAYER_MAX_CORES", {"value_type": "FLOAT_TYPE", "float_value": 3.0}),
        ("SET_ALL_PRE_LAYER_MEMORY", {"value_type": "INTEGER_TYPE", "integer_value": 1_048_576}),
        ("SET_ALL_RENDER_LAYER_TAGS", {"value_type": "STRING_TYPE", "string_value": "big,fast"}),
        ("SET_MEMORY_OPTIMIZER", {"value_type": "BOOLEAN_TYPE", "boolean_value": False}),
        ("STOP_PROCESSING", {"value_type": "NONE_TYPE"}),
    ],
)
async def test_an_action_comes_back_as_it_was_sent(room: Room, kind: str, fields: dict[str, Any]) -> None:
    """In its own field, in cores and KiB."""
    made = await room.make()
    value_type = filter_pb2.ActionValueType.Value(fields["value_type"])
    values = {name: value for name, value in fields.items() if name != "value_type"}
    sent = filter_pb2.Action(type=filter_pb2.ActionType.Value(kind), value_type=value_type, **values)
    request = filter_pb2.FilterCreateActionRequest(filter=made, data=sent)
    back = (await room.filter.CreateAction(request)).action
    sent.id = back.id
    assert back == sent


async def test_an_action_whose_value_is_of_another_type_is_refused(room: Room) -> None:
    """The words say which type it takes; a whole number will do for cores."""
    made = await room.make()
    wrong = filter_pb2.Action(type=filter_pb2.SET_JOB_PRIORITY, value_type=filter_pb2.STRING_TYPE, string_value="high")
    code, words = await room.site.refused(
        room.filter.CreateAction(filter_pb2.FilterCreateActionRequest(filter=made, data=wrong))
    )
    assert (code, "INTEGER_TYPE, not STRING_TYPE" in words) == ("INVALID_ARGUMENT", True)
    whole = filter_pb2.Action(type=filter_pb2.SET_JOB_MIN_CORES, value_type=filter_pb2.INTEGER_TYPE, integer_value=4)
    made_action = await room.filter.CreateAction(filter_pb2.FilterCreateActionRequest(filter=made, data=whole))
    assert made_action.action.float_value == 4.0


async def test_filters_run_on_jobs_and_groups_that_are_there(room: Room) -> None:
    """One filter on named jobs or a whole group, or all enabled ones on a job; the answer says how many changed."""
    jobs = [await room.site.launch(name=name) for name in ("comp", "anim")]
    made = await room.make()
    call = room.filter.RunFilterOnJobs(
        filter_pb2.FilterRunFilterOnJobsRequest(filter=made, jobs=job_pb2.JobSeq(jobs=jobs))
    )
    await call
    assert dict(await call.trailing_metadata())["cuefarm-changed"] == "1"
    assert [await room.priority(job) for job in jobs] == [80, 1]

    root = (await room.site.show.GetRootGroup(show_pb2.ShowGetRootGroupRequest(show=await room.show()))).group
    other = await room.make("other", "anim", 40)
    await room.filter.RunFilterOnGroup(filter_pb2.FilterRunFilterOnGroupRequest(filter=other, group=root))
    assert [await room.priority(job) for job in jobs] == [80, 40]

    await room.make("third", "sh1", 55)
    await room.site.job.RunFilters(job_pb2.JobRunFiltersRequest(job=jobs[1]))
    assert [await room.priority(job) for job in jobs] == [80, 55]


async def test_a_dry_run_says_what_filters_would_do_and_changes_nothing(room: Room) -> None:
    """To jobs of the show, the last first; those that nothing fits are left out, unless they are named."""
    comp, anim = await room.site.launch(name="comp"), await room.site.launch(name="anim")
    await room.make()
    tried = await room.tried()
    (job,) = tried.jobs
    assert (job.job_name, [(one.name, list(one.actions)) for one in job.filters]) == (
        comp.name,
        [("hurry", ["priority 80"])],
    )
    assert (tried.looked_at, tried.complete, await room.priority(comp)) == (2, True, 1)
    named = await room.tried(jobs=[anim.name])
    assert [(one.job_name, len(one.filters)) for one in named.jobs] == [(anim.name, 0)]


async def test_an_import_whose_last_action_is_wrong_leaves_every_filter_as_it_was(room: Room) -> None:
    """One of an unknown type or with a value of another kind; the refusal names its place."""
    await room.imported(hurry="comp")
    for done, words in (
        (farm_pb2.WantedAction(type=99), "filters[0].actions[0]: filter 'hurry': 99 is no type"),
        (farm_pb2.WantedAction(type=filter_pb2.PAUSE_JOB, text="yes"), "filters[0].actions[0]: the value of PAUSE_JOB"),
        (farm_pb2.WantedAction(type=filter_pb2.SET_JOB_PRIORITY, number=1.5), "is a whole number"),
        (farm_pb2.WantedAction(type=filter_pb2.SET_JOB_MIN_CORES, number=float("inf")), "filters[0].actions[0]: SET"),
    ):
        wanted = farm_pb2.WantedFilter(name="hurry", type=filter_pb2.MATCH_ALL, actions=[done])
        request = farm_pb2.ImportFiltersRequest(show="testing", filters=[wanted])
        code, said = await room.site.refused(room.site.farm_interface.ImportFilters(request))
        assert (code, words in said) == ("INVALID_ARGUMENT", True), said
    assert await room.priority(await room.site.launch(name="comp")) == 80


async def test_a_dry_run_of_one_filter_may_be_of_one_that_is_off(room: Room) -> None:
    """By its name or id; a name that there is not is refused with those that there are."""
    await room.site.launch(name="comp")
    made = await room.make()
    await room.filter.SetEnabled(filter_pb2.FilterSetEnabledRequest(filter=made, enabled=False))
    assert not (await room.tried()).jobs
    for word in ("hurry", made.id):
        assert len((await room.tried(filter=word)).jobs) == 1
    code, words = await room.site.refused(room.tried(filter="nothing"))
    assert (code, "hurry" in words) == ("NOT_FOUND", True)


async def test_a_dry_run_of_a_specification_launches_nothing(room: Room) -> None:
    """It says what filters would do to its jobs; a specification of another show is refused."""
    await room.make()
    tried = await room.tried(spec=SPEC.format(show="testing", name="comp"))
    assert [(job.job_name, [one.name for one in job.filters]) for job in tried.jobs] == [
        ("testing-sh1-ada_comp", ["hurry"])
    ]
    assert not room.site.farm.jobs
    await room.site.show.CreateShow(show_pb2.ShowCreateShowRequest(name="film"))
    code, words = await room.site.refused(room.tried(spec=SPEC.format(show="film", name="comp")))
    assert (code, "film" in words) == ("INVALID_ARGUMENT", True)


async def test_what_filters_did_at_launch_is_told_later(room: Room) -> None:
    """Also when the filter is gone."""
    made = await room.make()
    job = await room.site.launch(name="comp")
    await room.filter.Delete(filter_pb2.FilterDeleteRequest(filter=made))
    (told,) = (await room.tried(jobs=[job.id])).jobs
    assert (list(told.done), list(told.filters)) == (["hurry: priority 80"], [])


@pytest.mark.slow
async def test_filters_and_what_they_did_outlive_the_server(start_site: Any, tmp_path: Path) -> None:
    """A restart on the same database has them, and a dry run looks at finished jobs that are on disk, too."""
    url, settings = f"sqlite:///{tmp_path / 'farm.sqlite'}", Settings(finished_jobs_in_memory=0)
    first = await start_site(url, settings=settings)
    room = Room(first)
    await room.make("old")
    await room.make("hurry", priority=5)
    answer = await room.imported(slow="sim", hurry="comp")
    assert (list(answer.added), list(answer.changed), list(answer.removed)) == (["slow"], ["hurry"], ["old"])
    job = await first.launch(name="comp")
    await first.job.Kill(job_pb2.JobKillRequest(job=job))
    assert first.farm.jobs[job.id].state is JobState.FINISHED
    await first.engine.submit(c.Sweep(), SYSTEM)
    assert job.id not in first.farm.jobs
    await first.stop()

    room = Room(await start_site(url, settings=settings))
    assert await room.names() == ["slow", "hurry"]
    tried = await room.tried()
    assert [(one.job_name, list(one.done)) for one in tried.jobs] == [(job.name, ["hurry: priority 80"])]
    assert tried.looked_at == 1
    assert await room.priority(await room.site.launch(name="comp")) == 80
