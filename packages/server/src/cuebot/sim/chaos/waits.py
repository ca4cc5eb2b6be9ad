"""The checker's own idea of depends: what each frame waits for, spelled out frame by frame.

Written without a look at `domain.depends`: slow, small, and in other words, so that a mistake there is not made twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cuebot.domain.bounds import STORED_BOUNDS
from cuebot.domain.frame_set import parse_frame_set
from cuebot.domain.states import DependType

FrameKey = tuple[str, int]
"""Layer id and frame index."""


@dataclass(frozen=True, slots=True)
class Need:
    """What one frame waits for by one depend: frames, all of them or any, or the end of a job."""

    er: FrameKey
    frames: frozenset[FrameKey] = frozenset()
    any: bool = False
    job: str = ""


@dataclass(slots=True)
class Wait:
    """A depend: its needs, and which of them still hold."""

    id: str
    type: DependType
    needs: list[Need]
    open: set[int] = field(default_factory=set)
    released: set[int] = field(default_factory=set)
    """Let go by an operator, frame by frame."""
    by_hand: bool = False
    """An operator made it hold again: nothing may ever satisfy it."""
    opened_seq: int = 0

    @property
    def holds_again_on_retry(self) -> bool:
        """A retry of what it waited for opens it again."""
        return self.type in (DependType.FRAME_ON_FRAME, DependType.LAYER_ON_LAYER, DependType.FRAME_BY_FRAME)


@dataclass(frozen=True, slots=True)
class LayerShape:
    """The frame numbers of each frame of a layer."""

    job_id: str
    chunks: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, values: dict[str, Any]) -> LayerShape:
        """From a layer's stored values."""
        numbers = list(dict.fromkeys(parse_frame_set(values["range_text"], STORED_BOUNDS).tolist()))
        step = values["chunk"]
        chunks = tuple(tuple(numbers[at : at + step]) for at in range(0, len(numbers), step))
        return cls(values["job_id"], chunks)


def needs_of(values: dict[str, Any], layers: dict[str, LayerShape], layers_of_job: dict[str, list[str]]) -> list[Need]:
    """Everything that a depend makes frames wait for, that of composite types in the order of their pairs."""
    type = DependType(values["type"])
    er_layer, on_layer = values["er_layer"], values["on_layer"]

    def all_of(layer_id: str) -> frozenset[FrameKey]:
        return frozenset((layer_id, index) for index in range(len(layers[layer_id].chunks)))

    if type is DependType.FRAME_BY_FRAME:
        pairs: set[tuple[int, int]] = set()
        for er, numbers in enumerate(layers[er_layer].chunks):
            for number in numbers:
                found = [on for on, chunk in enumerate(layers[on_layer].chunks) if number in chunk]
                pairs.add((er, found[0] if found else -1))
        return [
            Need((er_layer, er), frozenset({(on_layer, on)}) if on >= 0 else all_of(on_layer))
            for er, on in sorted(pairs)
        ]
    if type is DependType.PREVIOUS_FRAME:
        most = min(len(layers[er_layer].chunks), len(layers[on_layer].chunks) + 1)
        return [Need((er_layer, er), frozenset({(on_layer, er - 1)})) for er in range(1, most)]

    er_word, on_word = type.name.replace("SIM_", "").split("_ON_")
    if er_word == "FRAME":
        waiting: list[FrameKey] = [(er_layer, values["er_frame"])]
    else:
        er_layers = layers_of_job[values["er_job"]] if er_word == "JOB" else [er_layer]
        waiting = [key for id in er_layers for key in sorted(all_of(id))]
    if on_word == "JOB":
        return [Need(er, job=values["on_job"]) for er in waiting]
    frames = all_of(on_layer) if on_word == "LAYER" else frozenset({(on_layer, values["on_frame"])})
    return [Need(er, frames, any=values["any_frame"]) for er in waiting]
