"""Every RPC of the published interface that this server does not do, each with its reason.

What stands here answers UNIMPLEMENTED with the reason. A test holds that this table and the services together are the
whole interface, so an RPC can be neither forgotten nor in both.
"""

from __future__ import annotations

from typing import Final

_AGENT = "agents answer this, the server only asks it"
_FILTERS = "filters are not offered; give jobs their group and priority when they are launched"
_DEPARTMENTS = "departments are not offered; every group is of the department Unknown"
_TASKS = "tasks of departments are not offered; set the minimum of cores on jobs or groups"
_OVERRIDES = "service overrides of shows are not offered; give the layer its own values in the job specification"


def _all(reason: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, reason)


NOT_OFFERED: Final[dict[str, dict[str, str]]] = {
    "department.DepartmentInterface": _all(
        _DEPARTMENTS, "AddDepartmentName", "Delete", "GetDepartmentNames", "RemoveDepartmentName"
    )
    | _all(_TASKS, "AddTask", "AddTasks", "ClearTasks", "ClearTaskAdjustments", "DisableTiManaged", "EnableTiManaged")
    | _all(_TASKS, "GetTasks", "ReplaceTasks", "SetManagedCores"),
    "filter.ActionInterface": _all(_FILTERS, "Commit", "Delete", "GetParentFilter"),
    "filter.FilterInterface": _all(
        _FILTERS,
        "CreateAction",
        "CreateMatcher",
        "Delete",
        "FindFilter",
        "GetActions",
        "GetMatchers",
        "LowerOrder",
        "OrderFirst",
        "OrderLast",
        "RaiseOrder",
        "RunFilterOnGroup",
        "RunFilterOnJobs",
        "SetEnabled",
        "SetName",
        "SetOrder",
        "SetType",
    ),
    "filter.MatcherInterface": _all(_FILTERS, "Commit", "Delete", "GetParentFilter"),
    "job.GroupInterface": _all(_DEPARTMENTS, "SetDepartment"),
    "job.JobInterface": _all(_FILTERS, "RunFilters"),
    "job.LayerInterface": {
        "SetMinGpu": "this RPC never did anything; SetMinGpuMemory sets the memory, SetMinGpus the number"
    },
    "rqd.RqdInterface": _all(
        _AGENT,
        "GetRunFrame",
        "GetRunningFrameStatus",
        "KillRunningFrame",
        "LaunchFrame",
        "Lock",
        "LockAll",
        "NimbyOff",
        "NimbyOn",
        "RebootIdle",
        "RebootNow",
        "ReportStatus",
        "RestartRqdIdle",
        "RestartRqdNow",
        "ShutdownRqdIdle",
        "ShutdownRqdNow",
        "Unlock",
        "UnlockAll",
    ),
    "rqd.RunningFrame": _all(_AGENT, "Kill", "Status"),
    "service.ServiceOverrideInterface": _all(_OVERRIDES, "Delete", "Update"),
    "show.ShowInterface": _all(_FILTERS, "CreateFilter", "FindFilter", "GetFilters")
    | _all(_OVERRIDES, "CreateServiceOverride", "GetServiceOverride")
    | _all(_DEPARTMENTS, "GetDepartment", "GetDepartments")
    | {
        "Archive": "shows are not archived; SetActive(false) keeps a show from taking jobs",
        "SetSchedulerManaged": "this server has one scheduler, which every show uses",
    },
    "task.TaskInterface": _all(_TASKS, "ClearAdjustments", "Delete", "SetMinCores"),
}
"""Reason by service and RPC."""
