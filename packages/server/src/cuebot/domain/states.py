"""The states of jobs, frames and hosts, and which may follow which.

Numbers are the wire's. The diagrams in docs/reference/states.md are generated from these tables.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class JobState(IntEnum):
    """Where a job is in its life. A job with dead frames stays PENDING until somebody decides."""

    PENDING = 0
    FINISHED = 1
    STARTUP = 2
    SHUTDOWN = 3
    POSTED = 4


class FrameState(IntEnum):
    """Where a frame is in its life."""

    WAITING = 0
    SETUP = 1
    RUNNING = 2
    SUCCEEDED = 3
    DEPEND = 4
    DEAD = 5
    EATEN = 6
    CHECKPOINT = 7


class CheckpointState(IntEnum):
    """Whether a frame can go on from where an interrupted run left it."""

    DISABLED = 0
    ENABLED = 1
    COPYING = 2
    COMPLETE = 3


CHECKPOINT_UNDER_WAY: Final = (CheckpointState.ENABLED, CheckpointState.COPYING)
"""A run that is tried again waits as CHECKPOINT until this is over (opencue-behaviour: checkpoints)."""


class HostState(IntEnum):
    """What a host is fit for. Only an UP host is booked."""

    UP = 0
    DOWN = 1
    REBOOTING = 2
    REBOOT_WHEN_IDLE = 3
    REPAIR = 4


class LockState(IntEnum):
    """Whether somebody keeps a host for himself."""

    OPEN = 0
    LOCKED = 1
    NIMBY_LOCKED = 2


class ThreadMode(IntEnum):
    """How a host deals its cores to a frame that can use several."""

    AUTO = 0
    ALL = 1
    VARIABLE = 2


class Enforcement(IntEnum):
    """What a limit does: keep frames from starting, only choose among hosts, or nothing."""

    ENFORCED = 0
    ADVISORY = 1
    DISABLED = 2


class BindSource(IntEnum):
    """Why a layer is counted by a limit: its specification, a failed frame, or a person."""

    SPEC = 0
    AUTO = 1
    MANUAL = 2


class LayerType(IntEnum):
    """What a layer is for. POST layers run after the job has ended."""

    PRE = 0
    POST = 1
    RENDER = 2
    UTIL = 3


class DependType(IntEnum):
    """Who waits for what: the first word is the side that waits."""

    JOB_ON_JOB = 0
    JOB_ON_LAYER = 1
    JOB_ON_FRAME = 2
    LAYER_ON_JOB = 3
    LAYER_ON_LAYER = 4
    LAYER_ON_FRAME = 5
    FRAME_ON_JOB = 6
    FRAME_ON_LAYER = 7
    FRAME_ON_FRAME = 8
    FRAME_BY_FRAME = 9
    PREVIOUS_FRAME = 10
    LAYER_ON_SIM_FRAME = 11


class OnEnd(IntEnum):
    """What becomes of the frame when a run ends that somebody asked to be killed."""

    AS_REPORTED = 0
    RETRY = 1
    EAT = 2


class Cause(IntEnum):
    """Why a run ended."""

    EXITED = 0
    KILLED = 1
    LAUNCH_FAILED = 2
    REFUSED = 3
    RUNNER_LOST = 4
    SHUTDOWN = 5
    LEASE = 6
    HOST_LOST = 7
    NEVER_RECEIVED = 8
    TIMEOUT = 9
    """It ran longer than its layer allows, and was ended."""
    SILENT = 10
    """Its log did not grow for longer than its layer allows, and it was ended."""
    LOG_UNWRITABLE = 11
    """It was not started: its log could not be made. The farm's fault, never the frame's."""
    HOST_FAULT = 12
    """It was not started: its host could start no process. The host's fault, never the frame's."""
    MEMORY = 13
    """It held more memory than it may, and was ended."""
    START_LIMIT = 14
    """Its command did not become a process in time. The host's fault, or the farm's, never the frame's."""
    LOG_LIMIT = 15
    """Its log grew beyond what its agent allows, and it was ended."""


_J, _F, _H = JobState, FrameState, HostState

JOB_TRANSITIONS: Final[dict[JobState, frozenset[JobState]]] = {
    _J.PENDING: frozenset({_J.FINISHED}),
    _J.FINISHED: frozenset({_J.PENDING}),
    _J.POSTED: frozenset({_J.PENDING, _J.FINISHED}),
}
"""STARTUP and SHUTDOWN exist on the wire only: a launch is one step here, and so is an end."""

FRAME_TRANSITIONS: Final[dict[FrameState, frozenset[FrameState]]] = {
    _F.WAITING: frozenset({_F.RUNNING, _F.DEPEND, _F.EATEN}),
    _F.DEPEND: frozenset({_F.WAITING, _F.EATEN}),
    _F.RUNNING: frozenset({_F.SUCCEEDED, _F.WAITING, _F.DEAD, _F.EATEN, _F.DEPEND, _F.CHECKPOINT}),
    _F.CHECKPOINT: frozenset({_F.WAITING, _F.DEPEND, _F.EATEN}),
    _F.SUCCEEDED: frozenset({_F.WAITING, _F.DEPEND}),
    _F.DEAD: frozenset({_F.WAITING, _F.DEPEND, _F.EATEN}),
    _F.EATEN: frozenset({_F.WAITING, _F.DEPEND}),
}
"""DEPEND from RUNNING, SUCCEEDED, DEAD and EATEN: a frame with open depends can be nothing else.

(opencue-behaviour: depends-force-a-state, rule 2.)
"""

HOST_TRANSITIONS: Final[dict[HostState, frozenset[HostState]]] = {
    _H.UP: frozenset({_H.DOWN, _H.REBOOTING, _H.REBOOT_WHEN_IDLE, _H.REPAIR}),
    _H.DOWN: frozenset({_H.UP, _H.REPAIR}),
    _H.REBOOTING: frozenset({_H.UP, _H.DOWN, _H.REPAIR}),
    _H.REBOOT_WHEN_IDLE: frozenset({_H.UP, _H.DOWN, _H.REBOOTING, _H.REPAIR}),
    _H.REPAIR: frozenset({_H.UP, _H.DOWN}),
}

HELD_BY_DEPENDS: Final = (_F.WAITING, _F.DEAD, _F.SUCCEEDED)
"""A frame with open depends can be none of these: it is DEPEND instead (opencue-behaviour: depends-force-a-state)."""

ENDED_FRAME_STATES: Final = frozenset({_F.SUCCEEDED, _F.EATEN})
"""A layer or job is complete when every frame is in one of these."""


class Exit(IntEnum):
    """Exit statuses with a meaning of their own (opencue-behaviour: exit-statuses)."""

    NEVER_RAN = -1
    SUCCESS = 0
    MEMORY = 33
    CONTAINER_MEMORY = 137
    FAILED_LAUNCH = 256
    SKIP_RETRY = 286
    CLEARED = 299
    ORPHAN = 301
    KILL_FAILED = 302
    HOST_DOWN = 399
    RETRIED_BY_USER = 500
    EATEN_BY_USER = 506
