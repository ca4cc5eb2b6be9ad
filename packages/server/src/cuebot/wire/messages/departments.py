"""Departments of shows and their tasks as messages, in cores."""

from __future__ import annotations

from opencue_proto import department_pb2, task_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Department, Task
from cuebot.queries.departments import department_name
from cuebot.queries.units import in_cores


def department_message(farm: Farm, department: Department) -> department_pb2.Department:
    """A department of a show."""
    return department_pb2.Department(
        id=department.id,
        name=department_name(farm, department),
        dept=department.name,
        ti_task=department.ti_task,
        min_cores=in_cores(department.min_cores),
        ti_managed=department.ti_managed,
    )


def task_message(farm: Farm, task: Task) -> task_pb2.Task:
    """A task: its minimum is what its jobs should have together, adjustment included."""
    department = farm.departments[task.department_id]
    return task_pb2.Task(
        id=task.id,
        name=f"{department_name(farm, department)}.{task.shot}",
        shot=task.shot,
        dept=department.name,
        point_id=department.id,
        min_cores=in_cores(task.cores),
        adjust_cores=in_cores(task.adjust_cores),
    )


def task_seq(farm: Farm, tasks: list[Task]) -> task_pb2.TaskSeq:
    """Tasks as a sequence."""
    return task_pb2.TaskSeq(tasks=[task_message(farm, task) for task in tasks])
