"""Filters: made, put in order, and what they do to jobs at launch and later."""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import AlreadyExists, Invalid, LimitExceeded, NotFound, Refused
from cuebot.domain.filtering import TARGETS, filters_of
from cuebot.domain.nouns.filters import ActionType, FilterType, MatchSubject, MatchType
from cuebot.sim.specs import job_spec, layer_spec

HOSTILE = ("(a+)+$", "(a|a)*b", "(.*)*x", ".*.*.*.*.*x", "(x+x+)+y")
"""Regular expressions that take for ever to fail."""


class Filters:
    """A small farm, and filters of its show in a few words."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.small = SmallFarm(bounds=bounds or Bounds())
        self.show = self.small.farm.show_named("testing")

    def make(self, name: str = "one", *matchers: tuple[str, str, str], **actions: Any) -> str:
        """A filter with matchers (subject, type, input) and actions by their types; returns its id."""
        id: str = self.small.do(c.CreateFilter(self.show.id, name))
        for subject, kind, text in matchers:
            self.small.do(c.AddMatcher(id, MatchSubject[subject], MatchType[kind], text))
        for kind, value in actions.items():
            self.small.do(c.AddFilterAction(id, ActionType[kind], value))
        return id

    def group(self, name: str, **values: int) -> str:
        """A group below the root, with defaults for its jobs."""
        id: str = self.small.do(c.CreateGroup(name, self.show.root_group_id))
        self.small.do(c.Change("group", id, dict(values)))
        return id

    def names(self) -> list[str]:
        """The filters in their order."""
        return [one.name for one in filters_of(self.small.farm, self.show.id, enabled=False)]


@pytest.fixture
def farm() -> Filters:
    """A farm without filters."""
    return Filters()


# --- matching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matcher", "is_fit"),
    [
        (("JOB_NAME", "CONTAINS", "ann_o"), True),
        (("JOB_NAME", "CONTAINS", "ANN_O"), True),
        (("JOB_NAME", "DOES_NOT_CONTAIN", "ann"), False),
        (("SHOW", "IS", "Testing"), True),
        (("SHOT", "IS_NOT", "sh1"), False),
        (("USER", "IS", "ann"), True),
        (("USER", "BEGINS_WITH", "b"), False),
        (("JOB_NAME", "ENDS_WITH", "_one"), True),
        (("JOB_NAME", "REGEX", "sh[0-9]+-ann"), True),
        (("JOB_NAME", "REGEX", "^ann"), False),
        (("FACILITY", "IS", "local"), True),
        (("PRIORITY", "IS", "1"), True),
        (("SERVICE_NAME", "IS", "maya"), True),
        (("SERVICE_NAME", "IS", "MAYA"), False),
        (("SERVICE_NAME", "IS_NOT", "maya"), False),
        (("LAYER_NAME", "BEGINS_WITH", "com"), True),
        (("LAYER_NAME", "DOES_NOT_CONTAIN", "sim"), True),
        (("LAYER_NAME", "REGEX", "^(comp|sim)$"), True),
    ],
)
def test_a_matcher_fits_a_job_or_does_not(farm: Filters, matcher: tuple[str, str, str], is_fit: bool) -> None:
    """Names of jobs, shows, shots, users and facilities in any case; of services and layers any, or none, must fit."""
    farm.make("one", matcher, SET_JOB_PRIORITY=77)
    layers = (layer_spec("render", services=("shell",)), layer_spec("comp", services=("maya", "nuke")))
    (job,) = farm.small.launch(job_spec("one", *layers))
    assert (job.priority == 77) is is_fit


@pytest.mark.parametrize(("kind", "is_fit"), [(FilterType.MATCH_ALL, False), (FilterType.MATCH_ANY, True)])
def test_a_filter_asks_for_all_of_its_matchers_or_any(farm: Filters, kind: FilterType, is_fit: bool) -> None:
    """One of two fits."""
    id = farm.make("one", ("USER", "IS", "ann"), ("SHOT", "IS", "sh2"), SET_JOB_PRIORITY=77)
    farm.small.do(c.Change("filter", id, {"type": kind}))
    (job,) = farm.small.launch(job_spec())
    assert (job.priority == 77) is is_fit


def test_a_filter_without_matchers_or_disabled_does_nothing(farm: Filters) -> None:
    """Neither fits a job."""
    farm.make("nothing", SET_JOB_PRIORITY=77)
    off = farm.make("off", ("USER", "IS", "ann"), SET_JOB_PRIORITY=78)
    farm.small.do(c.Change("filter", off, {"enabled": False}))
    (job,) = farm.small.launch(job_spec())
    assert (job.priority, job.filtered) == (1, ())


@pytest.mark.parametrize("pattern", HOSTILE)
def test_a_pattern_that_could_hold_up_launches_is_refused(farm: Filters, pattern: str) -> None:
    """Before any job meets it."""
    id = farm.make()
    with pytest.raises(Invalid, match="'one'"):
        farm.small.do(c.AddMatcher(id, MatchSubject.JOB_NAME, MatchType.REGEX, pattern))


def test_a_pattern_that_is_wrong_is_refused_with_the_column(farm: Filters) -> None:
    """So that whoever wrote it finds the mistake."""
    id = farm.make()
    with pytest.raises(Invalid, match=r"JOB_NAME.*column 4"):
        farm.small.do(c.AddMatcher(id, MatchSubject.JOB_NAME, MatchType.REGEX, "abc(d"))


def test_filters_that_take_too_long_together_are_not_asked_and_that_is_told() -> None:
    """The launch goes on with what the earlier ones have set."""
    farm = Filters(Bounds(filter_steps=100))
    farm.make("first", ("USER", "IS", "ann"), SET_JOB_PRIORITY=50)
    farm.make("slow", ("JOB_NAME", "REGEX", "a.*b"), SET_JOB_PRIORITY=60)
    farm.make("last", ("USER", "IS", "ann"), SET_JOB_PRIORITY=70)
    (job,) = farm.small.launch(job_spec())
    assert job.priority == 50
    assert [text.partition(":")[0] for text in job.filtered] == ["first", "slow"]
    assert "filter_steps" in job.filtered[-1]


# --- doing ------------------------------------------------------------------------------------------------------------


def test_every_type_of_action_does_what_it_says(farm: Filters) -> None:
    """To the job, or to its layers of the type that the action names."""
    group_id = farm.group("comp")
    farm.make(
        "all",
        ("USER", "IS", "ann"),
        MOVE_JOB_TO_GROUP=group_id,
        PAUSE_JOB=True,
        SET_JOB_MIN_CORES=200,
        SET_JOB_MAX_CORES=800,
        SET_JOB_PRIORITY=90,
        SET_MEMORY_OPTIMIZER=False,
        SET_ALL_RENDER_LAYER_CORES=5,
        SET_ALL_RENDER_LAYER_TAGS="big | fast",
        SET_ALL_RENDER_LAYER_MEMORY=4_194_304,
        SET_ALL_RENDER_LAYER_MIN_CORES=150,
        SET_ALL_RENDER_LAYER_MAX_CORES=450,
        SET_ALL_UTIL_LAYER_TAGS="util",
        SET_ALL_UTIL_LAYER_MEMORY=1,
        SET_ALL_UTIL_LAYER_MIN_CORES=50,
        SET_ALL_UTIL_LAYER_MAX_CORES=100,
        SET_ALL_PRE_LAYER_TAGS="pre",
        SET_ALL_PRE_LAYER_MEMORY=524_288,
        SET_ALL_PRE_LAYER_MIN_CORES=100,
        SET_ALL_PRE_LAYER_MAX_CORES=200,
        STOP_PROCESSING=None,
    )
    done = farm.small.farm.filters[next(iter(farm.small.farm.filters))].actions
    assert {action.type for action in done} == set(ActionType)
    types = {"render": "RENDER", "util": "UTIL", "pre": "PRE"}
    farm.small.launch(job_spec("one", *(layer_spec(name, type=kind) for name, kind in types.items())))

    job = farm.small.job("one")
    found = (job.group_id, job.paused, job.min_cores, job.max_cores, job.priority)
    assert found == (group_id, True, 200, 800, 90)
    layers = [farm.small.layer(f"one/{name}") for name in types]
    assert [(x.tags, x.min_memory, x.min_cores, x.max_cores, x.memory_optimizer) for x in layers] == [
        (("big", "fast"), 4_194_304, 150, 450, False),
        (("util",), 262_144, 50, 100, False),
        (("pre",), 524_288, 100, 200, False),
    ]


def test_filters_act_in_their_order_and_see_what_earlier_ones_did(farm: Filters) -> None:
    """The priority that the first one sets is what the second one asks for; the third is never asked."""
    farm.make("first", ("USER", "IS", "ann"), SET_JOB_PRIORITY=50)
    farm.make("second", ("PRIORITY", "IS", "50"), STOP_PROCESSING=None, SET_JOB_MIN_CORES=300)
    farm.make("third", ("USER", "IS", "ann"), SET_JOB_PRIORITY=99)
    (job,) = farm.small.launch(job_spec())
    assert (job.priority, job.min_cores) == (50, 300), "what stands behind STOP_PROCESSING in its filter is done"
    assert [text.partition(":")[0] for text in job.filtered] == ["first", "second"]


def test_a_group_gives_its_defaults_but_not_over_what_a_filter_has_set(farm: Filters) -> None:
    """The priority was set by an action; the maximum of cores comes with the group."""
    group_id = farm.group("comp", default_job_priority=10, default_job_max_cores=1_200)
    farm.make("one", ("USER", "IS", "ann"), SET_JOB_PRIORITY=50, MOVE_JOB_TO_GROUP=group_id)
    (job,) = farm.small.launch(job_spec())
    assert (job.group_id, job.priority, job.max_cores) == (group_id, 50, 1_200)


def test_a_group_that_a_filter_names_is_not_deleted(farm: Filters) -> None:
    """The refusal names the filter; once that moves jobs elsewhere, the group goes."""
    group_id = farm.group("comp")
    id = farm.make("one", ("USER", "IS", "ann"), MOVE_JOB_TO_GROUP=group_id)
    with pytest.raises(Refused, match="filter 'one' moves jobs to it"):
        farm.small.do(c.Delete("group", group_id))
    farm.small.do(c.RemoveFilterAction(farm.small.farm.filters[id].actions[0].id))
    farm.small.do(c.Delete("group", group_id))
    assert group_id not in farm.small.farm.groups


def test_what_filters_did_at_launch_is_told_and_kept(farm: Filters) -> None:
    """An event names the filters, and the job keeps in words what they did."""
    id = farm.make("hurry", ("USER", "IS", "ann"), SET_JOB_PRIORITY=80, SET_ALL_RENDER_LAYER_MIN_CORES=200)
    (job,) = farm.small.launch(job_spec())
    (event,) = farm.small.events(ev.FiltersApplied)
    assert (event.job_id, event.filter_ids) == (job.id, [id])
    assert job.filtered == ("hurry: priority 80, minimum of cores of render layers 2",)


@pytest.mark.parametrize(
    "kind", [kind for kind, target in TARGETS.items() if target.field not in ("paused", "memory_optimizer")]
)
def test_an_action_with_a_value_that_makes_no_sense_is_refused(farm: Filters, kind: ActionType) -> None:
    """A group that there is not, no tags, or more than there can be; the filter is named, and stays as it was."""
    id = farm.make()
    wrong = {"tags": " | ", "group_id": "nowhere"}
    with pytest.raises(Invalid, match="'one'"):
        farm.small.do(c.AddFilterAction(id, kind, wrong.get(TARGETS[kind].field, 2**40)))
    assert not farm.small.farm.filters[id].actions


# --- later ------------------------------------------------------------------------------------------------------------


def test_filters_act_on_jobs_that_are_there_and_say_how_many_changed(farm: Filters) -> None:
    """One filter, enabled or not, on jobs that are named; those that it does not fit stay."""
    one, two = farm.small.launch(job_spec("one"), job_spec("two"))
    id = farm.make("late", ("JOB_NAME", "ENDS_WITH", "one"), SET_JOB_PRIORITY=70)
    farm.small.do(c.Change("filter", id, {"enabled": False}))
    assert farm.small.do(c.RunFilters((one.id, two.id), id)) == 1
    assert (one.priority, two.priority) == (70, 1)
    assert farm.small.do(c.RunFilters((one.id, two.id), id)) == 0
    assert farm.small.do(c.RunFilters((one.id, two.id))) == 0, "of a show's filters only enabled ones act"


def test_a_filter_does_not_act_on_jobs_of_another_show(farm: Filters) -> None:
    """Whoever names one is refused."""
    farm.small.do(c.CreateShow("other"))
    (job,) = farm.small.launch(job_spec("one"), show="other")
    id = farm.make()
    with pytest.raises(Invalid, match="another show"):
        farm.small.do(c.RunFilters((job.id,), id))


# --- making, order, deleting ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "order"),
    [
        (c.Place.FIRST, "cabd"),
        (c.Place.LAST, "abdc"),
        (c.Place.EARLIER, "acbd"),
        (c.Place.LATER, "abdc"),
        (1, "cabd"),
        (4, "abcd"),
        (99, "abdc"),
        (-5, "cabd"),
    ],
)
def test_a_filter_goes_where_it_is_put(farm: Filters, place: c.Place | int, order: str) -> None:
    """Of four filters the third; the numbers of all go from 1 on, which every step checks."""
    ids = {name: farm.make(name) for name in "abcd"}
    farm.small.do(c.PlaceFilter(ids["c"], place))
    assert "".join(farm.names()) == order


def test_a_filter_that_is_deleted_leaves_no_gap(farm: Filters) -> None:
    """The others have the numbers from 1 on, and its name is free."""
    ids = [farm.make(name) for name in "abc"]
    farm.small.do(c.Delete("filter", ids[1]))
    farm.make("b")
    assert farm.names() == ["a", "c", "b"]


def test_matchers_and_actions_are_changed_and_removed(farm: Filters) -> None:
    """Each keeps its id and place; one that is gone is not found."""
    id = farm.make("one", ("USER", "IS", "ann"), ("SHOT", "IS", "sh1"), SET_JOB_PRIORITY=50)
    one = farm.small.farm.filters[id]
    first, second, action = one.matchers[0].id, one.matchers[1].id, one.actions[0].id
    assert farm.small.do(c.ChangeMatcher(first, MatchSubject.USER, MatchType.IS_NOT, "bob")) == 1
    assert farm.small.do(c.ChangeMatcher(first, MatchSubject.USER, MatchType.IS_NOT, "bob")) == 0
    farm.small.do(c.RemoveMatcher(second))
    farm.small.do(c.ChangeFilterAction(action, ActionType.SET_JOB_MIN_CORES, 400))
    assert [(x.id, x.type, x.input) for x in one.matchers] == [(first, MatchType.IS_NOT, "bob")]
    assert [(x.id, x.value) for x in one.actions] == [(action, 400)]
    farm.small.do(c.RemoveFilterAction(action))
    with pytest.raises(NotFound, match=action):
        farm.small.do(c.RemoveFilterAction(action))
    with pytest.raises(NotFound, match=second):
        farm.small.do(c.RemoveMatcher(second))


def test_two_filters_of_a_show_have_different_names(farm: Filters) -> None:
    """Neither made so nor renamed so."""
    farm.make("one")
    two = farm.make("two")
    with pytest.raises(AlreadyExists, match="'one'"):
        farm.make("one")
    with pytest.raises(AlreadyExists, match="'one'"):
        farm.small.do(c.Change("filter", two, {"name": "one"}))


@pytest.mark.parametrize("bound", ["filters_per_show", "parts_per_filter", "matcher_characters"])
def test_what_is_too_much_is_refused_by_the_limits_name(bound: str) -> None:
    """And taken up to it."""
    farm = Filters(Bounds(**{bound: 1}))
    id = farm.make("one", ("USER", "IS", "a"))
    again = {
        "filters_per_show": c.CreateFilter(farm.show.id, "two"),
        "parts_per_filter": c.AddMatcher(id, MatchSubject.USER, MatchType.IS, "b"),
        "matcher_characters": c.AddMatcher(id, MatchSubject.USER, MatchType.IS, "ab"),
    }
    with pytest.raises((LimitExceeded, Invalid), match=bound):
        farm.small.do(again[bound])
    farm.small.core.bounds = Bounds(**{bound: 2})
    farm.small.do(again[bound])


@pytest.mark.parametrize("bound", ["filters_per_show", "parts_per_filter"])
def test_an_import_is_held_to_the_same_limits(farm: Filters, bound: str) -> None:
    """Whatever was there before: the filters that are given are counted."""
    ask = (MatchSubject.USER, MatchType.IS, "a")
    two = tuple(c.WantedFilter(name, FilterType.MATCH_ALL, True, (ask, ask), ()) for name in ("one", "two"))
    farm.small.core.bounds = Bounds(**{bound: 1})
    with pytest.raises((LimitExceeded, Invalid), match=bound):
        farm.small.do(c.ReplaceFilters(farm.show.id, two))
    assert not farm.names()
    farm.small.core.bounds = Bounds(**{bound: 2})
    assert farm.small.do(c.ReplaceFilters(farm.show.id, two))["added"] == ["one", "two"]


def test_a_number_that_means_nothing_is_refused_with_what_there_is(farm: Filters) -> None:
    """The wire lets any number through."""
    id = farm.make()
    with pytest.raises(Invalid, match="JOB_NAME 0"):
        farm.small.do(c.AddMatcher(id, 99, MatchType.IS, "x"))
    with pytest.raises(Invalid, match="CONTAINS 0"):
        farm.small.do(c.AddMatcher(id, MatchSubject.USER, 99, "x"))
    with pytest.raises(Invalid, match="PAUSE_JOB 1"):
        farm.small.do(c.AddFilterAction(id, 99, 1))
