"""-where QUERY: what a list shows, or an action is for, in words that the server understands; -fields says which."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from cue_cli.cueadmin.commands import LISTS as READING
from cue_cli.cueadmin.commands import Command
from cue_cli.cueadmin.lookup import findJob
from cue_cli.cueadmin.session import CommandError, Session, UsageError
from opencue import api
from opencue.enums import JobState
from opencue.wording import counted

LISTS = {"-lj": "job", "-lji": "job", "-lh": "host", "-lp": "proc", "-ll": "proc"}
NARROWED = ("-ls", "-la", "-lb", "-lba", "-lv")
"""Lists that choose by themselves, among the few things that they have."""
HOST_COMMANDS = ("-move", "-thread")
"""Commands that take their hosts from -host alone."""
NAMED_MAX = 8
"""So many are named when it is asked whether they are meant."""
IDS_PER_CALL = 1_000


def list_fields(session: Session, nouns: list[str]) -> None:
    """-fields: what queries can ask of jobs, layers, frames, hosts and procs."""
    fields = [field for field in api.getQueryFields() if not nouns or field.noun in nouns]
    if not fields:
        raise UsageError(f"{nouns[0]!r} cannot be asked for; there are job, layer, frame, host, proc")
    if session.options.json:
        from cue_cli.cueadmin.records import printJson

        names = ("noun", "name", "accepts", "help")
        printJson([{name: getattr(field, name) for name in names} for field in fields])
        return
    noun = ""
    for field in fields:
        if field.noun != noun:
            noun = field.noun
            print(f"{noun}s:")
        print(f"  {field.name:<12} {field.help} ({field.accepts})")


def call_arguments(session: Session, command: Command, values: list[str]) -> list[list[str]]:
    """Return the arguments of each call of a command, for what -where asks for; one list only narrows what it shows.

    `values` are the arguments that are given beside the query. Raises UsageError where the command takes no query.
    """
    options = session.options
    if command.flags[0] in NARROWED:
        return [values]
    noun = next((noun for flag, noun in LISTS.items() if flag in command.flags), "")
    if noun:
        options.where_ids = api.findIds(noun, options.where, order=options.order)
        return [values]
    calls, names = _action(session, command, values)
    if not calls:
        raise CommandError(f"nothing is done: no {_noun(command)} is asked for by {options.where!r}")
    named = ", ".join(names[:NAMED_MAX]) + (", ..." if len(names) > NAMED_MAX else "")
    if command not in READING:
        session.confirm(f"{command.flags[0]} for {counted(len(names), _noun(command))}: {named}", named=True)
    options.force = True  # it was asked for all of them
    return calls


def _noun(command: Command) -> str:
    if command.takes.startswith(("JOB [LAYER]", "JOB LAYER")):
        return "frame" if "RANGE" in command.takes else "layer"
    return "job" if command.takes.startswith("JOB") else "host"


def _action(session: Session, command: Command, values: list[str]) -> tuple[list[list[str]], list[str]]:
    """The calls, and the names of what they are for."""
    takes, query, order = command.takes, session.options.where, session.options.order
    if takes == "FILE [JOB...]":
        jobs = _jobs(api.findIds("job", query, order=order))
        return ([[*values, *(job.id() for job in jobs)]] if jobs else []), [job.name() for job in jobs]
    if takes.startswith("JOB"):
        if _noun(command) != "job":
            return _in_job(command, values, query, order)
        jobs = _jobs(api.findIds("job", query, order=order))
        names = [job.name() for job in jobs]
        typed = [job.name() if job.state() == JobState.PENDING else job.id() for job in jobs]
        if takes == "JOB...":
            return ([typed] if typed else []), names
        return [[job, *values] for job in typed], names
    if "HOST" in takes or command.flags[0] in HOST_COMMANDS:
        ids = set(api.findIds("host", query, order=order))
        names = [host.name() for host in api.getHosts() if host.id() in ids]
        if takes.startswith("HOST "):
            return [[name, *values] for name in names], names
        session.options.host = names
        return ([values] if names else []), names
    raise UsageError(f"{command.flags[0]} takes no -where; actions on jobs, layers, frames and hosts do, and lists")


def _in_job(command: Command, values: list[str], query: str, order: str) -> tuple[list[list[str]], list[str]]:
    """The same for the layers or frames of the job that is named first."""
    if not values:
        raise UsageError(f"{command.flags[0]} with -where takes the job whose {_noun(command)}s are meant")
    job = findJob(values[0])
    ids = api.findIds(_noun(command), query, order=order, job=job.id())
    if _noun(command) == "layer":
        names = {layer.id(): layer.name() for layer in job.getLayers()}
        return [[values[0], names[id], *values[1:]] for id in ids], [names[id] for id in ids]
    from outline.util import compact_frame_range

    numbers: dict[str, list[int]] = defaultdict(list)
    frame_names = []
    for start in range(0, len(ids), IDS_PER_CALL):
        for frame in job.getFrames(id=ids[start : start + IDS_PER_CALL], limit=IDS_PER_CALL):
            numbers[frame.layer()].append(frame.number())
            frame_names.append(frame.name())
    return [[values[0], layer, compact_frame_range(sorted(of))] for layer, of in numbers.items()], frame_names


def _jobs(ids: list[str]) -> list[Any]:
    found: dict[str, Any] = {}
    for start in range(0, len(ids), IDS_PER_CALL):
        jobs = api.getJobs(id=ids[start : start + IDS_PER_CALL], include_finished=True)
        found.update((job.id(), job) for job in jobs)
    return [found[id] for id in ids if id in found]


def jobs_asked_for(session: Session) -> list[Any]:
    """The jobs that -where asks for, in its order."""
    return _jobs(session.options.where_ids)
