"""What a job specification says, once it is understood.

Cores are in centicores (100 = one core), memory in KiB, times in minutes. `None` stands for "not said": the service of
the layer, or the server, then decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cuebot.domain.errors import Invalid

LayerType = Literal["RENDER", "UTIL", "POST"]

DependType = Literal[
    "JOB_ON_JOB",
    "JOB_ON_LAYER",
    "JOB_ON_FRAME",
    "LAYER_ON_JOB",
    "LAYER_ON_LAYER",
    "LAYER_ON_FRAME",
    "FRAME_ON_JOB",
    "FRAME_ON_LAYER",
    "FRAME_ON_FRAME",
    "FRAME_BY_FRAME",
    "PREVIOUS_FRAME",
    "LAYER_ON_SIM_FRAME",
]


class SpecError(Invalid):
    """A job specification that cannot be used; names the element, where it stands, and what is accepted."""

    def __init__(self, path: str, problem: str) -> None:
        """Say what is wrong with the element at `path`, such as `job "comp" / layer "bty" / range`."""
        super().__init__(f"job spec, {path}: {problem}")
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSpec:
    """One layer of a job."""

    name: str
    type: LayerType
    command: str
    range_text: str
    chunk: int
    frame_count: int
    """Frames after chunking."""
    cores: int | None
    """Centicores; 0 asks for a whole host, a negative number for all of it but that much."""
    max_cores: int | None
    """Centicores."""
    threadable: bool | None
    memory_kib: int | None
    gpus: int | None
    gpu_memory_kib: int | None
    timeout_minutes: int | None
    timeout_llu_minutes: int | None
    max_retries: int | None
    tags: tuple[str, ...] | None
    limits: tuple[str, ...]
    env: Mapping[str, str]
    services: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """One job with its layers, in the order of the document."""

    name: str
    """Full name, `show-shot-user_short`."""
    short_name: str
    paused: bool
    priority: int | None
    max_retries: int
    max_cores: int | None
    """Centicores; -1 is no maximum."""
    max_gpus: int | None
    autoeat: bool
    time_limit_minutes: int = 0
    """From the start of the first frame; 0 is none."""
    os: str | None
    env: Mapping[str, str]
    layers: tuple[LayerSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DependSpec:
    """One dependency: the `er` side waits for the `on` side.

    Job names are full names. A frame is its layer and its number; `er_frame` and `on_frame` are the numbers.
    """

    type: DependType
    any_frame: bool
    on_failure: bool
    """Frames that are dead count as done."""
    er_job: str
    er_layer: str | None
    er_frame: int | None
    on_job: str
    on_layer: str | None
    on_frame: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A whole submission."""

    version: str | None
    """Version of the grammar that the document names, such as `1.15`."""
    facility: str | None
    show: str
    shot: str
    user: str
    email: str | None
    uid: int | None
    jobs: tuple[JobSpec, ...]
    depends: tuple[DependSpec, ...]
    warnings: tuple[str, ...]
    """What was ignored or changed, in words for the submitter."""
