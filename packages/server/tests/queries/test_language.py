"""The query language: what it finds, and what it refuses with a column."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.errors import Invalid
from cuebot.domain.units import HOUR, CoreUnits, KiB
from cuebot.queries.find import query_fields, question
from cuebot.queries.language import Moment
from cuebot.sim.specs import job_spec, layer_spec


@pytest.fixture
def farm() -> SmallFarm:
    """Three jobs, one of which runs and one of which is paused and dead in part, and two hosts."""
    farm = SmallFarm()
    farm.host("node1", cores=CoreUnits(400))
    farm.host("node2", cores=CoreUnits(800), total_memory=KiB(64 * GIB), free_memory=KiB(64 * GIB))
    farm.launch(job_spec("beauty", layer_spec("render", "1-4", services=("nuke",)), priority=50))
    farm.launch(job_spec("shadow", layer_spec("sim", "1-3", services=("houdini",)), priority=90))
    farm.launch(job_spec("old", layer_spec("render", "1-2")))
    farm.do(c.Change("job", farm.job("shadow").id, {"paused": True}))
    farm.wait(7_200)
    return farm


def found(farm: SmallFarm, noun: str, query: str, order: str = "", job: str = "", me: str = "") -> list[str]:
    """What a query finds: names of jobs and hosts, ids of the rest."""
    moment = Moment(farm.farm, farm.now_us, me)
    asked = question(noun, query, order, job, moment, DEFAULT_BOUNDS)
    things = asked.ordered([thing for thing in asked.things if asked.matches(thing)])
    if noun == "frame":
        return [f"{int(layer.frames.number[index])}" for layer, index in things]
    return [thing.name.rpartition("_")[2] for thing in things]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["beauty", "old", "shadow"]),
        ("beau", ["beauty"]),
        ("-beau", ["old", "shadow"]),
        ("b*ty,shad", ["beauty", "shadow"]),
        ("paused:yes", ["shadow"]),
        ("-paused:yes", ["beauty", "old"]),
        ("service:nuke", ["beauty"]),
        ("-service:nuke,houdini", ["old"]),
        ("service:NU*", ["beauty"]),
        ("priority>50", ["shadow"]),
        ("priority>=50 priority<90", ["beauty"]),
        ("priority!=50", ["old", "shadow"]),
        ("frames=4,2", ["beauty", "old"]),
        ("state:pending", ["beauty", "old", "shadow"]),
        ("state:finished", []),
        ("age>1h", ["beauty", "old", "shadow"]),
        ("age>1d", []),
        ('name:"*_old"', ["old"]),
        ("user:me", ["beauty", "old", "shadow"]),
        ("user:bob", []),
    ],
)
def test_what_a_query_of_jobs_finds(farm: SmallFarm, query: str, names: list[str]) -> None:
    """Terms are ANDed, values with commas ORed, `-` says not; without a field names are looked into."""
    assert found(farm, "job", query, me=farm.job("old").user) == names


def test_jobs_that_are_over_are_found_by_their_state_alone(farm: SmallFarm) -> None:
    """A query that says nothing of `state` or `ended` means pending jobs."""
    farm.do(c.KillJob(farm.job("old").id, "over"))
    assert found(farm, "job", "") == ["beauty", "shadow"]
    assert found(farm, "job", "state:finished") == ["old"]
    assert found(farm, "job", "ended<1h ended>=0s") == ["old"]


def test_hosts_are_asked_for_by_what_they_have(farm: SmallFarm) -> None:
    """Memory and cores have units; what is idle is what is not reserved."""
    assert found(farm, "host", "cores>4") == ["node2"]
    assert found(farm, "host", "memory>=32gb") == ["node2"]
    assert found(farm, "host", "memory<32gb bookable:yes") == ["node1"]
    farm.plan()
    assert found(farm, "host", "runs>0 idle_cores<4") == ["node1"]


def test_frames_of_a_job_are_asked_for_by_their_columns(farm: SmallFarm) -> None:
    """The job is named beside the query."""
    farm.plan()
    assert found(farm, "frame", "state:running number>2", job=farm.job("beauty").id) == ["3", "4"]
    assert found(farm, "frame", "host:node*", job=farm.job("beauty").id, order="-number") == ["4", "3", "2", "1"]
    with pytest.raises(Invalid, match="name the job whose frames are meant"):
        found(farm, "frame", "state:dead")


def test_an_order_is_several_fields(farm: SmallFarm) -> None:
    """The largest first with `-`; what is equal stays in the order of names."""
    assert found(farm, "job", "", order="-priority") == ["shadow", "beauty", "old"]
    assert found(farm, "job", "", order="paused,-frames") == ["beauty", "old", "shadow"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sate:pending", "column 1: jobs have no field 'sate'; did you mean state?"),
        ("paused:yes priorty>5", "column 12: jobs have no field 'priorty'; did you mean priority?"),
        ("-xyzzy:1", "column 2: jobs have no field 'xyzzy'; there are name, id, state"),
        ("state:pendin", "column 1: state takes one of pending, finished"),
        ("user>ann", "column 1: user has no order"),
        ("priority>high", "column 1: priority takes a number such as 3 or 1.5, not 'high'"),
        ("age>5", "column 1: age takes a duration such as 90s, 15m, 2h or 3d, not '5'"),
        ("priority>1,2", "column 1: > takes one value, not 2"),
        ("priority>", "column 10: a value is missing after priority>"),
        ('name:"open', 'column 6: the quote " has no other one after it'),
        ("- beauty", "column 2: '- beauty' is no term"),
        ("paused:maybe", "column 1: paused takes yes or no, not 'maybe'"),
    ],
)
def test_what_is_written_wrongly_is_refused_with_its_column(farm: SmallFarm, query: str, said: str) -> None:
    """And with the nearest word that is known."""
    with pytest.raises(Invalid) as refused:
        found(farm, "job", query)
    assert said in str(refused.value)


def test_a_query_is_bounded() -> None:
    """In its length and in the number of its values."""
    moment = Moment(SmallFarm().farm, 0)
    with pytest.raises(Invalid, match="2000 characters"):
        question("job", "x" * 2_001, "", "", moment, DEFAULT_BOUNDS)
    with pytest.raises(Invalid, match="search_words"):
        question("job", "name:a,b,c", "", "", moment, Bounds(search_words=2))
    with pytest.raises(Invalid, match="there are job, layer, frame, host, proc"):
        question("comment", "", "", "", moment, DEFAULT_BOUNDS)


def test_every_field_can_be_asked_for_and_sorted_by(farm: SmallFarm) -> None:
    """A field that fails on a real farm would be found by the first who asks for it."""
    farm.plan()
    values = {"a text": "x*", "yes or no": "yes"}
    for field in query_fields():
        value = next((value for what, value in values.items() if field.accepts == what), None)
        if value is None and field.accepts.startswith("one of "):
            value = field.accepts.removeprefix("one of ").split(", ")[0]
        if value is None:
            value = {"an amount": "1gb", "a duration": "1h"}.get(" ".join(field.accepts.split()[:2]), "1")
        moment = Moment(farm.farm, farm.now_us)
        asked = question(field.noun, f"{field.name}:{value}", field.name, farm.job("beauty").id, moment, DEFAULT_BOUNDS)
        things = list(asked.things)
        assert len(asked.ordered(things)) == len(things)
        assert {asked.matches(thing) for thing in things} <= {True, False}
        assert field.help


def test_a_hundred_thousand_frames_are_paged_without_a_server() -> None:
    """Found, counted and put in order by columns alone."""
    farm = SmallFarm(bounds=Bounds(frames_per_spec=200_000))
    farm.launch(job_spec("large", layer_spec("render", "1-100000")))
    moment = Moment(farm.farm, farm.now_us + HOUR)
    asked = question("frame", "state:waiting number>99000", "-number", farm.job("large").id, moment, DEFAULT_BOUNDS)
    found = asked.ordered([frame for frame in asked.things if asked.matches(frame)])
    assert len(found) == 1_000
    layer, index = found[0]
    assert int(layer.frames.number[index]) == 100_000


def test_the_reference_page_has_every_field_as_it_is() -> None:
    """`docs/reference/queries.md` names each with what it is and what it accepts."""
    page = Path(__file__).parents[4].joinpath("docs/reference/queries.md").read_text(encoding="utf-8")
    rows = [line for line in page.partition("\n## ")[2].splitlines() if line.startswith("| `")]
    assert rows == [f"| `{field.name}` | {field.help} | {field.accepts} |" for field in query_fields()]
