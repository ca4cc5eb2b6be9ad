"""`cueadmin -where QUERY`: lists and actions over a real server's queries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from served import served
from small_farm import SmallFarm

from cue_cli.cueadmin import run
from cuebot.domain.states import FrameState, LockState
from cuebot.domain.units import CoreUnits
from cuebot.sim.specs import job_spec, layer_spec

Output = pytest.CaptureFixture[str]


def main(arguments: list[str]) -> int:
    """Run `cueadmin`; a line that makes no sense has the status 2."""
    try:
        return run.main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.fixture
def farm() -> Iterator[SmallFarm]:
    """Two hosts, of which one runs all frames of a job of ann's; another job waits."""
    farm = SmallFarm()
    farm.host("node1", cores=CoreUnits(400))
    farm.host("node2", cores=CoreUnits(100))
    farm.launch(job_spec("beauty", layer_spec("render", "1-4", cores=100), layer_spec("comp", "1-2", tags=("gpu",))))
    farm.launch(job_spec("shadow", layer_spec("sim", "1-3", tags=("gpu",))))
    farm.plan()
    with served(farm):
        yield farm


def test_a_list_shows_what_a_query_asks_for_in_its_order(farm: SmallFarm, capsys: Output) -> None:
    """Jobs and hosts; what was asked wrongly is told with its column."""
    assert main(["-lj", "-where", "frames>2", "-order=-frames"]) == 0
    assert [line.split()[0].rpartition("_")[2] for line in capsys.readouterr().out.splitlines()] == ["beauty", "shadow"]
    assert main(["-lj", "-where", "running>0"]) == 0
    assert "shadow" not in capsys.readouterr().out
    assert main(["-lh", "-where", "cores<4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["node2"]
    assert main(["-lp", "-where", "host:node2"]) == 0
    assert capsys.readouterr().out.count("render") == 1
    assert main(["-lj", "-where", "sate:pending"]) == 1
    assert capsys.readouterr().err == "Error: query, column 1: jobs have no field 'sate'; did you mean state?\n"


def test_an_action_is_for_what_a_query_asks_for(farm: SmallFarm, capsys: Output) -> None:
    """Jobs by name, hosts by name, with the values of the action beside the query."""
    assert main(["-pause", "-where", "running=0"]) == 0
    assert (farm.job("beauty").paused, farm.job("shadow").paused) == (False, True)
    assert main(["-priority", "77", "-where", "paused:yes"]) == 0
    assert farm.job("shadow").priority == 77
    assert main(["-lock", "-where", "runs>0 cores>1"]) == 0
    locks = {host.name: host.lock for host in farm.farm.hosts.values()}
    assert locks == {"node1": LockState.LOCKED, "node2": LockState.OPEN}
    capsys.readouterr()
    assert main(["-kill", "-where", "user:nobody"]) == 1
    assert "no job is asked for by 'user:nobody'" in capsys.readouterr().err
    assert main(["-kill", "-where", ""]) == 0
    assert not farm.farm.active_job_by_name


def test_layers_and_frames_are_asked_for_within_a_job(farm: SmallFarm, capsys: Output) -> None:
    """The job is named, its layers or frames are what the query asks for."""
    name = farm.job("beauty").name
    assert main(["-layer-memory", name, "5", "-where", "tag:gpu"]) == 0
    assert farm.layer("beauty/comp").min_memory == 5 << 20
    assert farm.layer("beauty/render").min_memory != 5 << 20
    assert main(["-eat-frames", name, "-where", "state:running number<3"]) == 0
    frames = farm.layer("beauty/render").frames
    assert [int(number) for number in frames.number[frames.state == FrameState.EATEN]] == [1, 2]
    capsys.readouterr()
    assert main(["-eat-frames", "-where", "state:running"]) == 2
    assert "takes the job whose frames are meant" in capsys.readouterr().err


def test_a_command_without_a_query_says_so(farm: SmallFarm, capsys: Output) -> None:
    """And what takes one."""
    assert main(["-partitions", "-where", "x"]) == 2
    assert "-partitions takes no -where" in capsys.readouterr().err


def test_what_can_be_asked_is_listed(farm: SmallFarm, capsys: Output) -> None:
    """By noun."""
    assert main(["-fields", "host"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "hosts:"
    assert any(line.startswith("  idle_memory") and "512mb or 4gb" in line for line in lines)
    assert main(["-fields", "cake"]) == 2
