"""Commands on departments and their tasks, and what tasks do: the jobs of a shot share what it should have.

(opencue-behaviour: tasks.)
"""

from __future__ import annotations

from collections.abc import Iterable

from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.bounds import INT32_MAX
from cuebot.domain.errors import AlreadyExists, Invalid, LimitExceeded, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.names import conform_name, label
from cuebot.domain.nouns import Department, DepartmentName, Group, Job, Task, stored_values
from cuebot.domain.nouns.departments import UNKNOWN_DEPARTMENT
from cuebot.domain.states import FrameState, JobState
from cuebot.domain.units import ONE_CORE, CoreUnits
from cuebot.scheduling.explain.wording import counted

# --- names, and departments of shows ----------------------------------------------------------------------------------


def add_name(farm: Farm, command: c.AddDepartmentName, context: Context) -> tuple[list[ev.Event], str]:
    """Let groups have a department of that name. Replies with the id of the name."""
    try:
        name = label(command.name.strip(), context.bounds)
    except ValueError as error:
        raise Invalid(f"a department's name cannot be {quoted(command.name)!r}: accepted is {error}") from error
    if name in farm.department_name_by_name:
        raise AlreadyExists(f"there is a department {name!r} already")
    made = DepartmentName(context.new_id(), name)
    return [ev.Added("department_name", stored_values(made))], made.id


def set_group_department(farm: Farm, command: c.SetGroupDepartment, context: Context) -> list[ev.Event]:
    """Put a group into a department, which its show has from now on."""
    group: Group = farm.get("group", command.group_id)
    name = farm.department_called(command.department).name
    if group.department == name:
        return []
    changed = ev.Changed("group", group.id, {"department": name})
    return [*added_department(farm, group.show_id, name, context), changed]


def added_department(farm: Farm, show_id: str, name: str, context: Context) -> list[ev.Event]:
    """A show has a department, if it did not have it."""
    if (show_id, name) in farm.department_of:
        return []
    return [ev.Added("department", stored_values(Department(context.new_id(), show_id, name)))]


def manage(farm: Farm, command: c.ManageDepartment, context: Context) -> list[ev.Event]:
    """Let a task of the tracker say what the department should have."""
    department: Department = farm.get("department", command.department_id)
    most = context.bounds.listed_name_characters
    if not 1 <= len(command.ti_task) <= most or not command.ti_task.isprintable():
        raise Invalid(
            f"department {department.name!r}: the name of the tracker's task has 1 to {most} printable characters"
            " (listed_name_characters)"
        )
    wanted = {"ti_managed": True, "ti_task": command.ti_task, "min_cores": _cores(command.cores, department.name)}
    changes = {name: value for name, value in wanted.items() if getattr(department, name) != value}
    return [ev.Changed("department", department.id, changes)] if changes else []


def release(farm: Farm, command: c.ReleaseDepartment, context: Context) -> list[ev.Event]:
    """Let nobody say what the department should have; its tasks go."""
    department: Department = farm.get("department", command.department_id)
    if not department.ti_managed:
        return []
    changed = ev.Changed("department", department.id, {"ti_managed": False, "ti_task": "", "min_cores": 0})
    return [changed, *removed_tasks(farm, department.id)]


# --- tasks ------------------------------------------------------------------------------------------------------------


def removed_tasks(farm: Farm, department_id: str) -> list[ev.Event]:
    """The tasks of a department are gone."""
    return [ev.Removed("task", task.id, stored_values(task)) for task in farm.tasks_of(department_id)]


def set_tasks(farm: Farm, command: c.SetTasks, context: Context) -> list[ev.Event]:
    """Give a department tasks, all of them or none.

    A shot that has a task already is refused, unless the tasks are replaced.
    """
    department: Department = farm.get("department", command.department_id)
    had = {} if command.replace else {task.shot: task for task in farm.tasks_of(department.id)}
    made: dict[str, Task] = {}
    for given, cores in command.cores.items():
        shot = conform_name("shot", given, context.bounds)
        if shot in had or shot in made:
            raise AlreadyExists(f"department {department.name!r} has a task for shot {shot!r} already")
        made[shot] = Task(context.new_id(), department.id, shot, _cores(cores, shot))
    count = len(had) + len(made)
    allowed = context.bounds.tasks_per_department
    if count > allowed:
        raise LimitExceeded(
            f"department {department.name!r}", "tasks", given=count, limit="tasks_per_department", allowed=allowed
        )
    removed = removed_tasks(farm, department.id) if command.replace else []
    added = [ev.Added("task", stored_values(task)) for task in made.values()]
    return [*removed, *added]


def set_task_cores(farm: Farm, command: c.SetTaskCores, context: Context) -> list[ev.Event]:
    """Set what a shot should have."""
    task: Task = farm.get("task", command.task_id)
    cores = _cores(command.cores, task.shot)
    is_managed = farm.departments[task.department_id].ti_managed
    name, value = ("adjust_cores", cores - task.min_cores) if is_managed else ("min_cores", cores)
    return [ev.Changed("task", task.id, {name: value})] if getattr(task, name) != value else []


def clear_adjustments(farm: Farm, command: c.ClearTaskAdjustments, context: Context) -> list[ev.Event]:
    """Take back what was adjusted by hand."""
    tasks: list[Task] = [farm.get("task", id) for id in dict.fromkeys(command.task_ids)]
    return [ev.Changed("task", task.id, {"adjust_cores": 0}) for task in tasks if task.adjust_cores]


def _cores(cores: int, of: str) -> CoreUnits:
    """Whole cores, as tasks have them."""
    if not 0 <= cores <= INT32_MAX:
        raise Invalid(f"{quoted(of)!r}: what a department or a shot should have is at least 0 cores")
    return CoreUnits(cores // ONE_CORE * ONE_CORE)


def why_no_name_goes(farm: Farm, name: DepartmentName) -> str:
    """Why the name of a department cannot be removed, or nothing."""
    if name.name == UNKNOWN_DEPARTMENT:
        return "new groups have it"
    groups = sum(group.department == name.name for group in farm.groups.values())
    tasks = sum(farm.departments[task.department_id].name == name.name for task in farm.tasks.values())
    if groups or tasks:
        return f"{counted(groups, 'group')} and {counted(tasks, 'task')} have it; give the groups another one first"
    return ""


# --- what follows -----------------------------------------------------------------------------------------------------


def shared_after(farm: Farm, events: Iterable[ev.Event]) -> list[ev.Event]:
    """What jobs share by tasks, once for all that happened: jobs came, went, are back or moved, or tasks changed."""
    if not farm.tasks:
        return []
    touched: dict[str, None] = {}
    for event in events:
        match event:
            case ev.JobLaunched(job={"id": id}) | ev.JobFinished(job_id=id) | ev.JobReopened(job_id=id):
                touched |= _tasks_of(farm, farm.jobs[id])
            case ev.Changed(kind="job", id=id, changes=changes) if "group_id" in changes:
                touched |= _tasks_of(farm, farm.jobs[id])
            case ev.Changed(kind="group", id=id, changes=changes) if "department" in changes:
                for job_id in farm.groups[id].job_ids:
                    touched |= _tasks_of(farm, farm.jobs[job_id])
            case ev.Added(kind="task", values={"id": id}) | ev.Changed(kind="task", id=id):
                touched[id] = None
    return [change for id in touched if id in farm.tasks for change in _shared_by(farm, farm.tasks[id])]


def _tasks_of(farm: Farm, job: Job) -> dict[str, None]:
    """The tasks for a job's shot, of all departments: it may have left one for another."""
    departments = (one for one in farm.departments.values() if one.show_id == job.show_id)
    found = (farm.task_of.get((one.id, job.shot)) for one in departments)
    return dict.fromkeys(id for id in found if id)


def _shared_by(farm: Farm, task: Task) -> list[ev.Event]:
    """The pending jobs of a task's shot get its cores as their minimums, the oldest first."""
    jobs = _jobs_of(farm, task)
    if not jobs:
        return []
    shares = _shares(task.cores // ONE_CORE, [job.counts[FrameState.WAITING] for job in jobs])
    return [
        ev.Changed("job", job.id, {"min_cores": share * ONE_CORE})
        for job, share in zip(jobs, shares, strict=True)
        if job.min_cores != share * ONE_CORE
    ]


def _jobs_of(farm: Farm, task: Task) -> list[Job]:
    department = farm.departments[task.department_id]
    jobs = [farm.jobs[id] for id in farm.jobs_of_shot.get((department.show_id, task.shot), ())]
    wanted = [
        job for job in jobs if job.state is JobState.PENDING and farm.groups[job.group_id].department == department.name
    ]
    return sorted(wanted, key=lambda job: (job.submitted_us, job.id))


def _shares(cores: int, waiting: list[int]) -> list[int]:
    """Whole cores for each job: alike, but no more than it has waiting frames; what is left goes round, one each."""
    if len(waiting) == 1:
        return [cores]
    base = cores // len(waiting)
    shares = [min(base, count) for count in waiting]
    left = cores - sum(shares)
    while left:
        wanting = [place for place, count in enumerate(waiting) if count > shares[place]][:left]
        if not wanting:
            break
        each = min(left // len(wanting), min(waiting[place] - shares[place] for place in wanting))
        for place in wanting:
            shares[place] += each
        left -= each * len(wanting)
    return shares


def check_needless(farm: Farm, department: Department) -> str:
    """Why a department of a show cannot be removed, or nothing."""
    groups = sum(
        group.show_id == department.show_id and group.department == department.name for group in farm.groups.values()
    )
    return f"it still has {counted(groups, 'group')}" if groups else ""
