"""Hosts are rebooted at a client's word, by their agents: ours and upstream's, with the RPCs that both know."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from opencue_proto import host_pb2


async def host_of(site: Any, name: str = "host1") -> Any:
    """A host as clients see it."""
    return (await site.host.FindHost(host_pb2.HostFindHostRequest(name=name))).host


@pytest.mark.parametrize("ours", [True, False])
async def test_a_host_is_rebooted_at_once(site: Any, start_agent: Any, tools: Any, ours: bool) -> None:
    """Its agent is told, nothing is booked there, and the start of its agent brings it back."""
    agent = await start_agent(ours=ours)
    call = site.host.Reboot(host_pb2.HostRebootRequest(host=await host_of(site)))
    await call
    assert dict(await call.trailing_metadata())["cuefarm-changed"] == "1"
    assert (await host_of(site)).state == host_pb2.REBOOTING
    assert agent.reboots == ["now"]

    await site.launch(name="later")
    assert not agent.runs
    await agent.boot()
    assert (await host_of(site)).state == host_pb2.UP
    await tools.until(lambda: bool(agent.launched) and not site.farm.procs and not site.farm.ready)


async def test_a_host_reboots_when_idle(site: Any, start_agent: Any, tools: Any) -> None:
    """What runs there goes on, and its agent does it afterwards."""
    agent = await start_agent()
    agent.finish = False
    await site.launch(name="first")
    await tools.until(lambda: bool(agent.runs))
    await site.host.RebootWhenIdle(host_pb2.HostRebootWhenIdleRequest(host=await host_of(site)))
    assert ((await host_of(site)).state, agent.reboots) == (host_pb2.REBOOT_WHEN_IDLE, ["when idle"])
    assert agent.runs


WITH_ID = (("cuefarm-request-id", "a1"),)


def rebooting(site: Any, host: Any, *, when_idle: bool) -> Any:
    """A call for a reboot, as our clients make it."""
    if when_idle:
        return site.host.RebootWhenIdle(host_pb2.HostRebootWhenIdleRequest(host=host), metadata=WITH_ID)
    return site.host.Reboot(host_pb2.HostRebootRequest(host=host), metadata=WITH_ID)


@pytest.mark.parametrize("when_idle", [False, True])
async def test_a_reboot_that_an_agent_refuses_changes_nothing(
    site: Any, start_agent: Any, tools: Any, when_idle: bool
) -> None:
    """The caller hears why, in the agent's words; the host is as it was, and works on."""
    agent = await start_agent()
    agent.refuse = grpc.StatusCode.FAILED_PRECONDITION
    code, words = await site.refused(rebooting(site, await host_of(site), when_idle=when_idle))
    assert code == "FAILED_PRECONDITION"
    assert "the agent of host 'host1' does not reboot its machine" in words
    assert "not here" in words
    assert "host 'host1' stays UP" in words
    assert ("`cueadmin -lock host1`" in words) is when_idle
    assert (await host_of(site)).state == host_pb2.UP
    agent.refuse = None
    await site.launch(name="later")
    await tools.until(lambda: len(agent.launched) == 10)


@pytest.mark.parametrize("when_idle", [False, True])
async def test_a_host_whose_agent_is_not_reached_stays_as_it_was(site: Any, start_agent: Any, when_idle: bool) -> None:
    """The caller hears that nobody was told; why the state was set back is in the books."""
    agent = await start_agent()
    await agent.stop()
    code, words = await site.refused(rebooting(site, await host_of(site), when_idle=when_idle))
    assert code == "FAILED_PRECONDITION"
    assert "host 'host1' stays UP" in words
    assert (await host_of(site)).state == host_pb2.UP
    last = max(site.journal.events.values(), key=lambda recorded: recorded.seq)
    assert "was not told to reboot" in last.envelope.reason


async def test_a_host_that_was_to_reboot_when_idle_still_is_when_its_agent_will_not_now(
    site: Any, start_agent: Any
) -> None:
    """What its agent took before counts on."""
    agent = await start_agent()
    await site.host.RebootWhenIdle(host_pb2.HostRebootWhenIdleRequest(host=await host_of(site)))
    agent.refuse = grpc.StatusCode.FAILED_PRECONDITION
    _, words = await site.refused(rebooting(site, await host_of(site), when_idle=False))
    assert "host 'host1' stays REBOOT_WHEN_IDLE" in words
    assert (await host_of(site)).state == host_pb2.REBOOT_WHEN_IDLE


async def test_a_reboot_when_idle_is_taken_back_with_the_state(site: Any, start_agent: Any) -> None:
    """Whoever says that the host is UP again has its agent forget it, too."""
    agent = await start_agent()
    await site.host.RebootWhenIdle(host_pb2.HostRebootWhenIdleRequest(host=await host_of(site)))
    request = host_pb2.HostSetHardwareStateRequest(host=await host_of(site), state=host_pb2.UP)
    await site.host.SetHardwareState(request)
    assert (agent.reboots, (await host_of(site)).state) == (["when idle", "not"], host_pb2.UP)
