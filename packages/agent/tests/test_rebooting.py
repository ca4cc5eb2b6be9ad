"""The machine is rebooted at the server's word, by the command that its agent was given: here a harmless one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Callable

import grpc
import pytest
from agent_farm import AgentProcess, FakeServer, eventually
from opencue_proto import rqd_pb2

MakeAgent = Callable[..., AgentProcess]


def reboot_by(folder: Path, *, exit_status: int = 0) -> list[str]:
    """The option by which an agent notes in a file that its machine is to be rebooted."""
    code = f"import sys; open({str(folder / 'rebooted')!r}, 'a').write('x'); sys.exit({exit_status})"
    return ["--reboot-command", f'{sys.executable} -c "{code}"']


def test_a_reboot_ends_frames_in_good_order_first(server: FakeServer, make_agent: MakeAgent, tmp_path: Path) -> None:
    """They are told as ended by a shutdown, which is not charged; then the command runs, and the agent is over."""
    agent = make_agent(*reboot_by(tmp_path))
    run_id = agent.launch("sleep 60")
    agent.call("RebootNow", rqd_pb2.RqdStaticRebootNowRequest())
    assert agent.process.wait(timeout=20) == 0
    assert (tmp_path / "rebooted").read_text() == "x"
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "shutdown"


def test_a_reboot_when_idle_waits_for_the_last_frame(server: FakeServer, make_agent: MakeAgent, tmp_path: Path) -> None:
    """Meanwhile nothing is taken; and it can be taken back."""
    agent = make_agent(*reboot_by(tmp_path))
    run_id = agent.launch(f"while [ ! -e {agent.folder}/go ]; do sleep 0.02; done; exit 3")
    agent.call("RebootIdle", rqd_pb2.RqdStaticRebootIdleRequest())
    agent.launch_refused("true")
    agent.call("UnlockAll", rqd_pb2.RqdStaticUnlockAllRequest())
    agent.launch("true")
    agent.call("RebootIdle", rqd_pb2.RqdStaticRebootIdleRequest())
    assert not (tmp_path / "rebooted").exists()

    (agent.folder / "go").touch()
    assert agent.process.wait(timeout=20) == 0
    assert (tmp_path / "rebooted").read_text() == "x"
    assert server.outcome(run_id).exit_status == 3


@pytest.mark.parametrize("rpc", ["RebootNow", "RebootIdle"])
def test_an_agent_without_a_command_says_which_option_it_lacks(make_agent: MakeAgent, rpc: str) -> None:
    """Nothing is locked, and what runs goes on."""
    agent = make_agent()
    with pytest.raises(grpc.RpcError) as refused:
        agent.call(rpc, getattr(rqd_pb2, f"RqdStatic{rpc}Request")())
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "started without --reboot-command" in str(refused.value.details())
    agent.launch("true")


def test_a_machine_that_cannot_be_rebooted_keeps_its_agent(make_agent: MakeAgent, tmp_path: Path) -> None:
    """A command that fails is told in the log, and the agent starts anew and takes work."""
    agent = make_agent(*reboot_by(tmp_path, exit_status=4))
    boots = len(agent.server.boots)
    agent.call("RebootNow", rqd_pb2.RqdStaticRebootNowRequest())
    agent.await_boot(boots)
    assert "this machine is not rebooted" in agent.stderr_path.read_text()
    eventually(lambda: agent.launch("true"), "it takes work")
