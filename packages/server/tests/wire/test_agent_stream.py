"""The stream of an agent: what goes over it, and what becomes of that when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from opencue_proto import cue_pb2, job_pb2, report_pb2, rqd_pb2
from structlog.testing import capture_logs

from cuebot.domain.bounds import Bounds
from cuebot.domain.states import JobState
from cuebot.wire.agents.reports import outcome
from cuefarm_proto import agent_pb2, agent_pb2_grpc

OK = grpc.StatusCode.OK.value[0]


class StreamOfAgent:
    """A FakeAgent's stream, in the hands of the test: what comes is kept, what is answered is up to the test."""

    def __init__(self, site: Any, agent: Any, token: str) -> None:
        self.agent = agent
        self.launches: list[tuple[int, Any]] = []
        self.kills: list[Any] = []
        self.limits: list[Any] = []
        self.acknowledged: list[str] = []
        self.not_taken: list[Any] = []
        self.obeys = True
        """Answer each order with OK."""
        self.finishes = False
        """Report success of each launch, in the message with its answer."""
        self.call = agent_pb2_grpc.AgentInterfaceStub(site.channel).Work(metadata=(("cuefarm-token", token),))
        self._reading: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()  # gRPC takes one message at a time

    async def open(self, **hello: Any) -> StreamOfAgent:
        """Say hello, and keep what the server sends from then on."""
        words = {"host_name": self.agent.name, "address": self.agent.address, "protocol": 1, **hello}
        await self.call.write(agent_pb2.FromAgent(hello=agent_pb2.Hello(**words)))
        assert await self.call.read() == agent_pb2.ToAgent(protocol=1)
        self._reading = asyncio.ensure_future(self._read())
        return self

    async def _read(self) -> None:
        while (message := await self.call.read()) is not grpc.aio.EOF:
            self.acknowledged += message.acknowledged
            self.not_taken += message.not_taken
            launches = [(launch.order, launch.run) for launch in message.launches]
            self.launches += launches
            self.limits += message.limits
            self.kills += message.kills
            if self.obeys and (launches or message.kills):
                orders = [order for order, _ in launches] + [kill.order for kill in message.kills]
                finished = [run for _, run in launches] if self.finishes else []
                await self.send(answers=dict.fromkeys(orders, OK), succeeded=finished)

    async def send(self, *, answers: dict[int, int] | None = None, succeeded: Any = ()) -> None:
        """Send one message."""
        message = agent_pb2.FromAgent(
            answers=[agent_pb2.Answer(order=order, code=code) for order, code in (answers or {}).items()],
            outcomes=[outcome_of(run) for run in succeeded],
        )
        async with self._writing:
            await self.call.write(message)

    async def status(self) -> grpc.StatusCode:
        """Wait for the end, and return its status."""
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)
        return await asyncio.wait_for(self.call.code(), 5)

    async def close(self) -> None:
        """Break the stream."""
        self.call.cancel()
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)


def outcome_of(run: Any) -> bytes:
    """Return a run's success, as it goes into a message."""
    info = report_pb2.RunningFrameInfo(
        resource_id=run.run_id, frame_id=run.frame_id, attributes={"cuefarm.cause": "exited"}
    )
    return report_pb2.FrameCompleteReport(frame=info, run_time=1).SerializeToString()


@pytest.fixture
async def stream_of(site: Any, tools: Any) -> AsyncIterator[Any]:
    """Make streams of agents; all are gone after the test."""
    made: list[StreamOfAgent] = []

    def make(agent: Any, token: str = tools.token) -> StreamOfAgent:
        made.append(StreamOfAgent(site, agent, token))
        return made[-1]

    yield make
    for stream in made:
        await stream.close()


async def test_a_whole_job_goes_over_the_stream(site: Any, start_agent: Any, stream_of: Any, tools: Any) -> None:
    """Launches come by it, outcomes go by it and are acknowledged, and no single call is made."""
    agent = await start_agent()
    stream = stream_of(agent)
    stream.finishes = True
    await stream.open()
    job = await site.launch(tools.layer("beauty", "1-40", command="render -f #IFRAME#"))
    await tools.until(lambda: site.farm.jobs[job.id].state is JobState.FINISHED)
    runs = [run for _, run in stream.launches]
    assert sorted(run.shell_text for run in runs) == sorted(f"render -f {n}" for n in range(1, 41))
    await tools.until(lambda: sorted(stream.acknowledged) == sorted(run.run_id for run in runs))
    assert agent.launched == []


@pytest.mark.parametrize(
    ("attributes", "run_us", "cpu_us"),
    [
        ({"cuefarm.run_ms": "2500", "cuefarm.cpu_ms": "4000"}, 2_500_000, 4_000_000),
        ({}, 2_000_000, 0),
        ({"cuefarm.run_ms": "-1", "cuefarm.cpu_ms": "9" * 30}, 2_000_000, 0),
    ],
)
async def test_an_outcome_tells_times(attributes: dict[str, str], run_us: int, cpu_us: int) -> None:
    """Our agent's are in milliseconds; others tell whole seconds, and no processor time."""
    report = report_pb2.FrameCompleteReport(frame=report_pb2.RunningFrameInfo(attributes=attributes), run_time=2)
    command = outcome(report, "host1")
    assert (command.run_us, command.cpu_us) == (run_us, cpu_us)


async def test_without_a_stream_orders_are_single_calls(
    site: Any, start_agent: Any, stream_of: Any, tools: Any
) -> None:
    """An agent that never opened a stream, or whose stream has ended, is launched on by LaunchFrame."""
    agent = await start_agent()
    stream = await stream_of(agent).open()
    await stream.close()
    await tools.until(lambda: site.agents.streams.find(agent.address, "") is None)
    job = await site.launch(tools.layer("sim", "1-5"))
    await tools.until(lambda: site.farm.jobs[job.id].state is JobState.FINISHED)
    assert (len(agent.launched), stream.launches) == (5, [])


async def test_an_outcome_is_acknowledged_only_when_it_is_durable(
    site: Any, start_agent: Any, stream_of: Any, tools: Any
) -> None:
    """While the journal fails there is no acknowledgement; what comes meanwhile is to be sent again, by name."""
    agent = await start_agent()
    stream = await stream_of(agent).open()
    await site.launch(tools.layer("sim", "1-2"))
    await tools.until(lambda: len(stream.launches) == 2)
    await site.engine.drained()
    (_, first), (_, second) = stream.launches
    site.journal.broken = True
    await stream.send(succeeded=[first])
    await tools.until(lambda: site.engine.stalled_since is not None)
    await stream.send(succeeded=[second])
    await tools.until(lambda: bool(stream.not_taken))
    refused = stream.not_taken[0]
    assert (refused.run_id, refused.code) == (second.run_id, grpc.StatusCode.UNAVAILABLE.value[0])
    assert stream.acknowledged == []
    site.journal.broken = False
    await tools.until(lambda: site.engine.stalled_since is None)
    await stream.send(succeeded=[second])
    await tools.until(lambda: sorted(stream.acknowledged) == sorted([first.run_id, second.run_id]))


async def test_an_outcome_that_comes_twice_is_acknowledged_twice(
    site: Any, start_agent: Any, stream_of: Any, tools: Any
) -> None:
    """The second one changes only history, also when one of them was a single call."""
    agent = await start_agent()
    stream = await stream_of(agent).open()
    job = await site.launch(tools.layer("sim", "1"))
    await tools.until(lambda: bool(stream.launches))
    run = stream.launches[0][1]
    await stream.send(succeeded=[run, run])
    await agent.complete(rqd_pb2.RunFrame(resource_id=run.run_id, frame_id=run.frame_id))
    await tools.until(lambda: stream.acknowledged == [run.run_id] * 2)
    [frame] = await site.frames_of(job)
    assert (frame.state, frame.retry_count) == (job_pb2.SUCCEEDED, 0)


async def test_a_broken_stream_leaves_unanswered_launches_to_the_next_report(
    site: Any, start_agent: Any, stream_of: Any, tools: Any
) -> None:
    """What was under way is unknown: the run stays booked, and is launched again once a report lacks it."""
    agent = await start_agent()
    stream = stream_of(agent)
    stream.obeys = False
    await stream.open()
    job = await site.launch(tools.layer("sim", "1-3"))
    await tools.until(lambda: len(stream.launches) == 3)
    await stream.close()
    await tools.until(lambda: not site.engine.core.dispatch.launching)
    assert (len(site.farm.procs), site.engine.core.counters.launches_refused) == (3, 0)
    await agent.report()
    await tools.until(lambda: site.farm.jobs[job.id].state is JobState.FINISHED)
    assert sorted(run.resource_id for run in agent.launched) == sorted(run.run_id for _, run in stream.launches)


async def test_an_agent_that_does_not_answer_loses_its_stream(
    site: Any, start_agent: Any, stream_of: Any, tools: Any
) -> None:
    """After the deadline of a single call the stream is over, and the order is unknown."""
    agent = await start_agent()
    stream = stream_of(agent)
    stream.obeys = False
    await stream.open()
    await site.launch(tools.layer("sim", "1"))
    await tools.until(lambda: bool(stream.launches))
    assert await stream.status() is grpc.StatusCode.OK
    assert not site.engine.core.dispatch.launching
    assert len(site.farm.procs) == 1


async def test_a_definite_refusal_by_the_stream_lets_the_frame_wait_again(
    site: Any, start_agent: Any, stream_of: Any, tools: Any
) -> None:
    """An answer's code means what the status of LaunchFrame means; a number that no status has means nothing."""
    agent = await start_agent()
    stream = stream_of(agent)
    stream.obeys = False
    await stream.open()
    await site.launch(tools.layer("sim", "1-2"))
    await tools.until(lambda: len(stream.launches) == 2)
    (first, _), (second, _) = stream.launches
    await stream.send(answers={first: grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], second: 12_345, 99: OK})
    await tools.until(
        lambda: site.engine.core.counters.launches_refused == 1 and not site.engine.core.dispatch.launching
    )
    assert len(site.farm.procs) == 1


async def test_kills_go_over_the_stream(site: Any, start_agent: Any, stream_of: Any, tools: Any) -> None:
    """They name the run, and carry the words of whoever killed."""
    agent = await start_agent()
    stream = await stream_of(agent).open()
    job = await site.launch(tools.layer("sim", "1"))
    await tools.until(lambda: bool(stream.launches))
    await site.job.Kill(job_pb2.JobKillRequest(job=job, username="ada", pid="7", host_kill="desk"))
    await tools.until(lambda: bool(stream.kills))
    [kill] = stream.kills
    assert kill.run_id == stream.launches[0][1].run_id
    assert "by ada" in kill.message
    assert agent.killed == []


async def test_a_second_stream_of_an_agent_replaces_the_first(
    site: Any, start_agent: Any, stream_of: Any, tools: Any
) -> None:
    """A link that came back counts, not the one that the server has not seen die."""
    agent = await start_agent()
    first = await stream_of(agent).open()
    second = stream_of(agent)
    second.finishes = True
    await second.open()
    assert await first.status() is grpc.StatusCode.OK
    job = await site.launch(tools.layer("sim", "1-3"))
    await tools.until(lambda: site.farm.jobs[job.id].state is JobState.FINISHED)
    assert (len(first.launches), len(second.launches)) == (0, 3)


async def test_a_launch_says_what_to_run_and_what_it_may_not_exceed(
    site: Any, start_agent: Any, stream_of: Any, tools: Any
) -> None:
    """All that the farm knows of it, in a message of its own."""
    agent = await start_agent()
    stream = await stream_of(agent).open()
    more = "<timeout>90</timeout><timeout_llu>5</timeout_llu>"
    job = await site.launch(tools.layer("sim", "7", command="echo #IFRAME#").replace("</layer>", f"{more}</layer>"))
    await tools.until(lambda: bool(stream.launches))
    [(_, run)] = stream.launches
    assert (run.frame_name, run.job_name, run.show, run.shot) == ("0007-sim", job.name, "testing", "sh1")
    assert (run.shell_text, list(run.arguments), run.user.name) == ("echo 7", [], "ada")
    assert (run.cores, run.memory_kib, run.environment["CUE_MEMORY"]) == (100, 524_288, "524288")
    assert "/".join([run.log.root, *run.log.path]) == site.farm.jobs[job.id].log_dir
    assert (run.log.path[:3], list(run.log.name)) == (["testing", "sh1", "logs"], [job.name, "0007-sim"])
    assert run.limits == agent_pb2.Limits(
        run_seconds=5_400, silence_seconds=300, start_seconds=120, memory_kib=2 * 524_288
    )


async def test_a_run_may_hold_what_is_reserved_for_it(site: Any, start_agent: Any, stream_of: Any, tools: Any) -> None:
    """Also where that is more than twice what its layer asks for by now; new limits follow the change of a layer."""
    stream = await stream_of(await start_agent()).open()
    job = await site.launch(tools.layer("sim", "1", memory="4g"))
    await tools.until(lambda: bool(stream.launches))
    [layer] = await site.layers_of(job)
    await site.layer.SetMinMemory(job_pb2.LayerSetMinMemoryRequest(layer=layer, memory=1_048_576))
    await tools.until(lambda: bool(stream.limits))
    assert stream.launches[0][1].limits.memory_kib == 8_388_608
    assert [(new.run_id, new.limits.memory_kib) for new in stream.limits] == [(stream.launches[0][1].run_id, 4_194_304)]


async def test_new_limits_follow_a_change_of_their_layer(
    site: Any, start_agent: Any, stream_of: Any, tools: Any
) -> None:
    """Once it is durable, for each run of that layer and for no other."""
    stream = await stream_of(await start_agent()).open()
    job = await site.launch(tools.layer("sim", "1-2") + tools.layer("other", "1"))
    await tools.until(lambda: len(stream.launches) == 3)
    layer = next(layer for layer in await site.layers_of(job) if layer.name == "sim")
    await site.layer.SetTimeout(job_pb2.LayerSetTimeoutRequest(layer=layer, timeout=3))
    await tools.until(lambda: len(stream.limits) == 2)
    assert {new.run_id for new in stream.limits} == {
        run.run_id for _, run in stream.launches if run.layer_id == layer.id
    }
    assert [new.limits.run_seconds for new in stream.limits] == [180, 180]
    await site.layer.SetTags(job_pb2.LayerSetTagsRequest(layer=layer, tags=["general"]))
    await site.engine.drained()
    assert len(stream.limits) == 2


async def test_limits_are_sent_again_when_a_stream_opens(
    site: Any, start_agent: Any, stream_of: Any, tools: Any
) -> None:
    """Those of all runs of that host: a change may not have arrived, and a single call carries none."""
    agent = await start_agent()
    agent.finish = False
    await site.launch(tools.layer("sim", "1-2"))
    await tools.until(lambda: len(agent.launched) == 2)
    stream = await stream_of(agent).open()
    await tools.until(lambda: len(stream.limits) == 2)
    assert {new.run_id for new in stream.limits} == {run.resource_id for run in agent.launched}
    assert {new.limits.memory_kib for new in stream.limits} == {1_048_576}


async def test_an_agent_of_an_older_protocol_is_served_by_single_calls(
    site: Any, start_agent: Any, stream_of: Any, tools: Any
) -> None:
    """It would not understand a launch by the stream, and is told so in words."""
    agent = await start_agent()
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stream_of(agent).open(protocol=0)
    assert refusal.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "protocol 0 of the stream, and this server 1; single calls serve it" in refusal.value.details()
    job = await site.launch(tools.layer("sim", "1-3"))
    await tools.until(lambda: site.farm.jobs[job.id].state is JobState.FINISHED)
    assert len(agent.launched) == 3


@pytest.mark.parametrize(
    ("token", "hello", "status"),
    [
        ("wrong", {}, "UNAUTHENTICATED"),
        (None, {"host_name": "stranger"}, "FAILED_PRECONDITION"),
        (None, {"address": "127.0.0.1:1"}, "FAILED_PRECONDITION"),
    ],
    ids=["token", "host", "address"],
)
async def test_only_an_agent_that_has_reported_opens_a_stream(
    site: Any, start_agent: Any, stream_of: Any, tools: Any, token: str | None, hello: dict[str, str], status: str
) -> None:
    """A wrong token, an unknown host, and an address that the host did not report are refused."""
    agent = await start_agent()
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stream_of(agent, token or tools.token).open(**hello)
    assert refusal.value.code().name == status


async def test_agents_that_are_not_ours_have_no_stream(site: Any, start_agent: Any, stream_of: Any) -> None:
    """Who does not keep the promises of our agent must not be sent orders that rely on them."""
    agent = await start_agent(ours=False)
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stream_of(agent).open()
    assert refusal.value.code() is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xff\xff\xff",
        agent_pb2.FromAgent(outcomes=[b"\xff\xff"]).SerializeToString(),
        agent_pb2.FromAgent(outcomes=[b""] * 1_000).SerializeToString(),
    ],
    ids=["noise", "noise inside", "too many"],
)
async def test_a_hostile_message_ends_its_stream_and_nothing_else(
    site: Any, start_agent: Any, tools: Any, body: bytes
) -> None:
    """What cannot be read or is too much is INVALID_ARGUMENT; others are answered."""
    agent = await start_agent()
    call = site.channel.stream_stream("/cuefarm.v1.AgentInterface/Work")(metadata=agent.metadata())
    hello = agent_pb2.Hello(host_name=agent.name, address=agent.address, protocol=1)
    await call.write(agent_pb2.FromAgent(hello=hello).SerializeToString())
    await call.read()
    await call.write(body)
    assert await asyncio.wait_for(call.code(), 5) is grpc.StatusCode.INVALID_ARGUMENT
    await site.cue.GetSystemStats(cue_pb2.CueGetSystemStatsRequest(), timeout=2)


async def test_an_oversized_message_ends_its_stream(start_site: Any, tools: Any) -> None:
    """More than the server takes is RESOURCE_EXHAUSTED, and the next call works."""
    site = await start_site(bounds=Bounds(spec_bytes=1))
    call = site.channel.stream_stream("/cuefarm.v1.AgentInterface/Work")(metadata=(("cuefarm-token", tools.token),))
    await call.write(b"x" * 2_000_000)
    assert await asyncio.wait_for(call.code(), 5) is grpc.StatusCode.RESOURCE_EXHAUSTED
    await site.cue.GetSystemStats(cue_pb2.CueGetSystemStatsRequest(), timeout=2)


async def test_an_outcome_that_fails_inside_the_server_does_not_hold_up_others(
    site: Any, start_agent: Any, stream_of: Any, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is to be sent again, with INTERNAL and an id to look for in the log; the next one is taken."""
    agent = await start_agent()
    stream = await stream_of(agent).open()
    await site.launch(tools.layer("sim", "1-2"))
    await tools.until(lambda: len(stream.launches) == 2)
    (_, first), (_, second) = stream.launches
    execute = site.engine.core.execute

    def fails_for_the_first(command: Any, *rest: Any) -> Any:
        if getattr(command, "run_id", "") == first.run_id:
            raise ZeroDivisionError
        return execute(command, *rest)

    monkeypatch.setattr(site.engine.core, "execute", fails_for_the_first)
    with capture_logs() as logs:
        await stream.send(succeeded=[first, second])
        await tools.until(lambda: bool(stream.not_taken and stream.acknowledged))
    assert (stream.not_taken[0].run_id, stream.acknowledged) == (first.run_id, [second.run_id])
    assert logs[-1]["failure"] in stream.not_taken[0].words


async def test_many_orders_are_bounded_by_what_the_agent_has_answered(
    site: Any, start_agent: Any, stream_of: Any, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is beyond them waits here, and is refused for certain when the stream ends."""
    monkeypatch.setattr("cuebot.wire.agents.streams.ORDERS_UNANSWERED_MAX", 3)
    agent = await start_agent(cores=10)
    stream = stream_of(agent)
    stream.obeys = False
    await stream.open()
    await site.launch(tools.layer("sim", "1-8"))
    await tools.until(lambda: len(stream.launches) == 3 and site.engine.core.counters.booked == 8)
    await stream.send(answers={stream.launches[0][0]: OK})
    await tools.until(lambda: len(stream.launches) == 4)
    await stream.close()
    await tools.until(lambda: site.engine.core.counters.launches_refused >= 4)


async def test_streams_are_limited_and_closing_ends_them(
    site: Any, start_agent: Any, stream_of: Any, tools: Any
) -> None:
    """Beyond the limit agents are told to use single calls; a server that stops ends all of them in order."""
    one = await stream_of(await start_agent("host1")).open()
    site.engine.core.bounds = type(site.engine.core.bounds)(agent_streams=1)
    two = await start_agent("host2")
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stream_of(two).open()
    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "agent_streams" in refusal.value.details()
    site.agents.streams.close()
    assert await one.status() is grpc.StatusCode.OK
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stream_of(two).open()
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
