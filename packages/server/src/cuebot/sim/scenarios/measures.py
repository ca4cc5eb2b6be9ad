"""What is counted while a scenario runs, from what simulated hosts truly do and not from the server's books."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field

from cuebot.sim.scenarios.scenario import LimitPlan, Scenario
from cuebot.sim.scenarios.shares import ShareWatch


class Level:
    """A number that goes up and down, and its exact integral over time."""

    __slots__ = ("_since_us", "_total", "most", "value")

    def __init__(self, now_us: int) -> None:
        self.value = 0
        self.most = 0
        """The highest that it ever was."""
        self._total = 0
        self._since_us = now_us

    def change(self, by: int, now_us: int) -> None:
        """Go up, or down by a negative number."""
        self._total += self.value * (now_us - self._since_us)
        self._since_us = now_us
        self.value += by
        self.most = max(self.most, self.value)

    def total(self, now_us: int) -> int:
        """Value times microseconds up to now."""
        return self._total + self.value * (now_us - self._since_us)


class LimitUse:
    """What simulated hosts truly run under a limit."""

    def __init__(self, plan: LimitPlan, now_us: int) -> None:
        self.plan, self.maximum = plan, plan.most
        self.used = Level(now_us)
        self.full = Level(now_us)
        """1 while all of it is used, else 0."""
        self._by_host: Counter[str] = Counter()

    def change(self, host: str, by: int, now_us: int) -> None:
        """Runs start on a host (1) or end there (-1)."""
        before = self._by_host[host]
        self._by_host[host] += by
        if self.plan.per_host:
            self.used.change(bool(self._by_host[host]) - bool(before), now_us)
        else:
            self.used.change(by, now_us)
        self._judge(now_us)

    def set_maximum(self, maximum: int, now_us: int) -> None:
        """An operator changes the limit."""
        self.maximum = maximum
        self._judge(now_us)

    def _judge(self, now_us: int) -> None:
        self.full.change((self.used.value >= self.maximum) - self.full.value, now_us)


@dataclass(slots=True)
class Sample:
    """The farm in one interval of the report. Levels are integrals of core units over microseconds."""

    end_us: int
    bookable: int
    busy: dict[str, int]
    """By show."""
    waiting: dict[str, int]
    """Frames that wait for a host at the end of the interval, by show."""


@dataclass(slots=True)
class Tally:
    """Runs and frames of one show."""

    started: int = 0
    succeeded: int = 0
    failed: int = 0
    out_of_memory: int = 0
    """Of those that failed."""
    lost: int = 0
    """With a host that vanished."""
    dead: int = 0
    """Frames that failed too often."""
    cores_ended: int = 0
    """Core units of all runs that succeeded or failed."""
    core_us_succeeded: int = 0
    core_us_failed: int = 0
    core_us_lost: int = 0


@dataclass(slots=True)
class Measures:
    """Everything that the report is made of. Waits and makespans in microseconds."""

    scenario: Scenario
    start_us: int
    bookable: Level = field(init=False)
    busy: dict[str, Level] = field(init=False)
    tallies: dict[str, Tally] = field(init=False)
    waits: dict[tuple[str, int], array[int]] = field(default_factory=dict)
    """From being ready to the first start of each frame, by show and priority."""
    widths: dict[str, array[int]] = field(default_factory=dict)
    """The same by how much of a host a frame takes."""
    never_started: dict[str, int] = field(default_factory=dict)
    """Frames that were ready and had never started when it was over, by the same."""
    jobs: dict[str, int] = field(default_factory=dict)
    """Jobs that were submitted, by kind."""
    makespans: dict[str, array[int]] = field(default_factory=dict)
    """Of jobs that are complete, by kind."""
    samples: list[Sample] = field(default_factory=list)
    hosts_vanished: int = 0
    shares: ShareWatch = field(init=False)
    limits: dict[str, LimitUse] = field(init=False)
    groups: dict[tuple[str, str], Level] = field(init=False)
    """Core units that jobs of a department hold, by show and department."""
    actions: list[tuple[int, str]] = field(default_factory=list)
    """When operators did what."""

    def __post_init__(self) -> None:
        names = [show.name for show in self.scenario.shows]
        self.bookable = Level(self.start_us)
        self.busy = {name: Level(self.start_us) for name in names}
        self.tallies = {name: Tally() for name in names}
        self.shares = ShareWatch(self.scenario, self.start_us)
        self.limits = {plan.name: LimitUse(plan, self.start_us) for plan in self.scenario.limits}
        self.groups = {
            (show.name, group.name): Level(self.start_us) for show in self.scenario.shows for group in show.groups
        }
        for kind in self.scenario.jobs:
            self.jobs[kind.name] = 0
            self.makespans[kind.name] = array("q")

    def waited(self, show: str, priority: int, width: str, wait_us: int) -> None:
        """A frame starts for the first time."""
        self.widths.setdefault(width, array("q")).append(wait_us)
        key = (show, priority)
        if key not in self.waits:
            self.waits[key] = array("q")
        self.waits[key].append(wait_us)

    def look_at_shares(self, now_us: int, waiting: dict[str, int]) -> None:
        """Settle what shows were owed and got since the last look."""
        busy = {name: level.total(now_us) for name, level in self.busy.items()}
        self.shares.look(now_us, self.bookable.total(now_us), busy, waiting)

    def sample(self, now_us: int, waiting: dict[str, int]) -> None:
        """End an interval; one without length is none."""
        if now_us > (self.samples[-1].end_us if self.samples else self.start_us):
            busy = {name: level.total(now_us) for name, level in self.busy.items()}
            self.samples.append(Sample(now_us, self.bookable.total(now_us), busy, waiting))
