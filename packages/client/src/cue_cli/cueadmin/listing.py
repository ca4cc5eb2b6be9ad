"""Commands that only look."""

from __future__ import annotations

import sys
from typing import Any

from cue_cli.cueadmin import job_depends, job_details, output, records
from cue_cli.cueadmin.format import formatTime
from cue_cli.cueadmin.lookup import findAllocation, findShow, toMember
from cue_cli.cueadmin.narrowing import narrowed
from cue_cli.cueadmin.output_styles import CUEFARM, UPSTREAM
from cue_cli.cueadmin.procs import procSearch
from cue_cli.cueadmin.session import CommandError, Session
from cue_cli.cueadmin.where import jobs_asked_for
from opencue import api, util
from opencue.causes import causeParts
from opencue.doors import SYSTEM_USER, is_told_of
from opencue.enums import FrameState, HardwareState
from opencue.exception import EntityNotFoundException, NotOfferedException

DEAD_LOGS_MAX = 100  # -ll names the logs of the frames that died last, not of every failure there ever was
HOSTS_TOLD_OF = 20
REFUSED_TOLD_S = 3_600  # an agent that was refused tries again within seconds, as long as it runs
FINISHED_MAX = 100  # finished jobs that a list shows without -limit
RETRIES_FRAMES_MAX = 2_000  # -lji JOB asks for every frame of a job up to this size


def list_jobs(session: Session, parts: list[str]) -> None:
    """-lj: the names of pending jobs."""
    parts = [*parts, *(session.options.finished or [])]
    jobs = _jobs(session, parts)
    if session.options.json:
        records.printRecords(jobs, records.jobRecord)
    else:
        output.displayJobNames(jobs, session.style)
        if not jobs:
            _tell_of_nothing(session, parts)


def list_job_table(session: Session, parts: list[str]) -> None:
    """-lji: pending jobs as a table, and more about a single one."""
    parts = [*parts, *(session.options.finished or [])]
    jobs = _jobs(session, parts)
    if not jobs and parts and session.options.finished is None:
        jobs = _finished(session, parts)
    exact = [job for job in jobs if job.name() in parts]
    single = jobs[0] if len(jobs) == 1 and parts else exact[0] if len(exact) == 1 else None
    if session.options.json:
        found = [records.jobRecord(job) for job in jobs]
        if single is not None:
            found[jobs.index(single)].update(records.jobDetailsRecord(single, job_details.settingsOf(single)))
        records.printJson(found)
        return
    if not jobs:
        _tell_of_nothing(session, parts)
        if session.style == CUEFARM:
            return
    output.displayJobs(jobs, session.style)
    if single is not None and session.style == CUEFARM:
        settings = job_details.settingsOf(single)
        job_details.displayJobDetails(single, single.getLayers(), _retries(single), settings)
        job_depends.displayDepends(single, settings)


def list_shows(session: Session, _: list[str]) -> None:
    """-ls: shows."""
    shows = narrowed(session, api.getShows(), records.showRecord)
    if session.options.json:
        records.printRecords(shows, records.showRecord)
    else:
        output.displayShows(shows)


def list_allocations(session: Session, _: list[str]) -> None:
    """-la: allocations."""
    allocations = narrowed(session, api.getAllocations(), records.allocationRecord)
    if session.options.json:
        records.printRecords(allocations, records.allocationRecord)
    else:
        output.displayAllocations(allocations)


def list_subscriptions(session: Session, names: list[str]) -> None:
    """-lb: the subscriptions of shows."""
    shows = []
    for name in names:
        try:
            shows.append(api.findShow(name))
        except EntityNotFoundException:
            session.warn(f"show {name!r} does not exist")
    if not shows:
        raise CommandError("no valid shows; `cueadmin -ls` lists them")
    of_shows = [(show, narrowed(session, show.getSubscriptions(), records.subscriptionRecord)) for show in shows]
    if session.options.json:
        every = [subscription for _, subscriptions in of_shows for subscription in subscriptions]
        records.printRecords(every, records.subscriptionRecord)
        return
    for show, subscriptions in of_shows:
        output.displaySubscriptions(subscriptions, show.name())


def list_allocation_subscriptions(session: Session, names: list[str]) -> None:
    """-lba: the subscriptions to an allocation."""
    found = findAllocation(names[0]).getSubscriptions()
    subscriptions = narrowed(session, found, records.subscriptionRecord)
    if session.options.json:
        records.printRecords(subscriptions, records.subscriptionRecord)
    else:
        output.displaySubscriptions(subscriptions, "All Shows")


def list_hosts(session: Session, parts: list[str]) -> None:
    """-lh: hosts."""
    options = session.options
    search: dict[str, Any] = {"substr": [*parts, *(options.query or [])]}
    if options.host:
        search["name"] = options.host
    if options.hostmatch:
        search["substr"] = [*search["substr"], *options.hostmatch]
    if options.alloc:
        search["alloc"] = [findAllocation(name).name() for name in options.alloc]
    if options.state:
        search["state"] = [toMember(HardwareState, state, "hardware state") for state in options.state]
    hosts = _asked_for(session, api.getHosts(**search))
    is_narrowed = session.options.where is not None
    refused = [] if session.style == UPSTREAM or is_narrowed else _refused_agents(search)
    if options.json:
        chosen = output.chosenHosts(hosts, options.lock_state, options.sort_idle)
        records.printJson([*map(records.hostRecord, chosen), *map(records.refusedRecord, refused)])
    else:
        output.displayHosts(hosts, options.lock_state, options.sort_idle, session.style)
    if session.style != UPSTREAM:
        _tell_what_the_farm_says(hosts, {agent.name for agent in refused if agent.code == "NAME_TAKEN"})
        for agent in refused:
            sys.stderr.write(f"{records.refusedWords(agent)}; {agent.remedy}\n")
    if not output.chosenHosts(hosts, options.lock_state, options.sort_idle) and not refused:
        _tell_of_no_host(session, search)


def _tell_of_no_host(session: Session, search: dict[str, Any]) -> None:
    wanted = []
    if search["substr"]:
        wanted.append(f"contains {' or '.join(search['substr'])}")
    if "name" in search:
        wanted.append(f"is called {' or '.join(search['name'])}")
    others = session.options.where is not None or any(search.get(key) for key in ("alloc", "state"))
    if others or session.options.lock_state:
        wanted.append("is as asked for")
    session.tell(f"no host {' and '.join(wanted)}; cueadmin -lh lists all" if wanted else "no hosts")


def _refused_agents(search: dict[str, Any]) -> list[Any]:
    """Return the agents that the server refused lately, which belong into a list of hosts that is narrowed by names."""
    if "alloc" in search or "state" in search:
        return []
    try:
        refused = api.getDoors().refused
    except NotOfferedException:
        return []
    named = search.get("name", ())
    return [
        agent
        for agent in refused
        if agent.last_s <= REFUSED_TOLD_S
        and (not search["substr"] or any(part in agent.name or part in agent.address for part in search["substr"]))
        and (not named or agent.name in named or agent.address in named)
    ][:HOSTS_TOLD_OF]


def _tell_what_the_farm_says(hosts: list[Any], rivals: set[str]) -> None:
    """Print what the farm itself remarks on hosts, beside the table: `cueadmin -lh | grep` sees hosts alone.

    What is said of an agent that is listed as refused is not said twice.
    """
    for host in [host for host in hosts if host.isCommented()][:HOSTS_TOLD_OF]:
        for comment in host.getComments():
            if comment.user() == SYSTEM_USER and not is_told_of(host, comment, rivals):
                sys.stderr.write(f"{host.name()}: {comment.subject()}. {comment.message()}\n")


def list_procs(session: Session, shows: list[str]) -> None:
    """-lp: what runs now."""
    procs = _asked_for(session, api.getProcs(**procSearch(session, shows)))
    if session.options.json:
        records.printRecords(procs, records.procRecord)
    else:
        output.displayProcs(procs, session.style)
    if not procs:
        _tell_of_no_proc(session, shows)


def _tell_of_no_proc(session: Session, shows: list[str], words: str = "nothing runs") -> None:
    """Say that there is nothing; a show that there is not is a mistake."""
    if session.style == UPSTREAM:
        return
    for name in shows:
        findShow(name)
    options = session.options
    chosen = (shows, options.alloc, options.host, options.job, options.memory, options.duration, options.where)
    session.tell(f"{words} that was asked for" if any(chosen) else words)


def list_logs(session: Session, shows: list[str]) -> None:
    """-ll: the logs of running frames, and of the frames that died last."""
    procs = _asked_for(session, api.getProcs(**procSearch(session, shows)))
    is_of_all = session.style != UPSTREAM and session.options.where is None
    dead = _dead_frames(session, shows) if is_of_all else []
    if session.options.json:
        running = [{"path": proc.data.log_path, "error": None} for proc in procs]
        records.printJson(running + [{"path": path, "error": error} for path, error in dead])
    else:
        for proc in procs:
            print(proc.data.log_path)
        for path, error in dead:
            print(f"{path} ERROR {error}")
    if not procs and not dead:
        _tell_of_no_proc(session, shows, "no frame runs or is dead")


def list_services(session: Session, shows: list[str]) -> None:
    """-lv: services, or those that a show has changed for itself."""
    found: list[Any] = findShow(shows[0]).getServiceOverrides() if shows else api.getDefaultServices()
    services = narrowed(session, found, records.serviceRecord)
    if session.options.json:
        records.printRecords(services, records.serviceRecord)
    else:
        output.displayServices(services, session.style)


def _asked_for(session: Session, things: list[Any]) -> list[Any]:
    """Those of the things that -where asks for, in its order; all of them without it."""
    if session.options.where is None:
        return things
    found = {thing.id(): thing for thing in things}
    return [found[id] for id in session.options.where_ids if id in found]


def _jobs(session: Session, parts: list[str]) -> list[Any]:
    """Return pending (or -finished) jobs that contain any of the parts; -query adds parts, -job names jobs in full."""
    if session.options.where is not None:
        return jobs_asked_for(session)
    if session.options.finished is not None:
        return _finished(session, parts)
    search: dict[str, Any] = {}
    substr = [*parts, *(session.options.query or [])]
    if substr:
        search["substr"] = substr
    if session.options.job:
        search["job"] = session.options.job
    return sorted(api.getJobs(**search), key=lambda job: job.name())


def _finished(session: Session, parts: list[str], *, told: bool = True) -> list[Any]:
    """Return finished jobs in the same way, the one that ended last first; says so where there are more."""
    limit = session.options.limit or FINISHED_MAX
    parts = [*parts, *(session.options.query or [])]
    try:
        found = api.getFinishedJobs(parts, name=session.options.job or [], limit=limit + 1)
    except NotOfferedException:
        return []
    if len(found) > limit and told:
        which = "this is the job" if limit == 1 else f"these are the {limit} jobs"
        session.warn(f"{which} that ended last; -limit N shows more, a part of a name fewer")
    return found[:limit]


def _tell_of_nothing(session: Session, parts: list[str]) -> None:
    """Say on stderr that a list of jobs is empty, and how to see finished ones; upstream's scripts expect silence."""
    if session.style == UPSTREAM:
        return
    options = session.options
    parts = [*parts, *(options.query or []), *(options.job or [])]
    whose = f" contains {' or '.join(parts)}" if parts else ""
    if options.finished is not None:
        print(f"no finished job{whose}" if parts else "no finished jobs", file=sys.stderr)
        return
    found = _finished(session, parts, told=False)
    hint = ""
    if found:
        number = f"{FINISHED_MAX} or more" if len(found) >= FINISHED_MAX else str(len(found))
        detail = "finished job does" if len(found) == 1 else "finished jobs do"
        if not parts:
            detail = "finished lately"
        hint = f"; {number} {detail}: cueadmin -lj -finished {' '.join(parts)}".rstrip()
    print(f"no pending job{whose}{hint}" if parts else f"no pending jobs{hint}", file=sys.stderr)


def _retries(job: Any) -> dict[str, int]:
    """Return how often frames of each layer were tried again; nothing for a job of very many frames."""
    if job.totalFrames() > RETRIES_FRAMES_MAX:
        return {}
    retries: dict[str, int] = {}
    for frame in job.getFrames():
        retries[frame.layer()] = retries.get(frame.layer(), 0) + frame.retries()
    return retries


def _dead_frames(session: Session, shows: list[str]) -> list[tuple[str, str]]:
    """Return log path and error of dead frames, the latest last; none under a filter that only running frames have."""
    options = session.options
    if options.alloc or options.memory or options.duration:
        return []
    search: dict[str, Any] = {"show": shows}
    if options.job:
        search["job"] = options.job
    found = [
        (frame.stopTime(), job, frame)
        for job in api.getJobs(**search)
        if job.deadFrames()
        for frame in job.getFrames(state=[FrameState.DEAD])
        if not options.host or frame.lastResource() in options.host
    ]
    found.sort(key=lambda entry: (entry[0], util.logPath(*entry[1:])))
    found = found[-(options.limit or DEAD_LOGS_MAX) :]
    runs = _last_runs({job.id() for _, job, _ in found})
    return [_dead_frame(stopped, job, frame, runs.get(frame.id())) for stopped, job, frame in found]


def _last_runs(job_ids: set[str]) -> dict[str, Any]:
    """Return the runs after which frames of jobs died, by the frame's id, as far as the server can tell."""
    last: dict[str, Any] = {}
    for job_id in sorted(job_ids):
        try:
            runs = api.getRuns(job_id, state=["DEAD"])
        except NotOfferedException:
            return {}
        for run in runs:
            last.setdefault(run.frame_id, run)
    return last


def _dead_frame(stopped: int, job: Any, frame: Any, run: Any) -> tuple[str, str]:
    path = run.log_path if run else util.logPath(job, frame)
    cause, said = causeParts(run) if run else (f"exit status {frame.exitStatus()}", "")
    where = f"on {frame.lastResource() or 'no host'} at {formatTime(stopped)}"
    return path, f"{cause} {where}{': ' + said if said else ''}"
