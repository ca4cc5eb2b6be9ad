"""Commands in, events out; pure.

`decide` answers a command with events or refuses it, `step` also applies them and everything that follows of itself.
One module a subject; each takes (farm, command, context) and changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from cuebot.decide import (
    archiving,
    booking,
    changes,
    departments,
    depends,
    filter_sets,
    filters,
    frame_marks,
    frames,
    host_reports,
    hosts,
    jobs,
    limit_reports,
    limits,
    liveness,
    owners,
    partitions,
    redirects,
    run_ends,
    shows,
    submission,
)
from cuebot.decide.consequences import consequences, is_so_already, learned_from
from cuebot.decide.context import Context
from cuebot.decide.counts import count_of
from cuebot.decide.departments import shared_after
from cuebot.domain import commands as c
from cuebot.domain.apply import apply
from cuebot.domain.events import Event
from cuebot.domain.farm import Farm
from cuebot.domain.settings import Settings

__all__ = ["Context", "Settings", "apply_all", "decide", "step"]

Decision = list[Event] | tuple[list[Event], Any]

_DECIDERS: dict[type[c.Command], Callable[[Farm, Any, Context], Decision]] = {
    c.SubmitJobs: submission.submit_jobs,
    c.RecallJob: archiving.recall_job,
    c.KillJob: jobs.kill_job,
    c.FinishIfComplete: jobs.finish_if_complete,
    c.MoveJob: jobs.move_job,
    c.AddOutput: jobs.add_output,
    c.AddSubscriber: jobs.add_subscriber,
    c.AddComment: jobs.add_comment,
    c.Change: changes.change,
    c.RetryFrames: frames.retry_frames,
    c.EatFrames: frames.eat_frames,
    c.RestoreFrames: frames.restore_frames,
    c.KillFrames: frames.kill_frames,
    c.KillProcs: frames.kill_procs,
    c.RedirectProcs: redirects.redirect_procs,
    c.ClearRedirects: redirects.clear_redirects,
    c.MarkDone: frames.mark_done,
    c.ReleaseFrames: frames.release_frames,
    c.ReorderFrames: frames.reorder_frames,
    c.StaggerFrames: frames.stagger_frames,
    c.HoldFrames: frames.hold_frames,
    c.SetCheckpoint: frame_marks.set_checkpoint,
    c.SetDisplayOverride: frame_marks.set_display_override,
    c.AddDepend: depends.add_depend,
    c.SatisfyDepends: depends.satisfy_depends,
    c.UnsatisfyDepend: depends.unsatisfy_depend,
    c.ReportHost: host_reports.report_host,
    c.ReportOutcome: run_ends.report_outcome,
    c.RefuseRun: run_ends.refuse_run,
    c.Sweep: liveness.sweep,
    c.DropHost: hosts.drop_host,
    c.AddHostTags: hosts.add_tags,
    c.RemoveHostTags: hosts.remove_tags,
    c.LockHost: hosts.lock_host,
    c.SetHostState: hosts.set_host_state,
    c.RebootHost: hosts.reboot_host,
    c.CreateOwner: owners.create_owner,
    c.SetOwnersShow: owners.set_show,
    c.DropOwner: owners.drop_owner,
    c.TakeOwnership: owners.take_ownership,
    c.DropDeed: owners.drop_deed,
    c.AddPartition: partitions.add_partition,
    c.ResizePartition: partitions.resize_partition,
    c.DropPartition: partitions.drop_partition,
    c.MoveHosts: hosts.move_hosts,
    c.Book: booking.book,
    c.Seed: shows.seed,
    c.CreateShow: shows.create_show,
    c.CreateGroup: shows.create_group,
    c.MoveGroups: shows.move_groups,
    c.CreateFacility: shows.create_facility,
    c.CreateAllocation: shows.create_allocation,
    c.CreateSubscription: shows.create_subscription,
    c.CreateService: shows.create_service,
    c.CreateLimit: limits.create_limit,
    c.RenameLimit: limits.rename_limit,
    c.AddLayerLimit: limits.add_layer_limit,
    c.DropLayerLimit: limits.drop_layer_limit,
    c.SetFailureRule: limits.set_failure_rule,
    c.ClearBindings: limits.clear_bindings,
    c.ReportUsage: limit_reports.report_usage,
    c.SetDefaultAllocation: shows.set_default_allocation,
    c.Delete: shows.delete,
    c.ArchiveShow: shows.archive_show,
    c.CreateServiceOverride: shows.create_service_override,
    c.CreateFilter: filters.create_filter,
    c.PlaceFilter: filters.place_filter,
    c.ReplaceFilters: filter_sets.replace_filters,
    c.AddMatcher: filters.add_matcher,
    c.ChangeMatcher: filters.change_matcher,
    c.RemoveMatcher: filters.remove_matcher,
    c.AddFilterAction: filters.add_action,
    c.ChangeFilterAction: filters.change_action,
    c.RemoveFilterAction: filters.remove_action,
    c.RunFilters: filters.run,
    c.AddDepartmentName: departments.add_name,
    c.SetGroupDepartment: departments.set_group_department,
    c.ManageDepartment: departments.manage,
    c.ReleaseDepartment: departments.release,
    c.SetTasks: departments.set_tasks,
    c.SetTaskCores: departments.set_task_cores,
    c.ClearTaskAdjustments: departments.clear_adjustments,
}


def decide(farm: Farm, command: c.Command, context: Context) -> tuple[list[Event], Any]:
    """The events that carry out a command, and its reply: its own, or how many things it changes (`counts`).

    Raises a FarmError to refuse; nothing is changed.
    """
    decision = _DECIDERS[type(command)](farm, command, context)
    return decision if isinstance(decision, tuple) else (decision, count_of(farm, command, decision))


def step(farm: Farm, command: c.Command, context: Context) -> tuple[list[Event], Any]:
    """Carry out a command: decide, apply, and apply what follows. Returns every event in order, and the reply."""
    events, reply = decide(farm, command, context)
    return apply_all(farm, events, context.now_us), reply


def apply_all(farm: Farm, events: list[Event], now_us: int) -> list[Event]:
    """Apply events and everything that follows of itself, and keep what is learned. Returns every event in order."""
    if not events:
        return []
    done: list[Event] = []
    pending, shared = deque(events), 0
    while pending:
        event = pending.popleft()
        if is_so_already(farm, event):
            continue
        apply(farm, event, now_us)
        done.append(event)
        pending.extend(consequences(farm, event, now_us))
        if not pending:
            pending.extend(shared_after(farm, done[shared:]))
            shared = len(done)
    for event in done:
        learned_from(farm, event, now_us)
    return done
