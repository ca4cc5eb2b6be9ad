"""Render partitions over a real server: by scripts, by `cueadmin` and by specifications."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from opencue_proto import host_pb2, job_pb2
from served import served
from small_farm import SmallFarm

import opencue
from cue_cli.cueadmin import run
from cuebot.domain import commands as c
from cuebot.domain.states import LockState
from cuebot.sim.specs import job_spec

Output = pytest.CaptureFixture[str]
GB = 1024 * 1024


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallFarm]:
    """A locked host that belongs to ann, who runs this; and a job that waits."""
    monkeypatch.setattr("opencue.wrappers.render_partition.userName", lambda: "ann")
    farm = SmallFarm()
    host = farm.host("desk")
    farm.do(c.LockHost(host.id, LockState.LOCKED))
    owner = farm.do(c.CreateOwner(farm.farm.show_named("testing").id, "ann"))
    farm.do(c.TakeOwnership(owner, host.id))
    farm.launch(job_spec("one"))
    with served(farm):
        yield farm


def main(*arguments: str) -> int:
    """Run `cueadmin` without questions."""
    return run.main(["-force", *arguments])


def test_scripts_render_on_their_own_host(farm: SmallFarm) -> None:
    """A part is seen with what it has and holds, can be made larger, and given up."""
    job = opencue.api.findJob(farm.job("one").name)
    partition = job.addRenderPartition("desk", 1, 2, 8 * GB)
    assert (partition.host(), partition.job(), partition.layer(), partition.frame()) == ("desk", job.name(), "", "")
    farm.plan()
    (seen,) = opencue.api.findHost("desk").getRenderPartitions()
    assert (seen.data.cores, seen.data.max_cores, seen.data.memory, seen.data.max_memory) == (200, 200, 2 * GB, 8 * GB)

    assert seen.setMaxResources(300, 0, 0, 0) == 1
    (larger,) = opencue.api.findHost("desk").getRenderPartitions()
    assert (larger.data.max_cores, larger.data.max_memory) == (300, 8 * GB)
    assert larger.delete() == 1
    assert opencue.api.findHost("desk").getRenderPartitions() == []
    assert len(farm.take_kills()) == 2


def test_a_layer_and_a_frame_can_be_rendered_there(farm: SmallFarm) -> None:
    """The part names them."""
    layer = opencue.api.findJob(farm.job("one").name).getLayers()[0]
    partition = layer.addRenderPartition("desk", 1, 1, GB)
    assert (partition.layer(), partition.frame()) == ("render", "")
    partition.delete()
    partition = layer.getFrames(range="4")[0].addRenderPartition("desk", 1, 1, GB)
    assert (partition.layer(), partition.frame()) == ("render", "0004-render")


def test_who_may_not_hears_why(farm: SmallFarm) -> None:
    """With the command that would let him."""
    farm.do(c.LockHost(farm.farm.host_named("desk").id, LockState.OPEN))
    job = opencue.api.findJob(farm.job("one").name)
    with pytest.raises(opencue.CueException, match="`cueadmin -lock desk` locks it"):
        job.addRenderPartition("desk", 1, 2, 8 * GB)
    farm.host("rack")
    farm.do(c.LockHost(farm.farm.host_named("rack").id, LockState.LOCKED))
    with pytest.raises(opencue.CueException, match="`cueadmin -give ann rack` gives it"):
        job.addRenderPartition("rack", 1, 2, 8 * GB)


def test_cueadmin_renders_on_ones_own_host(farm: SmallFarm, capsys: Output) -> None:
    """Each command says what it did; the list has a line for each part."""
    job = farm.job("one").name
    assert main("-add-partition", job, "desk", "2", "8", "render", "3") == 0
    assert main("-partitions") == 0
    assert main("-partitions", "desk", "--json") == 0
    assert main("-partition-size", job, "desk", "3", "8") == 0
    assert main("-partition-size", job, "desk", "3", "8") == 1
    assert main("-delete-partition", job, "desk") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"desk: renders {job} on 2 cores and 8.0 GB"
    assert lines[2].split() == ["desk", job, "0003-render", "0", "of", "2", "0.0", "of", "8.0"]
    (told,) = json.loads("\n".join(lines[3:-2]))
    assert (told["frame"], told["max_cores"], told["max_memory_kb"]) == ("0003-render", 2.0, 8 * GB)
    assert lines[-2:] == [f"desk: renders {job} on 3 cores and 8.0 GB", f"desk: renders {job} no more"]

    assert main("-delete-partition", job, "desk") == 1
    assert "is not rendered on a part of desk" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["-add-partition", "-partition-size"])
def test_what_a_host_lacks_is_not_promised(farm: SmallFarm, capsys: Output, flag: str) -> None:
    """The part is what the host has, and whoever wanted more is told."""
    job, host = farm.job("one").name, farm.farm.host_named("desk")
    has = f"{host.cores / 100:g} cores and {host.memory / GB:.1f} GB"
    if flag == "-partition-size":
        main("-add-partition", job, "desk", "1", "8")
    assert main(flag, job, "desk", "200", "900") == 0
    told = capsys.readouterr()
    assert f"renders {job} on {has}" in told.out
    assert f"{host.cores / 100:g} cores of the 200 cores and {host.memory / GB:.1f} GB of the 900.0 GB" in told.err


LOCAL = '<localbook host="host1" cores="1" memory="4194304" threads="1"/>'


def submitted(tools: Any, user: str) -> str:
    """A specification whose job is to be rendered on its user's own host, too."""
    text: str = tools.spec(tools.layer("beauty", "1-3"), user=user)
    return text.replace("<layers>", LOCAL + "<layers>", 1)


@pytest.mark.parametrize("metadata", [(), (("cuefarm-request-id", "a1"),)])
async def test_a_specification_can_name_its_users_own_host(
    site: Any, start_agent: Any, tools: Any, metadata: tuple[tuple[str, str], ...]
) -> None:
    """The locked host renders it, whoever submits; an agent that watches for its user is told to do so all the same."""
    agent = await start_agent(ours=False)
    host = site.farm.host_named("host1")
    by = c.Envelope(actor="ada")
    await site.engine.submit(c.LockHost(host.id, LockState.LOCKED), by)
    owner = await site.engine.submit(c.CreateOwner(site.farm.show_named("testing").id, "ada"), by)
    await site.engine.submit(c.TakeOwnership(owner, host.id), by)
    request = job_pb2.JobLaunchSpecAndWaitRequest(spec=submitted(tools, "ada"))
    call = site.job.LaunchSpecAndWait(request, metadata=metadata)
    await call
    assert "cuefarm-warning" not in dict(await call.trailing_metadata())
    await tools.until(lambda: len(agent.launched) == 3)
    assert all(run.ignore_nimby for run in agent.launched)
    of_host = host_pb2.HostGetRenderPartitionsRequest(host=host_pb2.Host(id=host.id))
    await tools.until(lambda: not site.farm.partitions)
    assert not (await site.host.GetRenderPartitions(of_host)).render_partitions.render_partitions


async def test_a_job_whose_host_is_not_to_be_had_is_launched_all_the_same(site: Any, tools: Any) -> None:
    """Its user is told why only the farm renders it."""
    call = site.job.LaunchSpecAndWait(job_pb2.JobLaunchSpecAndWaitRequest(spec=submitted(tools, "ada")))
    assert len((await call).jobs.jobs) == 1
    warning = unquote(str(dict(await call.trailing_metadata())["cuefarm-warning"]))
    assert "is not rendered on host 'host1', but on the farm: there is no host 'host1'; `cueadmin -lh` lists" in warning


def test_our_client_has_a_job_rendered_on_its_users_own_host(farm: SmallFarm, tools: Any) -> None:
    """A launch through `opencue` makes the part that its specification asks for."""
    text = submitted(tools, "ann").replace('host="host1"', 'host="desk"')
    (job,) = opencue.api.launchSpecAndWait(text)
    (partition,) = opencue.api.findHost("desk").getRenderPartitions()
    assert (partition.job(), partition.data.max_cores, partition.data.max_memory) == (job.name(), 100, 4 * GB)
