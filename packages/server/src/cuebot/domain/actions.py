"""What can be done on a farm, by public names: `job.pause`, `layer.set_memory`, `host.lock`, `job.read`.

One table for whoever speaks of what is done: rights, the steps of explain, history. A command has the names of what it
does, most commands one; a read has one as well. A name, once published, stays. docs/reference/actions.md is made from
this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple

from cuebot.domain import commands as c
from cuebot.domain.errors import Invalid
from cuebot.domain.states import LockState


class Right(Enum):
    """What somebody may be allowed to do, in words."""

    SEE = "see the farm"
    JOBS = "submit jobs, and change jobs with all that is in them"
    HOSTS = "change hosts and end their runs"
    FARM = "change shows, groups, shares, limits and services"
    REPORT = "report as a host's agent"
    SERVER = "do the server's own work"


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done, by its public name."""

    name: str
    """The noun that it is about, a dot, and a verb."""
    right: Right
    text: str
    """What is done, in one sentence."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Public names of its arguments, with their units, by fields of the command; empty where they are not published."""

    @property
    def noun(self) -> str:
        """What it is about."""
        return self.name.partition(".")[0]


class Target(NamedTuple):
    """What something is done to: things of a kind. No ids where it is done to none in particular, or to all."""

    kind: str
    ids: tuple[str, ...] = ()
    """Of frames, those of their layers. Where whoever asks names a thing by its name, that."""


class _Row(NamedTuple):
    """A class of commands: what it does, and to what."""

    action: Action
    kind: str
    ids: Callable[[Any], tuple[str, ...]]


def _none(command: Any) -> tuple[str, ...]:
    return ()


def _one(name: str) -> Callable[[Any], tuple[str, ...]]:
    return lambda command: (getattr(command, name),)


def _all(name: str) -> Callable[[Any], tuple[str, ...]]:
    """Those in a field that has several: a list of ids, or frames by the ids of their layers."""
    return lambda command: tuple(getattr(command, name))


# --- commands of a class each -------------------------------------------------------------------------------------

_J, _H, _F = Right.JOBS, Right.HOSTS, Right.FARM

_DISPLAY: Final = Action("display_override.set", _J, "set what clients show for a frame in a state")

_ROWS: Final[dict[type[c.Command], _Row]] = {
    c.SubmitJobs: _Row(Action("job.submit", _J, "launch the jobs of a specification"),
                       "show", lambda command: (command.spec.show,)),
    c.KillJob: _Row(Action("job.kill", _J, "end a job, and the runs of its frames", {"job_id": "job"}),
                    "job", _one("job_id")),
    c.FinishIfComplete: _Row(Action("job.finish", _J, "end a job that has nothing left to do", {"job_id": "job"}),
                             "job", _one("job_id")),
    c.MoveJob: _Row(
        Action("job.move", _J, "put a job into another group of its show", {"job_id": "job", "group_id": "group"}),
        "job", _one("job_id"),
    ),
    c.RetryFrames: _Row(Action("frame.retry", _J, "let frames run again"), "layer", _all("frames")),
    c.EatFrames: _Row(Action("frame.eat", _J, "give frames up, so that their job can end without them"),
                      "layer", _all("frames")),
    c.RestoreFrames: _Row(
        Action("frame.restore", _J, "let frames that never ran here have ended as they had on another farm",
               {"layer_id": "layer", "frames": "frames"}),
        "layer", _one("layer_id"),
    ),
    c.KillFrames: _Row(Action("frame.kill", _J, "end the runs of frames"), "layer", _all("frames")),
    c.MarkDone: _Row(
        Action("frame.mark_done", _J, "satisfy what waits for frames, as if they had succeeded"),
        "layer", lambda command: tuple(dict.fromkeys((*command.frames, *command.layer_ids))),
    ),
    c.ReleaseFrames: _Row(Action("frame.release", _J, "let frames go although what they wait for has not happened"),
                          "layer", _all("frames")),
    c.ReorderFrames: _Row(
        Action("frame.reorder", _J, "give frames another place in their layer's order",
               {"layer_id": "layer", "numbers": "frames", "order": "order"}),
        "layer", _one("layer_id"),
    ),
    c.StaggerFrames: _Row(
        Action("frame.stagger", _J, "have every so many-th frame of a range run first",
               {"layer_id": "layer", "numbers": "frames", "step": "step"}),
        "layer", _one("layer_id"),
    ),
    c.HoldFrames: _Row(Action("frame.hold", _J, "let frames that were let go wait for the rest again"),
                       "layer", _all("frames")),
    c.SetCheckpoint: _Row(
        Action("frame.set_checkpoint", _J, "say how far the checkpoint of a frame is"), "layer", _one("layer_id"),
    ),
    c.SetDisplayOverride: _Row(_DISPLAY, "layer", _one("layer_id")),
    c.AddSubscriber: _Row(
        Action("job.add_subscriber", _J, "send mail to an address when a job ends",
               {"job_id": "job", "address": "address"}),
        "job", _one("job_id"),
    ),
    c.AddOutput: _Row(
        Action("layer.add_output", _J, "say that a layer writes a file", {"layer_id": "layer", "path": "path"}),
        "layer", _one("layer_id"),
    ),
    c.AddLayerLimit: _Row(
        Action("layer.add_limit", _J, "count a layer by one more limit", {"layer_id": "layer", "limit_id": "limit"}),
        "layer", _one("layer_id"),
    ),
    c.DropLayerLimit: _Row(
        Action("layer.drop_limit", _J, "count a layer no longer by a limit",
               {"layer_id": "layer", "limit_id": "limit"}),
        "layer", _one("layer_id"),
    ),
    c.AddDepend: _Row(Action("depend.add", _J, "make a job, layer or frame wait for another"), "job", _one("er_job")),
    c.SatisfyDepends: _Row(
        Action("depend.satisfy", _J, "let depends hold nothing back any more", {"depend_ids": "depends"}),
        "depend", _all("depend_ids"),
    ),
    c.UnsatisfyDepend: _Row(
        Action("depend.unsatisfy", _J, "let a satisfied depend hold again", {"depend_id": "depend"}),
        "depend", _one("depend_id"),
    ),
    c.AddComment: _Row(Action("comment.add", _J, "remark on a job or a host"), "comment", _none),
    c.KillProcs: _Row(Action("proc.kill", _H, "end runs", {"run_ids": "procs"}), "proc", _all("run_ids")),
    c.RedirectProcs: _Row(
        Action("proc.redirect", _H, "give the places of runs to jobs or a group once they end",
               {"run_ids": "procs", "job_ids": "jobs", "group_id": "group", "kill": "kill"}),
        "proc", _all("run_ids"),
    ),
    c.ClearRedirects: _Row(
        Action("proc.clear_redirect", _H, "give the places of runs to nobody any more", {"run_ids": "procs"}),
        "proc", _all("run_ids"),
    ),
    c.AddHostTags: _Row(Action("host.add_tags", _H, "give a host tags", {"host_id": "host", "tags": "tags"}),
                        "host", _one("host_id")),
    c.RemoveHostTags: _Row(
        Action("host.remove_tags", _H, "take tags from a host", {"host_id": "host", "tags": "tags"}),
        "host", _one("host_id"),
    ),
    c.LockHost: _Row(Action("host.lock", _H, "keep a host from being booked", {"host_id": "host"}),
                     "host", _one("host_id")),
    c.SetHostState: _Row(
        Action("host.set_state", _H, "say what a host is fit for", {"host_id": "host", "state": "state"}),
        "host", _one("host_id"),
    ),
    c.RebootHost: _Row(
        Action("host.reboot", _H, "have a host boot again, at once or after its last frame",
               {"host_id": "host", "when_idle": "when_idle"}),
        "host", _one("host_id"),
    ),
    c.MoveHosts: _Row(
        Action("host.move", _H, "put hosts into another allocation",
               {"host_ids": "hosts", "allocation_id": "allocation"}),
        "host", _all("host_ids"),
    ),
    c.DropHost: _Row(Action("host.delete", _H, "forget a host; its runs are over", {"host_id": "host"}),
                     "host", _one("host_id")),
    c.CreateOwner: _Row(
        Action("owner.create", _H, "let somebody own hosts, on which a show's frames come first",
               {"show_id": "show", "name": "name"}),
        "show", _one("show_id"),
    ),
    c.SetOwnersShow: _Row(
        Action("owner.set_show", _H, "say which show's frames come first on an owner's hosts",
               {"owner_id": "owner", "show_id": "show"}),
        "owner", _one("owner_id"),
    ),
    c.DropOwner: _Row(Action("owner.delete", _H, "let somebody own hosts no more", {"owner_id": "owner"}),
                      "owner", _one("owner_id")),
    c.TakeOwnership: _Row(
        Action("host.give", _H, "give a host to an owner", {"host_id": "host", "owner_id": "owner"}),
        "host", _one("host_id"),
    ),
    c.DropDeed: _Row(Action("deed.delete", _H, "let a host be nobody's", {"deed_id": "deed"}),
                     "deed", _one("deed_id")),
    c.AddPartition: _Row(
        Action("partition.add", _J, "render a job, a layer or a frame on a part of its user's own host",
               {"host_id": "host", "job_id": "job", "layer_id": "layer", "user": "user", "cores": "centicores",
                "memory": "kib", "threads": "threads", "gpus": "gpus", "gpu_memory": "gpu_kib"}),
        "job", _one("job_id"),
    ),
    c.ResizePartition: _Row(
        Action("partition.resize", _J, "give what is rendered on a user's own host more or less of it",
               {"partition_id": "partition", "cores": "centicores", "memory": "kib", "gpus": "gpus",
                "gpu_memory": "gpu_kib"}),
        "partition", _one("partition_id"),
    ),
    c.DropPartition: _Row(
        Action("partition.delete", _J, "render on a user's own host no more", {"partition_id": "partition"}),
        "partition", _one("partition_id"),
    ),
    c.CreateShow: _Row(Action("show.create", _F, "make a show", {"name": "name"}), "show", _none),
    c.CreateGroup: _Row(
        Action("group.create", _F, "make a group below another", {"name": "name", "parent_id": "parent"}),
        "group", _one("parent_id"),
    ),
    c.MoveGroups: _Row(
        Action("group.move", _F, "put groups below another", {"group_ids": "groups", "parent_id": "parent"}),
        "group", _all("group_ids"),
    ),
    c.CreateFacility: _Row(Action("facility.create", _F, "make a facility", {"name": "name"}), "facility", _none),
    c.CreateAllocation: _Row(
        Action("allocation.create", _F, "make an allocation of a facility",
               {"name": "name", "tag": "tag", "facility_id": "facility"}),
        "facility", _one("facility_id"),
    ),
    c.SetDefaultAllocation: _Row(
        Action("allocation.set_default", _F, "say where new hosts go", {"allocation_id": "allocation"}),
        "allocation", _one("allocation_id"),
    ),
    c.CreateSubscription: _Row(
        Action("subscription.create", _F, "give a show hosts of an allocation",
               {"show_id": "show", "allocation_id": "allocation", "size": "size_centicores",
                "burst": "burst_centicores"}),
        "show", _one("show_id"),
    ),
    c.CreateService: _Row(Action("service.create", _F, "make a service"), "service", _none),
    c.CreateLimit: _Row(
        Action("limit.create", _F, "make a limit on frames, or on hosts",
               {"name": "name", "max_value": "max", "per_host": "per_host"}),
        "limit", _none,
    ),
    c.SetFailureRule: _Row(
        Action("limit.set_failure_rule", _F, "say which exit status means that there was no licence",
               {"limit_id": "limit", "exit_status": "exit_status", "delay_minutes": "minutes", "auto_tag": "auto_tag"}),
        "limit", _one("limit_id"),
    ),
    c.ClearBindings: _Row(
        Action("limit.clear_bindings", _F, "count no longer by a limit what failures or people made it count",
               {"limit_id": "limit", "sources": "sources"}),
        "limit", _one("limit_id"),
    ),
    c.ReportUsage: _Row(Action("limit.report_usage", _F, "say who uses limits, as it is counted outside the farm"),
                        "limit", _none),
    c.RenameLimit: _Row(
        Action("limit.rename", _F, "give a limit another name", {"limit_id": "limit", "name": "name"}),
        "limit", _one("limit_id"),
    ),
    c.CreateFilter: _Row(
        Action("filter.create", _F, "make a filter of a show", {"show_id": "show", "name": "name"}),
        "show", _one("show_id"),
    ),
    c.PlaceFilter: _Row(
        Action("filter.set_order", _F, "give a filter another place among those of its show", {"filter_id": "filter"}),
        "filter", _one("filter_id"),
    ),
    c.ReplaceFilters: _Row(
        Action("filter.import", _F, "make the filters of a show those of a file", {"show_id": "show"}),
        "show", _one("show_id"),
    ),
    c.AddMatcher: _Row(Action("filter.add_matcher", _F, "let a filter ask one more question"),
                       "filter", _one("filter_id")),
    c.ChangeMatcher: _Row(Action("filter.change_matcher", _F, "let a matcher of a filter ask something else"),
                          "matcher", _one("matcher_id")),
    c.RemoveMatcher: _Row(Action("filter.remove_matcher", _F, "let a filter ask one question less"),
                          "matcher", _one("matcher_id")),
    c.AddFilterAction: _Row(Action("filter.add_action", _F, "let a filter do one thing more"),
                            "filter", _one("filter_id")),
    c.ChangeFilterAction: _Row(Action("filter.change_action", _F, "let an action of a filter do something else"),
                               "action", _one("action_id")),
    c.RemoveFilterAction: _Row(Action("filter.remove_action", _F, "let a filter do one thing less"),
                               "action", _one("action_id")),
    c.RunFilters: _Row(
        Action("filter.run", _J, "have filters act on jobs that are there already",
               {"job_ids": "jobs", "filter_id": "filter"}),
        "job", _all("job_ids"),
    ),
    c.CreateServiceOverride: _Row(
        Action("service_override.create", _F, "let a service be something else for a show", {"show_id": "show"}),
        "show", _one("show_id"),
    ),
    c.AddDepartmentName: _Row(
        Action("department_name.create", _F, "let groups have a department of that name", {"name": "name"}),
        "department_name", _none,
    ),
    c.SetGroupDepartment: _Row(
        Action("group.set_department", _F, "put a group into a department",
               {"group_id": "group", "department": "department"}),
        "group", _one("group_id"),
    ),
    c.ManageDepartment: _Row(
        Action("department.manage", _F, "let a production's tracker say what a department should have",
               {"department_id": "department", "ti_task": "task", "cores": "centicores"}),
        "department", _one("department_id"),
    ),
    c.ReleaseDepartment: _Row(
        Action("department.release", _F, "let no tracker say any more what a department should have",
               {"department_id": "department"}),
        "department", _one("department_id"),
    ),
    c.SetTasks: _Row(
        Action("department.set_tasks", _F, "give a department cores for shots", {"department_id": "department"}),
        "department", _one("department_id"),
    ),
    c.SetTaskCores: _Row(
        Action("task.set_cores", _F, "set the cores that a shot should have",
               {"task_id": "task", "cores": "centicores"}),
        "task", _one("task_id"),
    ),
    c.ClearTaskAdjustments: _Row(
        Action("task.clear_adjustments", _F, "take back what was adjusted by hand", {"task_ids": "tasks"}),
        "task", _all("task_ids"),
    ),
    c.ArchiveShow: _Row(
        Action("show.archive", _F, "put a show away; new jobs of its name go to another",
               {"show_id": "show", "target_name": "target"}),
        "show", _one("show_id"),
    ),
    c.ReportHost: _Row(Action("host.report", Right.REPORT, "say how a host is and what runs there"),
                       "host", lambda command: (command.host.name,)),
    c.ReportOutcome: _Row(Action("proc.report_end", Right.REPORT, "say how a run ended"), "proc", _one("run_id")),
    c.RefuseRun: _Row(Action("proc.refuse", Right.SERVER, "take back what no host took"), "proc", _one("run_id")),
    c.RecallJob: _Row(Action("job.recall", Right.SERVER, "load a finished job, because somebody asks for it"),
                      "job", _one("job_id")),
    c.Sweep: _Row(Action("farm.sweep", Right.SERVER, "look for hosts and runs that fell silent"), "farm", _none),
    c.Book: _Row(Action("frame.book", Right.SERVER, "give frames places on hosts"), "frame", _none),
    c.Seed: _Row(Action("farm.seed", Right.SERVER, "give an empty farm what the first job needs"), "farm", _none),
}  # fmt: skip

_UNLOCK: Final = Action("host.unlock", _H, "let a host be booked again", {"host_id": "host"})


# --- new values for fields, and what is removed -------------------------------------------------------------------


def _set(right: Right, name: str, text: str, argument: str, field_name: str) -> Action:
    return Action(name, right, text, {"id": name.partition(".")[0], field_name: argument})


_FIELDS: Final[dict[str, tuple[tuple[str, str, str, str], ...]]] = {
    "show": (
        ("active", "set_active", "let a show launch jobs, or no more", "active"),
        ("booking_enabled", "set_booking", "let a show's frames be booked, or no more", "enabled"),
        ("dispatch_enabled", "set_dispatching", "let hosts that come free go to a show, or no more", "enabled"),
        ("default_min_cores", "set_default_min_cores", "set the minimum of cores of a show's new jobs", "centicores"),
        ("default_max_cores", "set_default_max_cores", "set the maximum of cores of a show's new jobs", "centicores"),
        ("default_min_gpus", "set_default_min_gpus", "set the minimum of GPUs of a show's new jobs", "gpus"),
        ("default_max_gpus", "set_default_max_gpus", "set the maximum of GPUs of a show's new jobs", "gpus"),
        ("comment_email", "set_comment_email", "say who is written to about comments", "email"),
        ("scheduler_managed", "set_scheduler_managed", "say that another scheduler is wanted for a show", "enabled"),
    ),
    "filter": (
        ("name", "rename", "give a filter another name", "name"),
        ("type", "set_type", "say whether a job has to fit all of a filter's matchers, or any", "type"),
        ("enabled", "set_enabled", "let a filter act on new jobs, or no more", "enabled"),
    ),
    "department": (("min_cores", "set_cores", "set the cores that a managed department should have", "centicores"),),
    "group": (
        ("name", "rename", "give a group another name", "name"),
        ("min_cores", "set_min_cores", "set the cores that a group should have", "centicores"),
        ("max_cores", "set_max_cores", "set the cores that a group may have", "centicores"),
        ("min_gpus", "set_min_gpus", "set the GPUs that a group should have", "gpus"),
        ("max_gpus", "set_max_gpus", "set the GPUs that a group may have", "gpus"),
        ("default_job_priority", "set_job_priority", "set the priority of a group's jobs", "priority"),
        ("default_job_min_cores", "set_job_min_cores", "set the cores for each job in a group", "centicores"),
        ("default_job_max_cores", "set_job_max_cores", "set the most cores for each job in a group", "centicores"),
        ("default_job_min_gpus", "set_job_min_gpus", "set the GPUs for each job in a group", "gpus"),
        ("default_job_max_gpus", "set_job_max_gpus", "set the most GPUs for each job in a group", "gpus"),
    ),
    "job": (
        ("priority", "set_priority", "set a job's priority", "priority"),
        ("max_retries", "set_max_retries", "set how often frames of a job are tried again", "retries"),
        ("auto_eat", "set_auto_eat", "say whether a job's frames that fail are eaten", "auto_eat"),
        ("time_limit_minutes", "set_time_limit", "set how long a job may go on", "minutes"),
        ("min_cores", "set_min_cores", "set the cores that a job should have", "centicores"),
        ("max_cores", "set_max_cores", "set the cores that a job may have", "centicores"),
        ("min_gpus", "set_min_gpus", "set the GPUs that a job should have", "gpus"),
        ("max_gpus", "set_max_gpus", "set the GPUs that a job may have", "gpus"),
    ),
    "layer": (
        ("tags", "set_tags", "say which hosts a layer may use", "tags"),
        ("min_cores", "set_cores", "set the cores that a layer's frames ask for", "centicores"),
        ("max_cores", "set_max_cores", "set the cores that a layer's frames may have", "centicores"),
        ("min_memory", "set_memory", "set the memory that a layer's frames ask for", "kib"),
        ("min_gpus", "set_gpus", "set the GPUs that a layer's frames ask for", "gpus"),
        ("max_gpus", "set_max_gpus", "set the GPUs that a layer's frames may have", "gpus"),
        ("min_gpu_memory", "set_gpu_memory", "set the GPU memory that a layer's frames ask for", "kib"),
        ("threadable", "set_threadable", "say whether a layer's frames can use further cores", "threadable"),
        ("timeout_minutes", "set_timeout", "set how long a layer's frames may run", "minutes"),
        ("timeout_llu_minutes", "set_llu_timeout", "set how long a layer's frames may log nothing", "minutes"),
        ("memory_optimizer", "set_memory_optimizer", "say whether a layer's memory is learned", "enabled"),
        ("dispatch_order", "set_order", "give a layer another place among its job's layers", "order"),
        ("max_retries", "set_max_retries", "set how often a layer's frames are tried again", "retries"),
    ),
    "host": (
        ("thread_mode", "set_thread_mode", "say how a host deals its cores", "mode"),
        ("os", "set_os", "say which operating systems a host has", "os"),
    ),
    "allocation": (
        ("name", "rename", "give an allocation another name", "name"),
        ("tag", "set_tag", "say which tag the hosts of an allocation have", "tag"),
        ("billable", "set_billable", "say whether an allocation is billed", "billable"),
    ),
    "facility": (("name", "rename", "give a facility another name", "name"),),
    "subscription": (
        ("size", "set_size", "set a show's share of an allocation", "centicores"),
        ("burst", "set_burst", "set the most that a show may have of an allocation", "centicores"),
    ),
    "limit": (
        ("max_value", "set_max", "set how many may use a limit at once", "max"),
        ("per_host", "set_per_host", "say whether a limit counts hosts, or frames", "per_host"),
        ("enforcement", "set_enforcement", "say whether a limit holds frames back, only orders hosts, or does nothing",
         "enforcement"),
        ("soft_value", "set_soft", "say from how many hosts on a limit goes to no further one", "soft"),
        ("report_ttl_s", "set_report_ttl", "say how long a report of a limit's use is believed", "seconds"),
    ),
}  # fmt: skip
"""By kind: the field, the verb, what it does, and what the new value is called."""

_RIGHT_ON: Final = {"job": _J, "layer": _J, "comment": _J, "host": _H}

_START: Final = Action(
    "layer.set_start", _J, "say when a layer may start, and why not before",
    {"id": "layer", "start_after_us": "at_us", "start_after_reason": "reason"},
)  # fmt: skip
_OWNER: Final = Action("job.set_owner", _J, "give a job to somebody else", {"id": "job", "user": "user", "uid": "uid"})
_CHANGES: Final[dict[tuple[str, str], Action]] = {
    **{
        (kind, name): _set(_RIGHT_ON.get(kind, _F), f"{kind}.{verb}", text, argument, name)
        for kind, rows in _FIELDS.items()
        for name, verb, text, argument in rows
    },
    ("layer", "start_after_us"): _START,
    ("layer", "start_after_reason"): _START,
    ("job", "user"): _OWNER,
    ("job", "uid"): _OWNER,
}
_PAUSE: Final = {
    True: Action("job.pause", _J, "book no more frames of a job", {"id": "job"}),
    False: Action("job.resume", _J, "book frames of a job again", {"id": "job"}),
}
_WHOLE: Final = {
    "service": Action("service.update", _F, "set what layers that name a service ask for"),
    "service_override": Action("service_override.update", _F, "set what a service is for a show"),
    "comment": Action("comment.update", _J, "write a comment anew"),
    "display_override": _DISPLAY,
}
"""Kinds of which all fields have one name."""
_DELETES: Final[dict[str, Action]] = {
    kind: Action(f"{kind}.delete", _RIGHT_ON.get(kind, _F), "remove one that nothing needs any more", {"id": kind})
    for kind in (
        "show",
        "group",
        "facility",
        "allocation",
        "subscription",
        "service",
        "service_override",
        "limit",
        "comment",
        "filter",
        "department",
        "department_name",
        "task",
    )
}


# --- what is no command -------------------------------------------------------------------------------------------

_OTHERS: Final = (
    *(
        Action(f"{kind}.read", Right.SEE, f"look at {kind}s")
        for kind in (
            "job", "layer", "frame", "proc", "host", "group", "show", "subscription", "service", "limit", "depend",
            "comment", "allocation", "owner", "deed", "partition", "filter", "department", "task",
        )
    ),
    Action("facility.read", Right.SEE, "look at facilities"),
    Action("run.read", Right.SEE, "look at runs that are over, and at what failed"),
    Action("log.read", Right.SEE, "read what frames have written to their logs"),
    Action("filter.compare", Right.SEE, "ask what an import of filters would change"),
    Action("filter.try", Right.SEE, "ask what filters would do to jobs, or did"),
    Action("job.explain", Right.SEE, "ask why frames wait"),
    Action("farm.read", Right.SEE, "look at the farm as a whole"),
    Action("farm.health", Right.SEE, "ask whether the server lives and is ready"),
    Action("interface.read", Right.SEE, "ask for what this server does not offer, and hear why"),
    Action("host.restart_agent", _H, "have a host's agent start itself anew"),
    Action("host.connect", Right.REPORT, "open the stream by which a host's agent takes launches"),
    Action("session.open", Right.SEE, "open a session for a browser"),
)  # fmt: skip

ACTIONS: Final[dict[str, Action]] = {
    action.name: action
    for action in sorted(
        (
            *(row.action for row in _ROWS.values()),
            _UNLOCK,
            *_CHANGES.values(),
            *_PAUSE.values(),
            *_WHOLE.values(),
            *_DELETES.values(),
            *_OTHERS,
        ),
        key=lambda action: action.name,
    )
}
"""All of them, by name."""


# --- from a command to its names ----------------------------------------------------------------------------------

_ALONE: Final = {kind: (row.action,) for kind, row in _ROWS.items() if kind is not c.LockHost}


def actions_of(command: c.Command) -> tuple[Action, ...]:
    """What a command does: one action, or for a change of several fields each of them.

    Raises Invalid where what is to be changed or removed is nothing that could be.
    """
    return _ALONE.get(type(command)) or _actions_by_value(command)


def _actions_by_value(command: Any) -> tuple[Action, ...]:
    if isinstance(command, c.LockHost):
        return (_UNLOCK if command.lock is LockState.OPEN else _ROWS[c.LockHost].action,)
    if isinstance(command, c.Delete):
        if command.kind not in _DELETES:
            raise Invalid(f"a {command.kind} cannot be removed")
        return (_DELETES[command.kind],)
    if command.kind in _WHOLE:
        return (_WHOLE[command.kind],)
    actions = [_of_field(command.kind, name, value) for name, value in command.changes.items()]
    return tuple({action.name: action for action in actions}.values())


def _of_field(kind: str, name: str, value: Any) -> Action:
    action = _PAUSE[bool(value)] if (kind, name) == ("job", "paused") else _CHANGES.get((kind, name))
    if action is None:
        raise Invalid(f"{name} of a {kind} cannot be changed")
    return action


def target_of(command: c.Command) -> Target:
    """What a command is done to."""
    if isinstance(command, c.AddComment):
        return Target("job", (command.job_id,)) if command.job_id else Target("host", (command.host_id or "",))
    row = _ROWS.get(type(command))
    if row is not None:
        return Target(row.kind, row.ids(command))
    changed: Any = command
    return Target(changed.kind, (changed.id,))


def arguments_of(command: c.Command) -> dict[str, Any]:
    """The published arguments of a command, by their public names; states and the like by theirs."""
    given = {name: getattr(command, name) for name in command.__dataclass_fields__}
    given |= given.pop("changes", {})
    public: dict[str, str] = {}
    for action in actions_of(command):
        public |= action.arguments
    return {public[name]: _published(value) for name, value in given.items() if name in public}


def _published(value: Any) -> Any:
    return value.name if isinstance(value, Enum) else list(value) if isinstance(value, tuple) else value
