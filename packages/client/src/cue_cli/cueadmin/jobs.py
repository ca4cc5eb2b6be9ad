"""Commands on jobs, their layers and frames."""

from __future__ import annotations

from typing import Any

from cue_cli.cueadmin.lookup import findJob, toCores, toInteger
from cue_cli.cueadmin.session import CommandError, Session
from opencue import api
from opencue.enums import DependTarget, FrameState
from opencue.wrappers.job import Job
from opencue.wrappers.layer import Layer


def pause(session: Session, names: list[str]) -> None:
    """Start no more frames of jobs."""
    _each(session, names, "paused", lambda job: job.pause())


def unpause(session: Session, names: list[str]) -> None:
    """Let paused jobs go on."""
    _each(session, names, "unpaused", lambda job: job.resume())


def kill(session: Session, names: list[str]) -> None:
    """Kill jobs."""
    session.confirm(f"Kill {_count(names)}", named=True)
    _each(session, names, "killed", lambda job: job.kill(reason="cueadmin -kill"))


def kill_all(session: Session, _: list[str]) -> None:
    """Kill every pending job."""
    names = [job.name() for job in api.getJobs()]
    session.confirm(f"Kill ALL {len(names)} pending jobs", force_required=True)
    _each(session, names, "killed", lambda job: job.kill(reason="cueadmin -kill-all"))


def retry(session: Session, names: list[str]) -> None:
    """Run the dead frames of jobs again."""
    session.confirm(f"Retry the dead frames of {_count(names)}", named=True)
    _each(session, names, "dead frames retried", _retry_dead, finished=True)


def retry_all(session: Session, _: list[str]) -> None:
    """Run the dead frames of every pending job again."""
    names = [job.name() for job in api.getJobs()]
    session.confirm(f"Retry the dead frames of ALL {len(names)} pending jobs", force_required=True)
    _each(session, names, "dead frames retried", _retry_dead)


def drop_depends(session: Session, names: list[str]) -> None:
    """Satisfy everything that jobs wait for."""
    session.confirm(f"Drop all dependencies of {_count(names)}", named=True)
    _each(session, names, "dependencies dropped", lambda job: job.dropDepends(DependTarget.ANY_TARGET))


def set_min_cores(session: Session, values: list[str]) -> None:
    """Set how many cores a job should have at least."""
    name, cores = values[0], toCores(values[1])
    session.confirm(f"Set the minimum cores of {name} to {cores:g}", named=True)
    findJob(name).setMinCores(cores)
    session.report(f"{name}: minimum cores {cores:g}")


def set_max_cores(session: Session, values: list[str]) -> None:
    """Set how many cores a job may have at most."""
    name, cores = values[0], toCores(values[1])
    session.confirm(f"Set the maximum cores of {name} to {cores:g}", named=True)
    findJob(name).setMaxCores(cores)
    session.report(f"{name}: maximum cores {cores:g}")


def priority(session: Session, values: list[str]) -> None:
    """Set a job's priority."""
    session.confirm(f"Set the priority of {values[0]} to {values[1]}", named=True)
    set_priority(session, values)


def set_priority(session: Session, values: list[str]) -> None:
    """Set a job's priority without asking."""
    name, number = values[0], toInteger(values[1], "priority")
    findJob(name).setPriority(number)
    session.report(f"{name}: priority {number}")


def retry_frames(session: Session, values: list[str]) -> None:
    """Run frames of a layer again, whatever their state."""
    job, layer = _job_and_layer(values)
    job.retryFrames(layer=[layer.name()], range=values[2])
    session.report(f"{job.name()}/{layer.name()} {values[2]}: retried")


def eat_frames(session: Session, values: list[str]) -> None:
    """Give frames of a layer up as if they had succeeded."""
    session.confirm(f"Eat frames {values[2]} of {values[0]}/{values[1]}", named=True)
    job, layer = _job_and_layer(values)
    job.eatFrames(layer=[layer.name()], range=values[2])
    session.report(f"{job.name()}/{layer.name()} {values[2]}: eaten")


def kill_frames(session: Session, values: list[str]) -> None:
    """Kill running frames of a layer."""
    session.confirm(f"Kill frames {values[2]} of {values[0]}/{values[1]}", named=True)
    job, layer = _job_and_layer(values)
    job.killFrames(reason="cueadmin -kill-frames", layer=[layer.name()], range=values[2])
    session.report(f"{job.name()}/{layer.name()} {values[2]}: killed")


def satisfy_dependency(session: Session, values: list[str]) -> None:
    """Satisfy every active dependency that a layer waits for; without a layer, of the job and all its layers."""
    if len(values) == 1:
        job = findJob(values[0])
        waiting: list[Any] = [job, *job.getLayers()]
        where = job.name()
    else:
        job, layer = _job_and_layer(values)
        waiting, where = [layer], f"{job.name()}/{layer.name()}"
    active = {
        depend.id(): depend for entity in waiting for depend in entity.getWhatThisDependsOn() if depend.isActive()
    }
    for depend in active.values():
        depend.satisfy()
    session.report(f"{where}: {len(active)} dependencies satisfied")


def kill_dependency(session: Session, values: list[str]) -> None:
    """Drop all dependencies of a layer and of its frames, and let frames that wait for them run."""
    session.confirm(f"Drop all dependencies of {values[0]}/{values[1]}", named=True)
    job, layer = _job_and_layer(values)
    layer.dropDepends(DependTarget.ANY_TARGET)
    job.markAsWaiting(layer=[layer.name()], state=[FrameState.DEPEND])
    session.report(f"{job.name()}/{layer.name()}: dependencies dropped")


def _each(session: Session, names: list[str], done: str, act: Any, *, finished: bool = False) -> None:
    def one(name: str) -> None:
        act(findJob(name, finished=finished))
        session.report(f"{name}: {done}")

    session.each(names, one)


def _retry_dead(job: Job) -> None:
    job.retryFrames(state=[FrameState.DEAD])


def _job_and_layer(values: list[str]) -> tuple[Job, Layer]:
    job = findJob(values[0], finished=True)
    layers = {layer.name(): layer for layer in job.getLayers()}
    found = layers.get(values[1]) or layers.get(values[1].lower().replace("-", "_"))
    if found is None:
        raise CommandError(f"job {values[0]!r} has no layer {values[1]!r}; it has {', '.join(layers)}")
    return job, found


def _count(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} jobs ({', '.join(names)})"
