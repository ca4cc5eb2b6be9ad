"""One thing that keeps a layer's next frame from starting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cuebot.domain.host_table import Mask
from cuebot.scheduling.explain.fixes import Fix


@dataclass(frozen=True, slots=True)
class Constraint:
    """One thing that is in the way on some hosts, or everywhere."""

    code: str
    open: Mask | None
    """The hosts that it leaves open; None for no host at all, whatever hosts there are."""
    text: str
    """Of hosts, what comes after "3 of 8 hosts"."""
    hint: str = ""
    """What would change it, in general words."""
    fix: Callable[[], Fix | None] | None = None
    count: int = 0
    counts: str = ""
    """Of a constraint whatever the hosts: what is counted, `frames` or `hosts`."""
    told: bool = True
    """It is a reason by itself, and no part of one."""
    has_parts: bool = False
    """What follows says it in parts, each with a fix of its own."""
