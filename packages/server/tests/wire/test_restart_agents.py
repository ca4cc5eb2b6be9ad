"""Agents are restarted at a client's word: ours and upstream's, by the RPC that both know."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from opencue_proto import host_pb2


async def host_of(site: Any, name: str) -> Any:
    """A host as clients see it."""
    return (await site.host.FindHost(host_pb2.HostFindHostRequest(name=name))).host


@pytest.mark.parametrize("ours", [True, False])
async def test_an_agent_is_told_to_restart(site: Any, start_agent: Any, ours: bool) -> None:
    """At once, or after its last frame; the answer says that one host was told."""
    agent = await start_agent(ours=ours)
    host = await host_of(site, "host1")
    call = site.host.RestartRqdNow(host_pb2.HostRestartRqdNowRequest(host=host))
    await call
    assert dict(await call.trailing_metadata())["cuefarm-changed"] == "1"
    await site.host.RestartRqdWhenIdle(host_pb2.HostRestartRqdWhenIdleRequest(host=host))
    assert agent.restarts == ["now", "when idle"]


async def test_an_agent_that_does_not_restart_itself_says_so(site: Any, start_agent: Any) -> None:
    """Upstream's in Python does not: the caller hears it, with the host's name."""
    agent = await start_agent(ours=False)
    agent.refuse = grpc.StatusCode.UNIMPLEMENTED
    request = host_pb2.HostRestartRqdNowRequest(host=await host_of(site, "host1"))
    code, words = await site.refused(site.host.RestartRqdNow(request))
    assert code == "UNIMPLEMENTED"
    assert "'host1' does not restart itself" in words
    assert "not here" in words


async def test_an_agent_that_does_not_answer_is_named(site: Any, start_agent: Any) -> None:
    """Nothing was done, and asking again at once would do no more."""
    agent = await start_agent()
    host = await host_of(site, "host1")
    await agent.stop()
    code, words = await site.refused(site.host.RestartRqdNow(host_pb2.HostRestartRqdNowRequest(host=host)))
    assert code == "FAILED_PRECONDITION"
    assert agent.address in words
    assert "was not told to restart" in words
