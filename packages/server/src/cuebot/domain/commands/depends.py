"""Commands on depends."""

from __future__ import annotations

from dataclasses import dataclass

from cuebot.domain.commands.base import Command
from cuebot.domain.states import DependType


@dataclass(frozen=True, slots=True)
class AddDepend(Command):
    """Make one side wait for the other. Job fields hold ids; layers and frames as the type needs them."""

    type: DependType
    er_job: str
    on_job: str
    er_layer: str | None = None
    er_frame: int | None = None
    on_layer: str | None = None
    on_frame: int | None = None
    any_frame: bool = False
    on_failure: bool = False
    """Frames that are dead count as done."""


@dataclass(frozen=True, slots=True)
class SatisfyDepends(Command):
    """Let depends hold nothing back any more."""

    depend_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnsatisfyDepend(Command):
    """Let a satisfied depend hold again."""

    depend_id: str
