"""A reason why frames wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that stands in the way."""

    code: str
    count: int
    counts: str
    """What is counted: `hosts`, `frames`, `depends`, `jobs`, `shows`, or nothing."""
    text: str
    remedy: str = ""
    """What undoes it, with its commands as they are typed; empty where time alone does, or a remedy of the layer."""
