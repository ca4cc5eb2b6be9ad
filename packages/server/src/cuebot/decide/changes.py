"""Commands that give fields of a thing new values: which may be given, and what they may be."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.bounds import INT32_MAX, Bounds
from cuebot.domain.errors import AlreadyExists, Invalid, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.names import USER_RULE, check_user, folded, label, plain_name, undotted_name
from cuebot.domain.nouns import Group, Show
from cuebot.domain.nouns.filters import FilterType
from cuebot.domain.states import Enforcement, ThreadMode
from cuebot.domain.tags import read_tags
from cuebot.domain.units import MIN_CORE_UNITS, MIN_MEMORY, ONE_CORE, UNLIMITED

Rule = Callable[[Any], Any]
"""Takes what was asked for and returns what is stored, or raises ValueError saying what may be given."""


def _text(bounds: Bounds, bound: str) -> Rule:
    most = getattr(bounds, bound)

    def rule(value: Any) -> str:
        if not isinstance(value, str) or len(value) > most or "\0" in value:
            raise ValueError(f"a text of 0 to {most} characters ({bound})")
        return value

    return rule


def _flag(value: Any) -> bool:
    return bool(value)


def _whole(least: int, most: int, bound: str = "") -> Rule:
    """`bound` is the one that `most` comes from."""

    def rule(value: Any) -> int:
        if not least <= int(value) <= most:
            raise ValueError(f"from {least} to {most}{bound and f' ({bound})'}")
        return int(value)

    return rule


def _units_or_unlimited(value: Any) -> int:
    if not UNLIMITED <= value <= INT32_MAX:
        raise ValueError(f"from 0 to {INT32_MAX}, or -1 for no limit")
    return int(value)


def _layer_cores(bounds: Bounds) -> Rule:
    """0 is a whole host, below that all of it but so much; less than a tenth of a core becomes a whole one."""
    most = bounds.layer_cores_centicores

    def rule(value: Any) -> int:
        if abs(value) > most:
            raise ValueError(f"from -{most} to {most} hundredths of a core (layer_cores_centicores)")
        return ONE_CORE if 0 < value < MIN_CORE_UNITS else int(value)

    return rule


def _service_cores(bounds: Bounds) -> Rule:
    """As a layer's, whose value it becomes; but a service asks for no part of a host that nobody knows yet."""
    cores, of_layer = _whole(0, bounds.layer_cores_centicores, "layer_cores_centicores"), _layer_cores(bounds)
    return lambda value: of_layer(cores(value))


def _memory(bounds: Bounds) -> Rule:
    def rule(value: Any) -> int:
        if value > bounds.layer_memory_kib:
            raise ValueError(f"at most {bounds.layer_memory_kib} KiB (layer_memory_kib)")
        return max(int(value), MIN_MEMORY)

    return rule


def _tags(bounds: Bounds) -> Rule:
    def rule(value: Any) -> tuple[str, ...]:
        tags = read_tags(value, bounds)
        if not tags:
            raise ValueError(f"1 to {bounds.names_per_list} tags (names_per_list)")
        return tags

    return rule


def _tag_list(bounds: Bounds) -> Rule:
    """The tags of an allocation are kept as one text, with commas between (decisions: lists-with-commas)."""
    tags = _tags(bounds)
    return lambda value: ",".join(tags(value))


def _facility_name(bounds: Bounds) -> Rule:
    return lambda value: undotted_name(str(value).strip().lower(), bounds)


def _os_names(bounds: Bounds) -> Rule:
    most, characters = bounds.os_names, bounds.os_name_characters

    def rule(value: Any) -> tuple[str, ...]:
        names = tuple(value)
        if len(names) > most or any(len(name) > characters for name in names):
            raise ValueError(f"at most {most} names (os_names) of at most {characters} characters (os_name_characters)")
        return names

    return rule


def _user(bounds: Bounds) -> Rule:
    def rule(value: Any) -> str:
        try:
            check_user(str(value), bounds)
        except Invalid:
            raise ValueError(f"a person who may own jobs, not root: {USER_RULE} (user_name_characters)") from None
        return str(value)

    return rule


def _or_none(rule: Rule) -> Rule:
    """None says that there is none of its own."""
    return lambda value: None if value is None else rule(value)


_COUNT: Final = _whole(0, INT32_MAX)


def _service_fields(bounds: Bounds) -> dict[str, Rule]:
    """Of a service, and of what a show has in its place."""
    return {
        "name": lambda value: plain_name(value, bounds),
        "threadable": _flag,
        "min_cores": _service_cores(bounds),
        "max_cores": _whole(0, bounds.layer_cores_centicores, "layer_cores_centicores"),
        "min_memory": _memory(bounds),
        "min_gpus": _COUNT,
        "max_gpus": _COUNT,
        "min_gpu_memory": _whole(0, bounds.layer_memory_kib, "layer_memory_kib"),
        "tags": _tags(bounds),
        "timeout_minutes": _COUNT,
        "timeout_llu_minutes": _COUNT,
        "min_memory_increase": _whole(1, INT32_MAX),
    }


@lru_cache(maxsize=16)
def changeable(bounds: Bounds) -> dict[str, dict[str, Rule]]:
    """By kind of thing and field: what makes a given value the one that is stored, or raises ValueError."""
    frame_cores = _whole(0, bounds.layer_cores_centicores, "layer_cores_centicores")
    gpu_memory = _whole(0, bounds.layer_memory_kib, "layer_memory_kib")
    retries = _whole(0, bounds.job_retries, "job_retries")
    return {
        "show": {
            "active": _flag,
            "booking_enabled": _flag,
            "dispatch_enabled": _flag,
            "default_min_cores": _COUNT,
            "default_max_cores": _COUNT,
            "default_min_gpus": _COUNT,
            "default_max_gpus": _COUNT,
            "comment_email": _text(bounds, "comment_email_characters"),
            "scheduler_managed": _flag,
        },
        "group": {
            "name": lambda value: label(str(value), bounds),
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
            "priority": _whole(-INT32_MAX, INT32_MAX),
            "max_retries": retries,
            "auto_eat": _flag,
            "min_cores": _COUNT,
            "max_cores": _units_or_unlimited,
            "min_gpus": _COUNT,
            "max_gpus": _units_or_unlimited,
            "user": _user(bounds),
            "uid": _or_none(_whole(1, INT32_MAX)),
            "time_limit_minutes": _COUNT,
        },
        "layer": {
            "tags": _tags(bounds),
            "min_cores": _layer_cores(bounds),
            "max_cores": frame_cores,
            "min_memory": _memory(bounds),
            "min_gpus": _COUNT,
            "max_gpus": _COUNT,
            "min_gpu_memory": gpu_memory,
            "threadable": _flag,
            "timeout_minutes": _COUNT,
            "timeout_llu_minutes": _COUNT,
            "memory_optimizer": _flag,
            "dispatch_order": _whole(1, INT32_MAX),
            "max_retries": _or_none(retries),
            "start_after_us": _whole(0, 2**62),
            "start_after_reason": _text(bounds, "start_after_reason_characters"),
        },
        "host": {"thread_mode": ThreadMode, "os": _os_names(bounds)},
        "allocation": {"name": lambda value: undotted_name(value, bounds), "tag": _tag_list(bounds), "billable": _flag},
        "facility": {"name": _facility_name(bounds)},
        "subscription": {"size": _COUNT, "burst": _COUNT},
        "service": _service_fields(bounds),
        "limit": {
            "max_value": _COUNT,
            "per_host": _flag,
            "enforcement": Enforcement,
            "soft_value": _units_or_unlimited,
            "report_ttl_s": _COUNT,
        },
        "service_override": _service_fields(bounds),
        "filter": {
            "name": lambda value: label(str(value), bounds),
            "type": FilterType,
            "enabled": _flag,
        },
        "department": {"min_cores": _COUNT},
        "display_override": {
            "text": _text(bounds, "display_text_characters"),
            "color": _whole(0, 0xFFFFFF),
        },
        "comment": {
            "subject": _text(bounds, "comment_subject_characters"),
            "message": _text(bounds, "comment_message_characters"),
        },
    }


def change(farm: Farm, command: c.Change, context: Context) -> list[ev.Event]:
    """Check every new value, then say what changed; values that are the same already are left out."""
    thing = farm.get(command.kind, command.id)
    wanted = checked(command.kind, called(farm, command.kind, thing), command.changes, context.bounds)
    changes = {name: value for name, value in wanted.items() if getattr(thing, name) != value}
    if command.kind == "job" and changes.get("auto_eat") is not None and "max_retries" not in changes:
        changes["max_retries"] = 0 if changes["auto_eat"] else 1  # opencue-behaviour: auto-eat
    if "name" in changes:
        _check_free(farm, command.kind, thing, changes["name"])
    if not changes:
        return []
    if command.kind == "show" and changes.get("active") and thing.archived_name:
        return _back(farm, thing, changes)
    changed: list[ev.Event] = [ev.Changed(command.kind, command.id, changes)]
    return changed + _to_jobs_of_group(farm, thing, command.changes) if command.kind == "group" else changed


def _to_jobs_of_group(farm: Farm, group: Group, given: dict[str, Any]) -> list[ev.Event]:
    """A group's new defaults are at once the values of its jobs, finished or not; "off" is not.

    (opencue-behaviour: group-defaults.)
    """
    prefix = "default_job_"
    values = {name.removeprefix(prefix): v for name, v in given.items() if name.startswith(prefix) and v != UNLIMITED}
    return [ev.Changed("job", id, values) for id in sorted(group.job_ids)] if values else []


def _back(farm: Farm, show: Show, changes: dict[str, Any]) -> list[ev.Event]:
    """An archived show has its name again, and no other show stands for it any more."""
    name = show.archived_name
    if folded(name) in farm.show_by_name:
        raise AlreadyExists(f"there is another show {name!r} by now; rename or delete it first")
    back = ev.Changed("show", show.id, {**changes, "name": name, "archived_name": ""})
    return [*no_longer_stood_for(farm, show), back]


def no_longer_stood_for(farm: Farm, show: Show) -> list[ev.Event]:
    """Jobs of the name that an archived show had go to no other show any more."""
    stand_in = farm.alias_of_show.get(folded(show.archived_name)) if show.archived_name else None
    if not stand_in:
        return []
    aliases = [alias for alias in farm.shows[stand_in].aliases if alias != show.archived_name]
    return [ev.Changed("show", stand_in, {"aliases": aliases})]


def checked(kind: str, name: str, values: dict[str, Any], bounds: Bounds) -> dict[str, Any]:
    """Values for fields of a thing, as they are stored. Raises Invalid for a field or a value that is not allowed."""
    stored: dict[str, Any] = {}
    for field, value in values.items():
        rule = changeable(bounds)[kind].get(field)
        if rule is None:
            raise Invalid(f"{field} of a {kind} cannot be changed")
        try:
            stored[field] = rule(value)
        except (ValueError, TypeError) as error:
            raise Invalid(_refusal(field, kind, name, value, str(error))) from error
    return stored


def _refusal(field: str, kind: str, name: str, value: Any, accepted: str) -> str:
    """Why a value is refused; cores as people count them, although they are kept in hundredths."""
    said = quoted(repr(value))
    if (field in ("size", "burst") or field.endswith("_cores")) and isinstance(value, (int, float)):
        said = f"{value / ONE_CORE:g} cores"
        accepted += "" if "hundredths" in accepted else " (in hundredths of a core)"
    return f"{field} of {kind} {quoted(name)!r} cannot be {said}: accepted is {accepted}"


def called(farm: Farm, kind: str, thing: Any) -> str:
    """What people call a thing: a subscription by its allocation and show, what has no name by its id."""
    if kind == "subscription":
        allocation = farm.allocation_name(farm.allocations[thing.allocation_id])
        return f"{allocation}.{farm.shows[thing.show_id].name}"
    return str(getattr(thing, "name", thing.id))


def _check_free(farm: Farm, kind: str, thing: Any, name: str) -> None:
    beside = [other for other in farm.table(kind).values() if other.id != thing.id and other.name == name]
    if kind == "allocation":
        beside = [other for other in beside if other.facility_id == thing.facility_id]
    if kind in ("filter", "service_override"):
        beside = [other for other in beside if other.show_id == thing.show_id]
    if kind == "group":
        beside = [other for other in beside if other.parent_id == thing.parent_id and other.show_id == thing.show_id]
    if beside:
        raise AlreadyExists(f"there is a {kind} {name!r} already")
