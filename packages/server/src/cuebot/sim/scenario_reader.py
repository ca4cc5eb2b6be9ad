"""Scenario files: YAML in, a Scenario out, or an error that names the key and what it accepts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

import yaml

from cuebot.domain.errors import Invalid
from cuebot.domain.limits import DEFAULT_LIMITS
from cuebot.domain.names import conform_name
from cuebot.domain.units import HOUR, MINUTE, SECOND, UNLIMITED, CoreUnits, KiB, Micros
from cuebot.sim.scenario import HostKind, JobKind, LayerPlan, Scenario, Share, ShowPlan
from cuebot.sim.scenario_arrivals import Arrivals, AtOnce, Bursts, Crunch, Poisson
from cuebot.sim.scenario_times import Constant, HeavyTail, LogNormal, Times

T = TypeVar("T")

DEFAULT_ALLOCATION: Final = "general"
SYSTEM_MEMORY: Final = KiB(524_288)
"""What a host keeps for itself, and no frame gets."""
RETRIES: Final = 3
EVERY_CORE: Final = CoreUnits(1_000_000_000)
"""A burst that is no bound: ten million cores."""

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?) ?(MiB|GiB|TiB)")
_KIB_IN: Final = {"MiB": 1_024, "GiB": 1_048_576, "TiB": 1_073_741_824}


class ScenarioError(Invalid):
    """A scenario that cannot be used; says where, what is wrong, and what is accepted."""

    def __init__(self, path: str, problem: str) -> None:
        """Say what is wrong with the key at `path`, such as `hosts[0].cores`."""
        super().__init__(f"{path}: {problem}")
        self.path = path


def read_scenario(text: str, name: str) -> Scenario:
    """The scenario that a YAML document describes. Raises ScenarioError."""
    try:
        document = yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        raise ScenarioError(name, f"this is no YAML: {error}") from error
    keys = _Keys(document, name, top=True)
    scenario = Scenario(
        name=name,
        summary=keys.take("summary", _text, ""),
        seed=keys.take("seed", _whole(0), 1),
        duration_us=keys.take("duration", duration),
        start_hour=keys.take("start_hour", _whole(0, 23), 0),
        report_interval_us=keys.take("report_interval", duration, Micros(10 * MINUTE)),
        host_report_us=keys.take("host_report_interval", duration, MINUTE),
        plan_interval_us=keys.take("plan_interval", duration, SECOND),
        hosts=keys.take("hosts", _list_of(_host_kind)),
        shows=keys.take("shows", _list_of(_show)),
        jobs=keys.take("jobs", _list_of(_job_kind)),
    )
    keys.done()
    _check(scenario)
    return scenario


# --- the parts of a scenario --------------------------------------------------------------------------------------


def _host_kind(value: Any, path: str) -> HostKind:
    keys = _Keys(value, path)
    kind = HostKind(
        name=keys.take("kind", _name),
        count=keys.take("count", _whole(1)),
        cores=keys.take("cores", _whole(1)),
        memory=keys.take("memory", _memory),
        gpus=keys.take("gpus", _whole(0), 0),
        tags=keys.take("tags", _names, ()),
        allocation=keys.take("allocation", _name, DEFAULT_ALLOCATION),
        boot_delay=keys.take("boot_delay", _times, None),
        lifetime=keys.take("lifetime", _times, None),
        returns_after=keys.take("returns_after", _times, None),
    )
    keys.done()
    if kind.returns_after is not None and kind.lifetime is None:
        raise ScenarioError(f"{path}.returns_after", "only hosts with a `lifetime` vanish and can return")
    return kind


def _show(value: Any, path: str) -> ShowPlan:
    keys = _Keys(value, path)
    name = keys.take("name", _name)
    shares: tuple[Share, ...] = keys.take("subscriptions", _list_of(_share), ())
    if not shares:
        shares = (_share_of(keys, DEFAULT_ALLOCATION),)
    keys.done()
    return ShowPlan(name=name, shares=shares)


def _share(value: Any, path: str) -> Share:
    keys = _Keys(value, path)
    share = _share_of(keys, keys.take("allocation", _name))
    keys.done()
    return share


def _share_of(keys: _Keys, allocation: str) -> Share:
    size = keys.take("size", _cores(0))
    burst = keys.take("burst", _cores(0), EVERY_CORE)
    if burst < size:
        raise ScenarioError(f"{keys.path}.burst", f"a burst is at least the size ({size // 100} cores)")
    return Share(allocation=allocation, size=size, burst=burst)


def _job_kind(value: Any, path: str) -> JobKind:
    keys = _Keys(value, path)
    kind = JobKind(
        name=keys.take("name", _name),
        shows=keys.take("show", _names),
        priority=keys.take("priority", _whole(0, 1_000), 50),
        max_cores=keys.take("max_cores", _cores(1), CoreUnits(UNLIMITED)),
        arrivals=keys.take("arrivals", _arrivals),
        layers=keys.take("layers", _list_of(_layer)),
    )
    keys.done()
    seen: list[str] = []
    for place, layer in enumerate(kind.layers):
        for other in (*layer.after, *layer.after_frames):
            if other not in seen:
                accepted = ", ".join(seen) or "none, since this is the first layer"
                raise ScenarioError(
                    f"{path}.layers[{place}]", f"waits for {other!r}; accepted are layers above it: {accepted}"
                )
        if layer.name in seen:
            raise ScenarioError(f"{path}.layers[{place}].name", f"there is a layer {layer.name!r} in this job already")
        seen.append(layer.name)
    frames = sum(layer.frames for layer in kind.layers)
    if frames > DEFAULT_LIMITS.frames_per_spec:
        raise ScenarioError(f"{path}.layers", f"{frames} frames; a job has {DEFAULT_LIMITS.frames_per_spec} at most")
    return kind


def _layer(value: Any, path: str) -> LayerPlan:
    keys = _Keys(value, path)
    layer = LayerPlan(
        name=keys.take("name", _name),
        frames=keys.take("frames", _whole(1)),
        cores=keys.take("cores", _cores_of_frame, CoreUnits(100)),
        memory=keys.take("memory", _memory, KiB(1_048_576)),
        gpus=keys.take("gpus", _whole(0), 0),
        tags=keys.take("tags", _names, (DEFAULT_ALLOCATION,)),
        time=keys.take("time", _times),
        failure_rate=keys.take("failure_rate", _number(0, 0.95), 0.0),
        retries=keys.take("retries", _whole(0, DEFAULT_LIMITS.job_retries), RETRIES),
        after=keys.take("after", _names, ()),
        after_frames=keys.take("after_frames", _names, ()),
    )
    keys.done()
    return layer


def _arrivals(value: Any, path: str) -> Arrivals:
    keys = _Keys(value, path)
    shape = keys.take("shape", _one_of("at_once", "poisson", "bursts", "crunch"))
    arrivals: Arrivals
    if shape == "at_once":
        arrivals = AtOnce(keys.take("at", _duration_or_zero, Micros(0)), keys.take("jobs", _whole(1), 1))
    elif shape == "poisson":
        arrivals = Poisson(keys.take("per_hour", _hourly_rates))
    elif shape == "bursts":
        arrivals = Bursts(
            every_us=keys.take("every", duration),
            jobs=keys.take("jobs", _whole(1)),
            first_us=keys.take("first", _duration_or_zero, Micros(0)),
            spread_us=keys.take("spread", _duration_or_zero, Micros(0)),
        )
    else:
        arrivals = Crunch(
            calm_per_hour=keys.take("calm_per_hour", _number(0.001, 100_000)),
            peak_per_hour=keys.take("peak_per_hour", _number(0.001, 100_000)),
            peak_at_us=keys.take("peak_at", duration),
        )
        if arrivals.peak_per_hour < arrivals.calm_per_hour:
            raise ScenarioError(f"{path}.peak_per_hour", f"at least calm_per_hour ({arrivals.calm_per_hour:g})")
    keys.done()
    return arrivals


def _times(value: Any, path: str) -> Times:
    if not isinstance(value, dict):
        return Constant(duration(value, path))
    keys = _Keys(value, path)
    median = keys.take("median", duration)
    times: Times
    if "p95" in value:
        times = LogNormal(median, keys.take("p95", duration))
        if times.p95_us < median:
            raise ScenarioError(f"{path}.p95", "at least the median")
    else:
        times = HeavyTail(median, keys.take("exponent", _number(0.5, 10)), keys.take("most", duration))
        if times.most_us < median:
            raise ScenarioError(f"{path}.most", "at least the median")
    keys.done()
    return times


# --- what holds between the parts ---------------------------------------------------------------------------------


def _check(scenario: Scenario) -> None:
    _unique("hosts", "kind", [kind.name for kind in scenario.hosts])
    _unique("shows", "name", [show.name for show in scenario.shows])
    _unique("jobs", "name", [job.name for job in scenario.jobs])
    allocations = {kind.allocation for kind in scenario.hosts}
    for place, show in enumerate(scenario.shows):
        for share in show.shares:
            if share.allocation not in allocations:
                known = ", ".join(sorted(allocations))
                raise ScenarioError(f"shows[{place}]", f"no host is in {share.allocation!r}; accepted are {known}")
    shows = {show.name: show for show in scenario.shows}
    for place, job in enumerate(scenario.jobs):
        for name in job.shows:
            if name not in shows:
                raise ScenarioError(
                    f"jobs[{place}].show", f"there is no show {name!r}; accepted are {', '.join(shows)}"
                )
            for number, layer in enumerate(job.layers):
                if not any(_takes(kind, shows[name], layer) for kind in scenario.hosts):
                    raise ScenarioError(
                        f"jobs[{place}].layers[{number}]",
                        f"no kind of host that {name} has subscribed to has its tags ({', '.join(layer.tags)}) and"
                        f" room for {layer.cores // 100} cores, {layer.memory / 1_048_576:g} GiB"
                        f" (a host keeps 0.5 GiB for itself) and {layer.gpus} GPUs",
                    )


def _takes(kind: HostKind, show: ShowPlan, layer: LayerPlan) -> bool:
    return (
        kind.allocation in (share.allocation for share in show.shares)
        and bool({kind.allocation, *kind.tags} & set(layer.tags))
        and kind.cores * 100 >= layer.cores
        and kind.memory - SYSTEM_MEMORY >= layer.memory
        and kind.gpus >= layer.gpus
    )


def _unique(section: str, key: str, names: list[str]) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ScenarioError(f"{section}[{place}].{key}", f"there is a {name!r} already")


# --- values -------------------------------------------------------------------------------------------------------

Parse = Callable[[Any, str], T]
_REQUIRED: Final = object()


class _Keys:
    """The keys of one mapping, each taken once; what is left over is a mistake."""

    def __init__(self, value: Any, path: str, *, top: bool = False) -> None:
        if not isinstance(value, dict):
            raise ScenarioError(path, f"accepted is a mapping of keys to values, not {_shown(value)}")
        self.path = path
        self._values: dict[Any, Any] = value
        self._prefix = "" if top else f"{path}."
        self._taken: list[str] = []

    def take(self, key: str, parse: Parse[T], default: Any = _REQUIRED) -> T:
        """The value of a key, understood."""
        self._taken.append(key)
        if key not in self._values:
            if default is _REQUIRED:
                raise ScenarioError(self.path, f"the key `{key}` is missing")
            return default  # type: ignore[no-any-return]
        return parse(self._values[key], f"{self._prefix}{key}")

    def done(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self._values:
            if key not in self._taken:
                near = difflib.get_close_matches(str(key), self._taken, 1)
                hint = f" (did you mean `{near[0]}`?)" if near else ""
                raise ScenarioError(self.path, f"there is no key `{key}`{hint}; accepted are {', '.join(self._taken)}")


class _StrictLoader(yaml.SafeLoader):
    """YAML of plain values, in which no key stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping; YAML itself would let the last of two equal keys win."""
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                raise yaml.constructor.ConstructorError(None, None, f"the key `{key}` stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _shown(value: Any) -> str:
    return repr(value)[:80]


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise ScenarioError(path, f"accepted is a text, not {_shown(value)}")
    return value.strip()


def _name(value: Any, path: str) -> str:
    try:
        return conform_name("layer", _text(value, path))
    except Invalid as error:
        raise ScenarioError(path, str(error)) from error


def _names(value: Any, path: str) -> tuple[str, ...]:
    if isinstance(value, list) and value:
        return tuple(_name(one, f"{path}[{place}]") for place, one in enumerate(value))
    return (_name(value, path),)


def _list_of(parse: Parse[T]) -> Parse[tuple[T, ...]]:
    def parse_all(value: Any, path: str) -> tuple[T, ...]:
        if not isinstance(value, list) or not value:
            raise ScenarioError(path, f"accepted is a list of at least one, not {_shown(value)}")
        return tuple(parse(one, f"{path}[{place}]") for place, one in enumerate(value))

    return parse_all


def _one_of(*words: str) -> Parse[str]:
    def parse(value: Any, path: str) -> str:
        if value not in words:
            raise ScenarioError(path, f"accepted are {', '.join(words)}, not {_shown(value)}")
        return str(value)

    return parse


def _whole(least: int, most: int = 10_000_000) -> Parse[int]:
    def parse(value: Any, path: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ScenarioError(path, f"accepted is a whole number from {least} to {most}, not {_shown(value)}")
        return value

    return parse


def _number(least: float, most: float) -> Parse[float]:
    def parse(value: Any, path: str) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most:
            raise ScenarioError(path, f"accepted is a number from {least:g} to {most:g}, not {_shown(value)}")
        return float(value)

    return parse


def _cores(least: int) -> Parse[CoreUnits]:
    parse_whole = _whole(least)
    return lambda value, path: CoreUnits(parse_whole(value, path) * 100)


def _cores_of_frame(value: Any, path: str) -> CoreUnits:
    if value == "all":
        return CoreUnits(0)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0.1 <= value <= 1_000:
        raise ScenarioError(path, f"accepted is a number of cores from 0.1 to 1000, or `all`, not {_shown(value)}")
    return CoreUnits(round(value * 100))


def _hourly_rates(value: Any, path: str) -> tuple[float, ...]:
    rate = _number(0, 100_000)
    if not isinstance(value, list):
        return (rate(value, path),) * 24
    if len(value) != 24:
        raise ScenarioError(path, f"accepted is one number, or 24 of them from midnight on, not {len(value)}")
    return tuple(rate(one, f"{path}[{place}]") for place, one in enumerate(value))


def _duration_or_zero(value: Any, path: str) -> Micros:
    match = _DURATION.fullmatch(value.replace(" ", "")) if isinstance(value, str) and value.strip() else None
    if match is None:
        raise ScenarioError(path, f"accepted is a duration such as 90s, 15m, 1h30m or 2d, not {_shown(value)}")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return Micros(round(days * 24 * HOUR + hours * HOUR + minutes * MINUTE + seconds * SECOND))


def duration(value: Any, path: str) -> Micros:
    """A duration such as 90s or 1h30m, longer than nothing. Raises ScenarioError."""
    duration_us = _duration_or_zero(value, path)
    if not duration_us:
        raise ScenarioError(path, "accepted is a duration that is longer than nothing")
    return duration_us


def _memory(value: Any, path: str) -> KiB:
    match = _MEMORY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ScenarioError(path, f"accepted is an amount of memory such as 512 MiB or 64 GiB, not {_shown(value)}")
    return KiB(round(float(match[1]) * _KIB_IN[match[2]]))
