"""An agent that is stopped says so, every time, and the server has heard it before the agent ends."""

from __future__ import annotations

import os
import signal
import time
from typing import Callable

import grpc
import psutil
import pytest
from agent_farm import PATIENCE_SECONDS, AgentProcess, FakeServer, eventually
from opencue_proto import host_pb2

MakeAgent = Callable[..., AgentProcess]


def states(server: FakeServer) -> list[int]:
    """The states of the host in all reports, in their order."""
    return [report.host.state for report in list(server.reports)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_agent_says_goodbye(server: FakeServer, make_agent: MakeAgent, number: signal.Signals) -> None:
    """Also when its next report is not due for long; nothing that comes later says that it is up."""
    agent = make_agent("--report-seconds", "60")
    eventually(lambda: server.reports, "a first report")
    os.kill(agent.runner_pid, number)
    assert agent.process.wait(PATIENCE_SECONDS) == 0
    found = states(server)
    assert found[-1] == host_pb2.DOWN
    assert found == sorted(found), "a report after the goodbye said UP"


def test_a_goodbye_follows_a_report_that_is_under_way(server: FakeServer, make_agent: MakeAgent) -> None:
    """What was about to say UP is answered first."""
    agent = make_agent()
    server.report_delay_seconds = 0.5
    server.next_report()
    assert agent.stop() == 0
    found = states(server)
    assert found[-1] == host_pb2.DOWN
    assert found == sorted(found)


def test_an_outcome_of_a_stopping_agent_does_not_say_that_it_is_up(server: FakeServer, make_agent: MakeAgent) -> None:
    """What is delivered while the agent ends carries its state too."""
    agent = make_agent("--report-seconds", "60")
    run_id = agent.launch("sleep 60")
    eventually(lambda: agent.stub is not None and server.reports, "it runs")
    assert agent.stop() == 0
    assert server.completions_of(run_id)[0].host.state == host_pb2.DOWN


def test_a_goodbye_that_nobody_hears_is_bounded(server: FakeServer, make_agent: MakeAgent) -> None:
    """Without a server the agent ends within seconds; a second signal hurries it."""
    agent = make_agent()
    server.stop()
    began = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - began < 8
    server.start()
    agent.start()
    server.stop()
    began = time.monotonic()
    os.kill(agent.runner_pid, signal.SIGINT)
    time.sleep(0.2)
    assert agent.stop() == 0
    assert time.monotonic() - began < 3


def test_a_server_that_comes_back_hears_the_goodbye(server: FakeServer, make_agent: MakeAgent) -> None:
    """It is tried again while there is time."""
    agent = make_agent()
    server.refuse_reports = True
    server_count = len(server.reports)
    os.kill(agent.runner_pid, signal.SIGTERM)
    time.sleep(0.7)
    server.refuse_reports = False
    assert agent.process.wait(PATIENCE_SECONDS) == 0
    assert len(server.reports) > server_count
    assert states(server)[-1] == host_pb2.DOWN


def test_an_agent_whose_link_just_died_says_goodbye(server: FakeServer, make_agent: MakeAgent) -> None:
    """Another link is started for it."""
    agent = make_agent("--report-seconds", "60")
    os.kill(agent.link_pid, signal.SIGKILL)
    assert agent.stop() == 0
    assert states(server)[-1] == host_pb2.DOWN


def test_a_refusal_is_said_once_and_gets_one_goodbye(server: FakeServer, make_agent: MakeAgent) -> None:
    """A server that refuses the agent (a wrong token) is told of the end once, and the log has one line on it."""
    agent = make_agent()
    server.refuse_reports_with = grpc.StatusCode.UNAUTHENTICATED
    server.refuse_reports = True
    eventually(lambda: server.refused_reports >= 3, "it tries again")
    tries, began = server.refused_reports, time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - began < 2
    assert server.refused_reports - tries <= 2, "the goodbye, and perhaps a report that was under way"
    said = agent.stderr_path.read_text()
    assert said.count("report refused") == 1
    assert "report not answered" not in said
    assert "no goodbye: the server refuses this agent" in said


def test_silence_is_said_once_until_it_is_over(server: FakeServer, make_agent: MakeAgent) -> None:
    """A server that does not answer is one line, and one more the next time."""
    agent = make_agent()
    for count in (1, 2):
        server.refused_reports, server.refuse_reports = 0, True
        eventually(lambda: server.refused_reports >= 2, "it tries again")
        assert agent.stderr_path.read_text().count("report not answered") == count
        server.refuse_reports = False
        server.next_report()


def test_a_link_that_becomes_the_runner_hears_the_stop_that_comes_meanwhile(
    server: FakeServer, make_agent: MakeAgent
) -> None:
    """Links ignore signals to stop, runners obey them: the one that is on the way from the one to the other obeys."""
    agent = make_agent("--report-seconds", "60")
    eventually(lambda: server.reports, "a first report")
    link, runner = agent.link_pid, agent.runner_pid
    os.kill(runner, signal.SIGKILL)
    agent.process.wait(PATIENCE_SECONDS)
    lock = agent.spool / "lock"
    end = time.monotonic() + PATIENCE_SECONDS
    while lock.read_text().strip() != str(link) and time.monotonic() < end:
        pass  # at once, before it has set itself up
    os.kill(link, signal.SIGTERM)
    eventually(lambda: not psutil.pid_exists(link) or psutil.Process(link).status() == psutil.STATUS_ZOMBIE, "its end")
