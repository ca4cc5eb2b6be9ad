"""Commands that give fields of a thing new values: which may be given, and what they may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import AlreadyExists, Invalid
from cuebot.domain.farm import Farm
from cuebot.domain.names import conform_name
from cuebot.domain.states import ThreadMode
from cuebot.domain.units import MIN_CORE_UNITS, MIN_MEMORY, ONE_CORE, UNLIMITED

MAX_RETRIES: Final = 16
"""Upstream's MAX_FRAME_RETRIES."""

Rule = Callable[[Any], Any]
"""Takes what was asked for and returns what is stored, or raises ValueError saying what may be given."""


def _any(value: Any) -> Any:
    return value


def _flag(value: Any) -> bool:
    return bool(value)


def _whole(least: int, most: int) -> Rule:
    def rule(value: Any) -> int:
        if not least <= int(value) <= most:
            raise ValueError(f"from {least} to {most}")
        return int(value)

    return rule


def _units_or_unlimited(value: Any) -> int:
    if value < 0 and value != UNLIMITED:
        raise ValueError("at least 0, or -1 for no limit")
    return int(value)


def _layer_cores(value: Any) -> int:
    """Below a tenth of a core a layer gets a whole one (behaviour_jobs 5.2)."""
    return int(value) if value >= MIN_CORE_UNITS else ONE_CORE


def _memory(value: Any) -> int:
    return max(int(value), MIN_MEMORY)


def _tags(value: Any) -> tuple[str, ...]:
    tags = tuple(dict.fromkeys(tag.strip() for tag in value if tag.strip()))
    if not tags:
        raise ValueError("at least one tag")
    return tags


def _name(value: Any) -> str:
    return conform_name("show", str(value))


_INT32: Final = 2**31 - 1
_COUNT: Final = _whole(0, _INT32)

CHANGEABLE: Final[dict[str, dict[str, Rule]]] = {
    "show": {
        "active": _flag,
        "booking_enabled": _flag,
        "dispatch_enabled": _flag,
        "default_min_cores": _COUNT,
        "default_max_cores": _COUNT,
        "default_min_gpus": _COUNT,
        "default_max_gpus": _COUNT,
        "comment_email": _any,
    },
    "group": {
        "name": _any,
        "min_cores": _COUNT,
        "max_cores": _units_or_unlimited,
        "min_gpus": _COUNT,
        "max_gpus": _units_or_unlimited,
        "default_job_priority": _units_or_unlimited,
        "default_job_min_cores": _units_or_unlimited,
        "default_job_max_cores": _units_or_unlimited,
        "default_job_min_gpus": _units_or_unlimited,
        "default_job_max_gpus": _units_or_unlimited,
    },
    "job": {
        "paused": _flag,
        "priority": _whole(-_INT32, _INT32),
        "max_retries": _whole(0, MAX_RETRIES),
        "auto_eat": _flag,
        "min_cores": _COUNT,
        "max_cores": _units_or_unlimited,
        "min_gpus": _COUNT,
        "max_gpus": _units_or_unlimited,
    },
    "layer": {
        "tags": _tags,
        "min_cores": _layer_cores,
        "max_cores": _COUNT,
        "min_memory": _memory,
        "min_gpus": _COUNT,
        "max_gpus": _COUNT,
        "min_gpu_memory": _COUNT,
        "threadable": _flag,
        "timeout_minutes": _COUNT,
        "timeout_llu_minutes": _COUNT,
        "memory_optimizer": _flag,
        "dispatch_order": _whole(1, _INT32),
        "max_retries": _whole(0, MAX_RETRIES),
        "start_after_us": _any,
        "start_after_reason": _any,
    },
    "host": {"thread_mode": ThreadMode, "os": tuple},
    "allocation": {"name": _name, "tag": _any, "billable": _flag},
    "facility": {"name": _any},
    "subscription": {"size": _COUNT, "burst": _COUNT},
    "service": {
        "name": _any,
        "threadable": _flag,
        "min_cores": _COUNT,
        "max_cores": _COUNT,
        "min_memory": _memory,
        "min_gpus": _COUNT,
        "max_gpus": _COUNT,
        "min_gpu_memory": _COUNT,
        "tags": _tags,
        "timeout_minutes": _COUNT,
        "timeout_llu_minutes": _COUNT,
        "min_memory_increase": _whole(1, 2**62),
    },
    "comment": {"subject": _any, "message": _any},
}


def change(farm: Farm, command: c.Change, context: Context) -> list[ev.Event]:
    """Check every new value, then say what changed; values that are the same already are left out."""
    thing = farm.get(command.kind, command.id)
    changes: dict[str, Any] = {}
    for name, value in command.changes.items():
        rule = CHANGEABLE[command.kind].get(name)
        if rule is None:
            raise Invalid(f"{name} of a {command.kind} cannot be changed")
        try:
            wanted = rule(value)
        except (ValueError, TypeError) as error:
            raise Invalid(
                f"{name} of {command.kind} {getattr(thing, 'name', thing.id)!r} cannot be {value!r}: accepted is"
                f" {error}"
            ) from error
        if getattr(thing, name) != wanted:
            changes[name] = wanted
    if command.kind == "job" and changes.get("auto_eat") is not None and "max_retries" not in changes:
        changes["max_retries"] = 0 if changes["auto_eat"] else 1  # behaviour_jobs 2.12
    if "name" in changes:
        _check_free(farm, command.kind, thing, changes["name"])
    return [ev.Changed(command.kind, command.id, changes)] if changes else []


def _check_free(farm: Farm, kind: str, thing: Any, name: str) -> None:
    beside = [other for other in farm.table(kind).values() if other.id != thing.id and other.name == name]
    if kind == "allocation":
        beside = [other for other in beside if other.facility_id == thing.facility_id]
    if kind == "group":
        beside = [other for other in beside if other.parent_id == thing.parent_id and other.show_id == thing.show_id]
    if beside:
        raise AlreadyExists(f"there is a {kind} {name!r} already")
