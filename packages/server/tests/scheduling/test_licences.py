"""Limits whose use is reported from outside, soft ones, advisory ones, and those whose report is stale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from scheduling_farm import launch, reasons
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.limit_counts import counts_of
from cuebot.domain.nouns import Limit
from cuebot.domain.silence import Silence
from cuebot.domain.states import Enforcement
from cuebot.domain.units import SECOND, Micros
from cuebot.queries.limits import holds_of
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.sim.specs import layer_spec
from cuebot.wire.advice import for_people


def licensed(most: int = 4, hosts: int = 2, frames: str = "1-10", **limit: Any) -> SmallFarm:
    """A farm of hosts of four cores, and a job `one` whose frames want a licence of nuke."""
    farm = SmallFarm()
    for number in range(hosts):
        farm.host(f"host{number}")
    farm.do(c.CreateLimit("nuke", most, **limit))
    launch(farm, "testing", "one", layer_spec(range_text=frames, limits=("nuke",)))
    return farm


def nuke(farm: SmallFarm) -> Limit:
    """The limit."""
    return farm.farm.limits[farm.farm.limit_by_name["nuke"]]


def report(farm: SmallFarm, hosts: Mapping[str, int], *, ago_s: float = 0, **fields: Any) -> Any:
    """Report tokens of nuke by host, as they were some seconds ago."""
    usage = tuple(c.HostUsage(name, tokens, "ann") for name, tokens in hosts.items())
    captured_us = farm.now_us - int(ago_s * SECOND)
    return farm.do(c.ReportUsage((c.UsageReport("nuke", usage, captured_us=captured_us, **fields),), "rlm"))


def change(farm: SmallFarm, **changes: Any) -> None:
    """Change the limit."""
    farm.do(c.Change("limit", nuke(farm).id, changes))


def used(farm: SmallFarm) -> tuple[int, int]:
    """What of the limit was reported, and what has begun since."""
    counts = counts_of(farm.farm, nuke(farm))
    return counts.settled, counts.pending


def running(farm: SmallFarm) -> dict[str, int]:
    """How many frames run on each host."""
    found: dict[str, int] = {}
    for proc in farm.farm.procs.values():
        name = farm.farm.hosts[proc.host_id].name
        found[name] = found.get(name, 0) + 1
    return found


# --- how use is counted


def test_what_artists_hold_leaves_less_for_the_farm() -> None:
    """Three of four licences are in use outside, so one frame starts."""
    farm = licensed(most=4)
    report(farm, {"ws1": 2, "ws2": 1})
    farm.plan()
    assert farm.states("one/render") == "RWWWWWWWWW"
    assert used(farm) == (3, 1)


def test_a_plan_does_not_overshoot_what_is_left() -> None:
    """Bookings of one pass count against each other, beside what was reported."""
    farm = licensed(most=7)
    report(farm, {"ws1": 4})
    farm.plan()
    assert len(farm.farm.procs) == 3


def test_a_run_that_a_report_has_seen_is_not_counted_twice() -> None:
    """After a report that names the farm's own host its tokens count, and not its frames again."""
    farm = licensed(most=4)
    farm.plan()
    assert used(farm) == (0, 4)
    farm.wait(60)
    (host,) = running(farm)
    report(farm, {f"{host}.studio.example": 4})
    assert used(farm) == (4, 0)
    assert farm.plan() == []


def test_a_run_that_just_began_counts_although_the_report_has_not_seen_it() -> None:
    """Licence servers are slow: of hosts that it does not name, what began in the last two minutes still counts."""
    farm = licensed(most=4)
    farm.plan()
    farm.wait(100)
    report(farm, {})
    assert used(farm) == (0, 4)
    farm.wait(60)
    report(farm, {})
    assert used(farm) == (0, 0)


def test_a_run_that_began_after_a_report_counts_beside_it() -> None:
    """A host that was reported with a token takes another frame, and that makes two."""
    farm = licensed(most=3, frames="1")
    report(farm, {"host0": 1, "host1": 1})
    farm.plan()
    assert used(farm) == (2, 1)


def test_without_a_report_every_run_counts() -> None:
    """A limit that nobody reports counts what the farm runs, as it always did."""
    farm = licensed(most=3)
    farm.plan()
    farm.wait(10_000)
    assert used(farm) == (0, 3)
    farm.finish("one/render", 0)
    assert used(farm) == (0, 2)


def test_a_limit_by_host_counts_a_reported_host_once() -> None:
    """A host with three tokens is one host, and a frame there makes it no other one."""
    farm = licensed(most=2, per_host=True, frames="1")
    report(farm, {"host0": 3})
    farm.plan()
    assert running(farm) == {"host0": 1}
    assert used(farm) == (1, 0)


# --- gates


def test_a_full_limit_by_host_lets_hosts_that_hold_it_take_more() -> None:
    """Two workstations and a render host hold all three licences; the render host takes all frames that fit."""
    farm = licensed(most=3, per_host=True)
    report(farm, {"ws1": 1, "ws2": 1, "host1": 1})
    farm.plan()
    assert running(farm) == {"host1": 4}
    assert reasons(farm, farm.layer("one/render")) == {"LIMIT_HOSTS": 1, "BUSY": 1}


def test_from_its_soft_value_on_a_limit_goes_to_no_further_host() -> None:
    """Of five licences the farm takes no more than two hosts; -1 gives it all of them again."""
    farm = licensed(most=5, per_host=True, soft_value=2, hosts=4, frames="1-40")
    farm.plan()
    assert len(running(farm)) == 2
    change(farm, soft_value=-1)
    farm.plan()
    assert len(running(farm)) == 4


def test_a_soft_value_of_nothing_gives_no_host_a_first_licence() -> None:
    """0 starts frames only where somebody holds the licence already."""
    farm = licensed(most=5, per_host=True, soft_value=0)
    assert farm.plan() == []
    report(farm, {"host1": 1})
    farm.plan()
    assert running(farm) == {"host1": 4}


def test_a_soft_value_says_nothing_of_a_limit_by_frame() -> None:
    """Frames are counted up to the maximum."""
    farm = licensed(most=5, soft_value=2)
    farm.plan()
    assert len(farm.farm.procs) == 5


def test_an_advisory_limit_keeps_nothing_from_starting_and_still_chooses_hosts() -> None:
    """All frames start, the first ones where the licence is held."""
    farm = licensed(most=1, per_host=True, enforcement=Enforcement.ADVISORY, frames="1-2")
    report(farm, {"host1": 1, "ws1": 1})
    farm.plan()
    assert running(farm) == {"host1": 2}
    launch(farm, "testing", "two", layer_spec(range_text="1-10", limits=("nuke",)))
    farm.plan()
    assert running(farm) == {"host0": 4, "host1": 4}


def test_a_disabled_limit_does_nothing() -> None:
    """It neither holds frames back nor chooses: the first frame goes where it fits best."""
    farm = SmallFarm()
    farm.host("small", cores=100)
    farm.host("large")
    farm.do(c.CreateLimit("nuke", 0, True, Enforcement.DISABLED))
    launch(farm, "testing", "one", layer_spec(range_text="1", limits=("nuke",)))
    report(farm, {"large": 1})
    farm.plan()
    assert running(farm) == {"small": 1}


def test_a_stale_report_blocks_nothing_until_the_next_one() -> None:
    """After its time a report is not believed, so nobody waits for a collector that died."""
    farm = licensed(most=4, frames="1-40")
    report(farm, {"ws1": 4})
    farm.wait(899)
    assert farm.plan() == []
    farm.wait(2)
    farm.plan()
    assert len(farm.farm.procs) == 8
    farm.finish("one/render")
    report(farm, {"ws1": 4})
    assert farm.plan() == []


def test_a_report_with_no_time_to_live_is_believed_for_ever() -> None:
    """A time to live of 0 means that it never gets stale."""
    farm = licensed(most=4)
    change(farm, report_ttl_s=0)
    report(farm, {"ws1": 4})
    farm.wait(1_000_000)
    assert farm.plan() == []


# --- what is said


def test_explain_says_who_holds_a_limit_and_how_that_is_known() -> None:
    """Which limit, how much of it, who reported it when, who holds it, and where to look."""
    farm = licensed(most=4)
    report(farm, {"ws1": 3, "ws2": 1}, licences=10)
    farm.wait(30)
    heard = Silence(awake_us=Micros(farm.now_us))
    (reason,) = explain_layer(farm.farm, farm.layer("one/render"), farm.now_us, silence=heard).reasons
    words = for_people(reason.text)
    assert "limit nuke allows 4 frames at once, and 4 use it" in words
    assert "(4 of 10 as rlm reported 30 s ago; held by ws1 (ann), ws2 (ann))" in words


def test_explain_names_a_few_holders_and_where_the_others_stand() -> None:
    """Those with the most tokens come first."""
    farm = licensed(most=4)
    report(farm, {f"ws{number}": number for number in range(1, 6)})
    heard = Silence(awake_us=Micros(farm.now_us))
    (reason,) = explain_layer(farm.farm, farm.layer("one/render"), farm.now_us, silence=heard).reasons
    held = "held by ws5 (ann), ws4 (ann), ws3 (ann) and 2 more, `cueadmin -limit-holds nuke`)"
    assert for_people(reason.text).endswith(held)


def test_the_remedy_for_a_soft_value_raises_the_soft_value() -> None:
    """Where the maximum leaves room, only the soft value is to be raised."""
    farm = licensed(most=5, per_host=True, soft_value=1)
    farm.plan()
    heard = Silence(awake_us=Micros(farm.now_us))
    explained = explain_layer(farm.farm, farm.layer("one/render"), farm.now_us, silence=heard)
    steps = [for_people(step.text) for remedy in explained.remedies for step in remedy.steps]
    assert "raise limit nuke from 1 to 2: `cueadmin -limit-soft nuke 2`" in steps


def test_holds_say_where_they_are_known_from() -> None:
    """A workstation is known by report, a fresh run by the farm, and a reported host that runs something by both."""
    farm = licensed(most=9, frames="1-4")
    report(farm, {"ws1": 2, "host1": 1})
    farm.plan()
    rows = {row.host_name: (row.tokens, row.is_reported, row.is_running) for row in holds_of(farm.farm, nuke(farm))}
    (host,) = running(farm)
    assert rows["ws1"] == (2, True, False)
    assert rows[host] == ((5, True, True) if host == "host1" else (4, False, True))
    assert [row.host_name for row in holds_of(farm.farm, nuke(farm), "WS1.studio.example")] == ["ws1"]


@pytest.mark.parametrize("name", ["host1", "HOST1", "host1.studio.example", " Host1.Studio "])
def test_hosts_are_known_under_any_spelling(name: str) -> None:
    """A domain, capitals and blanks around a reported name make no other host of it."""
    farm = licensed(most=1, per_host=True)
    report(farm, {name: 1})
    farm.plan()
    assert running(farm) == {"host1": 4}
