"""From names and ids that somebody types to what they mean, finished jobs included."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cuebot.domain.advice import advise
from cuebot.domain.errors import Invalid, NotFound, quoted
from cuebot.domain.farm import ALIKE_MAX, Farm
from cuebot.domain.names import folded
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import JobState


@dataclass(frozen=True, slots=True)
class Scope:
    """A job, a layer of it, or one frame of that."""

    job: Job
    layer: Layer | None = None
    index: int | None = None


def scope_of(farm: Farm, job: str, layer: str, frame: str) -> Scope:
    """What a job, a layer and a frame name together; an id of a layer or a frame needs nothing else.

    Raises NotFound, or Invalid where nothing is named.
    """
    if not job:
        return _scope_by_id(farm, layer, frame)
    found = job_of(farm, job)
    try:
        if frame:
            return Scope(found, *frame_of(farm, found, layer, frame))
        return Scope(found, layer_of(farm, found, layer) if layer else None)
    except NotFound as error:
        others = farm.namesakes(found) if job.lower() == found.name else []
        if not others:
            raise
        raise NotFound(f"{error}. {_of_that_name(others)}") from None


def _of_that_name(others: list[Job]) -> str:
    """That a name may have meant another job, and what to type for that."""
    if len(others) == 1:
        return f"Another job of that name has the id {others[0].id}"
    ids = ", ".join(job.id for job in others[:ALIKE_MAX])
    return f"{len(others)} other jobs of that name have the ids {ids}{', ...' if len(others) > ALIKE_MAX else ''}"


def _scope_by_id(farm: Farm, layer_id: str, frame_id: str) -> Scope:
    if frame_id:
        layer, index = farm.frame(frame_id)
        return Scope(farm.jobs[layer.job_id], layer, index)
    if layer_id:
        layer = farm.get("layer", layer_id)
        return Scope(farm.jobs[layer.job_id], layer)
    raise Invalid("name a job, or the id of a layer or frame")


_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-", re.IGNORECASE)
"""How an id begins, which may have digits alone before its first dash."""


def job_of(farm: Farm, text: str) -> Job:
    """The job with an id, or the active one of a name, or else the finished one of that name that was submitted last.

    The beginning of an id will do where it is that of one job only. Raises NotFound.
    """
    if text in farm.jobs:
        return farm.jobs[text]
    active_id = farm.active_job_id(text)
    if active_id:
        return farm.jobs[active_id]
    finished = [job for job in farm.jobs.values() if not job.superseded and folded(job.name) == folded(text)]
    finished = [job for job in finished if job.name == text] or finished
    if not finished:
        by_id = farm.job_by_id(text)
        if by_id is not None:
            return by_id
        raise NotFound(f"there is no job {text!r}, pending or finished; {_instead(farm, text)}").may_be_past(text)
    return max(finished, key=lambda job: (job.submitted_us, job.id))


def _instead(farm: Farm, part: str) -> str:
    """What to ask for instead: jobs whose name contains the text, active ones first and the newest first."""
    alike = [job for job in farm.jobs.values() if part.lower() in job.name] if part else []
    alike.sort(key=lambda job: (job.state is JobState.FINISHED, -job.submitted_us, job.id))
    names = list(dict.fromkeys(job.name for job in alike))
    if not names:
        pending, finished = advise("job.read"), advise("job.read", finished=True)
        return f"{pending} lists pending ones, {finished} finished ones"
    if len(names) == 1:
        return f"there is {names[0]}"
    return f"write a name in full: {', '.join(names[:ALIKE_MAX])}{' or another' if len(names) > ALIKE_MAX else ''}"


def layer_of(farm: Farm, job: Job, text: str) -> Layer:
    """The layer of a job with an id or a name, as it is kept or as it was submitted. Raises NotFound."""
    found = farm.layers.get(text)
    if found is not None and found.job_id == job.id:
        return found
    kept = text.lower().replace("-", "_")
    names = {layer.name: layer for layer in farm.layers_of(job)}
    return names.get(text) or names.get(kept) or farm.layer_named(job, text)


def frame_of(farm: Farm, job: Job, layer_text: str, text: str) -> tuple[Layer, int]:
    """The frame with an id, a name such as `0012-beauty`, or a number within a layer. Raises NotFound."""
    number, dash, layer_name = text.partition("-") if text[:1] != "-" else (text, "", "")
    if number.isdigit() and dash and not _ID.match(text):
        try:
            layer = layer_of(farm, job, layer_name)
        except NotFound:
            if not layer_text:
                raise
            raise NotFound(
                f"{quoted(text)!r} is no frame: write one number, such as 7, or a name, such as 0007-{layer_text}"
            ) from None
    elif number.isdigit() or text[1:].isdigit():
        if not layer_text:
            raise NotFound(f"frame {text} is a number within a layer; name the layer of job {job.name!r}, too")
        layer = layer_of(farm, job, layer_text)
    else:
        layer, index = farm.frame(text)
        if layer.job_id != job.id:
            raise NotFound(f"job {job.name!r} has no frame with the id {text!r}")
        return layer, index
    found = layer.frames.index_of(int(number))
    if found is None:
        raise NotFound(f"layer {layer.name!r} has no frame {number}; its range is {layer.range_text}")
    return layer, found
