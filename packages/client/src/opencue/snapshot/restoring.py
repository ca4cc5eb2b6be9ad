"""Jobs of a snapshot are submitted again, on a farm that does not have them, and put into the state that they had.

A job stays paused until all of it is as it was: whatever ends this halfway, nothing of it has run by then.
"""

from __future__ import annotations

from typing import Any, Iterator, Optional

from FileSequence import FrameSet
from opencue import api
from opencue.enums import FrameState
from opencue.exception import CueException, EntityAlreadyExistsException, EntityNotFoundException
from opencue.rpc import call
from opencue.snapshot.changes import set_again
from opencue.snapshot.details import DEPEND_FIELDS, depend_details, lacking
from opencue.snapshot.specification import prepared
from opencue.warning import warn
from opencue.wrappers.depend import Depend
from opencue.wrappers.job import Job

ENDED = ("SUCCEEDED", "DEAD", "EATEN")
FRAMES_PER_CALL = 10_000
MICROS = 1_000_000


def restore(snapshot: dict[str, dict[str, Any]]) -> list[Job]:
    """Submit the jobs of a snapshot that was taken with `details=True`, and put them into the state that they had.

    Frames that had ended have ended, with their exit statuses and retries, and do not run again; those that ran wait.
    What was changed of jobs since they were submitted, their dependencies and comments are as they were; what was
    paused is paused. A show that is missing is made, without subscriptions. A warning names each thing that cannot be
    as it was, such as a group, a limit or a job to wait for that is not there.

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
        are = "are" if len(pending) > 1 else "is"
        raise EntityAlreadyExistsException(f"nothing is restored: {', '.join(pending)} {are} pending on this farm")

    jobs: dict[str, Job] = {}
    try:
        for job in _launched(snapshot):
            jobs[job.name()] = job
        for name, job in jobs.items():
            set_again(job, snapshot[name])
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
    fields = (details[field] for field in DEPEND_FIELDS if field != "active")
    return (details["type"], details.get("on_failure", False), *fields)


def _depends(job: Job) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What something in a job waits by; of those that are alike one that holds."""
    settings = job.getSettings()
    found = sorted((depend_details(settings, depend) for depend in settings.depends), key=lambda one: one["active"])
    return {_key(details): details for details in found}


def _restore_depends(job: Job, wanted: list[dict[str, Any]], jobs: dict[str, Job]) -> None:
    """Make the depends that were added after the submission, and satisfy those that held nothing back any more."""
    there = _depends(job)
    for details in sorted(wanted, key=lambda one: one["active"]):
        known = there.get(_key(details))
        if known is None:
            depend = _create(details, jobs)
        else:
            depend = _depend(known) if known["active"] else None
        if depend is not None and not details["active"]:
            depend.satisfy()


def _depend(details: dict[str, Any]) -> Depend:
    return Depend(api.depend_pb2.Depend(id=details["id"]))


def _create(details: dict[str, Any], jobs: dict[str, Job]) -> Optional[Depend]:
    """Make one side wait for the other; says so where that cannot be, because the other side is not there."""
    try:
        on = jobs.get(details["depend_on_job"]) or api.findJob(details["depend_on_job"])
        return api.addDepend(
            jobs[details["depend_er_job"]].id(),
            details["depend_er_layer"],
            details["depend_er_frame"],
            on_job=on.id(),
            on_layer=details["depend_on_layer"],
            on_frame=details["depend_on_frame"],
            type=details["type"],
            any_frame=details["any_frame"],
            on_failure=details.get("on_failure", False),
        )
    except CueException as error:
        if details["active"]:
            waiting, on_what = (
                "/".join(part for kind in ("job", "layer", "frame") if (part := details[f"depend_{side}_{kind}"]))
                for side in ("er", "on")
            )
            warn(f"{waiting} waits for {on_what} ({details['type']}): not restored: {error.details()}")
        return None


def _hold_again(job: Job, wanted: list[dict[str, Any]]) -> None:
    """Depends that held are active although what they wait for has ended: somebody wanted it so."""
    there = _depends(job)
    for details in wanted:
        known = there.get(_key(details))
        if known is not None and details["active"] and not known["active"]:
            _depend(known).unsatisfy()


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
