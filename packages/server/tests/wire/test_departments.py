"""Departments, tasks, services of shows and archived shows over the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from opencue_proto import (
    department_pb2,
    department_pb2_grpc,
    job_pb2,
    service_pb2,
    service_pb2_grpc,
    show_pb2,
    task_pb2,
    task_pb2_grpc,
)


class Room:
    """A server and stubs to what shows have for themselves."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.department = department_pb2_grpc.DepartmentInterfaceStub(site.channel)
        self.task = task_pb2_grpc.TaskInterfaceStub(site.channel)
        self.override = service_pb2_grpc.ServiceOverrideInterfaceStub(site.channel)

    async def show(self, name: str = "testing") -> Any:
        """A show."""
        return (await self.site.show.FindShow(show_pb2.ShowFindShowRequest(name=name))).show

    async def its(self, name: str = "Unknown") -> Any:
        """A department of show `testing`."""
        request = show_pb2.ShowGetDepartmentRequest(show=await self.show(), department=name)
        return (await self.site.show.GetDepartment(request)).department

    async def tasks(self) -> list[tuple[str, float, float]]:
        """Shot, cores and adjustment of the tasks of `Unknown`."""
        request = department_pb2.DeptGetTasksRequest(department=await self.its())
        found = (await self.department.GetTasks(request)).tasks.tasks
        return [(task.shot, task.min_cores, task.adjust_cores) for task in found]

    async def add(self, shot: str, cores: float) -> Any:
        """A task of `Unknown`."""
        request = department_pb2.DeptAddTaskRequest(department=await self.its(), shot=shot, min_cores=cores)
        return (await self.department.AddTask(request)).task


@pytest.fixture
async def room(site: Any) -> Room:
    """A server."""
    return Room(site)


async def test_names_of_departments_are_listed_added_and_removed(room: Room) -> None:
    """By name; one that there is not is refused with those that there are."""
    await room.department.AddDepartmentName(department_pb2.DeptAddDeptNameRequest(name="Crowd"))
    listed = await room.department.GetDepartmentNames(department_pb2.DeptGetDepartmentNamesRequest())
    assert ("Crowd" in listed.names, list(listed.names)) == (True, sorted(listed.names))
    request = department_pb2.DeptRemoveDepartmentNameRequest(name="Crowd")
    await room.department.RemoveDepartmentName(request)
    code, words = await room.site.refused(room.department.RemoveDepartmentName(request))
    assert (code, "Lighting" in words) == ("NOT_FOUND", True)


async def test_a_group_is_put_into_a_department_that_its_show_then_lists(room: Room) -> None:
    """The department's full name has the show's before it; it can be deleted when the group has left."""
    show = await room.show()
    root = (await room.site.show.GetRootGroup(show_pb2.ShowGetRootGroupRequest(show=show))).group
    await room.site.group.SetDepartment(job_pb2.GroupSetDeptRequest(group=root, dept="FX"))
    found = (await room.site.show.GetDepartments(show_pb2.ShowGetDepartmentsRequest(show=show))).departments
    assert [(one.name, one.dept) for one in found.departments] == [("testing.FX", "FX"), ("testing.Unknown", "Unknown")]
    await room.department.Delete(department_pb2.DeptDeleteRequest(department=await room.its()))
    code, words = await room.site.refused(room.its())
    assert (code, "it has FX" in words) == ("NOT_FOUND", True)


async def test_a_managed_department_says_who_manages_it(room: Room) -> None:
    """Its cores are whole ones; nothing is left when it is managed no more."""
    department = await room.its()
    enable = department_pb2.DeptEnableTiManagedRequest(department=department, ti_task="film:fx", managed_cores=10.5)
    await room.department.EnableTiManaged(enable)
    await room.department.SetManagedCores(
        department_pb2.DeptSetManagedCoresRequest(department=department, managed_cores=20.7)
    )
    found = await room.its()
    assert (found.ti_managed, found.ti_task, found.min_cores) == (True, "film:fx", 20.0)
    await room.department.DisableTiManaged(department_pb2.DeptDisableTiManagedRequest(department=department))
    found = await room.its()
    assert (found.ti_managed, found.ti_task, found.min_cores) == (False, "", 0.0)


async def test_tasks_are_added_replaced_cleared_and_set(room: Room) -> None:
    """Single ones in cores, many in hundredths; each is found by its id."""
    made = await room.add("SH1", 4.0)
    assert (made.shot, made.dept, made.min_cores) == ("sh1", "Unknown", 4.0)
    more = department_pb2.DeptAddTasksRequest(department=await room.its(), tmap={"sh2": 300, "sh0": 100})
    assert [task.shot for task in (await room.department.AddTasks(more)).tasks.tasks] == ["sh0", "sh2"]
    await room.task.SetMinCores(task_pb2.TaskSetMinCoresRequest(task=made, new_min_cores=6.0))
    assert await room.tasks() == [("sh0", 1.0, 0.0), ("sh1", 6.0, 0.0), ("sh2", 3.0, 0.0)]
    await room.task.Delete(task_pb2.TaskDeleteRequest(task=made))
    instead = department_pb2.DeptReplaceTaskRequest(department=await room.its(), tmap={"sh9": 800})
    assert [task.shot for task in (await room.department.ReplaceTasks(instead)).tasks.tasks] == ["sh9"]
    await room.department.ClearTasks(department_pb2.DeptClearTasksRequest(department=await room.its()))
    assert await room.tasks() == []


async def test_adjustments_are_taken_back_one_by_one_or_all(room: Room) -> None:
    """They are made where the department is managed."""
    tasks = [await room.add(shot, 4.0) for shot in ("sh1", "sh2")]
    enable = department_pb2.DeptEnableTiManagedRequest(department=await room.its(), ti_task="fx", managed_cores=10.0)
    await room.department.EnableTiManaged(enable)
    for task in tasks:
        await room.task.SetMinCores(task_pb2.TaskSetMinCoresRequest(task=task, new_min_cores=9.0))
    assert await room.tasks() == [("sh1", 9.0, 5.0), ("sh2", 9.0, 5.0)]
    await room.task.ClearAdjustments(task_pb2.TaskClearAdjustmentsRequest(task=tasks[0]))
    assert await room.tasks() == [("sh1", 4.0, 0.0), ("sh2", 9.0, 5.0)]
    request = department_pb2.DeptClearTaskAdjustmentsRequest(department=await room.its())
    await room.department.ClearTaskAdjustments(request)
    assert await room.tasks() == [("sh1", 4.0, 0.0), ("sh2", 4.0, 0.0)]


async def test_a_show_has_services_of_its_own(room: Room) -> None:
    """Made, found by name and id, listed, changed, deleted; layers of its jobs get their values."""
    show = await room.show()
    data = service_pb2.Service(name="shell", min_cores=100, min_memory=4_194_304, timeout=30)
    create = show_pb2.ShowCreateServiceOverrideRequest(show=show, service=data)
    made = (await room.site.show.CreateServiceOverride(create)).service_override
    assert (made.id, made.data.timeout) == (made.data.id, 30)
    for word in ("shell", made.id):
        request = show_pb2.ShowGetServiceOverrideRequest(show=show, name=word)
        assert (await room.site.show.GetServiceOverride(request)).service_override == made

    made.data.min_memory = 8_388_608
    await room.override.Update(service_pb2.ServiceOverrideUpdateRequest(service=made.data))
    job = await room.site.launch(
        "<layer name='beauty' type='Render'><cmd>true</cmd><range>1</range><chunk>1</chunk>"
        "<services><service>shell</service></services></layer>"
    )
    assert [layer.min_memory for layer in await room.site.layers_of(job)] == [8_388_608]
    listed = await room.site.show.GetServiceOverrides(show_pb2.ShowGetServiceOverridesRequest(show=show))
    assert [one.data.name for one in listed.service_overrides.service_overrides] == ["shell"]

    await room.override.Delete(service_pb2.ServiceOverrideDeleteRequest(service=made.data))
    code, words = await room.site.refused(room.site.show.GetServiceOverride(request))
    assert (code, "testing" in words) == ("NOT_FOUND", True)


async def test_an_archived_show_is_in_no_list_until_it_is_active_again(room: Room) -> None:
    """Jobs of its name are launched in the other show meanwhile."""
    await room.site.show.CreateShow(show_pb2.ShowCreateShowRequest(name="library"))
    show = await room.show()
    await room.site.show.Archive(show_pb2.ShowArchiveRequest(show=show, target_show_name="library"))

    async def listed() -> list[str]:
        return [one.name for one in (await room.site.show.GetShows(show_pb2.ShowGetShowsRequest())).shows.shows]

    assert await listed() == ["library"]
    assert (await room.site.launch()).show == "library"
    criteria = job_pb2.JobSearchCriteria(shows=["testing"])
    found = (await room.site.job.GetJobs(job_pb2.JobGetJobsRequest(r=criteria))).jobs.jobs
    assert not found, "lists by its name have what is its own"
    assert (await room.show("testing_archive")).id == show.id
    await room.site.show.SetActive(show_pb2.ShowSetActiveRequest(show=show, value=True))
    assert await listed() == ["library", "testing"]
    assert (await room.site.launch(name="anim")).show == "testing"


async def test_depends_of_a_specification_hold_where_another_show_stands_for_its_own(room: Room) -> None:
    """Its jobs are named after the show that they come into, and so are those that its depends name."""
    await room.site.show.CreateShow(show_pb2.ShowCreateShowRequest(name="library"))
    await room.site.show.Archive(show_pb2.ShowArchiveRequest(show=await room.show(), target_show_name="library"))
    layers = "".join(
        f"<layer name='{name}' type='Render'><cmd>true</cmd><range>1-2</range><chunk>1</chunk></layer>"
        for name in ("first", "second")
    )
    depend = (
        "<depends><depend type='LAYER_ON_LAYER'><depjob>comp</depjob><deplayer>second</deplayer>"
        "<onjob>comp</onjob><onlayer>first</onlayer></depend></depends>"
    )
    job = await room.site.launch(layers, extra=depend)
    assert (job.name, job.job_stats.depend_frames) == ("library-sh1-ada_comp", 2)


async def test_whether_another_scheduler_is_wanted_is_kept_and_shown(room: Room) -> None:
    """It changes nothing, and the caller is told so."""
    request = show_pb2.ShowSetSchedulerManagedRequest(show=await room.show(), enabled=True)
    call = room.site.show.SetSchedulerManaged(request)
    await call
    assert "one scheduler" in dict(await call.trailing_metadata())["cuefarm-warning"]
    assert (await room.show()).scheduler_managed


@pytest.mark.slow
async def test_all_of_it_outlives_the_server(start_site: Any, tmp_path: Path) -> None:
    """A restart on the same database has services, departments, tasks, aliases and what was said of the show."""
    url = f"sqlite:///{tmp_path / 'farm.sqlite'}"
    first = await start_site(url)
    room = Room(first)
    show = await room.show()
    create = show_pb2.ShowCreateServiceOverrideRequest(show=show, service=service_pb2.Service(name="shell"))
    await first.show.CreateServiceOverride(create)
    await room.department.AddDepartmentName(department_pb2.DeptAddDeptNameRequest(name="Crowd"))
    await room.add("sh1", 4.0)
    await first.show.SetSchedulerManaged(show_pb2.ShowSetSchedulerManagedRequest(show=show, enabled=True))
    await first.show.CreateShow(show_pb2.ShowCreateShowRequest(name="old"))
    old = await room.show("old")
    await first.show.Archive(show_pb2.ShowArchiveRequest(show=old, target_show_name="testing"))
    await first.stop()

    room = Room(await start_site(url))
    listed = await room.site.show.GetServiceOverrides(show_pb2.ShowGetServiceOverridesRequest(show=show))
    assert [one.data.name for one in listed.service_overrides.service_overrides] == ["shell"]
    assert "Crowd" in room.site.farm.department_name_by_name
    assert await room.tasks() == [("sh1", 4.0, 0.0)]
    assert room.site.farm.show_for_jobs("old").id == show.id, "it stands for the show that was archived"
    assert (await room.show("old_archive")).id == old.id
    assert (await room.show()).scheduler_managed
