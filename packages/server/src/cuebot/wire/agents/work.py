"""AgentInterface: the stream of one of our agents, beside the published RPCs that mean the same."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import grpc.aio
from opencue_proto import report_pb2

from cuebot.domain import commands as c
from cuebot.domain.errors import Invalid, Refused, quoted
from cuebot.domain.nouns import Host
from cuebot.engine.requests import limits_requests
from cuebot.wire.agents.reports import outcome, short_name
from cuebot.wire.agents.run_messages import limits_message
from cuebot.wire.agents.streams import AgentStream, AgentStreams
from cuebot.wire.call import Call, refusal
from cuefarm_proto import agent_pb2

OUTCOMES_PER_MESSAGE: Final = 256
"""So many are carried out without a pause."""
PROTOCOL: Final = 1
"""The messages of the stream that this server speaks, and the oldest that it understands."""


class AgentInterface:
    """Orders to agents and outcomes from them."""

    def __init__(self, streams: AgentStreams) -> None:
        self._streams = streams

    async def Work(self, call: Call) -> None:
        """Serve one agent until either side has enough."""
        first = await call.context.read()
        hello = agent_pb2.FromAgent.FromString(b"" if first is grpc.aio.EOF else first).hello
        host = _known_host(hello, call)
        _refuse_old(hello, host)
        stream = self._streams.open(hello.address, host.instance, call.engine.core.bounds.agent_streams)
        tasks: list[asyncio.Task[Any]] = []
        try:
            await call.context.write(agent_pb2.ToAgent(protocol=PROTOCOL).SerializeToString())
            for order in limits_requests(call.farm, sorted(host.proc_ids)):
                stream.limit(order.run_id, limits_message(order.limits))
            tasks += [
                asyncio.ensure_future(_read(call, stream, host)),
                asyncio.ensure_future(stream.write_to(call.context.write)),
                asyncio.ensure_future(stream.ended.wait()),
            ]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._streams.forget(hello.address, stream)
            stream.end("the agent's stream ended")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _known_host(hello: agent_pb2.Hello, call: Call) -> Host:
    """The host that says hello. Raises Refused unless it has reported the same address, and from the same one."""
    name = short_name(hello.host_name)
    host = call.farm.hosts.get(call.farm.host_by_name.get(name, ""))
    if host is None or not host.agent or host.address != hello.address:
        raise Refused(
            f"host {quoted(name)!r} has not reported that its agent answers at {quoted(hello.address)!r};"
            " an agent opens its stream after ReportRqdStartup"
        )
    if host.peer and host.peer != call.peer_address():
        raise Refused(
            f"another agent is called {name!r} too, at {host.peer}; give one of them a name of its own"
            " (`rqd --name NAME`)"
        )
    return host


def _refuse_old(hello: agent_pb2.Hello, host: Host) -> None:
    """An agent that would not understand a launch is launched on by single calls, as upstream's are."""
    if hello.protocol < PROTOCOL:
        raise Refused(
            f"the agent of host {host.name} speaks protocol {hello.protocol} of the stream, and this server {PROTOCOL};"
            " single calls serve it until it is upgraded"
        )


async def _read(call: Call, stream: AgentStream, host: Host) -> None:
    envelope = call.envelope_of_host(host.name)
    speaker = c.Speaker(host.name, host.agent, host.instance, host.full_name, host.peer, host.boot_us)
    while (raw := await call.context.read()) is not grpc.aio.EOF:
        message = agent_pb2.FromAgent.FromString(raw)
        if len(message.outcomes) > OUTCOMES_PER_MESSAGE:
            raise Invalid(f"a message has at most {OUTCOMES_PER_MESSAGE} outcomes, not {len(message.outcomes)}")
        for answer in message.answers:
            stream.answered(answer.order, answer.code, answer.words)
        for report in message.outcomes:
            told = outcome(report_pb2.FrameCompleteReport.FromString(report), speaker.name, speaker)
            _take(call, stream, told, envelope)


def _take(call: Call, stream: AgentStream, command: c.ReportOutcome, envelope: c.Envelope) -> None:
    """Carry out one outcome. Whatever becomes of it, the others of the stream go on."""
    try:
        call.engine.carry_out(command, envelope, lambda _: stream.acknowledge(command.run_id))
    except Exception as error:  # noqa: BLE001  # the border of an RPC, once for each outcome
        stream.refuse(command.run_id, *refusal(call.rpc, error))
