"""From the names on a command line to what they mean."""

from __future__ import annotations

import contextlib
import math
from typing import Any, Callable, Optional, Sequence, TypeVar

from cue_cli.cueadmin.session import CommandError, Session, UsageError
from FileSequence import FrameSet
from opencue import api
from opencue.enums import JobState
from opencue.exception import CueException, EntityNotFoundException, NotOfferedException
from opencue.wrappers.allocation import Allocation
from opencue.wrappers.host import Host
from opencue.wrappers.job import Job
from opencue.wrappers.layer import Layer
from opencue.wrappers.show import Show
from opencue.wrappers.subscription import Subscription

T = TypeVar("T")
ON_WORDS = ("on", "yes", "true", "enabled", "1")
OFF_WORDS = ("off", "no", "false", "disabled", "0")
ALIKE_MAX = 3
INTEGER_MAX = 2**31 - 1
"""The largest number that most fields of a message hold."""
CORES_MIN = 0.01
CORES_MAX = INTEGER_MAX // 100
DIGITS_MAX = 20
KB_PER_GB = 1_048_576
KB_MAX = 2**63 - 1


def findJob(name: str, *, finished: bool = False) -> Job:
    """Return the pending job of a name, or the job of an id or the beginning of one.

    With `finished`, where no pending job has the name, the finished one that was submitted last.
    """
    try:
        found: Optional[Job] = api.findJob(name)
    except EntityNotFoundException:
        found = api.findLastJob(name) or _byId(name)
    if found is None:
        raise CommandError(f"there is no job {name!r}, pending or finished{_instead(name)}")
    if not finished and found.state() == JobState.FINISHED:
        raise CommandError(f"job {name!r} has finished; `cueadmin -lj` lists pending jobs")
    return found


def _byId(text: str) -> Optional[Job]:
    """Return the job of an id, as servers of any make know it."""
    with contextlib.suppress(CueException):
        return api.getJob(text)
    return None


def _alike(part: str) -> list[Job]:
    """Return jobs whose name contains a part: pending ones, then finished ones, the last first."""
    found = api.getJobs(substr=[part]) if part else []
    with contextlib.suppress(NotOfferedException):  # a server of another make
        found += api.getFinishedJobs([part]) if part else []
    return found


def _instead(part: str) -> str:
    """Return what to type instead: names that contain a part, each once, the pending ones first."""
    names = list(dict.fromkeys(job.name() for job in _alike(part)))
    if not names:
        return "; `cueadmin -lj` lists pending jobs, `cueadmin -lj -finished` finished ones"
    if len(names) > 1:
        return (
            f"; write a name in full: {', '.join(names[:ALIKE_MAX])}{' or another' if len(names) > ALIKE_MAX else ''}"
        )
    return f"; there is {names[0]}"


def otherJobsOfName(job: Job, typed: str) -> str:
    """Return the ids of the other jobs of its name, as the end of a message; nothing where an id was typed."""
    if typed.lower() != job.name():
        return ""
    others = [other for other in api.getJobs(job=[job.name()], include_finished=True) if other.id() != job.id()]
    others.sort(key=lambda other: -other.data.start_time)
    if not others:
        return ""
    ids = [other.id() for other in others[:ALIKE_MAX]] + (["..."] if len(others) > ALIKE_MAX else [])
    if len(others) == 1:
        return f". Another job of that name has the id {ids[0]}"
    return f". {len(others)} other jobs of that name have the ids {', '.join(ids)}"


def readJob(text: str) -> Job:
    """Return the job to look at: the one of a name or an id, or where only one name contains the text, of that.

    Pending jobs come before finished ones, as in `-lji PART`; of several of one name it is the one submitted last.
    """
    try:
        return findJob(text, finished=True)
    except CommandError:
        found = _alike(text)
        pending = [job for job in found if job.state() != JobState.FINISHED]
        names = {job.name() for job in pending or found}
        if len(names) == 1:
            return findJob(names.pop(), finished=True)
        raise


def ofJob(text: str, ask: Callable[[str], T]) -> T:
    """Return what `ask` returns of a job to look at; where none has the name, of the only one that contains it."""
    try:
        return ask(text)
    except EntityNotFoundException as error:
        try:
            job = readJob(text)
        except CommandError:
            job = None
        if job is None or text.lower() == job.name() or job.id().startswith(text.lower()):
            raise CommandError(error.details()) from None  # what is missing is something else
        return ofJob(job.id(), ask)  # not by its name, which others may have


def withLayer(values: Sequence[str], job: Optional[Job] = None) -> list[str]:
    """Return `JOB RANGE` as `JOB LAYER RANGE`, where the job has only one layer; what is complete stays as it is."""
    if len(values) != 2:
        return list(values)
    return [values[0], onlyLayer(job or findJob(values[0], finished=True)).name(), values[1]]


def onlyLayer(job: Job) -> Layer:
    """Return the layer of a job that has just one."""
    layers = job.getLayers()
    if len(layers) != 1:
        raise CommandError(
            f"job {job.name()!r} has several layers, name one: {', '.join(one.name() for one in layers)}"
        )
    return layers[0]


def jobLayerFrame(values: Sequence[str], *, complete: bool = False) -> tuple[str, str, str]:
    """Return a job to look at, a layer and a frame, as `JOB [LAYER] [FRAME]` names them.

    A number behind the job is a frame of its only layer. With `complete` what is left out is filled in where there is
    only one to choose. Of a job that was looked up for that it is the id that is returned.
    """
    job_text, layer, frame = (*values, "", "")[:3]
    if not complete and not frame and not layer.isdigit():
        return job_text, layer, frame
    if layer and frame:
        return job_text, layer, frame
    job = readJob(job_text)
    layers = job.getLayers()
    if layer.isdigit() and layer not in {one.name() for one in layers}:
        layer, frame = onlyLayer(job).name(), layer
    if complete and not layer:
        layer = onlyLayer(job).name()
    if complete and not frame:
        if "-" in layer and layer[:1].isdigit():  # a frame's name
            return job.id(), "", layer
        chosen = jobAndLayer([job.id(), layer])[1]
        if chosen.totalFrames() != 1:
            raise CommandError(
                f"layer {chosen.name()!r} of job {job.name()!r} has several frames, name one: {chosen.range()}"
            )
        layer, frame = chosen.name(), str(next(iter(FrameSet(chosen.range()))))
    return (job_text if job_text.lower() == job.name() else job.id()), layer, frame


def jobAndLayer(values: Sequence[str]) -> tuple[Job, Layer]:
    """Return the job, pending or the one that finished last, and its layer that the first two words name."""
    job = findJob(values[0], finished=True)
    layers = {layer.name(): layer for layer in job.getLayers()}
    found = layers.get(values[1]) or layers.get(values[1].lower().replace("-", "_"))
    if found is None:
        others = otherJobsOfName(job, values[0])
        raise CommandError(f"job {job.name()!r} has no layer {values[1]!r}; it has {', '.join(layers)}{others}")
    return job, found


def findShow(name: str) -> Show:
    """Return the show of a name."""
    try:
        return api.findShow(name)
    except EntityNotFoundException:
        raise CommandError(
            f"show {name!r} does not exist; `cueadmin -ls` lists shows, `cueadmin -create-show {name}` makes it"
        ) from None


def findAllocation(name: str) -> Allocation:
    """Return the allocation of a name, `facility.allocation` or, where only one fits, the last part alone."""
    if "." in name:
        try:
            return api.findAllocation(name)
        except EntityNotFoundException:
            raise CommandError(f"allocation {name!r} does not exist; `cueadmin -la` lists them") from None
    found = [entry for entry in api.getAllocations() if entry.name().split(".", 1)[-1] == name]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandError(f"allocation {name!r} does not exist in any facility; `cueadmin -la` lists them")
    candidates = ", ".join(sorted(entry.name() for entry in found))
    raise CommandError(f"allocation {name!r} exists in several facilities; say which: {candidates}")


def findSubscription(show: str, allocation: str) -> Subscription:
    """Return a show's subscription to an allocation."""
    name = f"{findAllocation(allocation).name()}.{show}"
    try:
        return api.findSubscription(name)
    except EntityNotFoundException:
        raise CommandError(
            f"show {show!r} has no subscription to {allocation!r}; `cueadmin -create-sub {show} {allocation} SIZE "
            "BURST` makes one"
        ) from None


def chosenHosts(session: Session, positional: Sequence[str] = ()) -> list[Host]:
    """Return the hosts that a host command is for: named after it, by -host, or by a part of the name (-hostmatch)."""
    names = [*positional, *(session.options.host or [])]
    parts = session.options.hostmatch or []
    if not names and not parts:
        raise UsageError("which hosts? Name them with -host HOST... or -hostmatch PART...")
    found: dict[str, Host] = {}
    if names:
        found.update((host.name(), host) for host in api.getHosts(name=names))
    missing = [name for name in names if name not in found]
    if parts:
        found.update((host.name(), host) for host in api.getHosts(substr=parts))
    if not found:
        raise CommandError(f"no valid hosts: nothing fits {', '.join([*names, *parts])}; `cueadmin -lh` lists hosts")
    for name in missing:
        session.fail(name, CommandError(f"host {name!r} does not exist; `cueadmin -lh` lists hosts"))
    return [found[name] for name in sorted(found)]


def toCores(text: str) -> float:
    """Return a number of cores, which the farm counts in hundredths: none that is not 0 may become 0."""
    try:
        cores = float(text)
    except ValueError:
        cores = float("nan")
    if not math.isfinite(cores):
        raise UsageError(f"{text!r} is not a number of cores, such as 4 or 1.5")
    if abs(cores) > CORES_MAX:
        raise UsageError(f"{text} cores are too many: a farm counts at most {CORES_MAX}")
    if cores and abs(cores) < CORES_MIN:
        raise UsageError(f"{text} cores would become 0: the least is {CORES_MIN} cores; write 0 for none")
    return cores


def toKilobytes(text: str) -> int:
    """Return an amount of memory, in GB unless it ends in `m` or `k`, in whole KB, rounded up."""
    number, unit = (text[:-1], text[-1].lower()) if text[-1:].lower() in ("g", "m", "k") else (text, "g")
    try:
        kilobytes = math.ceil(float(number) * {"g": KB_PER_GB, "m": 1_024, "k": 1}[unit])
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no amount of memory, such as 4 or 2.5 (GB), 512m or 2097152k") from None
    if abs(kilobytes) > KB_MAX:
        raise UsageError(f"{text} is more memory than a farm can count: at most {KB_MAX // KB_PER_GB} GB")
    return kilobytes


def toInteger(text: str, what: str) -> int:
    """Return a whole number; `what` names it in the error."""
    try:
        number = int(text)
    except ValueError:
        article = "an" if what[0] in "aeiou" else "a"
        raise UsageError(f"{_shortened(text)!r} is not {article} {what}, which is a whole number") from None
    return withinBounds(number, what)


def withinBounds(number: int, what: str) -> int:
    """Return a number that a message to the server can carry."""
    if not -INTEGER_MAX <= number <= INTEGER_MAX:
        raise UsageError(f"{_shortened(str(number))} is too large for a {what}: at most {INTEGER_MAX}")
    return number


def _shortened(text: str) -> str:
    return text if len(text) <= DIGITS_MAX else f"{text[:DIGITS_MAX]}..."


def toSwitch(text: str) -> bool:
    """Return what a word for on or off means."""
    if text.lower() in ON_WORDS:
        return True
    if text.lower() in OFF_WORDS:
        return False
    raise UsageError(f"{text!r} is neither on nor off")


def toMember(enum: Any, text: str, what: str) -> Any:
    """Return the member of an enum, spelt in any case."""
    try:
        return enum[text.upper()]
    except KeyError:
        raise UsageError(f"invalid {what}: {text}; use one of {', '.join(enum.__members__)}") from None
