"""What internal events are called outside. Pure: an event and the farm in, public events out.

The table is complete: each class of event, and each kind of thing that is added, changed or removed, either has public
types or stands among those that are silent, with the reason. A test holds it to `domain.events`.

Ids, numbers and causes come from the event; names from the farm as it is now, so that they are empty for what it does
not know any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from cuebot.domain import events as ev
from cuebot.domain.bounds import STORED_BOUNDS
from cuebot.domain.charging import is_charged
from cuebot.domain.farm import Farm
from cuebot.domain.frame_set import compact, normalise, parse_frame_set
from cuebot.domain.states import Cause, DependType, FrameState, HostState, LockState
from cuebot.engine.ports import Recorded
from cuebot.feed import public_events as rows


class EventType(NamedTuple):
    """A type of public event."""

    row: type[rows.Row]
    help: str


class Said(NamedTuple):
    """What is said of an event, without when and by whom."""

    type: str
    show: str | None
    row: rows.Row


class _Frame(NamedTuple):
    """One frame, as events name several."""

    layer_id: str
    indices: list[int]


RANGE_CHARACTERS_MAX: Final = 1_000
"""A row stays small; of a longer range only the count is told."""

THINGS: Final = (
    "show", "group", "subscription", "allocation", "facility", "service", "service_override", "limit", "filter",
    "department", "department_name", "task", "owner",
)  # fmt: skip
"""Kinds of which only the id and the name are told."""
OF_SHOWS: Final = frozenset({"group", "subscription", "service_override", "filter", "department", "owner"})
"""Those of them that a show has."""


def _types_of_things() -> Iterator[tuple[str, EventType]]:
    for kind in THINGS:
        article = "an" if kind[0] in "ao" else "a"
        called = kind.replace("_", " ")
        yield f"{kind}.added", EventType(rows.ThingRow, f"{article} {called} is new")
        yield f"{kind}.changed", EventType(rows.ThingChangedRow, f"something of {article} {called} has another value")
        yield f"{kind}.removed", EventType(rows.ThingRow, f"{article} {called} is gone")


EVENT_TYPES: Final[dict[str, EventType]] = {
    "job.launched": EventType(rows.JobLaunchedRow, "a job is new"),
    "job.finished": EventType(rows.JobFinishedRow, "a job is over: complete, or killed"),
    "job.reopened": EventType(rows.JobRow, "a finished job goes on, or a post job may start"),
    "job.paused": EventType(rows.JobRow, "a job is booked no more"),
    "job.resumed": EventType(rows.JobRow, "a paused job is booked again"),
    "job.changed": EventType(rows.JobChangedRow, "something else of a job has another value"),
    "job.filtered": EventType(rows.JobFilteredRow, "filters of its show have acted on a job"),
    "layer.changed": EventType(rows.LayerChangedRow, "something of a layer has another value"),
    "frame.started": EventType(rows.RunStartedRow, "a frame was given a host, and its run is about to start"),
    "frame.succeeded": EventType(rows.RunEndedRow, "a run ended, and its frame has succeeded"),
    "frame.failed": EventType(rows.RunEndedRow, "a run failed, and its frame is dead, or is tried again"),
    "frame.interrupted": EventType(
        rows.RunEndedRow, "a run ended without a failure of its frame: killed, retried by a person, lost with its host"
    ),
    "frame.redirected": EventType(
        rows.RedirectRow, "the place of a running frame goes to a job or a group once the frame has ended"
    ),
    "frame.eaten": EventType(rows.FramesRow, "frames were given up"),
    "frame.retried": EventType(rows.FramesRow, "frames that did not run wait again"),
    "frame.restored": EventType(rows.FramesRow, "frames have ended, as they had on the farm that they come from"),
    "frame.released": EventType(rows.FramesRow, "frames were let go, although what they wait for has not happened"),
    "frame.held": EventType(rows.FramesRow, "frames that were let go wait for what has not happened again"),
    "frame.checkpoint": EventType(rows.FramesRow, "a frame's checkpoint has begun, is complete, or is given up"),
    "frame.display_set": EventType(rows.FramesRow, "clients show something else for a frame in a state"),
    "frame.reordered": EventType(rows.FramesRow, "frames have another place in the order of their layer"),
    "depend.added": EventType(rows.DependRow, "a depend holds frames back"),
    "depend.satisfied": EventType(rows.DependRow, "a depend holds nothing back any more"),
    "depend.pairs_satisfied": EventType(rows.DependPairsRow, "a depend frame by frame holds some frames back no more"),
    "depend.unsatisfied": EventType(rows.DependRow, "a depend holds frames back again"),
    "host.added": EventType(rows.HostRow, "a host has reported for the first time"),
    "host.up": EventType(rows.HostRow, "a host can be booked"),
    "host.down": EventType(rows.HostRow, "a host is silent, or its agent was stopped"),
    "host.locked": EventType(rows.HostRow, "a host is kept from work, by a person or by its own user"),
    "host.unlocked": EventType(rows.HostRow, "a host takes work again"),
    "host.changed": EventType(rows.HostChangedRow, "something else of a host has another value"),
    "host.removed": EventType(rows.HostRow, "a host was deleted"),
    "comment.added": EventType(rows.CommentRow, "a remark was made on a job or a host"),
    "comment.changed": EventType(rows.CommentRow, "a remark has another text"),
    "comment.removed": EventType(rows.CommentRow, "a remark is gone"),
    **dict(_types_of_things()),
}
"""Every type of public event, by its name."""

SILENT: Final[dict[type[ev.Event], str]] = {
    ev.EndedWithHost: "found out later of a run whose end was told",
    ev.ReportIgnored: "changes nothing: a report named a run that was over",
    ev.KillRequested: "the end of each run is told when it comes, with the words of whoever wanted it",
    ev.JobArchived: "where the server keeps a finished job is its own affair",
    ev.JobRecalled: "where the server keeps a finished job is its own affair",
    ev.UsageReported: "comes with every look at a licence server; GetAll of limits has the numbers",
    ev.RequestAnswered: "the server's own books, so that a call which comes twice is done once",
}
"""Events that say nothing outside, and why."""

SILENT_KINDS: Final[dict[str, str]] = {
    "request": "the server's own books",
    "proc": "told as its frame's run",
    "depend": "told by events of its own",
    "partition": "what runs there is told as any run, and its host is its user's own affair",
}
"""Kinds of things whose being added, changed or removed says nothing outside, and why."""


def public_events(farm: Farm, recorded: Recorded) -> list[rows.PublicEvent]:
    """What an event is outside; nothing for one that is silent."""
    event, envelope = recorded.event, recorded.envelope
    translate = TRANSLATIONS.get(type(event))
    if translate is None:
        return []

    return [
        rows.PublicEvent(
            type=type_,
            seq=recorded.seq,
            at_us=recorded.at_us,
            actor=envelope.actor,
            reason=envelope.reason,
            show=show,
            row=row,
        )
        for type_, show, row in translate(farm, event)
    ]


# --- names ------------------------------------------------------------------------------------------------------------


def _show_name(farm: Farm, show_id: str) -> str | None:
    show = farm.shows.get(show_id)
    return show.name if show else None


def _job_fields(farm: Farm, job_id: str) -> dict[str, str]:
    """The fields of every row that names a job."""
    job = farm.jobs.get(job_id)
    return {"job_id": job_id, "job_name": job.name if job else "", "user": job.user if job else ""}


def _show_of_job(farm: Farm, job_id: str) -> str | None:
    job = farm.jobs.get(job_id)
    return _show_name(farm, job.show_id) if job else None


def _layer_fields(farm: Farm, layer_id: str) -> dict[str, str]:
    """The fields of every row that names a layer."""
    layer = farm.layers.get(layer_id)
    job_fields = _job_fields(farm, layer.job_id if layer else "")
    return {**job_fields, "layer_id": layer_id, "layer_name": layer.name if layer else ""}


def _show_of_layer(farm: Farm, layer_id: str) -> str | None:
    layer = farm.layers.get(layer_id)
    return _show_of_job(farm, layer.job_id) if layer else None


def _host_fields(farm: Farm, host_id: str) -> dict[str, str]:
    host = farm.hosts.get(host_id)
    return {"host_id": host_id, "host_name": host.name if host else ""}


# --- jobs and layers --------------------------------------------------------------------------------------------------


def _job_launched(farm: Farm, event: ev.JobLaunched) -> Iterable[Said]:
    job = event.job
    row = rows.JobLaunchedRow(
        job_id=job["id"],
        job_name=job["name"],
        user=job["user"],
        layers_count=len(event.layers),
        frames_count=sum(_frames_count(farm, layer) for layer in event.layers),
    )
    yield Said("job.launched", _show_name(farm, job["show_id"]), row)


def _frames_count(farm: Farm, values: ev.Values) -> int:
    layer = farm.layers.get(values["id"])
    if layer is not None:
        return len(layer.frames)
    return len(normalise(parse_frame_set(values["range_text"], STORED_BOUNDS), values["chunk"]))


def _job_finished(farm: Farm, event: ev.JobFinished) -> Iterable[Said]:
    row = rows.JobFinishedRow(**_job_fields(farm, event.job_id), is_killed=event.killed)
    yield Said("job.finished", _show_of_job(farm, event.job_id), row)


def _job_reopened(farm: Farm, event: ev.JobReopened) -> Iterable[Said]:
    row = rows.JobRow(**_job_fields(farm, event.job_id))
    yield Said("job.reopened", _show_of_job(farm, event.job_id), row)


def _job_changed(farm: Farm, event: ev.Changed) -> Iterable[Said]:
    show = _show_of_job(farm, event.id)
    fields = _job_fields(farm, event.id)
    if "paused" in event.changes:
        yield Said("job.paused" if event.changes["paused"] else "job.resumed", show, rows.JobRow(**fields))

    others = tuple(name for name in event.changes if name != "paused")
    if others:
        yield Said("job.changed", show, rows.JobChangedRow(**fields, fields=others))


def _job_filtered(farm: Farm, event: ev.FiltersApplied) -> Iterable[Said]:
    row = rows.JobFilteredRow(**_job_fields(farm, event.job_id), done=tuple(event.done))
    yield Said("job.filtered", _show_of_job(farm, event.job_id), row)


def _layer_changed(farm: Farm, event: ev.Changed) -> Iterable[Said]:
    row = rows.LayerChangedRow(**_layer_fields(farm, event.id), fields=tuple(event.changes))
    yield Said("layer.changed", _show_of_layer(farm, event.id), row)


# --- frames and their runs --------------------------------------------------------------------------------------------


def _runs_booked(farm: Farm, event: ev.RunsBooked) -> Iterable[Said]:
    show = _show_of_layer(farm, event.layer_id)
    fields = _layer_fields(farm, event.layer_id)
    numbers = _frame_numbers(farm, event.layer_id, event.indices)
    gpu_memory = event.gpu_memory or [0] * len(event.run_ids)
    for place, run_id in enumerate(event.run_ids):
        row = rows.RunStartedRow(
            **fields,
            **_host_fields(farm, event.host_ids[place]),
            frame_number=numbers[place] if numbers else None,
            run_id=run_id,
            cores=event.cores[place] / 100,
            memory_kib=event.memory[place],
            gpus_count=event.gpus[place],
            gpu_memory_kib=gpu_memory[place],
        )
        yield Said("frame.started", show, row)


def _run_ended(farm: Farm, event: ev.RunEnded) -> Iterable[Said]:
    fields = {**_layer_fields(farm, event.layer_id), **_job_fields(farm, event.job_id)}
    row = rows.RunEndedRow(
        **fields,
        **_host_fields(farm, event.host_id),
        frame_number=event.number,
        run_id=event.run_id,
        cores=event.cores / 100,
        memory_kib=event.memory,
        attempt=event.attempt,
        is_charged=is_charged(event.state, event.cause, event.exit_status),
        frame_state="" if event.state is None else FrameState(event.state).name,
        cause=Cause(event.cause).name,
        exit_status=event.exit_status,
        exit_signal=event.exit_signal,
        run_us=event.run_us,
        max_rss_kib=event.max_rss,
        message=event.message,
        error_line=event.error_line,
        is_host_end=bool(event.with_host),
        is_alone=event.alone,
    )
    yield Said(_type_of_end(event), _show_of_job(farm, event.job_id), row)


def _type_of_end(event: ev.RunEnded) -> str:
    """A kill is no failure of the frame, although it may be charged."""
    if event.state is FrameState.SUCCEEDED:
        return "frame.succeeded"
    is_failure = event.cause is not Cause.KILLED and is_charged(event.state, event.cause, event.exit_status)
    return "frame.failed" if is_failure else "frame.interrupted"


def _frames(type_: str) -> Callable[[Farm, Any], Iterable[Said]]:
    """Translates events that name frames of one layer."""

    def translate(farm: Farm, event: Any) -> Iterable[Said]:
        frame_range = compact(_frame_numbers(farm, event.layer_id, event.indices))
        row = rows.FramesRow(
            **_layer_fields(farm, event.layer_id),
            frames_count=len(event.indices),
            frame_range=frame_range if len(frame_range) <= RANGE_CHARACTERS_MAX else "",
        )
        yield Said(type_, _show_of_layer(farm, event.layer_id), row)

    return translate


_display_set = _frames("frame.display_set")
_checkpoint_said = _frames("frame.checkpoint")


def _checkpoint(farm: Farm, event: ev.CheckpointChanged) -> Iterable[Said]:
    return _checkpoint_said(farm, _Frame(event.layer_id, [event.index]))


def _display_added(farm: Farm, event: ev.Added) -> Iterable[Said]:
    return _display_set(farm, _Frame(event.values["layer_id"], [event.values["frame_index"]]))


def _display_removed(farm: Farm, event: ev.Removed) -> Iterable[Said]:
    return _display_set(farm, _Frame(event.values["layer_id"], [event.values["frame_index"]]))


def _display_changed(farm: Farm, event: ev.Changed) -> Iterable[Said]:
    override = farm.frame_marks.overrides.get(event.id)
    return () if override is None else _display_set(farm, _Frame(override.layer_id, [override.frame_index]))


def _frame_numbers(farm: Farm, layer_id: str, indices: Any) -> list[int]:
    """Numbers of frames by their places in the layer; none where the farm does not know the layer any more."""
    layer = farm.layers.get(layer_id)
    if layer is None:
        return []
    numbers: list[int] = np.asarray(layer.frames.number)[indices].tolist()
    return numbers


def _redirect_added(farm: Farm, event: ev.Added) -> Iterable[Said]:
    yield from _redirected(farm, event.values["id"], event.values["job_id"], event.values["group_id"])


def _redirect_changed(farm: Farm, event: ev.Changed) -> Iterable[Said]:
    """That its run has ended, and the place is held now, is told as the end of the run."""
    if "until_us" not in event.changes:
        yield from _redirected(farm, event.id, event.changes["job_id"], event.changes["group_id"])


def _redirect_over(farm: Farm, event: ev.Removed) -> Iterable[Said]:
    """Whoever got the place is told of as a run that starts; that nobody did is no news."""
    return ()


def _redirected(farm: Farm, run_id: str, job_id: str | None, group_id: str | None) -> Iterable[Said]:
    proc = farm.procs.get(run_id)
    if proc is None:
        return
    numbers = _frame_numbers(farm, proc.layer_id, [proc.frame_index])
    row = rows.RedirectRow(
        **_layer_fields(farm, proc.layer_id),
        **_host_fields(farm, proc.host_id),
        frame_number=numbers[0] if numbers else None,
        run_id=run_id,
        to_job_id=job_id or "",
        to_group_id=group_id or "",
    )
    yield Said("frame.redirected", _show_of_layer(farm, proc.layer_id), row)


# --- depends ----------------------------------------------------------------------------------------------------------


def _depend_added(farm: Farm, event: ev.DependAdded) -> Iterable[Said]:
    values = event.values
    row = rows.DependRow(
        **_job_fields(farm, values["er_job"]),
        depend_id=values["id"],
        depend_type=DependType(values["type"]).name,
        on_job_id=values["on_job"],
    )
    yield Said("depend.added", _show_of_job(farm, values["er_job"]), row)


def _depend(type_: str) -> Callable[[Farm, Any], Iterable[Said]]:
    """Translates events that name a depend."""

    def translate(farm: Farm, event: Any) -> Iterable[Said]:
        show, fields = _depend_fields(farm, event.depend_id)
        yield Said(type_, show, rows.DependRow(**fields))

    return translate


def _depend_pairs(farm: Farm, event: ev.DependPairsSatisfied) -> Iterable[Said]:
    show, fields = _depend_fields(farm, event.depend_id)
    yield Said("depend.pairs_satisfied", show, rows.DependPairsRow(**fields, pairs_count=len(event.pairs)))


def _depend_fields(farm: Farm, depend_id: str) -> tuple[str | None, dict[str, str]]:
    """The show of a depend, and the fields of every row that names one."""
    depend = farm.depends.get(depend_id)
    waiting = depend.er_job if depend else ""
    fields = {
        **_job_fields(farm, waiting),
        "depend_id": depend_id,
        "depend_type": depend.type.name if depend else "",
        "on_job_id": depend.on_job if depend else "",
    }
    return _show_of_job(farm, waiting), fields


# --- hosts, remarks and the rest --------------------------------------------------------------------------------------


def _host_added(farm: Farm, event: ev.Added) -> Iterable[Said]:
    yield Said("host.added", "", rows.HostRow(host_id=event.values["id"], host_name=event.values["name"]))


def _host_changed(farm: Farm, event: ev.Changed) -> Iterable[Said]:
    fields, others = _host_fields(farm, event.id), []
    for name, value in event.changes.items():
        if name == "state" and value in (HostState.UP, HostState.DOWN):
            yield Said("host.up" if value == HostState.UP else "host.down", "", rows.HostRow(**fields))
        elif name == "lock":
            yield Said("host.unlocked" if value == LockState.OPEN else "host.locked", "", rows.HostRow(**fields))
        else:
            others.append(name)

    if others:
        yield Said("host.changed", "", rows.HostChangedRow(**fields, fields=tuple(others)))


def _host_removed(farm: Farm, event: ev.Removed) -> Iterable[Said]:
    yield Said("host.removed", "", rows.HostRow(**_host_fields(farm, event.id)))


def _deed_added(farm: Farm, event: ev.Added) -> Iterable[Said]:
    yield _other_owner(farm, event.values["host_id"])


def _deed_changed(farm: Farm, event: ev.Changed) -> Iterable[Said]:
    yield _other_owner(farm, farm.deeds[event.id].host_id if event.id in farm.deeds else "")


def _deed_removed(farm: Farm, event: ev.Removed) -> Iterable[Said]:
    yield _other_owner(farm, event.values["host_id"])


def _other_owner(farm: Farm, host_id: str) -> Said:
    return Said("host.changed", "", rows.HostChangedRow(**_host_fields(farm, host_id), fields=("owner",)))


def _comment_said(farm: Farm, type_: str, id: str, values: ev.Values) -> Said:
    job_id, host_id = values.get("job_id") or "", values.get("host_id") or ""
    show = "" if host_id else _show_of_job(farm, job_id)
    row = rows.CommentRow(
        comment_id=id,
        job_id=job_id,
        host_id=host_id,
        user=values.get("user", ""),
        subject=values.get("subject", ""),
    )
    return Said(type_, show, row)


def _comment_added(farm: Farm, event: ev.Added) -> Iterable[Said]:
    yield _comment_said(farm, "comment.added", event.values["id"], event.values)


def _comment_changed(farm: Farm, event: ev.Changed) -> Iterable[Said]:
    comment = farm.comments.get(event.id)
    values = (
        {} if comment is None else {name: getattr(comment, name) for name in ("job_id", "host_id", "user", "subject")}
    )
    yield _comment_said(farm, "comment.changed", event.id, values)


def _comment_removed(farm: Farm, event: ev.Removed) -> Iterable[Said]:
    yield _comment_said(farm, "comment.removed", event.id, event.values)


def _thing_added(farm: Farm, event: ev.Added) -> Iterable[Said]:
    values = event.values
    row = rows.ThingRow(id=values["id"], name=_name_of_thing(values))
    yield Said(f"{event.kind}.added", _show_of_thing(farm, event.kind, values), row)


def _thing_changed(farm: Farm, event: ev.Changed) -> Iterable[Said]:
    thing = farm.table(event.kind).get(event.id)
    values = {name: getattr(thing, name, "") for name in ("name", "show_id", "department_id", "shot")}
    row = rows.ThingChangedRow(id=event.id, name=_name_of_thing(values), fields=tuple(event.changes))
    yield Said(f"{event.kind}.changed", _show_of_thing(farm, event.kind, values), row)


def _thing_removed(farm: Farm, event: ev.Removed) -> Iterable[Said]:
    row = rows.ThingRow(id=event.id, name=_name_of_thing(event.values))
    yield Said(f"{event.kind}.removed", _show_of_thing(farm, event.kind, event.values), row)


def _name_of_thing(values: ev.Values) -> str:
    name: str = values.get("name") or values.get("shot") or ""
    return name


def _show_of_thing(farm: Farm, kind: str, values: ev.Values) -> str | None:
    """A show is its own; what has a show is that show's; everything else is everybody's."""
    if kind == "show":
        return values.get("name") or None
    if kind == "task":
        department = farm.departments.get(values.get("department_id", ""))
        return _show_name(farm, department.show_id) if department else None
    if kind in OF_SHOWS:
        return _show_name(farm, values.get("show_id", ""))
    return ""


# --- the table --------------------------------------------------------------------------------------------------------

Translate = Callable[[Farm, Any], Iterable[Said]]

ADDED: Final[dict[str, Translate]] = {
    "host": _host_added,
    "redirect": _redirect_added,
    "deed": _deed_added,
    "comment": _comment_added,
    "display_override": _display_added,
    **dict.fromkeys(THINGS, _thing_added),
}
"""By kind of thing. Jobs and layers are new by `JobLaunched`."""

CHANGED: Final[dict[str, Translate]] = {
    "job": _job_changed,
    "layer": _layer_changed,
    "host": _host_changed,
    "redirect": _redirect_changed,
    "deed": _deed_changed,
    "comment": _comment_changed,
    "display_override": _display_changed,
    **dict.fromkeys(THINGS, _thing_changed),
}

REMOVED: Final[dict[str, Translate]] = {
    "host": _host_removed,
    "redirect": _redirect_over,
    "deed": _deed_removed,
    "comment": _comment_removed,
    "display_override": _display_removed,
    **dict.fromkeys(THINGS, _thing_removed),
}
"""Jobs and layers are never removed."""


def _by_kind(translations: dict[str, Translate]) -> Translate:
    def translate(farm: Farm, event: Any) -> Iterable[Said]:
        of_kind = translations.get(event.kind)
        return of_kind(farm, event) if of_kind else ()

    return translate


TRANSLATIONS: Final[dict[type[ev.Event], Translate]] = {
    ev.Added: _by_kind(ADDED),
    ev.Changed: _by_kind(CHANGED),
    ev.Removed: _by_kind(REMOVED),
    ev.JobLaunched: _job_launched,
    ev.JobFinished: _job_finished,
    ev.JobReopened: _job_reopened,
    ev.FiltersApplied: _job_filtered,
    ev.RunsBooked: _runs_booked,
    ev.RunEnded: _run_ended,
    ev.FramesEaten: _frames("frame.eaten"),
    ev.FramesRetried: _frames("frame.retried"),
    ev.FramesRestored: _frames("frame.restored"),
    ev.FramesReleased: _frames("frame.released"),
    ev.FramesHeld: _frames("frame.held"),
    ev.CheckpointChanged: _checkpoint,
    ev.FramesReordered: _frames("frame.reordered"),
    ev.DependAdded: _depend_added,
    ev.DependSatisfied: _depend("depend.satisfied"),
    ev.DependPairsSatisfied: _depend_pairs,
    ev.DependUnsatisfied: _depend("depend.unsatisfied"),
}
"""How each class of event is told outside."""
