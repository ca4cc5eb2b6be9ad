"""What is submitted: a job and its layers, checked before the farm sees them."""

from __future__ import annotations

import difflib
import math
import os
import re
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Optional

from cue_cli.cueadmin.session import CommandError, UsageError
from cue_cli.cuesubmit.job_types import BY_NAME, FILE, JOB_TYPES, Field, JobType
from FileSequence import FrameSet

NAME = re.compile(r"[A-Za-z0-9._-]{3,}")
DEPENDS = ("", "layer", "frame")
CORES_MIN, CORES_MAX = 0.01, 10_000
CHUNK_MAX = 1_000_000
SEVERAL_CORES = 2
"""From here on a layer is taken to use further cores where it gets them, as is one that wants a whole host."""


@dataclass
class LayerData:
    """One layer as it was asked for; texts are as they were typed."""

    job_type: JobType
    name: str
    frames: str
    values: Dict[str, str] = field(default_factory=dict)
    """What the application is told, by the names of fields."""
    chunk: int = 1
    cores: Optional[float] = None
    memory: Optional[str] = None
    services: List[str] = field(default_factory=list)
    limits: List[str] = field(default_factory=list)
    depend: str = ""
    """How it waits for the layer before: not at all, for all of it (`layer`), or frame by frame (`frame`)."""


@dataclass
class JobData:
    """A job as it was asked for; what is None is left to `outline`."""

    name: str
    show: Optional[str] = None
    shot: Optional[str] = None
    user: Optional[str] = None
    facility: Optional[str] = None
    layers: List[LayerData] = field(default_factory=list)


def launcher(job: JobData, settings: Dict[str, str], **flags: Any) -> Any:
    """Return the launcher of a job.

    Raises:
        OutlineException: something of it makes no sense to an application.
    """
    from outline import Outline
    from outline.cuerun import OutlineLauncher

    # Without a range of its own: layers would have only the frames that are in both.
    outline = Outline(job.name, show=job.show, shot=job.shot, user=job.user)
    before: Any = None
    for data in job.layers:
        layer = build(data, settings)
        if data.depend == "layer":
            layer.depend_all(before)
        elif data.depend == "frame":
            layer.depend_on(before)
        outline.add_layer(layer)
        before = layer
    made = OutlineLauncher(outline, backend="cue", **flags)
    made.set_flag("facility", job.facility)
    return made


def build(data: LayerData, settings: Dict[str, str]) -> Any:
    """Return the layer of `outline`; an OutlineException says what an application cannot work with."""
    import importlib

    from outline.modules.application import Application, check_chunks

    job_type = data.job_type
    kind = getattr(importlib.import_module(f"outline.modules.{job_type.module}"), job_type.name)
    args: Dict[str, Any] = {"range": data.frames, "chunk": data.chunk, "register": False}
    for part in job_type.fields:
        if data.values.get(part.name):
            args[part.argument] = part.value(data.values[part.name])
    if job_type.setting in settings:
        args["executable"] = settings[job_type.setting]
    if data.cores is not None:
        args.update(cores=data.cores, threadable=data.cores >= SEVERAL_CORES or data.cores <= 0)
    if data.memory:
        args["memory"] = data.memory
    if data.services:
        args["service"] = data.services
    layer = kind(data.name, **args)
    layer.set_arg("register", True)
    if isinstance(layer, Application):
        check_chunks(layer)
    if data.limits:
        layer.set_limits(data.limits)
    return layer


def command_text(data: LayerData, settings: Dict[str, str]) -> str:
    """Return the command of a layer as a host will run it, with its tokens."""
    from outline.command_line import shell_text

    return str(shell_text(build(data, settings).get_arg("command")))


# --- What makes no sense wherever it is submitted --------------------------------------------------------------------


def job_type_of(text: str) -> JobType:
    """Return the kind of a layer."""
    found = BY_NAME.get(text.lower())
    if found is None:
        raise UsageError(_unknown("job type", text, [job_type.name for job_type in JOB_TYPES]))
    return found


def name_of(what: str, text: str) -> str:
    """Return the name of a job, a layer, a show or a shot."""
    if not NAME.fullmatch(text):
        raise UsageError(
            f"{text!r} is no name of a {what}: three characters or more, letters, digits, `.`, `_` and `-`"
        )
    return text


def frames_of(text: str) -> str:
    """Return a range of frames."""
    try:
        FrameSet(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no range of frames: {error}") from None
    return text


def chunk_of(text: str) -> int:
    """Return how many frames one run of the command does."""
    if not text.isdecimal() or not 1 <= int(text) <= CHUNK_MAX:
        raise UsageError(f"{text!r} is no chunk size, which is a whole number from 1 to {CHUNK_MAX}")
    return int(text)


def cores_of(text: str) -> Optional[float]:
    """Return a number of cores: 0 is a whole host, -2 all but two of its cores; nothing leaves it to the service."""
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    whole_host = number <= 0 and number == int(number) and number >= -CORES_MAX
    if not whole_host and not CORES_MIN <= number <= CORES_MAX:
        raise UsageError(
            f"{text!r} is no number of cores: write {CORES_MIN} to {CORES_MAX}, 0 for a whole host, -2 for all but two"
        )
    return number


def depend_of(text: str, *, is_first: bool) -> str:
    """Return how a layer waits for the one before."""
    if text.lower() not in DEPENDS:
        raise UsageError(_unknown("dependency", text, DEPENDS[1:]))
    if text and is_first:
        raise UsageError("the first layer has none before it that it could depend on")
    return text.lower()


def value_of(part: Field, text: str, *, checks_files: bool) -> str:
    """Return what an application is told; a file of this machine with its whole path."""
    if not text.strip():
        if part.is_needed:
            raise UsageError(f"{part.label} is missing ({part.flag})")
        return ""
    if part.kind == FILE:
        if not text.lower().endswith(part.choices):
            raise UsageError(f"{text} is no {part.label}: its name ends with {' or '.join(part.choices)}")
        if checks_files and not os.path.isfile(text):
            raise UsageError(f"there is no file {text} on this machine; --no-check submits it all the same")
        return os.path.abspath(text) if checks_files else text
    elif part.choices and text not in part.choices:
        raise UsageError(_unknown(part.label.lower(), text, part.choices))
    return text


def _unknown(what: str, text: str, known: Iterable[str]) -> str:
    names = list(known)
    like = difflib.get_close_matches(text, names, 1) or difflib.get_close_matches(text.upper(), names, 1)
    meant = f"did you mean {like[0]}?" if like else f"use one of {', '.join(names)}"
    return f"there is no {what} {text!r}; {meant}"


# --- What the farm does not know --------------------------------------------------------------------------------------


class FarmFacts:
    """What the farm has, asked once."""

    def __init__(self) -> None:
        self._services: Optional[List[str]] = None
        self._limits: Optional[List[str]] = None

    def check_show(self, name: str) -> None:
        """Raise a CommandError where the farm has no such show."""
        from opencue import api
        from opencue.exception import EntityNotFoundException

        try:
            api.findShow(name)
        except EntityNotFoundException:
            raise CommandError(_unknown("show", name, sorted(show.name() for show in api.getShows()))) from None

    def check_services(self, names: List[str]) -> None:
        """Raise a CommandError where the farm has no such service."""
        from opencue import api

        if names and self._services is None:
            self._services = sorted(service.name() for service in api.getDefaultServices())
        self._check("service", names, self._services)

    def check_limits(self, names: List[str]) -> None:
        """Raise a CommandError where the farm has no such limit."""
        from opencue import api

        if names and self._limits is None:
            self._limits = sorted(limit.name() for limit in api.getLimits())
        self._check("limit", names, self._limits)

    def _check(self, what: str, names: List[str], known: Optional[List[str]]) -> None:
        for name in names:
            if name not in (known or ()):
                raise CommandError(_unknown(what, name, known or ()))


def check_at_farm(job: JobData) -> None:
    """Raise a CommandError for the first thing of a job that the farm does not know."""
    from outline import util

    facts = FarmFacts()
    facts.check_show(job.show or util.get_show())
    for layer in job.layers:
        facts.check_services(layer.services)
        facts.check_limits(layer.limits)
