"""The actions of scenario files: YAML in, an Action out, or an error that names the key and what it accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from cuebot.domain.units import CoreUnits, Micros
from cuebot.sim.scenarios.actions import Action, LockHosts, OnJobs, Pause, SetLimit, SetPriority, SetShare
from cuebot.sim.scenarios.values import (
    DEFAULT_ALLOCATION,
    Keys,
    ScenarioError,
    a_name,
    duration_or_zero,
    one_of,
    whole,
    whole_cores,
)

if TYPE_CHECKING:
    from cuebot.sim.scenarios.scenario import Scenario


def an_action(value: Any, path: str) -> Action:
    """An action. Raises ScenarioError."""
    keys = Keys(value, path)
    at_us = keys.take("at", duration_or_zero)
    action = _ACTIONS[keys.take("do", one_of(*_ACTIONS))](keys, at_us)
    keys.done()
    return action


def check_actions(scenario: Scenario) -> None:
    """Raise ScenarioError for an action on something that the scenario does not have."""
    jobs = {job.name: job.shows for job in scenario.jobs}
    shows = {show.name: [share.allocation for share in show.shares] for show in scenario.shows}
    limits = [limit.name for limit in scenario.limits]
    hosts = {kind.name: kind.count for kind in scenario.hosts}
    for place, action in enumerate(scenario.actions):
        path = f"actions[{place}]"
        if isinstance(action, OnJobs):
            _one_of(f"{path}.jobs", "kind of jobs", action.jobs, jobs)
            if action.show:
                _one_of(f"{path}.show", f"show of the jobs {action.jobs}", action.show, jobs[action.jobs])
        elif isinstance(action, SetShare):
            _one_of(f"{path}.show", "show", action.show, shows)
            _one_of(f"{path}.allocation", f"subscription of {action.show}", action.allocation, shows[action.show])
        elif isinstance(action, SetLimit):
            _one_of(f"{path}.limit", "limit", action.limit, limits)
        elif isinstance(action, LockHosts):
            _one_of(f"{path}.kind", "kind of hosts", action.kind, hosts)
            if action.count > hosts[action.kind]:
                raise ScenarioError(f"{path}.count", f"there are {hosts[action.kind]} hosts of that kind")


def _one_of(path: str, what: str, name: str, known: Any) -> None:
    if name not in known:
        accepted = ", ".join(known) or "none"
        raise ScenarioError(path, f"there is no {what} {name!r}; accepted are {accepted}")


def _set_priority(keys: Keys, at_us: Micros) -> Action:
    return SetPriority(
        at_us=at_us,
        jobs=keys.take("jobs", a_name),
        show=keys.take("show", a_name, ""),
        priority=keys.take("priority", whole(0, 1_000)),
    )


def _pause(*, paused: bool) -> Callable[[Keys, Micros], Action]:
    def read(keys: Keys, at_us: Micros) -> Action:
        return Pause(at_us=at_us, jobs=keys.take("jobs", a_name), show=keys.take("show", a_name, ""), paused=paused)

    return read


def _set_share(field: str) -> Callable[[Keys, Micros], Action]:
    def read(keys: Keys, at_us: Micros) -> Action:
        return SetShare(
            at_us=at_us,
            show=keys.take("show", a_name),
            allocation=keys.take("allocation", a_name, DEFAULT_ALLOCATION),
            field=field,
            cores=CoreUnits(keys.take("cores", whole_cores(0))),
        )

    return read


def _set_limit(keys: Keys, at_us: Micros) -> Action:
    return SetLimit(at_us=at_us, limit=keys.take("limit", a_name), most=keys.take("max", whole(0)))


def _lock_hosts(*, locked: bool) -> Callable[[Keys, Micros], Action]:
    def read(keys: Keys, at_us: Micros) -> Action:
        return LockHosts(at_us=at_us, kind=keys.take("kind", a_name), count=keys.take("count", whole(1)), locked=locked)

    return read


_ACTIONS: Final[dict[str, Callable[[Keys, Micros], Action]]] = {
    "set_priority": _set_priority,
    "pause": _pause(paused=True),
    "unpause": _pause(paused=False),
    "set_size": _set_share("size"),
    "set_burst": _set_share("burst"),
    "set_limit": _set_limit,
    "lock_hosts": _lock_hosts(locked=True),
    "unlock_hosts": _lock_hosts(locked=False),
}
