"""What went wrong with frames that are dead or wait for another try, those that ended alike together."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from cuebot.domain.farm import Farm
from cuebot.domain.frame_set import compact
from cuebot.domain.nouns import Layer
from cuebot.domain.states import Cause, Exit, FrameState, JobState
from cuebot.domain.units import HOUR
from cuebot.engine.ports import EndedRun, RunHistory
from cuebot.queries.lookup import Scope
from cuebot.wire.runs import ended_run_message, host_name, is_charged, query_of
from cuebot.wire.values import int32
from cuefarm_proto import farm_pb2

LATELY_US: Final = HOUR
"""How long ago a frame that waits again may have failed for that to be told."""
FIRST_ROWS: Final = 1_000
"""The newest failures nearly always say it all; only otherwise all the others are looked at, too."""
RANGE_CHARACTERS: Final = 200
RANGE_FRAMES: Final = 1_000

Mask = npt.NDArray[np.bool_]

_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d+")


@dataclass(slots=True)
class Troubled:
    """The frames whose last failure is asked for: copies of columns by layer id, so that a thread may read them."""

    scope: Scope
    dead: dict[str, Mask]
    waiting: dict[str, Mask]
    attempts: dict[str, npt.NDArray[np.uint16]]
    since_us: int
    """Frames that wait are told of only if they failed after that."""


@dataclass(slots=True)
class Found:
    """The last failures of frames, newest first."""

    runs: list[tuple[EndedRun, str]] = field(default_factory=list)
    """Each with its words, numbers in them left out."""
    looked_at: int = 0
    complete: bool = True


@dataclass(slots=True)
class _Group:
    latest: EndedRun | None
    layer: Layer
    state: FrameState
    exit_status: int
    indices: list[int] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


def troubled(farm: Farm, scope: Scope, now_us: int) -> Troubled:
    """Dead frames, and those that wait again since a run that ended lately."""
    found = Troubled(scope, {}, {}, {}, now_us - LATELY_US)
    for layer in [scope.layer] if scope.layer else farm.layers_of(scope.job):
        frames = layer.frames
        if layer.counts[FrameState.DEAD] or layer.counts[FrameState.WAITING]:
            found.dead[layer.id] = frames.state == FrameState.DEAD
            waits = (frames.state == FrameState.WAITING) & (frames.stop_us >= found.since_us)
            found.waiting[layer.id] = waits & (scope.job.state is not JobState.FINISHED)  # a killed job waits no more
            found.attempts[layer.id] = frames.attempts.copy()
    return found


def last_failures(wanted: Troubled, most: int) -> Callable[[RunHistory], Found]:
    """What finds the last failures of those frames in history, within `most` ended runs, the newest."""

    def find(history: RunHistory) -> Found:
        found = Found()
        dead = {id: mask.copy() for id, mask in wanted.dead.items()}
        waiting = {id: mask.copy() for id, mask in wanted.waiting.items()}
        left = sum(int(mask.sum()) for mask in (*dead.values(), *waiting.values()))
        before_seq = 0
        while left > 0 and found.looked_at < most:
            query = query_of(wanted.scope, unsuccessful=True, before_seq=before_seq)
            room = most - found.looked_at if found.looked_at else min(FIRST_ROWS, most)
            page = history.runs(query, room)
            found.looked_at += len(page)
            for run in page:
                if run.ended_us < wanted.since_us and waiting:
                    left -= sum(int(mask.sum()) for mask in waiting.values())
                    waiting = {}
                for frames in (dead.get(run.layer_id), waiting.get(run.layer_id)):
                    if frames is None or not frames[run.frame_index]:
                        continue
                    if run.attempt not in (0, wanted.attempts[run.layer_id][run.frame_index]):
                        continue
                    frames[run.frame_index] = False
                    left -= 1
                    if wanted.dead[run.layer_id][run.frame_index] or _is_told(run):
                        found.runs.append((run, _NUMBERS.sub("#", run.error_line or run.message)))
            if len(page) < room:
                return found
            before_seq = page[-1].seq
        found.complete = left <= 0
        return found

    return find


def _is_told(run: EndedRun) -> bool:
    """A frame that waits again because somebody wanted that is no failure."""
    return run.state is FrameState.WAITING and run.cause is not Cause.KILLED and run.exit_status != Exit.RETRIED_BY_USER


def grouped(farm: Farm, wanted: Troubled, found: Found, most: int) -> tuple[list[farm_pb2.Failure], bool]:
    """A message for each kind of failure, dead frames first and most frames first; and whether these are all."""
    groups: dict[tuple[object, ...], _Group] = {}
    untold = {id: mask.copy() for id, mask in wanted.dead.items()}
    for run, detail in found.runs:
        untold[run.layer_id][run.frame_index] = False
        state = FrameState.DEAD if wanted.dead[run.layer_id][run.frame_index] else FrameState.WAITING
        key = (run.layer_id, state, run.cause, run.exit_status, run.exit_signal, detail)
        if key not in groups:
            groups[key] = _Group(run, farm.layers[run.layer_id], state, run.exit_status)
        groups[key].indices.append(run.frame_index)
        groups[key].hosts.add(run.host_id)
    if found.complete:
        _add_unrecorded(farm, groups, untold)
    ordered = sorted(groups.values(), key=lambda group: (group.state != FrameState.DEAD, -len(group.indices)))
    return [_message(farm, group) for group in ordered[:most]], len(ordered) <= most


def _add_unrecorded(farm: Farm, groups: dict[tuple[object, ...], _Group], frames: dict[str, Mask]) -> None:
    """Dead frames whose run is in no month that is kept: their last exit status is all that is known."""
    for layer_id, mask in frames.items():
        layer = farm.layers[layer_id]
        indices = mask.nonzero()[0]
        statuses = layer.frames.exit_status[indices]
        for status in np.unique(statuses).tolist():
            group = _Group(None, layer, FrameState.DEAD, status, indices[statuses == status].tolist())
            groups[(layer_id, FrameState.DEAD, None, status)] = group


def _message(farm: Farm, group: _Group) -> farm_pb2.Failure:
    run, layer = group.latest, group.layer
    message = farm_pb2.Failure(
        layer_id=layer.id,
        layer_name=layer.name,
        state=group.state.name,
        exit_status=group.exit_status,
        frames=int32(len(group.indices)),
        frame_range=_range(layer, group.indices),
        hosts=int32(len(group.hosts)),
        charged=run is None or is_charged(run),
    )
    if run is not None:
        message.cause, message.exit_signal = run.cause.name, run.exit_signal
        message.message, message.error_line = run.message, run.error_line
        message.host_name = host_name(farm, run.host_id)
        message.example.CopyFrom(ended_run_message(farm, run))
    return message


def _range(layer: Layer, indices: list[int]) -> str:
    numbers = sorted(int(layer.frames.number[index]) for index in indices[:RANGE_FRAMES])
    text = compact(numbers)
    whole = len(text) <= RANGE_CHARACTERS and len(numbers) == len(indices)
    return text if whole else text[:RANGE_CHARACTERS].rpartition(",")[0] + ",…"
