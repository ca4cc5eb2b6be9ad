"""Departments of shows, their tasks, and how jobs of a shot share what a task gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_farm import SmallFarm

from cuebot.decide.departments import _shares
from cuebot.domain import commands as c
from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import AlreadyExists, Invalid, LimitExceeded, NotFound, Refused
from cuebot.domain.nouns import Department
from cuebot.domain.units import CoreUnits
from cuebot.sim.specs import job_spec, layer_spec


@pytest.fixture
def farm() -> SmallFarm:
    """A farm of a seed, without hosts."""
    return SmallFarm()


def department(farm: SmallFarm, name: str = "Unknown") -> Department:
    """A department of show `testing`."""
    books = farm.farm
    return books.departments[books.department_of[books.show_named("testing").id, name]]


def give(farm: SmallFarm, **cores: int) -> None:
    """Tasks of the department that jobs of `testing` are in, by shots."""
    farm.do(c.SetTasks(department(farm).id, {shot: CoreUnits(100 * count) for shot, count in cores.items()}))


def minimums(farm: SmallFarm, *names: str) -> list[float]:
    """What jobs should have at least, in cores."""
    return [farm.job(name).min_cores / 100 for name in names]


# --- names and departments --------------------------------------------------------------------------------------------


def test_a_new_farm_has_the_usual_departments_and_new_shows_one(farm: SmallFarm) -> None:
    """Groups are in `Unknown` until somebody puts them anywhere else."""
    assert "Lighting" in farm.farm.department_name_by_name
    farm.do(c.CreateShow("film"))
    show_id = farm.farm.show_named("film").id
    assert [one.name for one in farm.farm.departments.values() if one.show_id == show_id] == ["Unknown"]


def test_a_group_goes_into_a_department_that_its_show_then_has(farm: SmallFarm) -> None:
    """By a name that there is; others are refused with those that there are."""
    group_id = farm.do(c.CreateGroup("hair", farm.farm.show_named("testing").root_group_id))
    assert farm.do(c.SetGroupDepartment(group_id, "Hair")) == 1
    assert farm.do(c.SetGroupDepartment(group_id, "Hair")) == 0
    assert (farm.farm.groups[group_id].department, department(farm, "Hair").name) == ("Hair", "Hair")
    with pytest.raises(NotFound, match=r"'Catering'.*Lighting"):
        farm.do(c.SetGroupDepartment(group_id, "Catering"))


def test_names_of_departments_are_made_once_and_removed_when_nobody_has_them(farm: SmallFarm) -> None:
    """A second one is refused, and one that a group has stays."""
    farm.do(c.AddDepartmentName("Crowd"))
    with pytest.raises(AlreadyExists, match="'Crowd'"):
        farm.do(c.AddDepartmentName(" Crowd "))
    with pytest.raises(Invalid, match="accepted"):
        farm.do(c.AddDepartmentName(""))
    farm.do(c.Delete("department_name", farm.farm.department_called("Crowd").id))
    with pytest.raises(NotFound):
        farm.farm.department_called("Crowd")
    farm.do(c.SetGroupDepartment(farm.farm.show_named("testing").root_group_id, "FX"))
    with pytest.raises(Refused, match="1 group"):
        farm.do(c.Delete("department_name", farm.farm.department_called("FX").id))
    with pytest.raises(Refused, match="new groups have it"):
        farm.do(c.Delete("department_name", farm.farm.department_called("Unknown").id))


def test_a_department_is_removed_with_its_tasks_when_no_group_is_in_it(farm: SmallFarm) -> None:
    """Not while one is."""
    give(farm, sh1=4)
    with pytest.raises(Refused, match="1 group"):
        farm.do(c.Delete("department", department(farm).id))
    farm.do(c.SetGroupDepartment(farm.farm.show_named("testing").root_group_id, "FX"))
    farm.do(c.Delete("department", department(farm).id))
    assert not farm.farm.tasks
    farm.do(c.CreateGroup("new", farm.farm.show_named("testing").root_group_id))
    assert department(farm).name == "Unknown", "a new group is in it, so the show has it again"


def test_a_managed_department_has_adjustments_and_loses_its_tasks_with_its_manager(farm: SmallFarm) -> None:
    """What is set by hand is kept beside what the tracker says, and can be taken back."""
    give(farm, sh1=4)
    (task,) = farm.farm.tasks.values()
    farm.do(c.ManageDepartment(department(farm).id, "film:lighting", CoreUnits(1_050)))
    assert (department(farm).ti_task, department(farm).min_cores) == ("film:lighting", 1_000)
    farm.do(c.SetTaskCores(task.id, CoreUnits(600)))
    assert (task.min_cores, task.adjust_cores, task.cores) == (400, 200, 600)
    assert farm.do(c.ClearTaskAdjustments((task.id,))) == 1
    assert task.cores == 400
    assert farm.do(c.ReleaseDepartment(department(farm).id)) == 1
    assert (department(farm).ti_managed, department(farm).ti_task, farm.farm.tasks) == (False, "", {})


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_tasks_are_added_replaced_and_cleared(farm: SmallFarm) -> None:
    """A shot has one of them: a second is refused, and nothing of what came with it is done."""
    give(farm, sh1=4, sh2=2)
    with pytest.raises(AlreadyExists, match="'sh1'"):
        give(farm, sh3=1, sh1=1)
    assert [task.shot for task in farm.farm.tasks_of(department(farm).id)] == ["sh1", "sh2"]
    assert farm.do(c.SetTasks(department(farm).id, {"SH2": CoreUnits(150), "sh9": CoreUnits(0)}, replace=True)) == 3
    assert [(task.shot, task.cores) for task in farm.farm.tasks_of(department(farm).id)] == [("sh2", 100), ("sh9", 0)]
    assert farm.do(c.SetTasks(department(farm).id, {}, replace=True)) == 2
    assert not farm.farm.tasks
    with pytest.raises(Invalid, match="at least 0 cores"):
        give(farm, sh1=-1)


def test_more_tasks_than_the_limit_are_refused_by_its_name() -> None:
    """And as many as it says are taken."""
    farm = SmallFarm(bounds=Bounds(tasks_per_department=1))
    give(farm, sh1=1)
    with pytest.raises(LimitExceeded, match="tasks_per_department"):
        give(farm, sh2=1)


def test_a_job_of_a_shot_with_a_task_gets_its_cores(farm: SmallFarm) -> None:
    """At its launch, and when the task changes; jobs of other shots keep their minimums."""
    give(farm, sh1=8)
    farm.launch(job_spec("one"))
    farm.launch(job_spec("other"), shot="sh2")
    assert minimums(farm, "one", "other") == [8, 1]
    (task,) = farm.farm.tasks.values()
    farm.do(c.SetTaskCores(task.id, CoreUnits(300)))
    assert minimums(farm, "one", "other") == [3, 1]


def test_jobs_of_a_shot_share_its_cores_and_none_gets_more_than_it_can_use(farm: SmallFarm) -> None:
    """Of nine cores, a job with two waiting frames takes two, the others share the rest, the oldest first."""
    farm.launch(job_spec("small", layer_spec(range_text="1-2")))
    farm.launch(job_spec("first"))
    farm.launch(job_spec("second"))
    give(farm, sh1=9)
    assert minimums(farm, "small", "first", "second") == [2, 4, 3]


@given(st.integers(0, 60), st.lists(st.integers(0, 20), min_size=2, max_size=8))
def test_all_cores_are_shared_or_each_has_what_it_can_use(cores: int, waiting: list[int]) -> None:
    """Nobody has more than it has waiting frames, and those that could use more have alike."""
    shares = _shares(cores, waiting)
    assert all(0 <= share <= count for share, count in zip(shares, waiting, strict=True))
    assert sum(shares) == min(cores, sum(waiting))
    like = [share for share, count in zip(shares, waiting, strict=True) if share < count]
    assert max(like, default=0) - min(like, default=0) <= 1


def test_what_a_job_had_goes_to_the_others_when_it_ends(farm: SmallFarm) -> None:
    """They share anew."""
    farm.launch(job_spec("first"))
    farm.launch(job_spec("second"))
    give(farm, sh1=8)
    assert minimums(farm, "first", "second") == [4, 4]
    farm.do(c.KillJob(farm.job("first").id, "enough"))
    assert minimums(farm, "second") == [8]


def test_jobs_of_another_department_or_show_have_no_part(farm: SmallFarm) -> None:
    """A task is for the department of one show."""
    group_id = farm.do(c.CreateGroup("hair", farm.farm.show_named("testing").root_group_id))
    farm.do(c.SetGroupDepartment(group_id, "Hair"))
    farm.do(c.CreateShow("film"))
    farm.launch(job_spec("one"), show="film")
    (hair,) = farm.launch(job_spec("two"))
    farm.do(c.MoveJob(hair.id, group_id))
    give(farm, sh1=8)
    assert [job.min_cores for job in farm.farm.jobs.values()] == [100, 100]
