"""Filters, departments and archived shows as scripts and people have them, over a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import served
from small_farm import SmallFarm

import opencue
from cue_cli.cueadmin import run
from cuebot.sim.specs import job_spec, layer_spec
from opencue import api
from opencue.wrappers.filter import ActionType, FilterType, MatchSubject, MatchType

Output = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[4]
JOB = "testing-sh1-ann_one"
SPEC = (
    "<spec><facility>local</facility><show>testing</show><shot>sh1</shot><user>ann</user><job name='new'><layers><layer"
    " name='beauty' type='Render'><cmd>true</cmd><range>1</range><chunk>1</chunk></layer></layers></job></spec>"
)
HURRY = {
    "name": "hurry",
    "type": "MATCH_ALL",
    "enabled": True,
    "matchers": [{"subject": "JOB_NAME", "type": "ENDS_WITH", "input": "one"}],
    "actions": [{"type": "SET_JOB_PRIORITY", "value": 80}],
}
ROOMS = {
    "name": "rooms",
    "type": "MATCH_ANY",
    "enabled": False,
    "matchers": [],
    "actions": [
        {"type": "MOVE_JOB_TO_GROUP", "value": "testing"},
        {"type": "SET_JOB_MIN_CORES", "value": 2.5},
        {"type": "PAUSE_JOB", "value": True},
        {"type": "SET_ALL_RENDER_LAYER_TAGS", "value": "big,fast"},
        {"type": "STOP_PROCESSING"},
    ],
}


def pattern(text: str) -> dict[str, Any]:
    """A matcher that compares names of jobs with a regular expression."""
    return {"subject": "JOB_NAME", "type": "REGEX", "input": text}


def to_group(name: str) -> dict[str, Any]:
    """A filter that moves jobs to a group."""
    return {**HURRY, "actions": [{"type": "MOVE_JOB_TO_GROUP", "value": name}]}


def main(*arguments: str) -> int:
    """Run `cueadmin`; a line that makes no sense has the status 2."""
    try:
        return run.main(list(arguments))
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.fixture
def farm() -> Iterator[SmallFarm]:
    """A job that waits, in a show without filters."""
    farm = SmallFarm()
    farm.launch(job_spec("one", layer_spec("render", "1-4")))
    with served(farm):
        yield farm


# --- opencue ----------------------------------------------------------------------------------------------------------


def test_a_script_makes_a_filter_and_it_acts(farm: SmallFarm) -> None:
    """By the names and numbers that such scripts use; blanks in a query are left out."""
    show = api.findShow("testing")
    one = show.createFilter("hurry")
    matcher = one.createMatcher(MatchSubject.Value("JOB_NAME"), MatchType.Value("CONTAINS"), " o n e ")
    action = one.createAction(ActionType.Value("SET_JOB_PRIORITY"), 80)
    assert (matcher.name(), matcher.input(), matcher.isNew()) == ("JOB_NAME CONTAINS one", "one", False)
    assert (action.name(), action.value(), action.isNew()) == ("SET_JOB_PRIORITY 80", 80, False)
    assert one.runFilterOnJobs([api.findJob(JOB)]) == 1
    assert farm.job("one").priority == 80
    assert [x.getParentFilter().name() for x in (matcher, action)] == ["hurry", "hurry"]
    assert api.findFilter("testing", "hurry") == show.findFilter("hurry")
    assert api.findFilter("testing", "hurry") == one


def test_a_script_changes_and_removes_all_that_a_filter_has(farm: SmallFarm) -> None:
    """Setters of matchers and actions send what they set."""
    show = api.findShow("testing")
    one, two = show.createFilter("one"), show.createFilter("two")
    one.setName("first")
    one.setType(FilterType.Value("MATCH_ANY"))
    one.setEnabled(False)
    two.orderFirst()
    two, one = show.getFilters()
    assert (one.name(), one.type(), one.isEnabled(), one.order()) == ("first", 0, False, 2.0)
    for move, names in ((one.raiseOrder, "first two"), (one.lowerOrder, "two first"), (two.orderLast, "first two")):
        move()
        assert " ".join(found.name() for found in show.getFilters()) == names
    two.setOrder(1)
    assert [found.name() for found in show.getFilters()] == ["two", "first"]

    matcher = one.createMatcher(MatchSubject.Value("USER"), MatchType.Value("IS"), "ann")
    matcher.setSubject(MatchSubject.Value("SHOT"))
    matcher.setType(MatchType.Value("REGEX"))
    matcher.setInput("sh[0-9]+")
    assert [found.name() for found in one.getMatchers()] == ["SHOT REGEX sh[0-9]+"]
    matcher.delete()
    action = one.createAction(ActionType.Value("PAUSE_JOB"), True)
    action.setTypeAndValue(ActionType.Value("SET_JOB_MAX_CORES"), 4)
    assert [found.value() for found in one.getActions()] == [4.0]
    action.setTypeAndValue(ActionType.Value("MOVE_JOB_TO_GROUP"), show.getRootGroup())
    assert [found.value() for found in one.getActions()] == [show.getRootGroup().id()]
    action.delete()
    assert (one.getMatchers(), one.getActions()) == ([], [])
    one.delete()
    assert [found.name() for found in show.getFilters()] == ["two"]


@pytest.mark.parametrize(
    ("kind", "value", "back"),
    [
        ("PAUSE_JOB", True, True),
        ("SET_JOB_MIN_CORES", 2, 2.0),
        ("SET_JOB_MAX_CORES", 2.5, 2.5),
        ("SET_ALL_PRE_LAYER_MEMORY", 1_048_576, 1_048_576),
        ("SET_ALL_UTIL_LAYER_TAGS", "a,b", "a,b"),
        ("STOP_PROCESSING", None, None),
    ],
)
def test_the_value_of_an_action_is_that_of_python(farm: SmallFarm, kind: str, value: Any, back: Any) -> None:
    """In cores, KB, tags, yes or no."""
    one = api.findShow("testing").createFilter("one")
    made = one.createAction(ActionType.Value(kind), value)
    assert (made.value(), type(made.value())) == (back, type(back))


def test_filters_run_on_a_group_and_on_one_job(farm: SmallFarm) -> None:
    """The answer says how many jobs have other values."""
    api.importFilters("testing", {"filters": [HURRY]})
    show = api.findShow("testing")
    assert show.findFilter("hurry").runFilterOnGroup(show.getRootGroup()) == 1
    assert api.findJob(JOB).runFilters() == 0
    assert farm.job("one").priority == 80


def test_a_script_has_departments_and_tasks(farm: SmallFarm) -> None:
    """Single tasks in cores, many in points."""
    api.addDepartmentName("Crowd")
    assert "Crowd" in api.getDepartmentNames()
    show = api.findShow("testing")
    show.getRootGroup().setDepartment("Crowd")
    department = show.getDepartment("Crowd")
    assert [found.name() for found in show.getDepartments()] == ["testing.Crowd", "testing.Unknown"]
    task = department.addTask("sh1", 8.0)
    assert (task.shot(), task.minCores(), api.findJob(JOB).data.min_cores) == ("sh1", 8.0, 8.0)
    assert [found.shot() for found in department.addTasks({"sh3": 100, "sh2": 200})] == ["sh2", "sh3"]
    task.setMinCores(3.0)
    department.enableTiManaged("film:crowd", 20.0)
    department.setManagedCores(30.0)
    task.setMinCores(5.0)
    (first, *_) = department.getTasks()
    assert (first.minCores(), first.adjustCores()) == (5.0, 2.0)
    first.clearAdjustments()
    department.clearTaskAdjustments()
    first.delete()
    assert [found.shot() for found in department.replaceTasks({"sh9": 100})] == ["sh9"]
    department.clearTasks()
    department.disableTiManaged()
    found = show.getDepartment("Crowd")
    assert (found.getTasks(), found.isTiManaged(), found.minCores()) == ([], False, 0.0)
    show.getRootGroup().setDepartment("Unknown")
    api.removeDepartmentName("Crowd")
    assert "Crowd" not in api.getDepartmentNames()


def test_a_script_gives_a_show_services_of_its_own(farm: SmallFarm) -> None:
    """An increase of memory must be above zero, as with services of the farm."""
    show = api.findShow("testing")
    data = api.getService("maya").data  # type: ignore[union-attr]  # there is one on a new farm
    data.min_memory = 8_388_608
    made = show.createServiceOverride(data)
    made.data.min_cores = 200
    assert made.update() == 1
    found = show.getServiceOverride("maya")
    assert (found.id, found.data.min_memory, found.data.min_cores) == (made.id, 8_388_608, 200)
    assert [one.data.name for one in show.getServiceOverrides()] == ["maya"]
    found.data.min_memory_increase = 0
    with pytest.raises(ValueError, match="increase"):
        found.update()
    found.delete()
    assert show.getServiceOverrides() == []


def test_filters_go_into_plain_data_and_come_back(farm: SmallFarm) -> None:
    """The same data, in their order; what is there already is left alone."""
    data = {"filters": [ROOMS, HURRY]}
    changes = api.importFilters("testing", data)
    assert (changes.added, changes.changed, changes.removed) == (["rooms", "hurry"], [], [])
    assert json.loads(json.dumps(api.exportFilters("testing"))) == data
    ids = [found.id() for found in api.findShow("testing").getFilters()]
    assert not api.importFilters("testing", data)
    assert [found.id() for found in api.findShow("testing").getFilters()] == ids


def test_an_import_changes_removes_and_moves(farm: SmallFarm) -> None:
    """What it would do is told before."""
    api.importFilters("testing", {"filters": [ROOMS, HURRY, {**HURRY, "name": "old"}]})
    data = {"filters": [{**HURRY, "enabled": False}, ROOMS]}
    expected = opencue.api.compareFilters("testing", data)
    assert (expected.changed, expected.removed, expected.moved) == (["hurry"], ["old"], True)
    assert api.importFilters("testing", data) == expected
    assert api.exportFilters("testing") == data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], 'no list "filters"'),
        ({"filters": [{}]}, "filters[0]: a filter is an object with a name"),
        ({"filters": [HURRY, HURRY]}, "'hurry' is there twice"),
        ({"filters": [{**HURRY, "type": "SOME"}]}, "MATCH_ALL, not 'SOME'"),
        ({"filters": [{**HURRY, "matchers": [{"subject": "JOB", "type": "IS", "input": ""}]}]}, "matchers[0].subject"),
        ({"filters": [{**HURRY, "actions": [{"type": "SET_JOB_PRIORITY", "value": "high"}]}]}, "a whole number"),
        ({"filters": [{**HURRY, "actions": [{"type": "PAUSE_JOB", "value": 1}]}]}, "true or false, not 1"),
        ({"filters": [{**HURRY, "enabled": "yes"}]}, "enabled is true or false"),
        ({"filters": [ROOMS, {**HURRY, "matchers": [pattern("a"), pattern("(")]}]}, "filters[1].matchers[1]: filter"),
        ({"filters": [{**HURRY, "matchers": [pattern("(a+)+$")]}]}, "filters[0].matchers[0]: filter 'hurry'"),
        ({"filters": [to_group("roms")]}, "filters[0].actions[0]: show 'testing' has no group 'roms'; it has testing"),
        ({"filters": [{**HURRY, "actions": [{"type": "SET_JOB_PRIORITY", "value": 1e300}]}]}, "a whole number, not"),
        ({"filters": [{**HURRY, "actions": [{"type": "SET_JOB_MIN_CORES", "value": float("nan")}]}]}, "not nan"),
        ({"filters": [{**HURRY, "actions": [{"type": "SET_JOB_MIN_CORES", "value": -4}]}]}, "filters[0].actions[0]:"),
        ({"filters": [{**HURRY, "actions": [{"type": "SET_JOB_PRIORITY", "value": 2**40}]}]}, "filters[0].actions[0]:"),
        ({"filters": [{**HURRY, "name": ""}]}, "filters[0]: name of filter"),
    ],
)
def test_data_that_make_no_sense_are_refused_before_anything_is_done(farm: SmallFarm, data: Any, words: str) -> None:
    """The words say where, and a comparison refuses what an import does; a live filter of that name goes on."""
    api.importFilters("testing", {"filters": [HURRY]})
    for ask in (api.compareFilters, api.importFilters):
        with pytest.raises(ValueError, match="filters") as caught:
            ask("testing", data)
        assert words in str(caught.value)
    assert api.exportFilters("testing") == {"filters": [HURRY]}


def test_an_import_is_one_change(farm: SmallFarm) -> None:
    """Who follows the feed sees each filter once, and what is so already keeps the ids of its parts."""
    api.importFilters("testing", {"filters": [HURRY, ROOMS]})
    parts = {one.name: (one.id, one.matchers) for one in farm.farm.filters.values()}
    api.importFilters("testing", {"filters": [{**HURRY, "actions": []}]})
    (left,) = farm.farm.filters.values()
    assert ((left.id, left.matchers), left.actions, left.order) == (parts["hurry"], (), 1)


def test_the_script_of_the_page_runs(farm: SmallFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/howto/filter-jobs.md, with the filters of its example."""
    api.createShow("demo")
    farm.launch(job_spec("two"), show="demo", shot="sh010")
    api.importFilters("demo", json.loads((ROOT / "examples" / "filters" / "demo.json").read_text()))
    page = (ROOT / "docs" / "howto" / "filter-jobs.md").read_text()
    (script,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "filter-jobs.md", "exec"), {})
    assert [job.priority for job in farm.farm.jobs.values()] == [1, 80]
    assert json.loads((tmp_path / "filters.json").read_text()) == api.exportFilters("demo")


# --- cueadmin ---------------------------------------------------------------------------------------------------------


def test_filters_are_listed_with_what_they_ask_and_do(farm: SmallFarm, capsys: Output) -> None:
    """In their order, one that is off as such; as JSON they are what an import takes."""
    api.importFilters("testing", {"filters": [HURRY, ROOMS]})
    assert main("-lfilters", "testing") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "1. hurry (all of these)",
        "     JOB_NAME ENDS_WITH one",
        "  -> SET_JOB_PRIORITY 80",
        "2. rooms (any of these, off)",
    ]
    assert main("-lfilters", "testing", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [HURRY, ROOMS]


def test_filters_go_to_a_file_and_back(farm: SmallFarm, tmp_path: Path, capsys: Output) -> None:
    """A second import of the same file has nothing to do, and its status says so."""
    file = tmp_path / "filters.json"
    api.importFilters("testing", {"filters": [HURRY, ROOMS]})
    assert main("-export-filters", "testing", str(file)) == 0
    api.importFilters("testing", {"filters": []})
    assert main("-import-filters", "testing", str(file), "-force") == 0
    assert "testing: add hurry, rooms" in capsys.readouterr().out
    assert api.exportFilters("testing") == {"filters": [HURRY, ROOMS]}
    assert main("-import-filters", "testing", str(file), "-force") == 1
    assert "so already" in capsys.readouterr().err


def test_a_file_that_makes_no_sense_changes_nothing(farm: SmallFarm, tmp_path: Path, capsys: Output) -> None:
    """It is named, with the place in it."""
    file = tmp_path / "filters.json"
    for text, words in (("{", "line 1 column 2"), ('{"filters": [7]}', "filters[0]"), (None, "No such file")):
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text)
        assert main("-import-filters", "testing", str(file), "-force") == 1
        error = capsys.readouterr().err
        assert (str(file) in error, words in error) == (True, True), error
    assert not farm.farm.filters


def test_a_dry_run_tells_what_would_be_done(farm: SmallFarm, tmp_path: Path, capsys: Output) -> None:
    """To jobs of the show, to named ones, or to those of a specification; nothing is."""
    api.importFilters("testing", {"filters": [HURRY]})
    assert main("-try-filters", "testing") == 0
    assert capsys.readouterr().out.splitlines() == [
        JOB,
        "  hurry: priority 80",
        "1 job of 1 would be changed. Nothing was.",
    ]
    spec = tmp_path / "new.xml"
    spec.write_text(SPEC)
    assert main("-try-filters", "testing", "-with-spec", str(spec)) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["testing-sh1-ann_new", "  no filter"]
    assert main("-try-filters", "testing", "hurry", "-job", JOB, "--json") == 0
    (tried,) = json.loads(capsys.readouterr().out)
    assert (tried["job"], [one["name"] for one in tried["filters"]]) == (JOB, ["hurry"])
    assert farm.job("one").priority == 1
    assert len(farm.farm.jobs) == 1
    assert main("-lj", "-with-spec", str(spec)) == 2


def test_filters_are_run_and_what_they_did_is_told(farm: SmallFarm, capsys: Output) -> None:
    """On jobs that were launched before; a second time there is nothing to do."""
    api.importFilters("testing", {"filters": [HURRY]})
    assert main("-filtered", JOB) == 0
    assert "no filter has acted on it" in capsys.readouterr().out
    assert main("-run-filters", JOB, "-force") == 0
    assert farm.job("one").priority == 80
    assert main("-run-filters", JOB, "-force") == 1
    capsys.readouterr()
    assert main("-filtered", JOB) == 0
    assert capsys.readouterr().out.splitlines() == [JOB, "  hurry: priority 80"]
    assert main("-filtered", JOB, "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["done"] == ["hurry: priority 80"]


def test_a_filter_is_switched_off_and_on(farm: SmallFarm, capsys: Output) -> None:
    """One that is so already is nothing to do."""
    api.importFilters("testing", {"filters": [HURRY]})
    assert main("-disable-filter", "testing", "hurry", "-force") == 0
    assert not api.findFilter("testing", "hurry").isEnabled()
    assert main("-disable-filter", "testing", "hurry", "-force") == 1
    assert main("-enable-filter", "testing", "hurry", "-force") == 0
    assert api.findFilter("testing", "hurry").isEnabled()
    assert main("-enable-filter", "testing", "nothing", "-force") == 1
    assert "hurry" in capsys.readouterr().err


def test_departments_and_tasks_have_commands(farm: SmallFarm, capsys: Output) -> None:
    """Listed, given to groups, and shots given cores."""
    assert main("-ldepartments") == 0
    assert "Lighting" in capsys.readouterr().out.splitlines()
    assert main("-set-department", "testing", "testing", "FX", "-force") == 0
    assert main("-set-task", "testing", "FX", "SH1", "6", "-force") == 0
    assert main("-set-task", "testing", "FX", "sh1", "4", "-force") == 0
    assert farm.job("one").min_cores == 400
    capsys.readouterr()
    assert main("-ldepartments", "testing", "--json") == 0
    (fx, _) = json.loads(capsys.readouterr().out)
    assert (fx["name"], [(task["shot"], task["cores"]) for task in fx["tasks"]]) == ("FX", [("sh1", 4.0)])
    assert main("-ldepartments", "testing") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()][2] == ["sh1", "4", "0"]
    assert main("-delete-task", "testing", "FX", "sh1", "-force") == 0
    assert main("-delete-task", "testing", "FX", "sh1", "-force") == 1
    assert "no task for shot 'sh1'" in capsys.readouterr().err


def test_names_of_departments_are_added_and_removed(farm: SmallFarm, capsys: Output) -> None:
    """One that is needed stays, and that is said."""
    assert main("-add-department", "Crowd", "-force") == 0
    assert "Crowd" in api.getDepartmentNames()
    assert main("-remove-department", "Crowd", "-force") == 0
    assert "Crowd" not in api.getDepartmentNames()
    assert main("-remove-department", "Unknown", "-force") == 1
    assert "new groups have it" in capsys.readouterr().err


def test_a_service_is_something_else_for_a_show(farm: SmallFarm, capsys: Output) -> None:
    """What is not given is as with the farm's service, and later as it was; until it is dropped."""
    assert main("-override-service", "testing", "maya", "memory=8g", "tags=big,fast", "-force") == 0
    assert main("-override-service", "testing", "maya", "cores=2.5", "timeout=60", "-force") == 0
    (own,) = farm.farm.service_overrides.values()
    assert (own.min_memory, own.tags, own.min_cores, own.timeout_minutes) == (8_388_608, ("big", "fast"), 250, 60)
    assert own.min_memory_increase == 2_097_152
    assert main("-lv", "testing") == 0
    assert "8192 MB" in capsys.readouterr().out
    assert main("-override-service", "testing", "studio", "threadable=on", "-force") == 0
    assert "the farm has no service 'studio'" in capsys.readouterr().err
    assert main("-override-service", "testing", "mayo", "memory=1g", "-force") == 0
    assert "(did you mean maya?): only layers of show 'testing' that name it so" in capsys.readouterr().err
    assert main("-drop-override", "testing", "mayo", "-force") == 0
    assert main("-override-service", "testing", "maya", "colour=red") == 2
    assert "memory=..." in capsys.readouterr().err
    assert main("-drop-override", "testing", "maya", "-force") == 0
    assert main("-drop-override", "testing", "maya", "-force") == 1
    assert "it has studio" in capsys.readouterr().err


def test_a_show_is_put_away_and_brought_back(farm: SmallFarm, capsys: Output) -> None:
    """It is in the list only while it is not put away; that another scheduler is wanted is kept."""
    api.createShow("film")
    assert main("-scheduler-managed", "film", "on", "-force") == 0
    assert api.findShow("film").schedulerManaged()
    assert main("-archive-show", "film", "testing", "-force") == 0
    capsys.readouterr()
    assert main("-ls") == 0
    assert "film" not in capsys.readouterr().out
    with pytest.raises(opencue.CueException, match="'film' was archived"):
        api.findShow("film")
    assert main("-enable-show", "film_archive", "-force") == 0
    assert api.findShow("film").name() == "film"
