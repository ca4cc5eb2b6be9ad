"""From the names on a command line to what they mean."""

from __future__ import annotations

import contextlib
import math
from typing import Any, Sequence

from cue_cli.cueadmin.session import CommandError, Session, UsageError
from opencue import api
from opencue.exception import EntityNotFoundException, NotOfferedException
from opencue.wrappers.allocation import Allocation
from opencue.wrappers.host import Host
from opencue.wrappers.job import Job
from opencue.wrappers.layer import Layer
from opencue.wrappers.show import Show
from opencue.wrappers.subscription import Subscription

ON_WORDS = ("on", "yes", "true", "enabled", "1")
OFF_WORDS = ("off", "no", "false", "disabled", "0")
ALIKE_MAX = 3
INTEGER_MAX = 2**31 - 1
"""The largest number that most fields of a message hold."""
CORES_MIN = 0.01
CORES_MAX = INTEGER_MAX // 100
DIGITS_MAX = 20


def findJob(name: str, *, finished: bool = False) -> Job:
    """Return the pending job of a name; with `finished`, where there is none, the finished one submitted last."""
    try:
        return api.findJob(name)
    except EntityNotFoundException:
        last = api.findLastJob(name)
    if last is None:
        raise CommandError(f"there is no job {name!r}, pending or finished{_alike(name)}")
    if not finished:
        raise CommandError(f"job {name!r} has finished; `cueadmin -lj` lists pending jobs")
    return last


def _alike(name: str) -> str:
    """Return what to type instead: jobs whose name contains it, the pending ones first."""
    names = [job.name() for job in api.getJobs(substr=[name])][:ALIKE_MAX]
    with contextlib.suppress(NotOfferedException):  # a server of another make
        names += [job.name() for job in api.getFinishedJobs([name], limit=ALIKE_MAX - len(names) + 1)]
    if not names:
        return "; `cueadmin -lj` lists pending jobs, `cueadmin -lj -finished` finished ones"
    return f"; there is {' and '.join(names[:ALIKE_MAX])}{' and others' if len(names) > ALIKE_MAX else ''}"


def jobAndLayer(values: Sequence[str]) -> tuple[Job, Layer]:
    """Return the job, pending or the one that finished last, and its layer that the first two words name."""
    job = findJob(values[0], finished=True)
    layers = {layer.name(): layer for layer in job.getLayers()}
    found = layers.get(values[1]) or layers.get(values[1].lower().replace("-", "_"))
    if found is None:
        raise CommandError(f"job {values[0]!r} has no layer {values[1]!r}; it has {', '.join(layers)}")
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


def toInteger(text: str, what: str) -> int:
    """Return a whole number; `what` names it in the error."""
    try:
        number = int(text)
    except ValueError:
        raise UsageError(f"{_shortened(text)!r} is not a {what}, which is a whole number") from None
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
