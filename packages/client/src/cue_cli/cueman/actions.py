"""What cueman does to jobs, layers and frames."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

from cue_cli.cueadmin.lookup import toInteger, toMember
from cue_cli.cueadmin.session import Session, UsageError
from cue_cli.cueman.choosing import by_label, frame_options, frame_range, layer_names
from cue_cli.numbers import RETRIES_MAX
from opencue.changed import Changed, total
from opencue.enums import FrameState, Order
from opencue.wording import counted
from opencue.wrappers.job import Job

NAMED_MAX = 8

FrameAction = Callable[..., Changed]


def pause(session: Session, jobs: List[Job]) -> None:
    """-pause: start no more frames."""
    _each_job(session, jobs, lambda job: job.pause(), "paused", "it was paused already")


def resume(session: Session, jobs: List[Job]) -> None:
    """-resume: let paused jobs go on."""
    _each_job(session, jobs, lambda job: job.resume(), "resumed", "it was not paused")


def terminate(session: Session, jobs: List[Job]) -> None:
    """-term: kill jobs."""
    running = sum(job.runningFrames() for job in jobs)
    session.confirm(f"Terminate {_named(jobs)}, of which {counted(running, 'frame')} run now", named=True)
    _each_job(session, jobs, lambda job: job.kill(reason="cueman -term"), "terminated", "it was over already")


def auto_eat_on(session: Session, jobs: List[Job]) -> None:
    """-autoeaton: give frames up that fail, those that are dead now too."""

    def act(job: Job) -> Changed:
        return total(job.setAutoEat(True), job.eatFrames(state=[FrameState.DEAD]))

    _each_job(session, jobs, act, "failed frames are eaten", "failed frames were eaten already")


def auto_eat_off(session: Session, jobs: List[Job]) -> None:
    """-autoeatoff: keep failed frames for somebody to look at."""
    _each_job(session, jobs, lambda job: job.setAutoEat(False), "failed frames are kept", "they were kept already")


def retries(session: Session, jobs: List[Job], count: str) -> None:
    """-retries: set how often a failed frame is run again."""
    number = toInteger(count, "number of retries")
    if not 0 <= number <= RETRIES_MAX:
        raise UsageError(f"{number} is no number of retries: 0 to {RETRIES_MAX}")
    session.confirm(f"Set the retries of {_named(jobs)} to {number}", named=True)
    _each_job(session, jobs, lambda job: job.setMaxRetries(number), f"retries {number}", f"retries {number} already")


def eat(session: Session, jobs: List[Job]) -> None:
    """-eat: give frames up."""
    _on_frames(session, jobs, "Eat", "eaten", lambda job, search: job.eatFrames(**search))


def kill(session: Session, jobs: List[Job]) -> None:
    """-kill: kill running frames."""

    def act(job: Job, search: Dict[str, Any]) -> Changed:
        return job.killFrames(reason="cueman -kill", **search)

    _on_frames(session, jobs, "Kill", "killed", act, only=FrameState.RUNNING)


def retry(session: Session, jobs: List[Job]) -> None:
    """-retry: run frames again; without a filter the dead ones."""
    options = session.options
    is_filtered = any((options.layer, options.state, options.range, options.memory, options.duration))
    only = None if is_filtered else FrameState.DEAD
    _on_frames(session, jobs, "Retry", "retried", lambda job, search: job.retryFrames(**search), only=only)


def done(session: Session, jobs: List[Job]) -> None:
    """-done: let go what depends on frames."""

    def act(job: Job, search: Dict[str, Any]) -> Changed:
        return job.markdoneFrames(**search)

    _on_frames(session, jobs, "Mark done", "marked done", act, unit="dependency", units="dependencies")


def stagger(session: Session, jobs: List[Job], range_given: str, step: str) -> None:
    """-stagger: run every so-manieth frame of a range first."""
    range_text, increment = frame_range(range_given), toInteger(step, "increment")
    if increment < 1:
        raise UsageError(f"{step!r} is no increment, which is a whole number of 1 or more")
    _on_order(
        session,
        jobs,
        f"Stagger frames {range_text} by {increment} of",
        f"frames {range_text} staggered by {increment}",
        lambda thing: thing.staggerFrames(range_text, increment),
    )


def reorder(session: Session, jobs: List[Job], range_given: str, position: str) -> None:
    """-reorder: move a range of frames to the front or the back, or reverse it."""
    range_text, order = frame_range(range_given), toMember(Order, position, "position")
    _on_order(
        session,
        jobs,
        f"Reorder frames {range_text} to {order.name} of",
        f"frames {range_text} reordered: {order.name}",
        lambda thing: thing.reorderFrames(range_text, int(order)),
    )


def _on_order(session: Session, jobs: List[Job], question: str, said: str, act: Callable[[Any], Changed]) -> None:
    """Change the order of the frames of jobs, or of the layers that -layer names."""
    wanted = session.options.layer
    things: List[tuple[str, Any]] = []
    for job in jobs:
        if not wanted:
            things.append((job.name(), job))
            continue
        things += [(f"{job.name()}/{layer}", job.getLayer(layer)) for layer in layer_names(job, wanted)]
    session.confirm(f"{question} {_listed([where for where, _ in things])}", named=True)
    by_name = dict(things)
    session.each(
        by_name, lambda where: session.changed(where, act(by_name[where]), said, "they are in that order already")
    )


def _on_frames(
    session: Session,
    jobs: List[Job],
    verb: str,
    participle: str,
    act: Callable[[Job, Dict[str, Any]], Changed],
    *,
    only: Any = None,
    unit: str = "frame",
    units: str = "",
) -> None:
    """Ask with a count, and do something to the frames of jobs that the filters choose; `only` is a state of theirs."""
    searches = {job.id(): frame_options(session.options, job) for job in jobs}
    for search in searches.values():
        if only is not None:
            search["state"] = [state for state in search.get("state", [only]) if state == only]
            if not search["state"]:
                raise UsageError(f"only frames in state {only.name} can be {participle}; leave -state out")
    counts = {job.id(): _count(job, searches[job.id()]) for job in jobs}
    matching = [job for job in jobs if counts[job.id()]]
    for job in jobs:
        if not counts[job.id()]:
            session.changed(job.name(), 0, "", "no frame matches")
    if not matching:
        return
    number = sum(counts.values())
    session.confirm(f"{verb} {counted(number, 'frame')} of {_named(matching)}", named=True)
    labelled = by_label(matching)

    def one(name: str) -> None:
        job = labelled[name]
        changed = act(job, searches[job.id()])
        many = "frames" if changed is None else counted(changed, unit, units) if units else counted(changed, unit)
        session.changed(name, changed, f"{many} {participle}", f"no frame could be {participle}")

    session.each(labelled, one)


def _count(job: Job, search: Dict[str, Any]) -> int:
    """Return how many frames a search finds; those of whole states are counted already."""
    if not search:
        return int(job.totalFrames())
    if set(search) == {"state"}:
        totals = job.frameStateTotals()
        return sum(totals.get(state, 0) for state in search["state"])
    return len(job.getFrames(**search))


def _each_job(session: Session, jobs: List[Job], act: Callable[[Job], Changed], said: str, nothing: str) -> None:
    labelled = by_label(jobs)
    session.each(labelled, lambda name: session.changed(name, act(labelled[name]), said, nothing))


def _named(jobs: List[Job]) -> str:
    return _listed([job.name() for job in jobs])


def _listed(names: List[str]) -> str:
    if len(names) == 1:
        return names[0]
    shown = ", ".join(names[:NAMED_MAX]) + (", ..." if len(names) > NAMED_MAX else "")
    return f"{len(names)} jobs or layers ({shown})"
