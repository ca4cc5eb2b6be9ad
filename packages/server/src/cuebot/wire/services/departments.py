"""DepartmentInterface and TaskInterface."""

from __future__ import annotations

from collections.abc import Mapping

from opencue_proto import department_pb2, task_pb2

from cuebot.domain import commands as c
from cuebot.domain.names import folded
from cuebot.domain.nouns import Department
from cuebot.domain.units import ONE_CORE, CoreUnits
from cuebot.wire.call import Call
from cuebot.wire.messages.departments import task_message, task_seq
from cuebot.wire.requests import OfDepartment
from cuebot.wire.values import units


class DepartmentInterface:
    """The names of departments, the departments of shows, and which shots these should have cores for."""

    # --- names, which groups of any show may have -----------------------------------------------------------------

    def GetDepartmentNames(
        self, request: department_pb2.DeptGetDepartmentNamesRequest, call: Call
    ) -> department_pb2.DeptGetDepartmentNamesResponse:
        """All names of departments."""
        names = sorted(call.farm.department_name_by_name)
        return department_pb2.DeptGetDepartmentNamesResponse(names=names)

    async def AddDepartmentName(self, request: department_pb2.DeptAddDeptNameRequest, call: Call) -> None:
        """Let groups have a department of that name."""
        await call.submit(c.AddDepartmentName(request.name))

    async def RemoveDepartmentName(self, request: department_pb2.DeptRemoveDepartmentNameRequest, call: Call) -> None:
        """Remove a name that no group has."""
        await call.submit(c.Delete("department_name", call.farm.department_called(request.name).id))

    # --- departments of shows -------------------------------------------------------------------------------------

    async def Delete(self, request: department_pb2.DeptDeleteRequest, call: Call) -> None:
        """Take from a show a department that none of its groups is in; its tasks go with it."""
        await call.submit(c.Delete("department", _department(request, call).id))

    async def EnableTiManaged(self, request: department_pb2.DeptEnableTiManagedRequest, call: Call) -> None:
        """Let a task of the production's tracker say what a department should have."""
        cores = units(request.managed_cores, "the managed cores")
        await call.submit(c.ManageDepartment(_department(request, call).id, request.ti_task, cores))

    async def DisableTiManaged(self, request: department_pb2.DeptDisableTiManagedRequest, call: Call) -> None:
        """Let nobody say any more what a department should have; its tasks go."""
        await call.submit(c.ReleaseDepartment(_department(request, call).id))

    async def SetManagedCores(self, request: department_pb2.DeptSetManagedCoresRequest, call: Call) -> None:
        """Set what a department should have, in whole cores."""
        cores = units(request.managed_cores, "the managed cores") // ONE_CORE * ONE_CORE
        await call.submit(c.Change("department", _department(request, call).id, {"min_cores": cores}))

    # --- their tasks ----------------------------------------------------------------------------------------------

    def GetTasks(self, request: department_pb2.DeptGetTasksRequest, call: Call) -> department_pb2.DeptGetTasksResponse:
        """The tasks of a department, by shot."""
        tasks = call.farm.tasks_of(_department(request, call).id)
        return department_pb2.DeptGetTasksResponse(tasks=task_seq(call.farm, tasks))

    async def AddTask(
        self, request: department_pb2.DeptAddTaskRequest, call: Call
    ) -> department_pb2.DeptAddTaskResponse:
        """Give a shot cores."""
        farm, department = call.farm, _department(request, call)
        await call.submit(c.SetTasks(department.id, {request.shot: units(request.min_cores, "the minimum of cores")}))
        task = farm.tasks[farm.task_of[department.id, folded(request.shot)]]
        return department_pb2.DeptAddTaskResponse(task=task_message(farm, task))

    async def AddTasks(
        self, request: department_pb2.DeptAddTasksRequest, call: Call
    ) -> department_pb2.DeptAddTasksResponse:
        """Give shots cores, in hundredths; returns the tasks that are new."""
        farm, department = call.farm, _department(request, call)
        await _set_tasks(call, department, request.tmap, replace=False)
        tasks = [farm.tasks[farm.task_of[department.id, folded(shot)]] for shot in sorted(request.tmap)]
        return department_pb2.DeptAddTasksResponse(tasks=task_seq(farm, tasks))

    async def ReplaceTasks(
        self, request: department_pb2.DeptReplaceTaskRequest, call: Call
    ) -> department_pb2.DeptReplaceTaskResponse:
        """Give shots cores, in hundredths, in the place of all tasks that there are."""
        department = _department(request, call)
        await _set_tasks(call, department, request.tmap, replace=True)
        tasks = call.farm.tasks_of(department.id)
        return department_pb2.DeptReplaceTaskResponse(tasks=task_seq(call.farm, tasks))

    async def ClearTasks(self, request: department_pb2.DeptClearTasksRequest, call: Call) -> None:
        """Remove all tasks of a department."""
        await _set_tasks(call, _department(request, call), {}, replace=True)

    async def ClearTaskAdjustments(self, request: department_pb2.DeptClearTaskAdjustmentsRequest, call: Call) -> None:
        """Take back what was adjusted by hand in a department."""
        tasks = call.farm.tasks_of(_department(request, call).id)
        await call.submit(c.ClearTaskAdjustments(tuple(task.id for task in tasks)))


class TaskInterface:
    """What a shot should have."""

    async def SetMinCores(self, request: task_pb2.TaskSetMinCoresRequest, call: Call) -> None:
        """Set what a shot should have, in whole cores; in a managed department by an adjustment."""
        await call.submit(c.SetTaskCores(request.task.id, units(request.new_min_cores, "the minimum of cores")))

    async def ClearAdjustments(self, request: task_pb2.TaskClearAdjustmentsRequest, call: Call) -> None:
        """Take back what was adjusted by hand."""
        await call.submit(c.ClearTaskAdjustments((call.farm.get("task", request.task.id).id,)))

    async def Delete(self, request: task_pb2.TaskDeleteRequest, call: Call) -> None:
        """Remove a task; the jobs of its shot keep the minimums that they have."""
        await call.submit(c.Delete("task", request.task.id))


def _department(request: OfDepartment, call: Call) -> Department:
    department: Department = call.farm.get("department", request.department.id)
    return department


async def _set_tasks(call: Call, department: Department, given: Mapping[str, int], *, replace: bool) -> None:
    cores = {shot: CoreUnits(value) for shot, value in sorted(given.items())}
    await call.submit(c.SetTasks(department.id, cores, replace))
