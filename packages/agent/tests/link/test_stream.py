"""The agent's stream: what goes over it, and that nothing is lost when it ends."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Callable

import grpc
import pytest
from agent_farm import TOKEN, AgentProcess, eventually, run_frame
from stream_server import StreamServer

MakeAgent = Callable[..., AgentProcess]
OK = grpc.StatusCode.OK.value[0]


@pytest.fixture
def server() -> Iterator[StreamServer]:
    """A server of the test's own, with streams."""
    server = StreamServer().start()
    yield server
    server.stop()


def test_orders_and_outcomes_go_over_the_stream(server: StreamServer, make_agent: MakeAgent) -> None:
    """Launches are answered, their outcomes come, and once acknowledged they are listed no more."""
    agent = make_agent()
    stream = server.stream()
    assert stream.token == TOKEN
    assert stream.hello.host_name == "host-a"
    assert stream.hello.address == server.boots[-1].host.attributes["cuefarm.address"]
    frames = [run_frame(f"exit {n}", agent.logs, frame_name=f"{n:04d}-layer") for n in range(5)]
    assert [stream.answer(order) for order in stream.launch(*frames)] == [(OK, "")] * 5
    assert [server.streamed_outcome(frame.resource_id).exit_status for frame in frames] == [0, 1, 2, 3, 4]
    server.next_report()
    assert [server.state_of(frame.resource_id) for frame in frames] == [""] * 5
    assert server.completions == []


def test_a_refusal_by_the_stream_has_the_status_of_a_single_call(server: StreamServer, make_agent: MakeAgent) -> None:
    """Each launch of a message is answered by itself, with the words for whoever reads them."""
    agent = make_agent()
    stream = server.stream()
    bad, good = run_frame("", agent.logs), run_frame("true", agent.logs)
    refused, taken = stream.launch(bad, good)
    code, words = stream.answer(refused)
    assert (code, "no command" in words) == (grpc.StatusCode.INVALID_ARGUMENT.value[0], True)
    assert stream.answer(taken) == (OK, "")


def test_a_kill_by_the_stream_ends_the_run_that_it_names(server: StreamServer, make_agent: MakeAgent) -> None:
    """The outcome is `killed`; a run that is not there is NOT_FOUND."""
    agent = make_agent()
    stream = server.stream()
    frame = run_frame("sleep 30", agent.logs)
    (order,) = stream.launch(frame)
    stream.answer(order)
    assert stream.answer(stream.kill("nobody"))[0] == grpc.StatusCode.NOT_FOUND.value[0]
    assert stream.answer(stream.kill(frame.resource_id)) == (OK, "")
    report = server.streamed_outcome(frame.resource_id)
    assert report.frame.attributes["cuefarm.cause"] == "killed"
    assert report.frame.attributes["cuefarm.kill_message"] == "by a test"


def test_a_launch_by_the_stream_and_by_a_single_call_is_one_run(server: StreamServer, make_agent: MakeAgent) -> None:
    """It is idempotent by its id, whichever way it comes."""
    agent = make_agent()
    stream = server.stream()
    frame = run_frame(f"echo x >> {agent.folder}/count", agent.logs)
    orders = stream.launch(frame, frame)
    agent.launch(frame.command, resource_id=frame.resource_id, frame_id=frame.frame_id)
    assert [stream.answer(order) for order in orders] == [(OK, "")] * 2
    server.streamed_outcome(frame.resource_id)
    agent.stop()
    assert (agent.folder / "count").read_text() == "x\n"


def test_when_the_stream_ends_outcomes_without_acknowledgement_are_sent_again(
    server: StreamServer, make_agent: MakeAgent
) -> None:
    """They are kept and listed until then, and go by a single call where there is no other stream."""
    server.acknowledges = False
    agent = make_agent()
    stream = server.stream()
    frame = run_frame("exit 9", agent.logs)
    stream.launch(frame)
    server.streamed_outcome(frame.resource_id)
    server.next_report()
    assert server.state_of(frame.resource_id) == "ended"
    stream.end()
    assert server.outcome(frame.resource_id).exit_status == 9
    server.stream(2)


def test_an_outcome_that_the_stream_did_not_take_is_sent_again(server: StreamServer, make_agent: MakeAgent) -> None:
    """After a moment, as one that a single call could not deliver."""
    agent = make_agent()
    frame = run_frame("exit 3", agent.logs)
    server.not_taken.add(frame.resource_id)
    server.stream().launch(frame)
    assert server.streamed_outcome(frame.resource_id).exit_status == 3
    server.next_report()
    assert server.state_of(frame.resource_id) == ""


def test_a_restarted_server_gets_what_ended_meanwhile(server: StreamServer, make_agent: MakeAgent) -> None:
    """A stream that broke with the server is opened again, and every outcome comes exactly as it was."""
    server.acknowledges = False
    agent = make_agent()
    frames = [run_frame(f"sleep 0.{n}; exit {n}", agent.logs, frame_name=f"{n:04d}-layer") for n in range(5)]
    server.stream().launch(*frames)
    server.streamed_outcome(frames[0].resource_id)
    server.stop()
    time.sleep(0.6)
    server.acknowledges = True
    server.start()
    server.stream(2)

    def delivered() -> bool:
        reports = [*server.completions, *server.streamed]
        return {f.resource_id for f in frames} <= {r.frame.resource_id for r in reports}

    eventually(delivered, "every outcome")
    reports = [*server.completions, *server.streamed]
    statuses = {(r.frame.resource_id, r.exit_status) for r in reports}
    assert statuses == {(frame.resource_id, n) for n, frame in enumerate(frames)}
    eventually(lambda: not any(server.state_of(frame.resource_id) for frame in frames), "all are acknowledged")


def test_a_link_killed_in_mid_stream_costs_no_outcome(server: StreamServer, make_agent: MakeAgent) -> None:
    """The next link opens a stream of its own; what the first had not had acknowledged comes by it or by a call."""
    server.acknowledges = False
    agent = make_agent()
    may_end = agent.folder / "may-end"
    ended, running = (
        run_frame("exit 4", agent.logs),
        run_frame(f"until [ -e {may_end} ]; do sleep 0.05; done; exit 5", agent.logs, frame_name="0002-layer"),
    )
    server.stream().launch(ended, running)
    server.streamed_outcome(ended.resource_id)
    server.acknowledges = True
    agent.kill_link()
    server.stream(2)
    may_end.touch()
    assert server.streamed_outcome(running.resource_id).exit_status == 5
    eventually(lambda: not server.state_of(ended.resource_id), "the first outcome is acknowledged")
    assert sum(r.frame.resource_id == ended.resource_id for r in [*server.streamed, *server.completions]) >= 2


def test_a_server_that_hangs_costs_the_stream(server: StreamServer, make_agent: MakeAgent) -> None:
    """Without an answer to its reports the agent gives the stream up too, and delivers where it is answered."""
    other = StreamServer().start()
    try:
        server.acknowledges = False
        agent = make_agent("--server", f"127.0.0.1:{server.port},127.0.0.1:{other.port}")
        frame = run_frame("exit 6", agent.logs)
        server.stream().launch(frame)
        server.streamed_outcome(frame.resource_id)
        server.refuse_reports = True
        assert other.stream()
        eventually(
            lambda: any(r.frame.resource_id == frame.resource_id for r in [*other.streamed, *other.completions]),
            "the outcome at the other server",
        )
    finally:
        other.stop()


def test_a_stream_does_not_renew_the_lease(server: StreamServer, make_agent: MakeAgent) -> None:
    """Only answered reports count: with orders still coming, frames are suspended and launches refused."""
    agent = make_agent("--lease-seconds", "0.6", "--report-seconds", "60")
    stream = server.stream()
    time.sleep(0.8)
    (order,) = stream.launch(run_frame("true", agent.logs))
    assert stream.answer(order)[0] == grpc.StatusCode.FAILED_PRECONDITION.value[0]


def test_noise_from_the_server_costs_only_the_stream(server: StreamServer, make_agent: MakeAgent) -> None:
    """What is no message ends the stream; the agent opens another, and single calls work."""
    agent = make_agent()
    stream = server.stream()
    link_pid = agent.link_pid
    stream.to_send.put(b"\xff\xff")
    server.stream(2)
    assert server.streamed_outcome(agent.launch("exit 1")).exit_status == 1
    assert agent.link_pid == link_pid


def test_a_runner_killed_in_mid_stream_costs_no_frame(server: StreamServer, make_agent: MakeAgent) -> None:
    """Its run goes on, and the new agent tells its outcome, over the new stream or a call."""
    agent = make_agent()
    frame = run_frame(f"while [ ! -e {agent.folder}/go ]; do sleep 0.05; done; exit 7", agent.logs)
    (order,) = server.stream().launch(frame)
    server.stream().answer(order)
    os.kill(agent.runner_pid, signal.SIGKILL)
    server.stream(2)
    (agent.folder / "go").touch()
    eventually(lambda: [r for r in [*server.streamed, *server.completions] if r.exit_status == 7], "the outcome")
