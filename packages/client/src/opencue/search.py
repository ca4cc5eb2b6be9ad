"""Searches: keyword options in, search criteria of the wire out.

`jobs = opencue.search.JobSearch.byOptions(show=["demo"], include_finished=True)`
"""

from __future__ import annotations

import math
from typing import Any, Callable, Mapping, Union

from opencue_proto import host_pb2, job_pb2

from opencue.kinds import wrapperOf
from opencue.rpc import call

SECONDS_PER_HOUR = 3600
UNBOUNDED = 2**62

# An option sets fields of a criteria message from a value.
Setter = Callable[[Any, Any], None]


def raiseIfNotList(searchOption: str, value: Any) -> None:
    """Raise TypeError for the value of an option that takes several, unless it is a collection."""
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise TypeError(f"Failed to set search option for {searchOption}: expected a list, got {value!r}")


def _names(field: str) -> Setter:
    """Make the setter of an option that takes a list (one plain string will do) and fills a repeated field."""

    def fill(criteria: Any, value: Any) -> None:
        if isinstance(value, str):
            value = [value]
        raiseIfNotList(field, value)
        target = criteria
        for part in field.split("."):
            target = getattr(target, part)
        target.extend(value)

    return fill


def _scalar(field: str, kind: Callable[[Any], Any]) -> Setter:
    def fill(criteria: Any, value: Any) -> None:
        if value:
            setattr(criteria, field, kind(value))

    return fill


def _range(field: str, factor: int = 1) -> Setter:
    """Make the setter of a range option; `factor` converts the option's unit to the wire's."""

    def fill(criteria: Any, value: Any) -> None:
        if value:
            low, high = parseRange(value)
            getattr(criteria, field).add(min=_within(low * factor), max=_within(high * factor))

    return fill


def _within(bound: float) -> int:
    return int(max(-UNBOUNDED, min(bound, UNBOUNDED)))


def _number(field: str) -> Setter:
    def fill(criteria: Any, value: Any) -> None:
        if value:
            getattr(criteria, field).add(value=int(value))

    return fill


def _append(field: str) -> Setter:
    def fill(criteria: Any, value: Any) -> None:
        if value:
            getattr(criteria, field).append(int(value))

    return fill


def parseRange(value: Union[str, float]) -> tuple[float, float]:
    """Return the bounds that a text means: `A-B`, `gtN`, `ltN`, or `N` for at least N."""
    text = str(value).strip()
    try:
        if text.lower().startswith("gt"):
            return _bound(text[2:]), UNBOUNDED
        if text.lower().startswith("lt"):
            return 0, _bound(text[2:])
        if "-" in text:
            low, high = text.split("-")
            return _bound(low), _bound(high)
        return _bound(text), UNBOUNDED
    except ValueError:
        raise ValueError(f"{value!r} is not a range: use A-B, gtN, ltN, or N for at least N") from None


def _bound(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


class BaseSearch:
    """A search that can be kept and run again."""

    kind = ""
    criteria: Callable[[], Any]
    setters: Mapping[str, Setter] = {}
    defaults: Mapping[str, Any] = {}

    def __init__(self, **options: Any) -> None:
        self.options = options

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.options == other.options

    def __hash__(self) -> int:
        return hash((type(self), tuple(sorted(self.options))))

    def search(self) -> Any:
        """Run the search with the options it was made with."""
        return self.byOptions(**self.options)

    @classmethod
    def criteriaFromOptions(cls, **options: Any) -> Any:
        """Return the wire's search criteria for keyword options.

        Raises TypeError for a value of the wrong kind and ValueError for an unknown option.
        """
        criteria = cls.criteria()
        for name, value in {**cls.defaults, **options}.items():
            if name == "os_filter" or value is None:
                continue
            if name not in cls.setters:
                known = ", ".join(sorted(cls.setters))
                raise ValueError(f"Criteria for search does not exist: {name!r}. A {cls.kind} search knows {known}.")
            cls.setters[name](criteria, value)
        return criteria

    @classmethod
    def byOptions(cls, **options: Any) -> Any:
        """Search by keyword options."""
        raise NotImplementedError(f"{cls.__name__} cannot be searched by itself")


class JobSearch(BaseSearch):
    """Search for jobs; only pending ones, unless `include_finished=True`.

    That adds finished jobs of the last 72 hours, as far as the list fits 10 MiB, and a warning counts those left out;
    jobs that are named exactly, or whose ids are given, whenever they ended.
    """

    kind = "job"
    criteria = job_pb2.JobSearchCriteria
    setters = {
        "job": _names("jobs"),
        "name": _names("jobs"),
        "id": _names("ids"),
        "regex": _names("regex"),
        "match": _names("substr"),
        "substr": _names("substr"),
        "show": _names("shows"),
        "shot": _names("shots"),
        "user": _names("users"),
        "include_finished": _scalar("include_finished", bool),
    }

    @classmethod
    def byOptions(cls, **options: Any) -> Any:
        """Return the raw response; its `jobs.jobs` are Job messages."""
        return call("job", "GetJobs", r=cls.criteriaFromOptions(**options))

    @classmethod
    def byName(cls, val: Any) -> Any:
        """Search by exact names."""
        return cls.byOptions(job=val)

    @classmethod
    def byId(cls, val: Any) -> Any:
        """Search by ids."""
        return cls.byOptions(id=val)

    @classmethod
    def byRegex(cls, val: Any) -> Any:
        """Search by regular expressions on the name."""
        return cls.byOptions(regex=val)

    @classmethod
    def byMatch(cls, val: Any) -> Any:
        """Search by parts of the name."""
        return cls.byOptions(substr=val)

    @classmethod
    def byShow(cls, val: Any) -> Any:
        """Search by shows."""
        return cls.byOptions(show=val)

    @classmethod
    def byShot(cls, val: Any) -> Any:
        """Search by shots."""
        return cls.byOptions(shot=val)

    @classmethod
    def byUser(cls, val: Any) -> Any:
        """Search by users."""
        return cls.byOptions(user=val)


class HostSearch(BaseSearch):
    """Search for hosts."""

    kind = "host"
    criteria = host_pb2.HostSearchCriteria
    setters = {
        "host": _names("hosts"),
        "name": _names("hosts"),
        "id": _names("ids"),
        "regex": _names("regex"),
        "match": _names("substr"),
        "substr": _names("substr"),
        "alloc": _names("allocs"),
        "state": _names("states.state"),
        "lock_state": _names("lock_states.state"),
    }

    @classmethod
    def byOptions(cls, **options: Any) -> list[Any]:
        """Return a list of Host wrappers."""
        response = call("host", "GetHosts", r=cls.criteriaFromOptions(**options))
        return [wrapperOf("Host")(message) for message in response.hosts.hosts]

    @classmethod
    def byName(cls, val: Any) -> list[Any]:
        """Search by exact names."""
        return cls.byOptions(name=val)

    @classmethod
    def byRegex(cls, val: Any) -> list[Any]:
        """Search by regular expressions on the name."""
        return cls.byOptions(regex=val)

    @classmethod
    def byId(cls, val: Any) -> list[Any]:
        """Search by ids."""
        return cls.byOptions(id=val)

    @classmethod
    def byMatch(cls, val: Any) -> list[Any]:
        """Search by parts of the name."""
        return cls.byOptions(substr=val)

    @classmethod
    def byAllocation(cls, val: Any) -> list[Any]:
        """Search by allocations."""
        return cls.byOptions(alloc=val)


class ProcSearch(BaseSearch):
    """Search for procs: what runs now.

    `memory` is a range in KB, `duration` one in hours; each may be `A-B`, `gtN`, `ltN`, or `N` for at least N.
    """

    kind = "proc"
    criteria = host_pb2.ProcSearchCriteria
    setters = {
        "host": _names("hosts"),
        "name": _names("hosts"),
        "job": _names("jobs"),
        "jobs": _names("jobs"),
        "layer": _names("layers"),
        "show": _names("shows"),
        "alloc": _names("allocs"),
        "memory": _range("memory_range"),
        "memory_greater_than": _number("memory_greater_than"),
        "memory_less_than": _number("memory_less_than"),
        "duration": _range("duration_range", SECONDS_PER_HOUR),
        "limit": _append("max_results"),
        "offset": _scalar("first_result", int),
    }

    @classmethod
    def byOptions(cls, **options: Any) -> Any:
        """Return the raw response; its `procs.procs` are Proc messages."""
        return call("proc", "GetProcs", r=cls.criteriaFromOptions(**options))


class FrameSearch(BaseSearch):
    """Search for frames of one job, a page at a time.

    `memory` (a range in GB of the highest use) and `duration` (a range in hours) are texts that the server reads.
    """

    kind = "frame"
    criteria = job_pb2.FrameSearchCriteria
    page, limit, change_date = 1, 500, 0
    defaults = {"page": page, "limit": limit, "change_date": change_date}
    setters = {
        "name": _names("frames"),
        "frames": _names("frames"),
        "id": _names("ids"),
        "layer": _names("layers"),
        "state": _names("states.frame_states"),
        "range": _scalar("frame_range", str),
        "memory": _scalar("memory_range", str),
        "duration": _scalar("duration_range", str),
        "page": _scalar("page", int),
        "limit": _scalar("limit", int),
        "offset": _scalar("offset", int),
        "change_date": _scalar("change_date", int),
        "include_finished": _scalar("include_finished", bool),
    }

    @classmethod
    def byOptions(cls, job: str, **options: Any) -> Any:  # type: ignore[override]  # frames are a job's
        """Return the raw response for one page of a job's frames; its `frames.frames` are Frame messages."""
        return call("frame", "GetFrames", job=job, r=cls.criteriaFromOptions(**options))

    @classmethod
    def byRange(cls, job: str, val: str) -> Any:
        """Search by frame numbers, such as `1-10x2,20`."""
        return cls.byOptions(job, range=val)
