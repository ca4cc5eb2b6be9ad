"""Commands on filters: what a show does to jobs as they are launched, and what that would do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cue_cli.cueadmin import records
from cue_cli.cueadmin.lookup import findJob, findShow, readJob
from cue_cli.cueadmin.session import CommandError, Session, UsageError
from opencue import api
from opencue.filter_sets import FilterChanges
from opencue.wording import counted

STANDARD = "-"
"""A file's name that stands for standard input or output."""


def list_filters(session: Session, values: list[str]) -> None:
    """-lfilters: the filters of a show in their order, what each asks and does."""
    data = api.exportFilters(findShow(values[0]).name())
    if session.options.json:
        records.printJson(data["filters"])
        return
    if not data["filters"]:
        session.tell(f"show {values[0]} has no filters")
    for place, one in enumerate(data["filters"], start=1):
        off = "" if one["enabled"] else ", off"
        print(f"{place}. {one['name']} ({'any' if one['type'] == 'MATCH_ANY' else 'all'} of these{off})")
        for matcher in one["matchers"] or [{"subject": "asks nothing,", "type": "so it fits no job", "input": ""}]:
            print(f"     {matcher['subject']} {matcher['type']} {matcher['input']}".rstrip())
        for action in one["actions"]:
            print(f"  -> {action['type']} {action.get('value', '')}".rstrip())


def export_filters(session: Session, values: list[str]) -> None:
    """-export-filters: write the filters of a show as JSON, for version control."""
    show, name = findShow(values[0]).name(), values[1]
    data = api.exportFilters(show)
    text = json.dumps(data, indent=2) + "\n"
    if name == STANDARD:
        print(text, end="")
        return
    try:
        Path(name).write_text(text)
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from error
    session.report(f"{show}: {counted(len(data['filters']), 'filter')} written to {name}")


def import_filters(session: Session, values: list[str]) -> None:
    """-import-filters: make the filters of a show what a file says; those that it does not name are removed."""
    show, name = findShow(values[0]).name(), values[1]
    try:
        data = json.loads(_read(name))
        changes = api.compareFilters(show, data)
        if changes:
            session.confirm(f"Change the filters of {show}: {_changes(changes)}")
            changes = api.importFilters(show, data)
    except ValueError as error:
        raise CommandError(f"{name}: {error}") from error
    session.changed(show, _number(changes), _changes(changes), "its filters are so already")


def _number(changes: FilterChanges) -> Any:
    return len(changes.added) + len(changes.changed) + len(changes.removed) + changes.moved


def _changes(changes: FilterChanges) -> str:
    said = [
        f"{word} {', '.join(names)}"
        for word, names in (("add", changes.added), ("change", changes.changed), ("remove", changes.removed))
        if names
    ]
    return "; ".join([*said, *(["put them in another order"] if changes.moved else [])])


def try_filters(session: Session, values: list[str]) -> None:
    """-try-filters: what filters of a show would do to its jobs, or to a specification's (-with-spec)."""
    options, show = session.options, findShow(values[0]).name()
    spec = _read(options.with_spec) if options.with_spec else ""
    if spec and options.job:
        raise UsageError("-job names jobs that there are, -with-spec is for one that is not launched; give one of them")
    jobs = [readJob(name).id() for name in options.job or ()]
    answer = api.tryFilters(show, values[1] if len(values) > 1 else "", spec=spec, jobs=jobs, limit=options.limit)
    _print_tried(session, answer)
    if not options.json:
        fitted = sum(bool(job.filters) for job in answer.jobs)
        more = "" if answer.complete else "; there are more"
        print(f"{counted(fitted, 'job')} of {answer.looked_at} would be changed{more}. Nothing was.")


def _print_tried(session: Session, answer: Any) -> None:
    if session.options.json:
        records.printJson([_tried(job) for job in answer.jobs])
        return
    for job in answer.jobs:
        print(job.job_name)
        for one in job.filters:
            print(f"  {one.name}: {', '.join(one.actions) or 'nothing'}")
        if not job.filters:
            print("  no filter")


def _tried(job: Any) -> dict[str, Any]:
    return {
        "job_id": job.job_id or None,
        "job": job.job_name,
        "filters": [{"id": one.filter_id, "name": one.name, "actions": list(one.actions)} for one in job.filters],
        "done": list(job.done),
    }


def filtered(session: Session, values: list[str]) -> None:
    """-filtered: what filters did to jobs when they ran last, mostly at the launch."""
    found: list[Any] = []

    def ask(name: str) -> None:
        job = readJob(name)
        found.extend(api.tryFilters(job.data.show, jobs=[job.id()]).jobs)

    session.each(values, ask)
    if session.options.json:
        records.printJson([{"job_id": job.job_id, "job": job.job_name, "done": list(job.done)} for job in found])
        return
    for job in found:
        print(job.job_name)
        for text in job.done or ["no filter has acted on it"]:
            print(f"  {text}")


def run_filters(session: Session, values: list[str]) -> None:
    """-run-filters: have the filters of their show act on jobs, as at their launch."""
    session.confirm(f"Run filters on {counted(len(values), 'job')}: {', '.join(values)}", named=True)

    def act(name: str) -> None:
        job = findJob(name)
        session.changed(job.name(), job.runFilters(), "filters have acted on it", "no filter changes anything of it")

    session.each(values, act)


def enable_filter(session: Session, values: list[str]) -> None:
    """-enable-filter: let a filter act on jobs that are launched."""
    _switch(session, values, on=True)


def disable_filter(session: Session, values: list[str]) -> None:
    """-disable-filter: let a filter act on nothing."""
    _switch(session, values, on=False)


def _switch(session: Session, values: list[str], *, on: bool) -> None:
    one = findShow(values[0]).findFilter(values[1])
    word = "enable" if on else "disable"
    session.confirm(f"{word.capitalize()} filter {one.name()} of {values[0]}")
    session.set(one.name(), f"{word}d", one.setEnabled(on))


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == STANDARD else Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{name}: {getattr(error, 'strerror', None) or 'it is no text'}") from error
