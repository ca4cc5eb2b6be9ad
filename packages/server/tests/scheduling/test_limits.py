"""Limits by frame and by host."""

from __future__ import annotations

import pytest
from scheduling_farm import launch, reasons
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.errors import AlreadyExists
from cuebot.sim.specs import layer_spec


def limited(*names: str, range_text: str = "1-10") -> SmallFarm:
    """A farm of two hosts of four cores, and a job `one` whose layer names limits."""
    farm = SmallFarm()
    farm.host("host0")
    farm.host("host1")
    launch(farm, "testing", "one", layer_spec(range_text=range_text, limits=names))
    return farm


def hosts_of(farm: SmallFarm) -> set[str]:
    """Names of the hosts on which something runs."""
    return {farm.farm.hosts[proc.host_id].name for proc in farm.farm.procs.values()}


def test_no_more_frames_run_than_a_limit_allows() -> None:
    """A limit by frame counts running frames over the whole farm, and `explain` names it."""
    farm = limited("nuke")
    farm.do(c.CreateLimit("nuke", 3))
    farm.plan()
    assert farm.states("one/render") == "RRRWWWWWWW"
    assert reasons(farm, farm.layer("one/render")) == {"LIMIT": 3}
    farm.finish("one/render", 0)
    farm.plan()
    assert farm.states("one/render") == "SRRRWWWWWW"


def test_a_name_without_a_limit_limits_nothing() -> None:
    """A layer may name a limit that does not exist, and is counted as soon as it does."""
    farm = limited("nuke")
    farm.plan()
    assert farm.states("one/render") == "RRRRRRRRWW"
    farm.do(c.CreateLimit("nuke", 8))
    assert reasons(farm, farm.layer("one/render")) == {"LIMIT": 8}


def test_all_limits_of_a_layer_must_have_room() -> None:
    """Of several limits the one with the least room decides."""
    farm = limited("nuke", "ocio")
    farm.do(c.CreateLimit("nuke", 5))
    farm.do(c.CreateLimit("ocio", 2))
    farm.plan()
    assert farm.states("one/render") == "RRWWWWWWWW"


def test_a_limit_by_host_counts_hosts_and_not_frames() -> None:
    """All frames share the one host that holds the licence, and `explain` counts the hosts that may not."""
    farm = limited("houdini")
    farm.do(c.CreateLimit("houdini", 1, per_host=True))
    farm.plan()
    assert farm.states("one/render") == "RRRRWWWWWW"
    assert len(hosts_of(farm)) == 1
    assert reasons(farm, farm.layer("one/render")) == {"LIMIT_HOSTS": 1, "BUSY": 1}


def test_a_host_that_holds_a_limit_comes_before_a_better_fit() -> None:
    """The second frame goes to the host with the licence although the other host has fewer idle cores."""
    farm = limited("houdini", range_text="1")
    farm.do(c.CreateLimit("houdini", 2, per_host=True))
    farm.plan()
    (holder,) = hosts_of(farm)
    other = {"host0": "host1", "host1": "host0"}[holder]
    farm.report(other, cores=200, runs=())
    launch(farm, "testing", "two", layer_spec(range_text="1", limits=("houdini",)))
    farm.plan()
    assert hosts_of(farm) == {holder}


def test_a_host_that_came_to_hold_a_limit_in_this_pass_comes_first_for_other_layers() -> None:
    """The second layer follows the first one to the host with the licence, and not to the better fit."""
    farm = SmallFarm()
    farm.host("small", cores=200)
    farm.host("large", tags=("large",))
    farm.do(c.CreateLimit("houdini", 2, per_host=True))
    first = layer_spec("first", "1", tags=("large",), limits=("houdini",))
    launch(farm, "testing", "one", first, layer_spec("second", "1", cores=200, limits=("houdini",)))
    farm.plan()
    assert (farm.states("one/first"), farm.states("one/second")) == ("R", "R")
    assert hosts_of(farm) == {"large"}


def test_a_limit_that_was_lowered_lets_what_runs_go_on_and_books_nothing_new() -> None:
    """Nothing is killed; nothing starts until enough has ended."""
    farm = limited("nuke")
    limit_id = farm.do(c.CreateLimit("nuke", 4))
    farm.plan()
    farm.do(c.Change("limit", limit_id, {"max_value": 2}))
    farm.finish("one/render", 0)
    farm.plan()
    assert farm.states("one/render") == "SRRRWWWWWW"


def test_a_limit_of_nothing_lets_nothing_run() -> None:
    """A maximum of 0 blocks, by frame and by host."""
    for per_host in (False, True):
        farm = limited("nuke")
        farm.do(c.CreateLimit("nuke", 0, per_host))
        assert farm.plan() == []


def test_a_limit_is_added_to_and_dropped_from_a_layer_with_what_runs() -> None:
    """Runs that began before are counted from the moment the layer names the limit, and no longer when it does not."""
    farm = limited()
    limit_id = farm.do(c.CreateLimit("nuke", 100))
    farm.plan()
    layer = farm.layer("one/render")
    farm.do(c.AddLayerLimit(layer.id, limit_id))
    assert farm.farm.limit_use.of("nuke").frames == 8
    farm.do(c.DropLayerLimit(layer.id, limit_id))
    assert farm.farm.limit_use.of("nuke").frames == 0


def test_a_limit_is_renamed_where_layers_name_it() -> None:
    """After a rename the same frames count under the new name."""
    farm = limited("nuke")
    limit_id = farm.do(c.CreateLimit("nuke", 3))
    farm.plan()
    farm.do(c.RenameLimit(limit_id, "nuke_x"))
    assert farm.layer("one/render").limits == ("nuke_x",)
    assert farm.farm.limit_use.of("nuke_x").frames == 3
    assert farm.plan() == []


def test_two_limits_cannot_have_one_name() -> None:
    """A second limit of a name is refused, and so is a rename to it."""
    farm = limited()
    farm.do(c.CreateLimit("nuke", 3))
    other = farm.do(c.CreateLimit("maya", 3))
    with pytest.raises(AlreadyExists, match="nuke"):
        farm.do(c.CreateLimit("nuke", 3))
    with pytest.raises(AlreadyExists, match="nuke"):
        farm.do(c.RenameLimit(other, "nuke"))
