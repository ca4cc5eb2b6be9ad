"""What cuerqd asks of an agent, prints and returns."""

from __future__ import annotations

from concurrent import futures
from typing import Any, Iterator

import grpc
import pytest
from opencue_proto import report_pb2, rqd_pb2, rqd_pb2_grpc

from cue_cli.cuerqd import main
from cue_cli.cuerqd.agent import RqdHost
from opencue.exception import CueException

INTERFACE = rqd_pb2.DESCRIPTOR.services_by_name["RqdInterface"]


class Agent(grpc.GenericRpcHandler):
    """An agent that writes down what it is asked, has one frame, and does not reboot."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.token = ""
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        self._server.add_generic_rpc_handlers((self,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        """Stop at once."""
        self._server.stop(None).wait(10)

    def service(self, handler_call_details: Any) -> Any:
        """Find the method by the published interface."""
        name = handler_call_details.method.rpartition("/")[2]
        method = INTERFACE.methods_by_name[name]

        def answer(request: Any, context: Any) -> Any:
            self.asked.append((name, request))
            if self.token and dict(context.invocation_metadata()).get("cuefarm-token") != self.token:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "this agent wants the installation's token")
            if name == "RebootNow":
                context.abort(grpc.StatusCode.UNIMPLEMENTED, "RebootNow: reboot by other means")
            if name == "KillRunningFrame" and request.frame_id == "gone":
                context.abort(grpc.StatusCode.NOT_FOUND, "no run of frame gone")
            reply = getattr(rqd_pb2, method.output_type.name)()
            if name == "ReportStatus":
                reply.host_report.host.tags.extend(["rqdv-1.2.3", "64bit"])
                reply.host_report.frames.append(report_pb2.RunningFrameInfo(frame_id="f1"))
            return reply

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=getattr(rqd_pb2, method.input_type.name).FromString,
            response_serializer=getattr(rqd_pb2, method.output_type.name).SerializeToString,
        )


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """An agent on a loopback port."""
    monkeypatch.delenv("CUEFARM_TOKEN_FILE", raising=False)
    running = Agent()
    yield running
    running.stop()


def test_stubs_of_the_whole_interface_are_known() -> None:
    """The published interface is the one that the agent of this test answers."""
    assert {method.name for method in INTERFACE.methods} >= {"Lock", "UnlockAll", "ReportStatus"}
    assert hasattr(rqd_pb2_grpc, "RqdInterfaceStub")


@pytest.mark.parametrize(
    ("words", "calls"),
    [
        (["-s"], [("ReportStatus", {})]),
        (["--lp", "100", "50"], [("Lock", {"cores": 100}), ("Lock", {"cores": 50})]),
        (["--ulp", "7"], [("Unlock", {"cores": 7})]),
        (["--lh"], [("LockAll", {})]),
        (["--ulh"], [("UnlockAll", {})]),
        (["--nimbyon"], [("NimbyOn", {})]),
        (["--nimbyoff"], [("NimbyOff", {})]),
        (["--exit"], [("ReportStatus", {}), ("ShutdownRqdIdle", {})]),
        (["--restart", "--exit_now"], [("ReportStatus", {}), ("ShutdownRqdNow", {})]),
        (["--reboot"], [("ReportStatus", {}), ("RebootIdle", {})]),
        (["--getproxy", "f1"], [("GetRunningFrameStatus", {"frame_id": "f1"})]),
        (["--restart", "--nimbyoff", "--lp", "1"], [
            ("NimbyOff", {}), ("Lock", {"cores": 1}), ("ReportStatus", {}), ("RestartRqdIdle", {})
        ]),
    ],
)  # fmt: skip
def test_each_option_makes_its_call(agent: Agent, words: list[str], calls: list[Any]) -> None:
    """Only what is asked for is done, in the order of the help; of the ways to end the first one."""
    assert main([agent.address, "-force", *words]) == 0
    assert [(name, {f.name: value for f, value in request.ListFields()}) for name, request in agent.asked] == calls


def test_killing_names_who_and_goes_on_after_one_that_is_gone(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each frame is a call with a message; one that cannot be killed is told and costs the status, not the others."""
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    assert main([agent.address, "--kill", "gone", "f1"]) == 1
    assert [request.frame_id for _, request in agent.asked] == ["gone", "f1"]
    assert agent.asked[0][1].message == "Killed by ann using cuerqd"
    out, err = capsys.readouterr()
    assert (out, "answers: no run of frame gone" in err) == ("f1: killed\n", True)


def test_the_version_is_that_of_the_tag(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    """`rqdv-X` among the tags of the host says it."""
    assert main([agent.address, "-v"]) == 0
    assert capsys.readouterr().out == "version = 1.2.3\n"


def test_what_an_agent_does_not_offer_is_told(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own words say what to do instead; there is no traceback."""
    assert main([agent.address, "-force", "--reboot_now"]) == 1
    assert capsys.readouterr().err == (
        f"Error: the agent at {agent.address} does not offer RebootNow: reboot by other means.\n"
    )


def test_the_token_of_the_installation_is_sent(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file that CUEFARM_TOKEN_FILE names is read; a wrong one is said with the file."""
    agent.token = "right"
    (tmp_path / "token").write_text("right\n")
    monkeypatch.setenv("CUEFARM_TOKEN_FILE", str(tmp_path / "token"))
    assert main([agent.address, "-v"]) == 0
    (tmp_path / "token").write_text("wrong\n")
    assert main([agent.address, "-v"]) == 1
    assert "refuses this client" in capsys.readouterr().err


def test_whoever_says_no_has_ended_nothing(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What runs there is counted before it is asked."""
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert main([agent.address, "--exit_now"]) == 0
    asked = f"End everything that runs at {agent.address}, and the agent (1 frame runs there now)? [y/n]"
    assert asked in capsys.readouterr().out
    assert [name for name, _ in agent.asked] == ["ReportStatus"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["host"], "nothing to do"),
        (["--lokc"], "there is no --lokc"),
        (["--exit_nwo"], "did you mean --exit_now?"),
        (["--lp", "-1"], "whole number of core units"),
        (["--lh", "--ulh"], "undo one another"),
    ],
)
def test_a_line_that_makes_no_sense_ends_with_2(
    agent: Agent, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """It is said what is wrong, and no agent is asked."""
    with pytest.raises(SystemExit) as ending:
        main(words)
    assert (ending.value.code, message in capsys.readouterr().err) == (2, True)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("render01", "render01:8444"),
        ("render01:9000", "render01:9000"),
        ("::1", "[::1]:8444"),
        ("[::1]", "[::1]:8444"),
        ("[::1]:9000", "[::1]:9000"),
    ],
)
def test_hosts_are_named_with_and_without_a_port(monkeypatch: pytest.MonkeyPatch, given: str, address: str) -> None:
    """Names and numbers of both kinds; the usual port where none is named."""
    monkeypatch.delenv("RQD_GRPC_PORT", raising=False)
    host = RqdHost(given)
    assert host.address == address
    host.close()


def test_a_port_that_is_none_is_refused() -> None:
    """Ports are numbers from 1 to 65535."""
    for wrong in ("render01:x", "render01:0", "render01:65536"):
        with pytest.raises(CueException, match=r"is no HOST or HOST:PORT"):
            RqdHost(wrong)
