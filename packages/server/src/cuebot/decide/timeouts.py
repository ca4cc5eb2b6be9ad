"""Runs that take longer than their layer allows, or whose log stopped growing, are to be ended.

Our agents keep that themselves, and say it in the same words. This is the server's rule, for every agent, by what hosts
last said: how long a run has run, without the time for which it was suspended (an agent that tells no such time
suspends nothing: then it is the time since the launch), and how long it had run when the time of its log's last growth
was last another one. So hosts' clocks do not matter, nothing is concluded while a host is silent, and no run is ended
for its log whose agent tells nothing of it. After a restart silence is counted anew.
"""

from __future__ import annotations

from collections.abc import Collection

from cuebot.domain.events import KillRequested
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Layer, Proc
from cuebot.domain.states import Cause, OnEnd
from cuebot.domain.units import MINUTE


def runs_over_time(farm: Farm, over: Collection[str]) -> list[KillRequested]:
    """What ends the runs whose time is up, but for those that are over or to be ended already."""
    found: dict[tuple[str, Cause], list[str]] = {}
    for proc in farm.procs.values():
        layer = farm.layers[proc.layer_id]
        if not (layer.timeout_minutes or layer.timeout_llu_minutes) or proc.kill_message or proc.id in over:
            continue
        cause = _why_over(layer, proc)
        if cause is not None:
            found.setdefault((layer.id, cause), []).append(proc.id)
    return [
        KillRequested(run_ids, OnEnd.AS_REPORTED, _words(farm.layers[layer_id], cause), cause)
        for (layer_id, cause), run_ids in found.items()
    ]


def _why_over(layer: Layer, proc: Proc) -> Cause | None:
    if layer.timeout_minutes and proc.ran_us > layer.timeout_minutes * MINUTE:
        return Cause.TIMEOUT
    silent_us = 0 if proc.grew_us is None else proc.ran_us - proc.grew_us
    if layer.timeout_llu_minutes and silent_us > layer.timeout_llu_minutes * MINUTE:
        return Cause.SILENT
    return None


def _words(layer: Layer, cause: Cause) -> str:
    if cause is Cause.TIMEOUT:
        return f"timed out: it ran longer than the {layer.timeout_minutes} min that its layer allows (timeout)"
    minutes = layer.timeout_llu_minutes
    return f"timed out: its log did not grow for the {minutes} min that its layer allows (timeout_llu)"
