"""What runs hold of limits, counted by the limit's name whether a limit of that name exists or not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Use:
    """Runs of layers that name one limit."""

    frames: int = 0
    by_host: dict[int, int] = field(default_factory=dict)
    """Runs by host row."""


class LimitUse:
    """Every limit's use."""

    def __init__(self) -> None:
        self._uses: dict[str, Use] = {}

    def of(self, name: str) -> Use:
        """What is used of a limit: read it, never write to it."""
        return self._uses.get(name, _UNUSED)

    def add(self, names: Iterable[str], row: int, by: int) -> None:
        """Runs on a host started (1 each) or ended (-1 each)."""
        for name in names:
            use = self._uses.setdefault(name, Use())
            use.frames += by
            on_host = use.by_host.pop(row, 0) + by
            if on_host:
                use.by_host[row] = on_host
            if not use.frames:
                del self._uses[name]

    def view(self) -> dict[str, Use]:
        """All that is used, for a recount."""
        return self._uses


_UNUSED = Use()
