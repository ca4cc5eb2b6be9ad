"""Scenario files: YAML in, a Scenario out, or an error that names the key and what it accepts."""

from __future__ import annotations

from typing import Any, Final

import yaml

from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.units import MINUTE, SECOND, UNLIMITED, CoreUnits, KiB, Micros
from cuebot.sim.scenarios.actions_reader import an_action, check_actions
from cuebot.sim.scenarios.arrivals import Arrivals, AtOnce, Bursts, Crunch, Poisson
from cuebot.sim.scenarios.scenario import (
    GroupPlan,
    HostKind,
    JobKind,
    LayerPlan,
    LimitPlan,
    MemoryNeed,
    Scenario,
    Share,
    ShowPlan,
)
from cuebot.sim.scenarios.times import Constant, HeavyTail, LogNormal, Times
from cuebot.sim.scenarios.values import (
    DEFAULT_ALLOCATION,
    Keys,
    ScenarioError,
    StrictLoader,
    a_name,
    a_text,
    cores_of_frame,
    duration,
    duration_or_zero,
    hourly_rates,
    list_of,
    memory,
    number,
    one_of,
    some_names,
    whole,
    whole_cores,
)

SYSTEM_MEMORY: Final = KiB(524_288)
"""What a host keeps for itself, and no frame gets."""
RETRIES: Final = 3
_GIB: Final = 1_048_576
EVERY_CORE: Final = CoreUnits(1_000_000_000)
"""A burst that is no bound: ten million cores."""


def read_scenario(text: str, name: str, bounds: Bounds = DEFAULT_BOUNDS) -> Scenario:
    """The scenario that a YAML document describes, for a farm with these bounds. Raises ScenarioError."""
    try:
        document = yaml.load(text, Loader=StrictLoader)
    except yaml.YAMLError as error:
        raise ScenarioError(name, f"this is no YAML: {error}") from error
    keys = Keys(document, name, top=True)
    scenario = Scenario(
        name=name,
        summary=keys.take("summary", a_text, ""),
        seed=keys.take("seed", whole(0), 1),
        duration_us=keys.take("duration", duration),
        start_hour=keys.take("start_hour", whole(0, 23), 0),
        report_interval_us=keys.take("report_interval", duration, Micros(10 * MINUTE)),
        host_report_us=keys.take("host_report_interval", duration, MINUTE),
        plan_interval_us=keys.take("plan_interval", duration, SECOND),
        hosts=keys.take("hosts", list_of(_host_kind)),
        limits=keys.take("limits", list_of(_limit), ()),
        shows=keys.take("shows", list_of(_show)),
        jobs=keys.take("jobs", list_of(_job_kind)),
        actions=keys.take("actions", list_of(an_action), ()),
    )
    keys.done()
    _check(scenario)
    _check_bounds(scenario, bounds)
    return scenario


# --- the parts of a scenario --------------------------------------------------------------------------------------


def _host_kind(value: Any, path: str) -> HostKind:
    keys = Keys(value, path)
    kind = HostKind(
        name=keys.take("kind", a_name),
        count=keys.take("count", whole(1)),
        cores=keys.take("cores", whole(1)),
        memory=keys.take("memory", memory),
        gpus=keys.take("gpus", whole(0), 0),
        gpu_memory=keys.take("gpu_memory", memory, KiB(0)),
        tags=keys.take("tags", some_names, ()),
        allocation=keys.take("allocation", a_name, DEFAULT_ALLOCATION),
        boot_delay=keys.take("boot_delay", _times, None),
        lifetime=keys.take("lifetime", _times, None),
        returns_after=keys.take("returns_after", _times, None),
    )
    keys.done()
    if kind.returns_after is not None and kind.lifetime is None:
        raise ScenarioError(f"{path}.returns_after", "only hosts with a `lifetime` vanish and can return")
    return kind


def _show(value: Any, path: str) -> ShowPlan:
    keys = Keys(value, path)
    name = keys.take("name", a_name)
    shares: tuple[Share, ...] = keys.take("subscriptions", list_of(_share), ())
    if not shares:
        shares = (_share_of(keys, DEFAULT_ALLOCATION),)
    groups = keys.take("groups", list_of(_group), ())
    keys.done()
    _unique(f"{path}.groups", "name", [group.name for group in groups])
    return ShowPlan(name=name, shares=shares, groups=groups)


def _group(value: Any, path: str) -> GroupPlan:
    keys = Keys(value, path)
    group = GroupPlan(
        name=keys.take("name", a_name),
        min_cores=keys.take("min", whole_cores(0), CoreUnits(0)),
        max_cores=keys.take("max", whole_cores(0), CoreUnits(UNLIMITED)),
    )
    keys.done()
    if group.max_cores != UNLIMITED and group.max_cores < group.min_cores:
        raise ScenarioError(f"{path}.max", f"a maximum is at least the minimum ({group.min_cores // 100} cores)")
    return group


def _limit(value: Any, path: str) -> LimitPlan:
    keys = Keys(value, path)
    limit = LimitPlan(
        name=keys.take("name", a_name),
        most=keys.take("max", whole(0)),
        per_host=keys.take("counts", one_of("frames", "hosts"), "frames") == "hosts",
    )
    keys.done()
    return limit


def _share(value: Any, path: str) -> Share:
    keys = Keys(value, path)
    share = _share_of(keys, keys.take("allocation", a_name))
    keys.done()
    return share


def _share_of(keys: Keys, allocation: str) -> Share:
    size = keys.take("size", whole_cores(0))
    burst = keys.take("burst", whole_cores(0), EVERY_CORE)
    if burst < size:
        raise ScenarioError(f"{keys.path}.burst", f"a burst is at least the size ({size // 100} cores)")
    return Share(allocation=allocation, size=size, burst=burst)


def _job_kind(value: Any, path: str) -> JobKind:
    keys = Keys(value, path)
    kind = JobKind(
        name=keys.take("name", a_name),
        shows=keys.take("show", some_names),
        group=keys.take("group", a_name, ""),
        priority=keys.take("priority", whole(0, 1_000), 50),
        max_cores=keys.take("max_cores", whole_cores(1), CoreUnits(UNLIMITED)),
        arrivals=keys.take("arrivals", _arrivals),
        layers=keys.take("layers", list_of(_layer)),
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
    return kind


def _layer(value: Any, path: str) -> LayerPlan:
    keys = Keys(value, path)
    layer = LayerPlan(
        name=keys.take("name", a_name),
        frames=keys.take("frames", whole(1)),
        cores=keys.take("cores", cores_of_frame, CoreUnits(100)),
        memory=keys.take("memory", memory, KiB(1_048_576)),
        gpus=keys.take("gpus", whole(0), 0),
        gpu_memory=keys.take("gpu_memory", memory, KiB(0)),
        tags=keys.take("tags", some_names, (DEFAULT_ALLOCATION,)),
        limits=keys.take("limits", some_names, ()),
        time=keys.take("time", _times),
        failure_rate=keys.take("failure_rate", number(0, 0.95), 0.0),
        out_of_memory=keys.take("out_of_memory", _memory_need, None),
        retries=keys.take("retries", whole(0), RETRIES),
        after=keys.take("after", some_names, ()),
        after_frames=keys.take("after_frames", some_names, ()),
    )
    keys.done()
    if layer.out_of_memory and layer.out_of_memory.memory <= layer.memory:
        asked = f"{layer.memory / _GIB:g} GiB"
        raise ScenarioError(f"{path}.out_of_memory.needs", f"more than the layer's own memory ({asked})")
    return layer


def _memory_need(value: Any, path: str) -> MemoryNeed:
    keys = Keys(value, path)
    need = MemoryNeed(part=keys.take("part", number(0, 1)), memory=keys.take("needs", memory))
    keys.done()
    return need


def _arrivals(value: Any, path: str) -> Arrivals:
    keys = Keys(value, path)
    shape = keys.take("shape", one_of("at_once", "poisson", "bursts", "crunch"))
    arrivals: Arrivals
    if shape == "at_once":
        arrivals = AtOnce(keys.take("at", duration_or_zero, Micros(0)), keys.take("jobs", whole(1), 1))
    elif shape == "poisson":
        arrivals = Poisson(keys.take("per_hour", hourly_rates))
    elif shape == "bursts":
        arrivals = Bursts(
            every_us=keys.take("every", duration),
            jobs=keys.take("jobs", whole(1)),
            first_us=keys.take("first", duration_or_zero, Micros(0)),
            spread_us=keys.take("spread", duration_or_zero, Micros(0)),
        )
    else:
        arrivals = Crunch(
            calm_per_hour=keys.take("calm_per_hour", number(0.001, 100_000)),
            peak_per_hour=keys.take("peak_per_hour", number(0.001, 100_000)),
            peak_at_us=keys.take("peak_at", duration),
        )
        if arrivals.peak_per_hour < arrivals.calm_per_hour:
            raise ScenarioError(f"{path}.peak_per_hour", f"at least calm_per_hour ({arrivals.calm_per_hour:g})")
    keys.done()
    return arrivals


def _times(value: Any, path: str) -> Times:
    if not isinstance(value, dict):
        return Constant(duration(value, path))
    keys = Keys(value, path)
    median = keys.take("median", duration)
    times: Times
    if "p95" in value:
        times = LogNormal(median, keys.take("p95", duration))
        if times.p95_us < median:
            raise ScenarioError(f"{path}.p95", "at least the median")
    else:
        times = HeavyTail(median, keys.take("exponent", number(0.5, 10)), keys.take("most", duration))
        if times.most_us < median:
            raise ScenarioError(f"{path}.most", "at least the median")
    keys.done()
    return times


# --- what holds between the parts ---------------------------------------------------------------------------------


def _check_bounds(scenario: Scenario, bounds: Bounds) -> None:
    """Refuse jobs that the farm would refuse."""
    for place, kind in enumerate(scenario.jobs):
        path = f"jobs[{place}].layers"
        frames = sum(layer.frames for layer in kind.layers)
        if frames > bounds.frames_per_spec:
            raise ScenarioError(path, f"{frames} frames; a job has {bounds.frames_per_spec} at most (frames_per_spec)")
        for at, layer in enumerate(kind.layers):
            if layer.retries > bounds.job_retries:
                accepted = f"accepted is a whole number from 0 to {bounds.job_retries} (job_retries)"
                raise ScenarioError(f"{path}[{at}].retries", f"{accepted}, not {layer.retries}")


def _check(scenario: Scenario) -> None:
    _unique("hosts", "kind", [kind.name for kind in scenario.hosts])
    _unique("limits", "name", [limit.name for limit in scenario.limits])
    _unique("shows", "name", [show.name for show in scenario.shows])
    _unique("jobs", "name", [job.name for job in scenario.jobs])
    allocations = sorted({kind.allocation for kind in scenario.hosts})
    for place, show in enumerate(scenario.shows):
        for share in show.shares:
            if share.allocation not in allocations:
                known = ", ".join(allocations)
                raise ScenarioError(f"shows[{place}]", f"no host is in {share.allocation!r}; accepted are {known}")
    shows = {show.name: show for show in scenario.shows}
    for place, job in enumerate(scenario.jobs):
        _check_limits(scenario, job, f"jobs[{place}]")
        for name in job.shows:
            if name not in shows:
                raise ScenarioError(
                    f"jobs[{place}].show", f"there is no show {name!r}; accepted are {', '.join(shows)}"
                )
            groups = [group.name for group in shows[name].groups]
            if job.group and job.group not in groups:
                known = ", ".join(groups) or "none, since it has no `groups`"
                raise ScenarioError(
                    f"jobs[{place}].group", f"show {name} has no group {job.group!r}; accepted: {known}"
                )
            for row, layer in enumerate(job.layers):
                _check_room(scenario, shows[name], layer, f"jobs[{place}].layers[{row}]")
    check_actions(scenario)


def _check_limits(scenario: Scenario, job: JobKind, path: str) -> None:
    known = [limit.name for limit in scenario.limits]
    for place, layer in enumerate(job.layers):
        for name in layer.limits:
            if name not in known:
                accepted = ", ".join(known) or "none, since there are no `limits`"
                raise ScenarioError(f"{path}.layers[{place}].limits", f"no limit {name!r}; accepted: {accepted}")


def _check_room(scenario: Scenario, show: ShowPlan, layer: LayerPlan, path: str) -> None:
    most = layer.out_of_memory.memory if layer.out_of_memory else layer.memory
    if not any(_takes(kind, show, layer, most) for kind in scenario.hosts):
        gpu_memory = f" with {layer.gpu_memory / _GIB:g} GiB of memory" if layer.gpu_memory else ""
        raise ScenarioError(
            path,
            f"no kind of host that {show.name} has subscribed to has its tags ({', '.join(layer.tags)}) and"
            f" room for {layer.cores // 100} cores, {most / _GIB:g} GiB"
            f" (a host keeps 0.5 GiB for itself) and {layer.gpus} GPUs{gpu_memory}",
        )


def _takes(kind: HostKind, show: ShowPlan, layer: LayerPlan, most: KiB) -> bool:
    return (
        kind.allocation in (share.allocation for share in show.shares)
        and bool({kind.allocation, *kind.tags} & set(layer.tags))
        and kind.cores * 100 >= layer.cores
        and kind.memory - SYSTEM_MEMORY >= most
        and kind.gpus >= layer.gpus
        and kind.gpu_memory >= layer.gpu_memory
    )


def _unique(section: str, key: str, names: list[str]) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ScenarioError(f"{section}[{place}].{key}", f"there is a {name!r} already")
