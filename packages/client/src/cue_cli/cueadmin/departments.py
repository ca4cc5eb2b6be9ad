"""Commands on what shows have for themselves: departments and their tasks, services, and whether they are put away."""

from __future__ import annotations

from typing import Any

from cue_cli.cueadmin import records
from cue_cli.cueadmin.lookup import findShow, toCores, toSwitch
from cue_cli.cueadmin.session import CommandError, Session
from opencue import api
from opencue.wording import counted
from opencue.wrappers.department import Department
from opencue.wrappers.task import Task


def list_departments(session: Session, values: list[str]) -> None:
    """-ldepartments: the departments of a show with their tasks; without a show the names that there are."""
    if not values:
        names = api.getDepartmentNames()
        if session.options.json:
            records.printJson(names)
        else:
            print("\n".join(names))
        return
    found = [(department, department.getTasks()) for department in findShow(values[0]).getDepartments()]
    if session.options.json:
        records.printJson([_department(department, tasks) for department, tasks in found])
        return
    layout = "%-20s %-15s %10s %10s  %s"
    print(layout % ("Department", "Shot", "Cores", "Adjusted", "Tracker"))
    for department, tasks in found:
        print(layout % (department.dept(), "", _cores(department.minCores()), "", department.tiTask()))
        for task in tasks:
            print(layout % ("", task.shot(), _cores(task.minCores()), _cores(task.adjustCores()), ""))


def in_cores(number: float) -> str:
    """Return a number of cores with its noun."""
    return "1 core" if number == 1 else f"{number:g} cores"


def _cores(number: float) -> str:
    return f"{number:g}"


def _department(department: Department, tasks: list[Task]) -> dict[str, Any]:
    return {
        "id": department.id(),
        "name": department.dept(),
        "managed_by": department.tiTask() or None,
        "min_cores": department.minCores(),
        "tasks": [
            {"id": task.id(), "shot": task.shot(), "cores": task.minCores(), "adjusted_cores": task.adjustCores()}
            for task in tasks
        ],
    }


def add_department(session: Session, values: list[str]) -> None:
    """-add-department: let groups have a department of this name."""
    session.confirm(f"Add department {values[0]}")
    api.addDepartmentName(values[0])
    session.acted = True
    session.report(f"{values[0]}: added")


def remove_department(session: Session, values: list[str]) -> None:
    """-remove-department: remove a name that no group's department has."""
    session.confirm(f"Remove department {values[0]}")
    session.changed(values[0], api.removeDepartmentName(values[0]), "removed", "it was removed already")


def set_department(session: Session, values: list[str]) -> None:
    """-set-department: put a group into a department."""
    show, group, name = values
    found = api.findGroup(findShow(show).name(), group)
    session.confirm(f"Put group {group} of {show} into department {name}")
    session.set(group, f"department {name}", found.setDepartment(name))


def set_task(session: Session, values: list[str]) -> None:
    """-set-task: what the jobs of a shot should have together in a department."""
    show, name, shot, cores = values[0], values[1], values[2], toCores(values[3])
    department = findShow(show).getDepartment(name)
    session.confirm(f"Give {in_cores(cores)} to shot {shot} in department {name} of {show}")
    task = _find(department, shot)
    if task is None:
        made = department.addTask(shot, cores)
        session.acted = True
        session.report(f"{made.shot()}: {in_cores(made.minCores())}")
        return
    session.set(task.shot(), in_cores(cores), task.setMinCores(cores), lambda: _stored(department, shot))


def _stored(department: Department, shot: str) -> str:
    task = _find(department, shot)
    return in_cores(task.minCores()) if task else "no task"


def delete_task(session: Session, values: list[str]) -> None:
    """-delete-task: the jobs of a shot keep what they have, and share nothing any more."""
    show, name, shot = values
    task = _find(findShow(show).getDepartment(name), shot)
    if task is None:
        raise CommandError(
            f"department {name} has no task for shot {shot!r}; `cueadmin -ldepartments {show}` lists them"
        )
    session.confirm(f"Delete the task of shot {shot} in department {name} of {show}")
    session.changed(task.shot(), task.delete(), "its task is deleted", "it was deleted already")


def _find(department: Department, shot: str) -> Any:
    folded = shot.replace("-", "_").lower()
    return next((task for task in department.getTasks() if task.shot() == folded), None)


def archive_show(session: Session, values: list[str]) -> None:
    """-archive-show: put a show away; jobs of its name are launched in another from now on."""
    show, target = findShow(values[0]), findShow(values[1])
    stopped = show.pendingJobs()
    which = f", of which {counted(stopped, 'job')} {'stops' if stopped == 1 else 'stop'}" if stopped else ""
    session.confirm(f"Archive show {show.name()}{which}, and launch its new jobs in {target.name()}")
    number = show.archive(target.name())
    done = f"archived; it is {show.name()}_archive now, and -enable-show {show.name()}_archive brings it back"
    session.changed(show.name(), number, done, "it was archived already")


def scheduler_managed(session: Session, values: list[str]) -> None:
    """-scheduler-managed: keep whether another scheduler is wanted for a show."""
    show, on = findShow(values[0]), toSwitch(values[1])
    session.confirm(f"Say that {'another' if on else 'no other'} scheduler is wanted for {show.name()}")
    session.set(
        show.name(), f"{'another' if on else 'no other'} scheduler is wanted for it", show.setSchedulerManaged(on)
    )
