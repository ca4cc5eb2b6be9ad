"""Launches and kills that are under way: what agents are to be told now, and which launches have no answer yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from cuebot.domain import events as ev
from cuebot.domain.bounds import Bounds
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Proc
from cuebot.domain.settings import Settings
from cuebot.domain.units import Micros
from cuebot.engine.requests import (
    LIMITING_FIELDS,
    Address,
    KillRequest,
    LaunchRequest,
    LimitsRequest,
    address_of,
    kill_request,
    launch_requests,
    limits_requests,
)


@dataclass(slots=True)
class AgentRequests:
    """What agents are to be told now."""

    launches: list[tuple[Address, list[LaunchRequest]]] = field(default_factory=list)
    kills: list[tuple[Address, list[KillRequest]]] = field(default_factory=list)
    limits: list[tuple[Address, list[LimitsRequest]]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.launches or self.kills or self.limits)


class Dispatch:
    """The runs of a farm on their way to agents. Only durable ones are sent."""

    def __init__(self, farm: Farm, settings: Settings, bounds: Bounds) -> None:
        self.launching: set[str] = set()
        """Runs that are booked and whose launch has no answer yet: the scheduler's back-pressure."""
        self._farm, self._settings, self._bounds = farm, settings, bounds
        self._uncommitted_kills: set[str] = set()
        self._to_launch: deque[str] = deque()
        """Runs that are durable and were not sent to their agents yet."""
        self._requests = AgentRequests()
        """What is to be said at once, because a host has reported."""

    # --- what happened --------------------------------------------------------------------------------------------

    def happened(self, event: ev.Event) -> bool:
        """Take in an event that is not durable yet. Returns whether there is room for bookings again."""
        if isinstance(event, ev.RunsBooked):
            self.launching.update(event.run_ids)
        elif isinstance(event, ev.KillRequested):
            self._uncommitted_kills.update(event.run_ids)
        elif isinstance(event, ev.RunEnded):
            return self.launch_is_over(event.run_id)
        return False

    def launch_is_over(self, run_id: str) -> bool:
        """A launch has its answer, or needs none any more. Returns whether there is room for bookings again."""
        if run_id not in self.launching:
            return False
        was_full = self.room() <= 0
        self.launching.discard(run_id)
        return was_full

    def room(self) -> int:
        """How many frames may be booked before some launches have an answer."""
        return self._bounds.unlaunched_bookings - len(self.launching)

    def committed(self, events: Iterable[ev.Event], now_us: int) -> AgentRequests:
        """Events are durable: what agents are told besides launches, which are sent a few at a time."""
        kills: dict[str, list[Proc]] = {}
        limited: dict[str, None] = {}
        for event in events:
            if isinstance(event, ev.RunsBooked):
                self._to_launch.extend(event.run_ids)
            elif isinstance(event, ev.KillRequested):
                self._uncommitted_kills.difference_update(event.run_ids)
                for proc in self._live(event.run_ids):
                    kills.setdefault(proc.host_id, []).append(proc)
            elif isinstance(event, ev.Changed) and _changes_limits(event):
                limited[event.id] = None

        requests = self._kills(kills, now_us)
        requests.limits = self._limits(limited)
        return requests

    # --- what agents are told -------------------------------------------------------------------------------------

    def has_launches(self) -> bool:
        """Runs are durable whose launches wait to be sent."""
        return bool(self._to_launch)

    def next_launches(self, now_us: int) -> tuple[AgentRequests, list[Proc]]:
        """The next launches: those of a whole batch at once would hold up the loop. Some are to be killed by now.

        Those come second, and are not launched.
        """
        count = min(self._bounds.launches_per_slice, len(self._to_launch))
        waiting = list(self._live(self._to_launch.popleft() for _ in range(count)))
        killed = [proc for proc in waiting if proc.kill_message]
        procs = [proc for proc in waiting if not proc.kill_message]
        launches: dict[str, list[LaunchRequest]] = {}
        for proc, request in zip(procs, launch_requests(self._farm, procs), strict=True):
            proc.sent_us = Micros(now_us)
            launches.setdefault(proc.host_id, []).append(request)

        hosts = self._farm.hosts
        return AgentRequests(launches=[(address_of(hosts[id]), runs) for id, runs in launches.items()]), killed

    def launch_again(self, host: Host, procs: Iterable[Proc], now_us: int) -> None:
        """A host does not know of these runs, whose launches have an answer or none to come: send them once more."""
        missing = [proc for proc in procs if proc.id not in self.launching]
        if not missing:
            return
        self.launching.update(proc.id for proc in missing)
        for proc in missing:
            proc.sent_us = Micros(now_us)
        self._requests.launches.append((address_of(host), launch_requests(self._farm, missing)))

    def end_strangers(self, host: Host, runs: Iterable[tuple[str, str]]) -> None:
        """A host has runs (ids of run and frame) that are no longer current, and no way to hear so in a reply."""
        message = "this run is no longer current"
        kills = [KillRequest(run_id, frame_id, message) for run_id, frame_id in runs]
        if kills:
            self._requests.kills.append((address_of(host), kills[: self._bounds.ended_runs_per_reply]))

    def take_requests(self) -> AgentRequests:
        """What is to be said at once; whoever takes it says it."""
        taken = self._requests
        if taken:
            self._requests = AgentRequests()
        return taken

    def kill_again(self, now_us: int) -> AgentRequests:
        """Kills of runs that go on although they were told to end some time ago."""
        by_host: dict[str, list[Proc]] = {}
        for proc in self._farm.procs.values():
            if not proc.kill_message or proc.id in self._uncommitted_kills:
                continue
            if now_us - proc.kill_sent_us >= self._settings.kill_again_us:
                by_host.setdefault(proc.host_id, []).append(proc)
        return self._kills(by_host, now_us)

    def _kills(self, by_host: dict[str, list[Proc]], now_us: int) -> AgentRequests:
        kills = []
        for host_id, procs in by_host.items():
            for proc in procs:
                proc.kill_sent_us = Micros(now_us)
            kills.append((address_of(self._farm.hosts[host_id]), [kill_request(proc) for proc in procs]))
        return AgentRequests(kills=kills)

    def _limits(self, layer_ids: Iterable[str]) -> list[tuple[Address, list[LimitsRequest]]]:
        """What runs of layers may not exceed from now on, by the hosts that keep it."""
        by_host: dict[str, list[str]] = {}
        for layer_id in layer_ids:
            layer = self._farm.layers.get(layer_id)
            for run_id in layer.runs.values() if layer is not None else ():
                by_host.setdefault(self._farm.procs[run_id].host_id, []).append(run_id)
        return [(address_of(self._farm.hosts[id]), limits_requests(self._farm, runs)) for id, runs in by_host.items()]

    def _live(self, run_ids: Iterable[str]) -> Iterable[Proc]:
        """Those of some runs that are not over."""
        return [self._farm.procs[run_id] for run_id in run_ids if run_id in self._farm.procs]


def _changes_limits(event: ev.Changed) -> bool:
    return event.kind == "layer" and not LIMITING_FIELDS.isdisjoint(event.changes)
