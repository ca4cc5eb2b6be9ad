"""Commands on what shows have in the place of the farm's services."""

from __future__ import annotations

from typing import Any, Callable

from opencue_proto import service_pb2

from cue_cli.cueadmin.lookup import findShow, toCores, toInteger, toKilobytes, toSwitch
from cue_cli.cueadmin.output import POINTS_PER_CORE
from cue_cli.cueadmin.session import Session, UsageError
from opencue import api
from opencue.exception import EntityNotFoundException
from opencue.tags import splitTags

INCREASE_KB = 2 * 1_048_576
"""How much more memory a frame gets that ran out of it, where nothing else is known."""


def _points(text: str) -> int:
    return round(toCores(text) * POINTS_PER_CORE)


def _count(text: str) -> int:
    return toInteger(text, "count")


def _minutes(text: str) -> int:
    return toInteger(text, "number of minutes")


FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "cores": ("min_cores", _points),
    "max-cores": ("max_cores", _points),
    "memory": ("min_memory", toKilobytes),
    "memory-increase": ("min_memory_increase", toKilobytes),
    "gpus": ("min_gpus", _count),
    "gpu-memory": ("min_gpu_memory", toKilobytes),
    "tags": ("tags", splitTags),
    "threadable": ("threadable", toSwitch),
    "timeout": ("timeout", _minutes),
    "timeout-llu": ("timeout_llu", _minutes),
}
"""What can be given: the field of the message, and what reads it."""


def override_service(session: Session, values: list[str]) -> None:
    """-override-service: let a service be something else for new layers of a show; the rest is as it was."""
    show, name = findShow(values[0]), values[1]
    given = dict(_given(text) for text in values[2:])
    try:
        own = show.getServiceOverride(name)
    except EntityNotFoundException:
        own = None
    data = own.data if own is not None else _of_the_farm(name)
    for field, value in given.items():
        if field == "tags":
            data.tags[:] = value
        else:
            setattr(data, field, value)
    session.confirm(f"Let service {name} be something else for {show.name()}: {' '.join(values[2:])}")
    if own is None:
        show.createServiceOverride(data)
        session.acted = True
        session.report(f"{name}: {show.name()} has its own now: {' '.join(values[2:])}")
        return
    session.set(name, " ".join(values[2:]), own.update())


def _of_the_farm(name: str) -> service_pb2.Service:
    service = api.getService(name)
    if service is None:
        return service_pb2.Service(name=name, min_cores=POINTS_PER_CORE, min_memory_increase=INCREASE_KB)
    data: service_pb2.Service = service.data
    data.ClearField("id")
    return data


def _given(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or name not in FIELDS:
        raise UsageError(f"{text!r} is none of {', '.join(f'{known}=...' for known in FIELDS)}")
    field, read = FIELDS[name]
    return field, read(value)


def drop_override(session: Session, values: list[str]) -> None:
    """-drop-override: the farm's service holds for new layers of the show again."""
    show, name = findShow(values[0]), values[1]
    own = show.getServiceOverride(name)
    session.confirm(f"Let service {name} be what it is for all in {show.name()}, too")
    session.changed(name, own.delete(), f"{show.name()} has no service of its own any more", "it had none")
