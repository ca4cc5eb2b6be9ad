"""How the agents of one machine share it: whole cores, and memory in the same proportion."""

from __future__ import annotations

import socket
from dataclasses import dataclass

KIB_PER_GIB = 1 << 20


class TooManyAgents(ValueError):
    """There is not a core for each agent."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one agent offers of this machine."""

    name: str
    """What the farm calls the agent's host."""
    cores: int
    memory_kib: int
    is_whole: bool
    """The agent has the machine to itself, and measures it on its own."""

    @property
    def options(self) -> list[str]:
        """The share as options of `rqd`."""
        if self.is_whole:
            return []
        return ["--cores", str(self.cores), "--memory-gb", f"{self.memory_kib / KIB_PER_GIB:.3f}"]


def share_out(count: int, cores: int, memory_kib: int) -> list[Share]:
    """Divide a machine of so many cores among `count` agents; the first has what is left over.

    Raises TooManyAgents: an agent offers whole cores, and none of them twice.
    """
    host = socket.gethostname().split(".")[0]
    if count == 1:
        return [Share(host, cores, memory_kib, is_whole=True)]
    if count > cores:
        have = "1 core" if cores == 1 else f"{cores} cores"
        raise TooManyAgents(
            f"{count} agents cannot share the {have} of this machine: each needs at least one whole core; use"
            f" --agents {cores}" + (" or fewer" if cores > 1 else "")
        )
    each, rest = divmod(cores, count)
    parts = [each + rest] + [each] * (count - 1)
    return [
        Share(f"{host}-{number}", part, memory_kib * part // cores, is_whole=False)
        for number, part in enumerate(parts, start=1)
    ]
