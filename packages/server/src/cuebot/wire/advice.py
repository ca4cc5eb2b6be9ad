"""How what a sentence advises is done with `cueadmin`, as it is typed. Clients are told in these words."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import Any, Final

from cuebot.domain.advice import phrased
from cuebot.domain.units import ONE_CORE
from cuebot.scheduling.explain.wording import GIB, tenths_of_gib

_FLAGS: Final[dict[str, tuple[str, ...]]] = {
    "depend.satisfy": ("-satisfy-dependency", "job", "layer"),
    "frame.eat": ("-eat-frames", "job", "layer", "frames"),
    "frame.mark_done": ("-markdone-frames", "job", "layer", "frames"),
    "frame.retry": ("-retry-frames", "job", "layer", "frames"),
    "group.set_max_cores": ("-group-max-cores", "show", "group", "centicores"),
    "group.set_max_gpus": ("-group-max-gpus", "show", "group", "gpus"),
    "host.add_tags": ("-tag-host", "host", "tags"),
    "host.delete": ("-delete-host", "host"),
    "host.give": ("-give", "owner", "host"),
    "host.lock": ("-lock", "host"),
    "host.read": ("-lh",),
    "host.set_state": ("-fixed", "host"),
    "host.unlock": ("-unlock", "host"),
    "job.explain": ("-explain", "job"),
    "job.kill": ("-kill", "job"),
    "job.read": ("-lj",),
    "job.resume": ("-unpause", "job"),
    "job.set_max_cores": ("-set-max-cores", "job", "centicores"),
    "job.set_max_gpus": ("-set-max-gpus", "job", "gpus"),
    "job.set_priority": ("-priority", "job", "priority"),
    "layer.set_cores": ("-layer-cores", "job", "layer", "centicores"),
    "layer.set_gpu_memory": ("-layer-gpu-memory", "job", "layer", "kib"),
    "layer.set_gpus": ("-layer-gpus", "job", "layer", "gpus"),
    "layer.set_llu_timeout": ("-layer-timeout-llu", "job", "layer", "minutes"),
    "layer.set_memory": ("-layer-memory", "job", "layer", "kib"),
    "layer.set_start": ("-start-now", "job", "layer"),
    "layer.set_tags": ("-layer-tags", "job", "layer", "tags"),
    "layer.set_timeout": ("-layer-timeout", "job", "layer", "minutes"),
    "limit.read": ("-limit-holds", "limit"),
    "limit.set_max": ("-limit-max", "limit", "max"),
    "limit.set_soft": ("-limit-soft", "limit", "soft"),
    "log.read": ("-log", "job", "layer", "frame"),
    "owner.create": ("-create-owner", "name", "show"),
    "owner.set_show": ("-owner-show", "owner", "show"),
    "show.create": ("-create-show", "name"),
    "show.set_active": ("-enable-show", "show"),
    "show.set_booking": ("-booking", "show", "enabled"),
    "show.set_dispatching": ("-dispatching", "show", "enabled"),
    "subscription.create": ("-create-sub", "show", "allocation", "size_centicores", "burst_centicores"),
    "subscription.set_burst": ("-burst", "show", "allocation", "centicores"),
}
"""By action: the flag that does it, and which arguments follow, those of them that are given."""


def for_people(text: str) -> str:
    """A sentence of the core, as clients are told it."""
    return phrased(text, _phrase)


def _phrase(action: str, arguments: Mapping[str, Any]) -> str:
    return f"`cueadmin {' '.join(quote(word) for word in _words(action, arguments))}`"


def _words(action: str, arguments: Mapping[str, Any]) -> list[str]:
    flag, *names = _FLAGS[action]
    if action == "frame.retry" and "frames" not in arguments:
        flag = "-retry"
    words = [word for name in names if name in arguments for word in _typed(name, arguments[name])]
    switches = [f"-{name.replace('_', '')}" for name in ("finished", "mark_done") if arguments.get(name)]
    return [flag, *words, *switches]


def _typed(name: str, value: Any) -> list[str]:
    """An argument as `cueadmin` takes it; a text stands for itself, such as a place to be filled in."""
    if isinstance(value, list):
        return [str(one) for one in value]
    if isinstance(value, bool):
        return ["ON" if value else "OFF"]
    if isinstance(value, int) and name.endswith("centicores"):
        return [f"{value / ONE_CORE:g}"]
    return [exact_memory(value) if name == "kib" else str(value)]


def exact_memory(kib: int) -> str:
    """An amount of memory as `cueadmin` takes it: tenths of a GB where that is what is meant, otherwise KB."""
    tenths = kib * 10 // GIB
    return f"{tenths / 10:g}" if kib == tenths_of_gib(tenths) else f"{kib}k"
