"""-stagger-frames and -reorder-frames: in which order the frames of a job, or of one layer, run."""

from __future__ import annotations

from typing import Union

from opencue_proto import job_pb2

from cue_cli.cueadmin.lookup import findJob, jobAndLayer, toInteger
from cue_cli.cueadmin.session import Session, UsageError
from opencue.wording import counted
from opencue.wrappers.job import Job
from opencue.wrappers.layer import Layer

ORDERS = tuple(job_pb2.Order.keys())
NOTHING = "no frame has another place"


def stagger_frames(session: Session, values: list[str]) -> None:
    """Run every so many-th frame of a range first."""
    thing, name = _thing(values[:-2])
    step = toInteger(values[-1], "step")
    number = thing.staggerFrames(values[-2], step)
    session.changed(name, number, f"{_frames(number)} staggered by {step}", NOTHING)


def reorder_frames(session: Session, values: list[str]) -> None:
    """Run frames of a range first, last, or in reverse."""
    word = values[-1].upper()
    if word not in ORDERS:
        raise UsageError(f"the order of frames is one of {', '.join(ORDERS)}, not {values[-1]!r}")
    thing, name = _thing(values[:-2])
    number = thing.reorderFrames(values[-2], job_pb2.Order.Value(word))
    session.changed(name, number, f"{_frames(number)} reordered: {word}", NOTHING)


def _thing(names: list[str]) -> tuple[Union[Job, Layer], str]:
    """Return the job, or the layer of it, that is named, and what it is called."""
    if len(names) == 1:
        job = findJob(names[0])
        return job, job.name()
    job, layer = jobAndLayer(names)
    return layer, f"{job.name()}/{layer.name()}"


def _frames(number: object) -> str:
    return "frames" if number is None else counted(int(str(number)), "frame")
