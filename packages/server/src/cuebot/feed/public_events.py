"""What everybody outside sees of an event: its type, who did it and when, whose show it is, and a small row.

Rows name things by id and by name. A name is empty, and a number None, where the farm does not know the thing any more.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Base of all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow(Row):
    """A job."""

    job_id: str
    job_name: str
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLaunchedRow(JobRow):
    """A job that is new."""

    layers_count: int
    frames_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinishedRow(JobRow):
    """A job that ended."""

    is_killed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChangedRow(JobRow):
    """A job of which something has another value."""

    fields: tuple[str, ...]
    """Names of what has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilteredRow(JobRow):
    """A job that filters of its show have acted on."""

    done: tuple[str, ...]
    """What each did, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow(JobRow):
    """A layer."""

    layer_id: str
    layer_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChangedRow(LayerRow):
    """A layer of which something has another value."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesRow(LayerRow):
    """Frames of one layer."""

    frames_count: int
    frame_range: str
    """Their numbers, such as `1-10x2,40`; empty where that would be longer than 1,000 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectRow(LayerRow):
    """A running frame whose place goes to somebody else."""

    frame_number: int | None
    run_id: str
    host_id: str
    host_name: str
    to_job_id: str
    """Empty where it goes to a group."""
    to_group_id: str
    """Empty where it goes to a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow(LayerRow):
    """A run of a frame."""

    frame_number: int | None
    run_id: str
    host_id: str
    host_name: str
    cores: float
    memory_kib: int
    """Reserved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStartedRow(RunRow):
    """A run that was given its host."""

    gpus_count: int
    gpu_memory_kib: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEndedRow(RunRow):
    """A run that is over."""

    attempt: int
    """The frame's first run is 1."""
    is_charged: bool
    """Its end counts against the frame."""
    frame_state: str
    """What became of the frame; empty where it kept the state that it had."""
    cause: str
    exit_status: int
    exit_signal: int
    run_us: int
    max_rss_kib: int
    message: str
    """The words of the agent or the server about its end."""
    error_line: str
    """The line of its log that says best what went wrong."""
    is_host_end: bool
    """Its host's agent died, or the host was booted, unannounced, and the run ended by that."""
    is_alone: bool
    """It had its host to itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DependRow(JobRow):
    """A depend; the job is the one that waits."""

    depend_id: str
    depend_type: str
    """Empty where the farm does not know it any more."""
    on_job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DependPairsRow(DependRow):
    """A depend frame by frame."""

    pairs_count: int
    """How many frames it holds back no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRow(Row):
    """A host."""

    host_id: str
    host_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostChangedRow(HostRow):
    """A host of which something has another value."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentRow(Row):
    """A remark on a job or a host; the id of the other is empty."""

    comment_id: str
    job_id: str
    host_id: str
    user: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingRow(Row):
    """A show, or something of which shows or the whole farm have several: a group, a filter, a service."""

    id: str
    name: str
    """Empty for a subscription, too; of a task the shot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingChangedRow(ThingRow):
    """One of these of which something has another value."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicEvent:
    """Something that happened on the farm and is on disk."""

    type: str
    """What happened, `job.finished`; every type is in `vocabulary.EVENT_TYPES`."""
    seq: int
    """Its number in the farm's history; several public events may share one."""
    at_us: int
    """When, in microseconds since the epoch (UTC)."""
    actor: str
    """Who did it, by his own account."""
    reason: str
    show: str | None
    """Whose it is. Empty: no show's, such as a host's. None: the farm does not know any more."""
    row: Row

    def is_visible(self, shows: frozenset[str] | None) -> bool:
        """Whether somebody may see it who may see these shows; None is all of them."""
        return shows is None or self.show == "" or self.show in shows
