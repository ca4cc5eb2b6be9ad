"""Runs of which something does not end although it was killed: their frames wait, and their hosts keep their cores."""

from __future__ import annotations

from typing import Final

from cuebot.domain.advice import advise
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Layer, Proc
from cuebot.scheduling.explain.reasons import Reason

TOLD: Final = 3
"""So many runs are named for a layer."""


def stuck_reason(farm: Farm, proc: Proc) -> Reason:
    """That this run cannot be ended, what is left of it, and the way out."""
    host = farm.hosts[proc.host_id].name
    text = (
        f"its run on {host} does not end, so it keeps its cores and memory, and is not started elsewhere: {proc.stuck};"
        " such a process waits in the kernel, for a disk above all"
    )
    remedy = f"mend the disk, or reboot {host}; if that machine is gone for good: {advise('host.delete', host=host)}"
    return Reason("RUN_STUCK", 1, "frames", text, remedy)


def stuck_reasons(farm: Farm, layer: Layer) -> list[Reason]:
    """The same of the runs of a layer, the first few."""
    stuck = [proc for run_id in layer.runs.values() if (proc := farm.procs[run_id]).stuck]
    return [stuck_reason(farm, proc) for proc in stuck[:TOLD]]
