"""What people and programs leave behind: comments, what frames are to look like, answers to requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cuebot.domain.states import FrameState
from cuebot.domain.units import Micros


@dataclass(slots=True)
class Comment:
    """A remark of a person on a job or a host."""

    id: str
    job_id: str | None
    host_id: str | None
    user: str
    subject: str
    message: str
    created_us: Micros


@dataclass(slots=True)
class DisplayOverride:
    """What clients show for a frame in one state, in place of the state's own word and colour."""

    id: str
    layer_id: str
    frame_index: int
    state: FrameState
    text: str
    color: int
    """Red, green and blue: 0xRRGGBB."""


@dataclass(slots=True)
class Request:
    """The answer that a request id once got, so that a repeated submission is answered and not done again."""

    id: str
    reply: Any
    answered_us: Micros
