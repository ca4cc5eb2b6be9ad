"""Commands on whole jobs: kill, finish, move; outputs of a layer; comments; subscribers.

One that finishes by itself: `consequences`.
"""

from __future__ import annotations

from collections.abc import Collection

from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import Invalid, LimitExceeded, Refused, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.filtering import group_defaults
from cuebot.domain.names import is_mail_address
from cuebot.domain.nouns import Comment, Group, Job, Layer, stored_values
from cuebot.domain.states import FrameState, JobState, OnEnd


def kill_job(farm: Farm, command: c.KillJob, context: Context) -> list[ev.Event]:
    """Finish a job at once and have its runs killed; should it be reopened, their frames wait again."""
    job: Job = farm.get("job", command.job_id)
    return [] if job.state is JobState.FINISHED else killed(farm, job, command.message or "job killed")


def killed(farm: Farm, job: Job, message: str, over: Collection[str] = ()) -> list[ev.Event]:
    """A job is ended, and its runs are, but for those that are over."""
    events: list[ev.Event] = [ev.JobFinished(job.id, killed=True)]
    run_ids = [
        run_id
        for layer in farm.layers_of(job)
        for index, run_id in layer.runs.items()
        if layer.frames.state[index] == FrameState.RUNNING  # an eaten one is being killed already, and stays eaten
        and run_id not in over
    ]
    if run_ids:
        events.append(ev.KillRequested(run_ids, OnEnd.RETRY, message))
    return events


def finish_if_complete(farm: Farm, command: c.FinishIfComplete, context: Context) -> list[ev.Event]:
    """Finish a job that has nothing left to do."""
    job: Job = farm.get("job", command.job_id)
    return [ev.JobFinished(job.id)] if job.complete and job.state is JobState.PENDING else []


def move_job(farm: Farm, command: c.MoveJob, context: Context) -> list[ev.Event]:
    """Put a job into a group of its show; every default that the group has becomes the job's."""
    job: Job = farm.get("job", command.job_id)
    group: Group = farm.get("group", command.group_id)
    if group.show_id != job.show_id:
        raise Refused(f"group {group.name!r} belongs to another show than job {job.name!r}")
    return [ev.Changed("job", job.id, {"group_id": group.id, **group_defaults(group)})]


def add_output(farm: Farm, command: c.AddOutput, context: Context) -> list[ev.Event]:
    """Register a file that a layer writes; a second time is no change."""
    layer: Layer = farm.get("layer", command.layer_id)
    if command.path in layer.outputs:
        return []
    if not command.path or len(command.path) > context.bounds.output_path_characters:
        raise Invalid(
            f"an output path has 1 to {context.bounds.output_path_characters} characters (output_path_characters)"
        )
    if len(layer.outputs) >= context.bounds.names_per_list:
        raise LimitExceeded(
            f"layer {layer.name!r}",
            "outputs",
            given=len(layer.outputs) + 1,
            limit="names_per_list",
            allowed=context.bounds.names_per_list,
        )
    return [ev.Changed("layer", layer.id, {"outputs": (*layer.outputs, command.path)})]


def add_subscriber(farm: Farm, command: c.AddSubscriber, context: Context) -> list[ev.Event]:
    """Keep an address that gets mail when a job ends; one that is there already is kept once."""
    job: Job = farm.get("job", command.job_id)
    most = context.bounds.email_characters
    address = command.address.strip()
    if not context.settings.mail_host:
        raise Refused(
            "this server sends no mail: the setting mail_host names no mail server; whoever follows what happens hears"
            " of job.finished"
        )
    if len(address) > most or not is_mail_address(address):
        raise Invalid(
            f"subscriber {quoted(address)!r}: accepted is one mail address, USER@DOMAIN, of at most {most} characters"
            " (email_characters)"
        )
    if address in job.subscribers:
        return []
    if len(job.subscribers) >= context.bounds.subscribers_per_job:
        raise LimitExceeded(
            f"job {job.name!r}",
            "subscribers",
            given=len(job.subscribers) + 1,
            limit="subscribers_per_job",
            allowed=context.bounds.subscribers_per_job,
        )
    return [ev.Changed("job", job.id, {"subscribers": (*job.subscribers, address)})]


def add_comment(farm: Farm, command: c.AddComment, context: Context) -> tuple[list[ev.Event], str]:
    """Keep a remark. Replies with its id."""
    if command.job_id is not None:
        farm.get("job", command.job_id)
    if command.host_id is not None:
        farm.get("host", command.host_id)
    for what, text in (("subject", command.subject), ("message", command.message)):
        bound = f"comment_{what}_characters"
        most = getattr(context.bounds, bound)
        if len(text) > most:
            raise Invalid(f"the {what} of a comment has at most {most} characters ({bound}), this one has {len(text)}")
    comment = Comment(
        context.new_id(),
        command.job_id,
        command.host_id,
        command.user,
        command.subject,
        command.message,
        context.now_us,
    )
    return [ev.Added("comment", stored_values(comment))], comment.id
