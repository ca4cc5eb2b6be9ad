"""Draws the state tables: `python -m cuebot.domain.diagrams > docs/reference/states.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

from cuebot.domain.states import FRAME_TRANSITIONS, HOST_TRANSITIONS, JOB_TRANSITIONS

_HEAD = """# States

Made from the tables in `cuebot.domain.states` by `python -m cuebot.domain.diagrams`; a test says when it is out of
date. A state may follow itself. Every other step that is not drawn is a bug, and the core stops at it.
"""

_SECTIONS: tuple[tuple[str, str, Any, tuple[str, ...]], ...] = (
    (
        "Job",
        "POSTED is the job of a job's post layers until that one has ended.\n"
        "STARTUP and SHUTDOWN exist on the wire only.",
        JOB_TRANSITIONS,
        ("PENDING", "POSTED"),
    ),
    (
        "Frame",
        "A frame with open depends that would be WAITING, DEAD or SUCCEEDED is DEPEND. An eaten frame that had\n"
        "succeeded stays SUCCEEDED. CHECKPOINT waits for the end of a checkpoint that is made or copied.\n"
        "SETUP exists on the wire only.",
        FRAME_TRANSITIONS,
        ("WAITING",),
    ),
    ("Host", "Only an UP host is booked.", HOST_TRANSITIONS, ("UP",)),
)


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(*section) for section in _SECTIONS)])


def _section(title: str, detail: str, table: Mapping[IntEnum, Iterable[IntEnum]], first: Iterable[str]) -> str:
    steps = [f"    [*] --> {name}" for name in first]
    steps += [f"    {state.name} --> {to.name}" for state in sorted(table) for to in sorted(table[state])]
    return "\n".join([f"## {title}", detail, "", "```mermaid", "stateDiagram-v2", *steps, "```", ""])


if __name__ == "__main__":
    sys.stdout.write(page())
