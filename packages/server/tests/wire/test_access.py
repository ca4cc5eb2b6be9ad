"""Whoever calls is asked for, by the public name of what the call does, before anything of its request is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opencue_proto import host_pb2, job_pb2, report_pb2, show_pb2

from cuebot.domain.actions import ACTIONS, Action, Target
from cuebot.domain.farm import Farm
from cuebot.domain.principals import Principal, Proof
from cuebot.engine.access import forbidden
from cuebot.wire.doors import TOKEN_KEY, Door, Doors
from cuebot.wire.rpc_actions import asked_by
from cuebot.wire.server import service_descriptors
from cuefarm_proto import farm_pb2

SERVICES = {service.full_name: service for service in service_descriptors()}


def deny_all(principal: Principal, action: Action, target: Target, farm: Farm) -> None:
    """Nobody may do anything."""
    raise forbidden(principal, action, target)


class Asked:
    """A policy that allows everything and remembers what it was asked."""

    def __init__(self) -> None:
        self.all: list[tuple[Principal, str, Target]] = []

    def __call__(self, principal: Principal, action: Action, target: Target, farm: Farm) -> None:
        """Remember it."""
        self.all.append((principal, action.name, target))


@contextmanager
def asked_at(site: Any) -> Iterator[list[tuple[Principal, str, Target]]]:
    """What a site's policy is asked meanwhile."""
    site.engine.core.authorize = policy = Asked()
    yield policy.all


@pytest.mark.parametrize("name", sorted(SERVICES))
async def test_every_rpc_is_denied_by_its_actions_name_where_nobody_may_do_anything(
    site: Any, tools: Any, name: str
) -> None:
    """Published or ours, a read or a change, done by this server or not, of clients or of agents."""
    site.engine.core.authorize = deny_all
    service, token = SERVICES[name], ((TOKEN_KEY, tools.token),)
    for rpc in service.methods:
        path, action = f"/{name}/{rpc.name}", asked_by(name, rpc).action.name
        if rpc.client_streaming:
            call = site.channel.stream_stream(path)(iter([b""]), metadata=token)
            refusal = await site.refused(call.read())
        else:
            refusal = await site.refused(site.channel.unary_unary(path)(b"", metadata=token, timeout=5))
        assert refusal[0] == "PERMISSION_DENIED", (path, refusal)
        assert f"may not do {action}; it takes the right to {ACTIONS[action].right.value}" in refusal[1], path


async def test_a_refused_change_is_not_made_and_names_what_it_was_for(site: Any) -> None:
    """The caller reads who he is to this server, what he may not do, and to which thing."""
    job = await site.launch()
    site.engine.core.authorize = deny_all
    code, detail = await site.refused(site.job.Pause(job_pb2.JobPauseRequest(job=job)))
    assert code == "PERMISSION_DENIED"
    assert f"may not do job.pause to job {job.id};" in detail
    assert not site.farm.jobs[job.id].paused


async def test_who_may_not_look_is_not_given_what_another_ones_call_has_built(site: Any) -> None:
    """Lists that several ask for at once are built once, and each of them is asked for all the same."""
    site.engine.core.authorize = deny_all
    code, detail = await site.refused(site.host.GetHosts(host_pb2.HostGetHostsRequest()))
    assert (code, "host.read" in detail) == ("PERMISSION_DENIED", True)


async def test_a_query_is_asked_for_by_the_noun_that_it_is_about(site: Any) -> None:
    """Who may look at the farm, and not at its hosts, does not find them by a query either."""

    def no_hosts(principal: Principal, action: Action, target: Target, farm: Farm) -> None:
        if action.name == "host.read":
            raise forbidden(principal, action, target)

    site.engine.core.authorize = no_hosts
    await site.farm_interface.Find(farm_pb2.FindRequest(noun="job"))
    code, detail = await site.refused(site.farm_interface.Find(farm_pb2.FindRequest(noun="host")))
    assert (code, "host.read" in detail) == ("PERMISSION_DENIED", True)


async def test_a_change_is_asked_for_at_the_door_and_by_the_engine_under_one_name(site: Any, start_agent: Any) -> None:
    """The request says what it is about, and so does the command that it becomes."""
    await start_agent("host1")
    job = await site.launch(paused=True)
    (layer,) = await site.layers_of(job)
    (host,) = (await site.host.GetHosts(host_pb2.HostGetHostsRequest())).hosts.hosts
    show = (await site.show.FindShow(show_pb2.ShowFindShowRequest(name="testing"))).show
    wanted = (
        (site.job.Resume, job_pb2.JobResumeRequest(job=job), "job.resume", job.id),
        (site.layer.SetMinMemory, job_pb2.LayerSetMinMemoryRequest(layer=layer, memory=2**20), "layer.set_memory",
         layer.id),
        (site.host.Lock, host_pb2.HostLockRequest(host=host), "host.lock", host.id),
        (site.host.Unlock, host_pb2.HostUnlockRequest(host=host), "host.unlock", host.id),
        (site.show.EnableBooking, show_pb2.ShowEnableBookingRequest(show=show), "show.set_booking", show.id),
    )  # fmt: skip
    for rpc, request, action, id in wanted:
        with asked_at(site) as asked:
            await rpc(request)
        mine = [(name, target) for principal, name, target in asked if principal.proof is not Proof.AGENT]
        assert mine == [(action, Target(action.partition(".")[0], (id,)))] * 2


async def test_a_policy_sees_who_was_proven_beside_what_the_caller_calls_itself(site: Any, tools: Any) -> None:
    """A user's name is the caller's own word; its process, its token and its being an agent are not."""
    with asked_at(site) as asked:
        await site.job.GetJobs(job_pb2.JobGetJobsRequest(), metadata=(("cuefarm-user", "root"),))
        await site.job.GetJobs(job_pb2.JobGetJobsRequest(), metadata=((TOKEN_KEY, tools.token),))
        boot = report_pb2.BootReport(host=tools.render_host("host1"))
        await site.report.ReportRqdStartup(
            report_pb2.RqdReportRqdStartupRequest(boot_report=boot), metadata=((TOKEN_KEY, tools.token),)
        )
    local, bearer, agent, report = [(principal.proof, name) for principal, name, _ in asked]
    assert local == (Proof.KERNEL, "job.read")
    assert bearer == (Proof.TOKEN, "job.read")
    assert agent == report == (Proof.AGENT, "host.report")
    assert asked[-1][2] == Target("host", ("host1",))


async def test_who_comes_by_an_open_door_is_nobody(start_site: Any, tools: Any) -> None:
    """An open door lets in whoever calls; it proves nothing."""
    site = await start_site(doors=Doors(tools.token, opened=frozenset({Door.CLIENTS})))
    with asked_at(site) as asked:
        await site.job.GetJobs(job_pb2.JobGetJobsRequest())
    assert [(principal.proof, principal.name) for principal, _, _ in asked] == [(Proof.NOBODY, "address 127.0.0.1")]


async def test_history_keeps_the_principal_beside_the_actor(site: Any) -> None:
    """What a caller calls itself is the actor of what it changes, whoever it was proven to be."""
    job = await site.launch()
    before = len(site.journal.events)
    await site.job.Pause(job_pb2.JobPauseRequest(job=job), metadata=(("cuefarm-user", "ann"),))
    envelopes = [recorded.envelope for recorded in list(site.journal.events.values())[before:]]
    assert ("ann", Proof.KERNEL) in [(envelope.actor, envelope.principal.proof) for envelope in envelopes]
