"""What a job waits for, as -lji shows it."""

from __future__ import annotations

from typing import Any

from opencue_proto import depend_pb2

from opencue.enums import DependType, JobState
from opencue.wrappers.depend import Depend

DEPEND_LINES_MAX = 5  # so that `grep -A5 Dependencies` sees them all
EVEN_FAILED = "dead frames count as done"


def dependsOf(job: Any, settings: Any) -> list[Depend]:
    """Return everything that something in a job waits by: OpenCue's list leaves out frames that wait for frames."""
    depends: list[Depend] = job.getDepends()
    known = {depend.id() for depend in depends}
    others = [one for one in settings.depends if one.depend_id not in known] if settings else []
    return [*depends, *(_depend(settings.job_name, one) for one in others)]


def onFailure(settings: Any) -> set[str]:
    """Return the ids of depends for which frames that are dead count as done."""
    return {one.depend_id for one in settings.depends if one.on_failure} if settings else set()


def _depend(job_name: str, row: Any) -> Depend:
    return Depend(
        depend_pb2.Depend(
            id=row.depend_id,
            type=DependType[row.type],
            active=row.active,
            any_frame=row.any_frame,
            depend_er_job=job_name,
            depend_er_layer=row.layer,
            depend_er_frame=row.frame,
            depend_on_job=row.on_job,
            depend_on_layer=row.on_layer,
            depend_on_frame=row.on_frame,
        )
    )


def displayDepends(job: Any, settings: Any) -> None:
    """Print what a job waits for, what is active first, and whether it waits for itself."""
    depends = sorted(dependsOf(job, settings), key=lambda depend: not depend.isActive())
    failed = onFailure(settings)
    active = sum(depend.isActive() for depend in depends)
    print()
    print(f"Dependencies of {job.name()}: {active} active, {len(depends) - active} satisfied")
    lines = [_line(depend, depend.id() in failed) for depend in depends]
    cycle = findCycle(depends)
    if cycle:
        lines.insert(0, f"  CYCLE: {' -> '.join(cycle)}; break it with -satisfy-dependency JOB LAYER")
    if len(lines) > DEPEND_LINES_MAX:
        hidden = len(lines) - DEPEND_LINES_MAX + 1
        lines[DEPEND_LINES_MAX - 1 :] = [f"  ... and {hidden} more (cueadmin -lji {_word(job)} --json)"]
    print("\n".join(lines or ["  none"]))


def _word(job: Any) -> str:
    """Return what commands call a job: pending ones have names of their own, finished ones may share one."""
    return str(job.id() if job.state() == JobState.FINISHED else job.name())


def _line(depend: Any, on_failure: bool) -> str:
    data = depend.data
    waiting = data.depend_er_frame or data.depend_er_layer or data.depend_er_job
    parts = [] if depend.isInternal() else [data.depend_on_job]
    parts += [part for part in (data.depend_on_frame or data.depend_on_layer,) if part]
    how = ["active" if data.active else "satisfied"]
    if data.any_frame:
        how.append("any frame of it is enough")
    if on_failure:
        how.append(EVEN_FAILED)
    on = "/".join(parts) or data.depend_on_job
    return f"  {DependType(data.type).name} {waiting} waits for {on} ({', '.join(how)})"


def findCycle(depends: list[Any]) -> list[str]:
    """Return layers or jobs that wait for one another in a circle, the first again at the end, or an empty list."""
    waits_for: dict[str, set[str]] = {}
    for depend in depends:
        data = depend.data
        waiting = f"{data.depend_er_job}/{data.depend_er_layer}".rstrip("/")
        target = f"{data.depend_on_job}/{data.depend_on_layer}".rstrip("/")
        frame_by_number = data.depend_er_frame or depend.type() == DependType.PREVIOUS_FRAME
        if data.active and not (frame_by_number and waiting == target):
            waits_for.setdefault(waiting, set()).add(target)
    finished: set[str] = set()
    for start in sorted(waits_for):
        path = [start]
        choices = [iter(sorted(waits_for[start]))]
        while choices:
            following = next(choices[-1], None)
            if following is None:
                finished.add(path.pop())
                choices.pop()
            elif following in path:
                return [*path[path.index(following) :], following]
            elif following not in finished:
                path.append(following)
                choices.append(iter(sorted(waits_for.get(following, ()))))
    return []
