"""Commands on jobs, layers and frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cuebot.domain.commands.base import Command
from cuebot.domain.events import Values
from cuebot.domain.frames import IndexArray
from cuebot.domain.states import CheckpointState, FrameState


@dataclass(frozen=True, slots=True)
class SubmitJobs(Command):
    """Launch every job of a job specification, or none of them.

    `spec` is a `cuebot.spec.Spec`, which lies above this module. It is parsed before it enters the mailbox, because a
    big one takes a while.
    """

    spec: Any
    text: bytes = b""
    """The specification as it was submitted, compressed (zlib): it is kept with its jobs."""


@dataclass(frozen=True, slots=True)
class RecallJob(Command):
    """Have a finished job in memory again; what it refers to is there already. Of one that is there nothing is done."""

    job_id: str
    summary: bytes
    rest: bytes
    superseded: bool = False
    """A younger job of its name is on disk."""


@dataclass(frozen=True, slots=True)
class KillJob(Command):
    """End a job: it is FINISHED, its running frames are killed and wait again should it be reopened."""

    job_id: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class FinishIfComplete(Command):
    """End a job if every frame has succeeded or was eaten; otherwise do nothing."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Change(Command):
    """Give some fields of a thing new values; `decide.changes` says which may be given and what they may be."""

    kind: str
    id: str
    changes: Values


@dataclass(frozen=True, slots=True)
class MoveJob(Command):
    """Put a job into another group of its show; the group's defaults become the job's."""

    job_id: str
    group_id: str


Selection = dict[str, IndexArray]
"""Frames by layer id."""


@dataclass(frozen=True, slots=True)
class RetryFrames(Command):
    """Let frames run again; those that run are killed first."""

    frames: Selection
    message: str = ""


@dataclass(frozen=True, slots=True)
class EatFrames(Command):
    """Give frames up so that their job can end without them."""

    frames: Selection
    message: str = ""


@dataclass(frozen=True, slots=True)
class EndedFrame:
    """How a frame had ended on the farm that it comes from; the times are those of its last run there."""

    number: int
    state: FrameState
    exit_status: int = 0
    retries: int = 0
    start_us: int = 0
    stop_us: int = 0
    max_rss_kib: int = 0


@dataclass(frozen=True, slots=True)
class RestoreFrames(Command):
    """Put frames of a layer that never ran here into the states in which they ended elsewhere."""

    layer_id: str
    frames: tuple[EndedFrame, ...]


@dataclass(frozen=True, slots=True)
class KillFrames(Command):
    """End the runs of frames; what becomes of the frames, their outcomes decide."""

    frames: Selection
    message: str = ""


@dataclass(frozen=True, slots=True)
class MarkDone(Command):
    """Satisfy what waits for frames, or for whole layers, as if they had succeeded."""

    frames: Selection
    layer_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseFrames(Command):
    """Let DEPEND frames go although what they wait for has not happened."""

    frames: Selection


@dataclass(frozen=True, slots=True)
class ReorderFrames(Command):
    """Move frames to the front (FIRST) or the back (LAST) of their layer's order, or turn theirs round (REVERSE)."""

    layer_id: str
    numbers: tuple[int, ...]
    order: str


@dataclass(frozen=True, slots=True)
class StaggerFrames(Command):
    """Have every `step`-th of some frames of a layer run first, then those between; others keep their places."""

    layer_id: str
    numbers: tuple[int, ...]
    step: int


@dataclass(frozen=True, slots=True)
class HoldFrames(Command):
    """Let frames that were let go wait again for what has not happened yet."""

    frames: Selection


@dataclass(frozen=True, slots=True)
class SetCheckpoint(Command):
    """Say how far the checkpoint of a frame is; one that is over lets the frame wait for its next run."""

    layer_id: str
    frame_index: int
    state: CheckpointState


@dataclass(frozen=True, slots=True)
class SetDisplayOverride(Command):
    """Have clients show another text and colour for a frame while it is in a state."""

    layer_id: str
    frame_index: int
    state: FrameState
    text: str
    color: int
    """0xRRGGBB."""


@dataclass(frozen=True, slots=True)
class AddSubscriber(Command):
    """Send mail to an address when a job ends."""

    job_id: str
    address: str


@dataclass(frozen=True, slots=True)
class AddOutput(Command):
    """Say that a layer writes a file."""

    layer_id: str
    path: str
