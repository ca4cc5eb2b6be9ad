"""Jobs of a snapshot are submitted again, on a farm that does not have them, and put into the state that they had.

A job stays paused until all of it is as it was: whatever ends this halfway, nothing of it has run by then.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Iterator

from FileSequence import FrameSet
from opencue import api
from opencue.enums import DependType, FrameState
from opencue.exception import CueException, EntityAlreadyExistsException, EntityNotFoundException
from opencue.rpc import call
from opencue.snapshot.details import DEPEND_FIELDS, depend_details, lacking
from opencue.snapshot.specification import prepared
from opencue.warning import warn
from opencue.wrappers.job import Job
from opencue.wrappers.layer import POINTS_PER_CORE, Layer

ENDED = ("SUCCEEDED", "DEAD", "EATEN")
FRAMES_PER_CALL = 10_000
MICROS = 1_000_000
_FRAME_NUMBER = re.compile(r"(-?\d+)-")


def restore(snapshot: dict[str, dict[str, Any]]) -> list[Job]:
    """Submit the jobs of a snapshot that was taken with `details=True`, and put them into the state that they had.

    Frames that had ended have ended, with their exit statuses and retries, and do not run again; those that ran wait.
    Priorities, limits of cores, what layers ask for, dependencies and comments are as they were; what was paused is
    paused. A show that is missing is made, without subscriptions.

    Returns the jobs. Raises ValueError where the snapshot has no details, EntityAlreadyExistsException, before anything
    is done, where a job of one of the names is pending.
    """
    for name, taken in snapshot.items():
        lacks = lacking(taken)
        if lacks:
            words = "was it taken with details=True?"
            raise ValueError(f"job {name!r} cannot be restored: its snapshot has no {lacks}; {words}")
    pending = [name for name in snapshot if api.isJobPending(name)]
    if pending:
        raise EntityAlreadyExistsException(f"nothing is restored: {', '.join(pending)} is pending on this farm")

    jobs: dict[str, Job] = {}
    try:
        for job in _launched(snapshot):
            jobs[job.name()] = job
        _set_all(snapshot, jobs)
        _restore_states(snapshot, jobs)
    except BaseException:
        if jobs:
            warn(f"{', '.join(jobs)}: restored in part, and paused; kill what is to be restored once more")
        raise
    return [_let_go(job, snapshot[name]["details"]) for name, job in jobs.items()]


# --- what was submitted


def _launched(snapshot: dict[str, dict[str, Any]]) -> Iterator[Job]:
    """Submit every job, paused; those that were submitted together are so again."""
    names_by_text: dict[str, list[str]] = {}
    shows: dict[str, None] = {}
    for name, taken in snapshot.items():
        names_by_text.setdefault(taken["details"]["specification"], []).append(name)
        shows[taken["details"]["show"]] = None
    for show in shows:
        try:
            api.findShow(show)
        except EntityNotFoundException:
            api.createShow(show)
            warn(f"show {show!r} was made; `cueadmin -create-sub` lets it use an allocation")
        except CueException as error:  # it was archived, and jobs of its name go to another show, or are refused
            warn(str(error))
    for text, names in names_by_text.items():
        yield from api.launchSpecAndWait(prepared(text, names))


# --- what was changed since


_JOB_SETTERS: dict[str, Callable[[Job, Any], Any]] = {
    "min_cores": Job.setMinCores,
    "max_cores": Job.setMaxCores,
    "min_gpus": Job.setMinGpus,
    "max_gpus": Job.setMaxGpus,
    "priority": Job.setPriority,
    "auto_eat": Job.setAutoEat,
}
_LAYER_SETTERS: dict[str, Callable[[Layer, Any], Any]] = {
    "min_cores": lambda layer, cores: layer.setMinCores(round(cores * POINTS_PER_CORE)),
    "max_cores": lambda layer, cores: layer.setMaxCores(round(cores * POINTS_PER_CORE)),
    "min_gpus": Layer.setMinGpus,
    "max_gpus": Layer.setMaxGpus,
    "min_memory": Layer.setMinMemory,
    "min_gpu_memory": Layer.setMinGpuMemory,
    "is_threadable": Layer.setThreadable,
    "timeout": Layer.setTimeout,
    "timeout_llu": Layer.setTimeoutLLU,
}


def _set_all(snapshot: dict[str, dict[str, Any]], jobs: dict[str, Job]) -> None:
    for name, job in jobs.items():
        taken, details = snapshot[name], snapshot[name]["details"]
        if details["group"] != job.group():
            _to_group(job, details)
        _set(api.getJob(job.id()), details, _JOB_SETTERS)
        for layer in job.getLayers():
            if layer.name() in taken["subjobs"]:
                wanted = taken["subjobs"][layer.name()]["details"]
                _set(layer, wanted, _LAYER_SETTERS)
                if list(layer.data.tags) != wanted["tags"]:
                    layer.setTags(wanted["tags"])
        for comment in details["comments"]:
            message = api.comment_pb2.Comment(**comment)
            call("job", "AddComment", job=job.data, new_comment=message)


def _to_group(job: Job, details: dict[str, Any]) -> None:
    try:
        job.setGroup(api.findGroup(details["show"], details["group"]))
    except EntityNotFoundException:
        warn(f"job {job.name()!r} was in group {details['group']!r}, which this farm does not have")


def _set(thing: Any, wanted: dict[str, Any], setters: dict[str, Callable[[Any, Any], Any]]) -> None:
    for field, setter in setters.items():
        if getattr(thing.data, field) != wanted[field]:
            setter(thing, wanted[field])


# --- what waits, and what has ended


def _restore_states(snapshot: dict[str, dict[str, Any]], jobs: dict[str, Job]) -> None:
    """Frames end in the order in which they can: one that waits for another one only after that."""
    for name, job in jobs.items():
        _restore_depends(job, snapshot[name]["details"]["depends"], jobs)
    _restore_frames(snapshot, jobs)
    for name, job in jobs.items():
        _hold_again(job, snapshot[name]["details"]["depends"])
        if _let_waiting_go(job, snapshot[name]):
            _restore_frames(snapshot, {name: job})


def _key(details: dict[str, Any]) -> tuple[Any, ...]:
    return (details["type"], *(details[field] for field in DEPEND_FIELDS if field != "active"))


def _restore_depends(job: Job, wanted: list[dict[str, Any]], jobs: dict[str, Job]) -> None:
    """Make the depends that were added after the submission, and satisfy those that held nothing back any more."""
    there = {_key(depend_details(depend)): depend for depend in job.getDepends()}
    for details in wanted:
        depend = there.get(_key(details))
        if depend is None and details["active"]:
            _create(details, jobs)
        elif depend is not None and depend.isActive() and not details["active"]:
            depend.satisfy()


def _create(details: dict[str, Any], jobs: dict[str, Job]) -> None:
    """Make one side wait for the other; says so where that cannot be, because the other side is not there."""
    kind = DependType[details["type"]]
    words = f"{details['depend_er_job']} waits for {details['depend_on_job']} ({details['type']})"
    try:
        waiting = _side(details, "er", jobs)
        if kind == DependType.FRAME_BY_FRAME:
            on = _side(details, "on", jobs)
            waiting.createFrameByFrameDependency(on)
        elif kind in (DependType.PREVIOUS_FRAME, DependType.LAYER_ON_SIM_FRAME):
            warn(f"{words}: not restored, such a dependency cannot be added to a job")
        else:
            on = _side(details, "on", jobs)
            method = f"createDependencyOn{type(on).__name__}"
            getattr(waiting, method)(on)
    except CueException as error:
        warn(f"{words}: not restored: {error.details()}")


def _side(details: dict[str, Any], side: str, jobs: dict[str, Job]) -> Any:
    """Return the job, layer or frame of a side of a depend."""
    job_name, layer, frame = (details[f"depend_{side}_{part}"] for part in ("job", "layer", "frame"))
    job = jobs.get(job_name) or api.findJob(job_name)
    if frame:
        number = _FRAME_NUMBER.match(frame)
        assert number is not None, f"{frame} is no name of a frame"
        return api.findFrame(job.name(), layer, int(number.group(1)))
    return job.getLayer(layer) if layer else job


def _hold_again(job: Job, wanted: list[dict[str, Any]]) -> None:
    """Depends that held are active although what they wait for has ended: somebody wanted it so."""
    there = {_key(depend_details(depend)): depend for depend in job.getDepends()}
    for details in wanted:
        depend = there.get(_key(details))
        if depend is not None and details["active"] and not depend.isActive():
            depend.unsatisfy()


def _let_waiting_go(job: Job, taken: dict[str, Any]) -> bool:
    """Let frames go that wait for something here and did not there; whether there are such."""
    freed = False
    for layer, numbers in _numbers(job.getFrames(state=[FrameState.DEPEND])).items():
        of_layer = taken["subjobs"].get(layer, {"frames": {}})["frames"]
        wrong = [n for n in numbers if n in of_layer and of_layer[n]["details"]["state"] != "DEPEND"]
        if wrong:
            job.markAsWaiting(layer=[layer], range=str(FrameSet.of(wrong)))
            freed = True
    return freed


def _numbers(frames: list[Any]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for frame in frames:
        found.setdefault(frame.layer(), []).append(frame.number())
    return found


def _restore_frames(snapshot: dict[str, dict[str, Any]], jobs: dict[str, Job]) -> None:
    """Restore frames until no more of them can be: each time, what waited for those of the last time."""
    left = [
        (job, layer, [*_ended(of_layer["frames"])])
        for name, job in jobs.items()
        for layer, of_layer in snapshot[name]["subjobs"].items()
    ]
    left = [entry for entry in left if entry[2]]
    while left:
        restored = {id(entry[2]): _restore_layer(*entry) for entry in left}
        if not any(restored.values()):
            return
        left = [entry for entry in left if restored[id(entry[2])] < len(entry[2])]


def _ended(frames: dict[int, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, frame in frames.items():
        details = frame["details"]
        if details["state"] in ENDED:
            yield {
                "number": number,
                "state": details["state"],
                "exit_status": details["exit_status"],
                "retries": details["retry_count"],
                "start_us": details["start_time"] * MICROS,
                "stop_us": details["stop_time"] * MICROS,
                "max_rss_kib": details["max_rss"],
            }


def _restore_layer(job: Job, layer: str, frames: list[dict[str, Any]]) -> int:
    return sum(
        call(
            "farm", "RestoreFrames", job=job.id(), layer=layer, frames=frames[start : start + FRAMES_PER_CALL]
        ).restored
        for start in range(0, len(frames), FRAMES_PER_CALL)
    )


def _let_go(job: Job, details: dict[str, Any]) -> Job:
    """Unpause a job that was not paused, end one that had been killed, and return it as it is now."""
    if details["state"] == "FINISHED":
        if api.isJobPending(job.name()):
            job.kill(reason="it was killed where it comes from")
    elif not details["paused"]:
        job.resume()
    return api.getJob(job.id())
