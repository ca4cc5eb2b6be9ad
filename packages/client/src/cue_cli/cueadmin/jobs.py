"""Commands on jobs, their layers and frames."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any, Callable, Optional

from cue_cli.cueadmin.again import opensAgain, retriesLeft, triedAgain
from cue_cli.cueadmin.lookup import findJob, jobAndLayer, toCores, toInteger, withLayer
from cue_cli.cueadmin.selection import Selection
from cue_cli.cueadmin.session import CommandError, Session, UsageError
from opencue import api
from opencue.changed import Changed, total
from opencue.enums import DependTarget, DependType, FrameState
from opencue.exception import CueException
from opencue.wording import counted
from opencue.wrappers.job import Job

DEPENDENCIES = ("dependency", "dependencies")
NO_DEPENDENCIES = "it depends on nothing that is not done"


def pause(session: Session, names: list[str]) -> None:
    """Start no more frames of jobs."""
    _each(session, names, lambda job: job.pause(), "paused", "it was paused already")


def unpause(session: Session, names: list[str]) -> None:
    """Let paused jobs go on."""
    _each(session, names, lambda job: job.resume(), "unpaused", "it was not paused")


def kill(session: Session, names: list[str]) -> None:
    """Kill jobs."""
    session.confirm(f"Kill {_count(names)}{_hit(session, names)}", named=True)
    _kill(session, names, "cueadmin -kill")


def kill_all(session: Session, _: list[str]) -> None:
    """Kill every pending job."""
    jobs = _pending()
    names = [job.name() for job in jobs]
    session.confirm(f"Kill ALL {counted(len(names), 'pending job')}: {_told(jobs)}", force_required=True)
    _kill(session, names, "cueadmin -kill-all")


def retry(session: Session, names: list[str]) -> None:
    """Run the dead frames of jobs again."""
    session.confirm(f"Retry the dead frames of {_count(names)}{_hit(session, names)}", named=True)
    _retry(session, names)


def retry_all(session: Session, _: list[str]) -> None:
    """Run the dead frames of every pending job again."""
    jobs = _pending()
    names = [job.name() for job in jobs]
    dead = sum(job.deadFrames() for job in jobs)
    session.confirm(
        f"Retry {counted(dead, 'dead frame')} of ALL {counted(len(names), 'pending job')}", force_required=True
    )
    _retry(session, names)


def drop_depends(session: Session, names: list[str]) -> None:
    """Satisfy everything that jobs wait for."""
    session.confirm(f"Drop all dependencies of {_count(names)}", named=True)
    _each(
        session,
        names,
        lambda job: job.dropDepends(DependTarget.ANY_TARGET),
        "{dependencies} dropped",
        NO_DEPENDENCIES,
    )


def set_owner(session: Session, values: list[str]) -> None:
    """Give a job to somebody else."""
    name, user = values
    session.confirm(f"Give {name} to {user}", named=True)
    session.set(name, f"user {user}", findJob(name, finished=True).setOwner(user))


def time_limit(session: Session, values: list[str]) -> None:
    """Set how long a job may go on."""
    name, minutes = values[0], toInteger(values[1], "number of minutes")
    session.set(name, f"time limit {minutes} min" if minutes else "no time limit", findJob(name).setTimeLimit(minutes))


def subscribe(session: Session, values: list[str]) -> None:
    """Send mail to an address when a job ends."""
    name, address = values
    session.changed(
        name, findJob(name).addSubscriber(address), f"{address} gets mail when it ends", f"{address} gets mail already"
    )


def set_min_cores(session: Session, values: list[str]) -> None:
    """Set how many cores a job should have at least."""
    name, cores = values[0], toCores(values[1])
    session.confirm(f"Set the minimum cores of {name} to {cores:g}", named=True)
    job = findJob(name)
    session.set(
        name,
        f"minimum cores {cores:g}",
        job.setMinCores(cores),
        lambda: f"minimum cores {api.getJob(job.id()).minCores():g}",
    )


def set_max_cores(session: Session, values: list[str]) -> None:
    """Set how many cores a job may have at most."""
    name, cores = values[0], toCores(values[1])
    session.confirm(f"Set the maximum cores of {name} to {cores:g}", named=True)
    job = findJob(name)
    session.set(
        name,
        f"maximum cores {cores:g}",
        job.setMaxCores(cores),
        lambda: f"maximum cores {api.getJob(job.id()).maxCores():g}",
    )


def priority(session: Session, values: list[str]) -> None:
    """Set a job's priority."""
    session.confirm(f"Set the priority of {values[0]} to {values[1]}", named=True)
    set_priority(session, values)


def set_priority(session: Session, values: list[str]) -> None:
    """Set a job's priority without asking."""
    name, number = values[0], toInteger(values[1], "priority")
    session.set(name, f"priority {number}", findJob(name).setPriority(number))


def retry_frames(session: Session, values: list[str]) -> None:
    """Run frames of a layer again, whatever their state."""
    frames = _selection(withLayer(values))
    frames.tell(session, frames.job.retryFrames(**frames.options), "retried", "waiting already")


def eat_frames(session: Session, values: list[str]) -> None:
    """Give frames of a layer up; with -markdone let go what depends on them, too."""
    values = withLayer(values)
    markdone = session.options.markdone
    also = " and mark them done" if markdone else ""
    frames = _selection(values)
    session.confirm(f"Eat frames {values[2]} of {values[0]}/{values[1]}{also}{_states(session, frames)}", named=True)
    released = frames.job.markdoneFrames(**frames.options) if markdone else 0
    eaten = frames.job.eatFrames(**frames.options)
    if released:  # some may have been eaten before, and only held others up
        done = f"{counted(eaten or 0, 'frame')} eaten, {counted(released, *DEPENDENCIES)} satisfied"
        session.changed(frames.where, total(eaten, released), done)
        return
    them = "it" if eaten == 1 else "them"
    waits = f"eaten; what depends on {them} goes on waiting (-markdone lets it go)"
    left = "eaten and marked done" if markdone else waits
    frames.tell(session, eaten, left if eaten else "eaten", "done or eaten already")


def markdone_frames(session: Session, values: list[str]) -> None:
    """Let go what depends on frames of a layer; the frames themselves stay as they are."""
    values = withLayer(values)
    frames = _selection(values)
    what = f"frames {values[2]} of {values[0]}/{values[1]}{_states(session, frames)}"
    session.confirm(f"Let go what depends on {what}", named=True)
    released = frames.job.markdoneFrames(**frames.options)
    if released:
        session.changed(frames.where, released, f"{counted(released, *DEPENDENCIES)} satisfied")
    else:
        frames.tell(session, released, "marked done", "waited for by nothing")


def kill_frames(session: Session, values: list[str]) -> None:
    """Kill running frames of a layer."""
    values = withLayer(values)
    frames = _selection(values)
    session.confirm(f"Kill frames {values[2]} of {values[0]}/{values[1]}{_states(session, frames)}", named=True)
    left = retriesLeft(frames)
    killed = frames.job.killFrames(reason="cueadmin -kill-frames", **frames.options)
    frames.tell(session, killed, f"killed{triedAgain(killed, left)}" if killed else "killed", "not running")


def depend(session: Session, values: list[str]) -> None:
    """Let a job, a layer or a frame wait for another."""
    (job, layer, frame), (on_job, on_layer, on_frame) = (_parts(value) for value in values)
    on_failure = session.options.even_failed
    added = api.addDepend(job, layer, frame, on_job=on_job, on_layer=on_layer, on_frame=on_frame, on_failure=on_failure)
    how = ", dead frames count as done" if on_failure else ""
    session.report(f"{values[0]}: waits for {values[1]} ({DependType(added.type()).name}{how})")


def _parts(text: str) -> list[str]:
    parts = text.split("/")
    if not all(parts) or len(parts) > 3:
        raise UsageError(f"{text!r} is not JOB, JOB/LAYER or JOB/LAYER/FRAME")
    return [*parts, "", ""][:3]


def satisfy_dependency(session: Session, values: list[str]) -> None:
    """Satisfy every active dependency that a layer waits for; without a layer, of the job and all its layers."""
    if len(values) == 1:
        job = findJob(values[0])
        waiting: list[Any] = [job, *job.getLayers()]
        where = job.name()
    else:
        job, layer = jobAndLayer(values)
        waiting, where = [layer], f"{job.name()}/{layer.name()}"
    active = {
        depend.id(): depend for entity in waiting for depend in entity.getWhatThisDependsOn() if depend.isActive()
    }
    for depend in active.values():
        depend.satisfy()
    session.changed(where, len(active), f"{counted(len(active), *DEPENDENCIES)} satisfied", NO_DEPENDENCIES)


def kill_dependency(session: Session, values: list[str]) -> None:
    """Drop all dependencies of a layer and of its frames, and let frames that wait for them run."""
    session.confirm(f"Drop all dependencies of {values[0]}/{values[1]}", named=True)
    job, layer = jobAndLayer(values)
    dropped = layer.dropDepends(DependTarget.ANY_TARGET)
    freed = job.markAsWaiting(layer=[layer.name()], state=[FrameState.DEPEND])
    parts = []
    if dropped:
        parts.append(f"{counted(dropped, *DEPENDENCIES)} dropped")
    if freed:
        parts.append(f"{counted(freed, 'frame')} let go besides")
    done = ", ".join(parts) or "dependencies dropped"
    session.changed(f"{job.name()}/{layer.name()}", total(dropped, freed), done, NO_DEPENDENCIES)


def _each(
    session: Session,
    names: list[str],
    act: Callable[[Job], Changed],
    done: str,
    nothing: str,
    *,
    finished: bool = False,
) -> None:
    """Do something with each job; `{frames}` and `{dependencies}` in `done` stand for how many it changed."""

    def one(name: str) -> None:
        number = act(findJob(name, finished=finished))
        frames, dependencies = (
            ("frames", "dependencies") if number is None else (counted(number, "frame"), counted(number, *DEPENDENCIES))
        )
        session.changed(name, number, done.format(frames=frames, dependencies=dependencies), nothing)

    session.each(names, one)


def _pending() -> list[Job]:
    jobs = api.getJobs()
    if not jobs:
        raise CommandError("there is no pending job")
    return jobs


def _hit(session: Session, names: list[str]) -> str:
    """What jobs will be hit, for somebody who is asked; a name that is none is told of when its turn comes."""
    if not session.asks:
        return ""
    jobs = [job for job in map(_jobOrNone, names) if job is not None]
    return f": {_told(jobs)}" if jobs else ""


def _jobOrNone(name: str) -> Optional[Job]:
    with contextlib.suppress(CueException, CommandError):
        return findJob(name, finished=True)
    return None


def _told(jobs: list[Job]) -> str:
    counts = {
        "running": sum(job.runningFrames() for job in jobs),
        "waiting": sum(job.waitingFrames() + job.dependFrames() for job in jobs),
        "dead": sum(job.deadFrames() for job in jobs),
    }
    total = counted(sum(job.totalFrames() for job in jobs), "frame")
    return ", ".join([total, *(f"{count} {word}" for word, count in counts.items() if count)])


def _states(session: Session, frames: Selection) -> str:
    """How many frames of a range there are and in which states, for somebody who is asked."""
    if not session.asks:
        return ""
    found = Counter(FrameState(frame.state()).name.lower() for frame in frames.job.getFrames(**frames.options))
    return f": {', '.join(f'{count} {state}' for state, count in sorted(found.items())) or 'no frame'}"


def _kill(session: Session, names: list[str], reason: str) -> None:
    _each(session, names, lambda job: job.kill(reason=reason), "killed", "it was over already")


def _retry(session: Session, names: list[str]) -> None:
    def one(name: str) -> None:
        job = findJob(name, finished=True)
        number = job.retryFrames(state=[FrameState.DEAD])
        frames = "frames" if number is None else counted(number, "frame")
        nothing = "" if number != 0 else f"it has no dead frame{opensAgain(job.id())}"
        session.changed(name, number, f"{frames} retried", nothing)

    session.each(names, one)


def _selection(values: list[str]) -> Selection:
    return Selection(*jobAndLayer(values), values[2], values[0])


def _count(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{counted(len(names), 'job')} ({', '.join(names)})"
