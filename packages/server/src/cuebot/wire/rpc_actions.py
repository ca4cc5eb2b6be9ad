"""What each RPC does, by the public names of `domain.actions`, and what its request says that it is done to.

Whoever calls is asked for it before a request is looked at. What an RPC changes, the engine asks for once more, with
the command that it becomes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from google.protobuf.message_factory import GetMessageClass

from cuebot.domain.actions import ACTIONS, Action, Target
from cuebot.wire.not_offered import NOT_OFFERED

TargetOf = Callable[[Any], Target]
"""Takes a request."""


class Asked(NamedTuple):
    """What an RPC asks for."""

    action: Action
    target_of: TargetOf


def _read(noun: str, *rpcs: str) -> dict[str, str]:
    return dict.fromkeys(rpcs, f"{noun}.read")


_NAMES: Final[dict[str, dict[str, str]]] = {
    "comment.CommentInterface": {"Delete": "comment.delete", "Save": "comment.update"},
    "cue.CueInterface": _read("farm", "GetSystemStats"),
    "depend.DependInterface": {
        **_read("depend", "GetDepend"), "Satisfy": "depend.satisfy", "Unsatisfy": "depend.unsatisfy",
    },
    "department.DepartmentInterface": {
        **_read("department", "GetDepartmentNames"),
        **_read("task", "GetTasks"),
        **dict.fromkeys(("AddTask", "AddTasks", "ClearTasks", "ReplaceTasks"), "department.set_tasks"),
        "AddDepartmentName": "department_name.create",
        "ClearTaskAdjustments": "task.clear_adjustments",
        "Delete": "department.delete",
        "DisableTiManaged": "department.release",
        "EnableTiManaged": "department.manage",
        "RemoveDepartmentName": "department_name.delete",
        "SetManagedCores": "department.set_cores",
    },
    "facility.AllocationInterface": {
        **_read("allocation", "Find", "Get", "GetAll", "GetDefault"),
        **_read("host", "FindHosts", "GetHosts"),
        **_read("subscription", "GetSubscriptions"),
        "Create": "allocation.create",
        "Delete": "allocation.delete",
        "ReparentHosts": "host.move",
        "SetBillable": "allocation.set_billable",
        "SetDefault": "allocation.set_default",
        "SetName": "allocation.rename",
        "SetTag": "allocation.set_tag",
    },
    "facility.FacilityInterface": {
        **_read("facility", "Get"),
        **_read("allocation", "GetAllocations"),
        "Create": "facility.create",
        "Delete": "facility.delete",
        "Rename": "facility.rename",
    },
    "host.DeedInterface": {
        **_read("host", "GetHost"),
        **_read("owner", "GetOwner"),
        "Delete": "deed.delete",
    },
    "filter.ActionInterface": {
        **_read("filter", "GetParentFilter"), "Commit": "filter.change_action", "Delete": "filter.remove_action",
    },
    "filter.FilterInterface": {
        **_read("filter", "FindFilter", "GetActions", "GetMatchers"),
        **dict.fromkeys(("LowerOrder", "OrderFirst", "OrderLast", "RaiseOrder", "SetOrder"), "filter.set_order"),
        **dict.fromkeys(("RunFilterOnGroup", "RunFilterOnJobs"), "filter.run"),
        "CreateAction": "filter.add_action",
        "CreateMatcher": "filter.add_matcher",
        "Delete": "filter.delete",
        "SetEnabled": "filter.set_enabled",
        "SetName": "filter.rename",
        "SetType": "filter.set_type",
    },
    "filter.MatcherInterface": {
        **_read("filter", "GetParentFilter"), "Commit": "filter.change_matcher", "Delete": "filter.remove_matcher",
    },
    "host.HostInterface": {
        **_read("deed", "GetDeed"),
        **_read("partition", "GetRenderPartitions"),
        **_read("owner", "GetOwner"),
        **_read("host", "FindHost", "GetHost", "GetHosts", "GetHostWhiteboard"),
        **_read("proc", "GetProcs"),
        **_read("comment", "GetComments"),
        "AddComment": "comment.add",
        "AddTags": "host.add_tags",
        "Delete": "host.delete",
        "Lock": "host.lock",
        "Reboot": "host.reboot",
        "RebootWhenIdle": "host.reboot",
        "RedirectToJob": "proc.redirect",
        "RemoveTags": "host.remove_tags",
        "RenameTag": "host.add_tags",
        "RestartRqdNow": "host.restart_agent",
        "RestartRqdWhenIdle": "host.restart_agent",
        "SetAllocation": "host.move",
        "SetHardwareState": "host.set_state",
        "SetOs": "host.set_os",
        "SetThreadMode": "host.set_thread_mode",
        "Unlock": "host.unlock",
    },
    "host.OwnerInterface": {
        **_read("owner", "GetOwner"),
        **_read("deed", "GetDeeds"),
        **_read("host", "GetHosts"),
        "Delete": "owner.delete",
        "SetShow": "owner.set_show",
        "TakeOwnership": "host.give",
    },
    "host.ProcInterface": {
        **_read("proc", "GetProcs"),
        **_read("frame", "GetFrame"),
        **_read("host", "GetHost"),
        **_read("job", "GetJob"),
        **_read("layer", "GetLayer"),
        **dict.fromkeys(("Kill", "Unbook", "UnbookProcs"), "proc.kill"),
        **dict.fromkeys(("RedirectToGroup", "RedirectToJob", "UnbookToGroup", "UnbookToJob"), "proc.redirect"),
        "ClearRedirect": "proc.clear_redirect",
    },
    "job.FrameInterface": {
        **_read("frame", "FindFrame", "GetFrame", "GetFrameStateDisplayOverrides", "GetFrames"),
        **_read("depend", "GetWhatDependsOnThis", "GetWhatThisDependsOn"),
        **dict.fromkeys(
            ("CreateDependencyOnFrame", "CreateDependencyOnJob", "CreateDependencyOnLayer"), "depend.add"
        ),
        "DropDepends": "depend.satisfy",
        "Eat": "frame.eat",
        "Kill": "frame.kill",
        "MarkAsDepend": "frame.hold",
        "MarkAsWaiting": "frame.release",
        "Retry": "frame.retry",
        "AddRenderPartition": "partition.add",
        "SetCheckpointState": "frame.set_checkpoint",
        "SetFrameStateDisplayOverride": "display_override.set",
    },
    "job.GroupInterface": {
        **_read("group", "FindGroup", "GetGroup", "GetGroups"),
        **_read("job", "GetJobs"),
        "CreateSubGroup": "group.create",
        "Delete": "group.delete",
        "ReparentGroups": "group.move",
        "SetDepartment": "group.set_department",
        "ReparentJobs": "job.move",
        "SetDefaultJobMaxCores": "group.set_job_max_cores",
        "SetDefaultJobMaxGpus": "group.set_job_max_gpus",
        "SetDefaultJobMinCores": "group.set_job_min_cores",
        "SetDefaultJobMinGpus": "group.set_job_min_gpus",
        "SetDefaultJobPriority": "group.set_job_priority",
        "SetGroup": "group.move",
        "SetMaxCores": "group.set_max_cores",
        "SetMaxGpus": "group.set_max_gpus",
        "SetMinCores": "group.set_min_cores",
        "SetMinGpus": "group.set_min_gpus",
        "SetName": "group.rename",
    },
    "job.JobInterface": {
        **_read("job", "FindJob", "GetCurrent", "GetJob", "GetJobNames", "GetJobs", "IsJobPending"),
        **_read("layer", "GetLayers"),
        **_read("frame", "GetFrames", "GetUpdatedFrames"),
        **_read("comment", "GetComments"),
        **_read("depend", "GetDepends", "GetWhatDependsOnThis", "GetWhatThisDependsOn"),
        **dict.fromkeys(
            ("CreateDependencyOnFrame", "CreateDependencyOnJob", "CreateDependencyOnLayer"), "depend.add"
        ),
        "AddComment": "comment.add",
        "AddSubscriber": "job.add_subscriber",
        "DropDepends": "depend.satisfy",
        "EatFrames": "frame.eat",
        "Kill": "job.kill",
        "KillFrames": "frame.kill",
        "LaunchSpec": "job.submit",
        "LaunchSpecAndWait": "job.submit",
        "MarkAsWaiting": "frame.release",
        "MarkDoneFrames": "frame.mark_done",
        "Pause": "job.pause",
        "ReorderFrames": "frame.reorder",
        "Resume": "job.resume",
        "RetryFrames": "frame.retry",
        "RunFilters": "filter.run",
        "SetAutoEat": "job.set_auto_eat",
        "SetGroup": "job.move",
        "SetMaxCores": "job.set_max_cores",
        "SetMaxGpus": "job.set_max_gpus",
        "SetMaxRetries": "job.set_max_retries",
        "SetMinCores": "job.set_min_cores",
        "SetMinGpus": "job.set_min_gpus",
        "SetPriority": "job.set_priority",
        "ShutdownIfCompleted": "job.finish",
        "AddRenderPartition": "partition.add",
        "StaggerFrames": "frame.stagger",
    },
    "job.LayerInterface": {
        **_read("layer", "FindLayer", "GetLayer", "GetOutputPaths"),
        **_read("frame", "GetFrames"),
        **_read("limit", "GetLimits"),
        **_read("depend", "GetWhatDependsOnThis", "GetWhatThisDependsOn"),
        **dict.fromkeys(
            ("CreateDependencyOnFrame", "CreateDependencyOnJob", "CreateDependencyOnLayer"), "depend.add"
        ),
        "AddLimit": "layer.add_limit",
        "CreateFrameByFrameDependency": "depend.add",
        "DropDepends": "depend.satisfy",
        "DropLimit": "layer.drop_limit",
        "EatFrames": "frame.eat",
        "EnableMemoryOptimizer": "layer.set_memory_optimizer",
        "KillFrames": "frame.kill",
        "MarkdoneFrames": "frame.mark_done",
        "RegisterOutputPath": "layer.add_output",
        "ReorderFrames": "frame.reorder",
        "RetryFrames": "frame.retry",
        "SetDispatchOrder": "layer.set_order",
        "SetMaxCores": "layer.set_max_cores",
        "SetMaxGpus": "layer.set_max_gpus",
        "SetMinCores": "layer.set_cores",
        "SetMinGpuMemory": "layer.set_gpu_memory",
        "SetMinGpus": "layer.set_gpus",
        "SetMinMemory": "layer.set_memory",
        "SetStartAfter": "layer.set_start",
        "SetTags": "layer.set_tags",
        "SetThreadable": "layer.set_threadable",
        "SetTimeout": "layer.set_timeout",
        "SetTimeoutLLU": "layer.set_llu_timeout",
        "AddRenderPartition": "partition.add",
        "StaggerFrames": "frame.stagger",
    },
    "limit.LimitInterface": {
        **_read("limit", "Find", "Get", "GetAll", "GetBindings", "GetHolds"),
        "ClearBindings": "limit.clear_bindings",
        "Create": "limit.create",
        "Delete": "limit.delete",
        "Rename": "limit.rename",
        "ReportUsage": "limit.report_usage",
        "SetEnforcement": "limit.set_enforcement",
        "SetFailureRule": "limit.set_failure_rule",
        "SetMaxValue": "limit.set_max",
        "SetReportTtl": "limit.set_report_ttl",
        "SetSoftValue": "limit.set_soft",
        "SetType": "limit.set_per_host",
    },
    "renderPartition.RenderPartitionInterface": {
        "Delete": "partition.delete",
        "SetMaxResources": "partition.resize",
    },
    "monitoring.MonitoringInterface": {
        **_read("job", "GetJobHistory"),
        **_read("layer", "GetLayerHistory", "GetLayerMemoryHistory"),
        **_read("frame", "GetFrameHistory"),
        **_read("host", "GetHostHistory"),
        **_read("farm", "GetFarmStatistics"),
    },
    "report.RqdReportInterface": {
        "ReportRqdStartup": "host.report",
        "ReportRunningFrameCompletion": "proc.report_end",
        "ReportStatus": "host.report",
    },
    "service.ServiceInterface": {
        **_read("service", "GetDefaultServices", "GetService"),
        "CreateService": "service.create",
        "Delete": "service.delete",
        "Update": "service.update",
    },
    "service.ServiceOverrideInterface": {"Delete": "service_override.delete", "Update": "service_override.update"},
    "show.ShowInterface": {
        **_read("show", "FindShow", "GetActiveShows", "GetShows"),
        **_read("group", "GetGroups", "GetRootGroup"),
        **_read("job", "GetJobs", "GetJobWhiteboard"),
        **_read("department", "GetDepartment", "GetDepartments"),
        **_read("filter", "FindFilter", "GetFilters"),
        **_read("service", "GetServiceOverride", "GetServiceOverrides"),
        **_read("subscription", "GetSubscriptions"),
        **_read("deed", "GetDeeds"),
        "CreateOwner": "owner.create",
        "Archive": "show.archive",
        "CreateFilter": "filter.create",
        "CreateServiceOverride": "service_override.create",
        "CreateShow": "show.create",
        "CreateSubscription": "subscription.create",
        "Delete": "show.delete",
        "EnableBooking": "show.set_booking",
        "EnableDispatching": "show.set_dispatching",
        "SetActive": "show.set_active",
        "SetCommentEmail": "show.set_comment_email",
        "SetDefaultMaxCores": "show.set_default_max_cores",
        "SetDefaultMaxGpus": "show.set_default_max_gpus",
        "SetDefaultMinCores": "show.set_default_min_cores",
        "SetDefaultMinGpus": "show.set_default_min_gpus",
        "SetSchedulerManaged": "show.set_scheduler_managed",
    },
    "subscription.SubscriptionInterface": {
        **_read("subscription", "Find", "Get"),
        "Delete": "subscription.delete",
        "SetBurst": "subscription.set_burst",
        "SetSize": "subscription.set_size",
    },
    "task.TaskInterface": {
        "ClearAdjustments": "task.clear_adjustments", "Delete": "task.delete", "SetMinCores": "task.set_cores",
    },
    "cuefarm.v1.FarmInterface": {
        **_read("farm", "Find", "GetDoors", "GetEvents", "GetQueryFields", "GetRetention"),
        **_read("job", "FindFinishedJobs", "GetSpecification"),
        **_read("run", "GetFailures", "GetRuns"),
        **_read("log", "ReadLog"),
        **_read("layer", "GetJobSettings"),
        "AddDepend": "depend.add",
        "Explain": "job.explain",
        "TryFilters": "filter.try",
        "ImportFilters": "filter.import",
        "CompareFilters": "filter.compare",
        "RestoreFrames": "frame.restore",
        "SetJobOwner": "job.set_owner",
        "SetJobTimeLimit": "job.set_time_limit",
        "SetLayerMaxRetries": "layer.set_max_retries",
    },
    "cuefarm.v1.AgentInterface": {"Work": "host.connect"},
}  # fmt: skip


def asked_by(service: str, rpc: Any) -> Asked:
    """What an RPC (its descriptor) of a service (its full name) asks for. Raises KeyError where it stands nowhere."""
    is_offered = rpc.name not in NOT_OFFERED.get(service, {})
    action = ACTIONS[_NAMES[service][rpc.name] if is_offered else "interface.read"]
    return Asked(action, _target_reader(action, rpc.input_type))


def _target_reader(action: Action, request_type: Any) -> TargetOf:
    """What finds in a request of a type (its descriptor) whatever the action is done to: the thing that it is about.

    That is the first message with an id, an id alone, or a name, which then stands where an id would.
    """
    empty = GetMessageClass(request_type)()
    for field in request_type.fields:
        if isinstance(getattr(getattr(empty, field.name), "id", None), str):
            return _message_reader(field.message_type.name.lower(), field.name)
    for name, kind in (("id", action.noun), ("job", "job"), ("name", action.noun), ("limit_name", "limit")):
        if isinstance(getattr(empty, name, None), str):
            return _text_reader(kind, name)
    everything = Target(action.noun)
    return lambda request: everything


def _message_reader(kind: str, name: str) -> TargetOf:
    return lambda request: _target(kind, getattr(request, name).id)


def _text_reader(kind: str, name: str) -> TargetOf:
    return lambda request: _target(kind, getattr(request, name))


def _target(kind: str, id: str) -> Target:
    return Target(kind, (id,) if id else ())
