"""Where a frame works."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

import pytest
from agent_farm import AgentProcess, FakeServer

pytestmark = pytest.mark.slow

MakeAgent = Callable[..., AgentProcess]


@pytest.mark.parametrize("command", ["pwd", "/bin/pwd"])
def test_a_frame_works_in_the_folder_of_launch(
    shared_server: FakeServer, shared_agent: AgentProcess, tmp_path: Path, command: str
) -> None:
    """Through the shell and without it, and the header says so."""
    run_id = shared_agent.launch(command, frame_name="0020-where", environment={"CUE_LAUNCH_FOLDER": str(tmp_path)})
    shared_server.outcome(run_id)
    text = shared_agent.log_of("0020-where")
    assert f"\ncwd                  {tmp_path}\n" in text
    assert f"\n{tmp_path}\n" in text.split("=" * 59)[2]


@pytest.mark.parametrize("folder", ["/nowhere/on/this/host", "relative", "/etc/hostname", ""])
def test_without_that_folder_a_frame_works_in_the_agents(
    shared_server: FakeServer, shared_agent: AgentProcess, folder: str
) -> None:
    """The log says why, in one line, where a folder was asked for."""
    run_id = shared_agent.launch("pwd", frame_name="0021-else", environment={"CUE_LAUNCH_FOLDER": folder})
    assert shared_server.outcome(run_id).exit_status == 0
    text, temp = shared_agent.log_of("0021-else"), str(shared_agent.folder / "temp")
    assert f"\ncwd                  {temp}\n" in text
    assert f"\n{temp}\n" in text.split("=" * 59)[2]
    notes = [line for line in text.splitlines() if line.startswith("cwdNote ")]
    assert len(notes) == (1 if folder.startswith("/") else 0)
    assert all(f"the folder of launch, {folder}, cannot be entered on this host: " in note for note in notes)


def test_one_frames_folder_is_not_the_next_ones(
    shared_server: FakeServer, shared_agent: AgentProcess, tmp_path: Path
) -> None:
    """A frame without a folder of launch works in the agent's, whatever ran before it."""
    shared_server.outcome(shared_agent.launch("true", environment={"CUE_LAUNCH_FOLDER": str(tmp_path)}))
    shared_server.outcome(shared_agent.launch("pwd", frame_name="0022-next"))
    assert f"\n{shared_agent.folder}/temp\n" in shared_agent.log_of("0022-next")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_counts_only_if_the_jobs_user_may_enter_it(
    server: FakeServer, make_agent: MakeAgent, tmp_path: Path
) -> None:
    """An agent that runs as root does not take its own rights for the frame's."""
    agent = make_agent("--become-job-user")
    closed, own = Path("/tmp") / f"closed-{os.getpid()}", Path("/tmp") / f"own-{os.getpid()}"
    try:
        for folder in (closed, own):
            folder.mkdir(mode=0o700)
        os.chown(own, 12345, 54321)
        for name, folder in (("0001-closed", closed), ("0001-own", own)):
            environment = {"CUE_LAUNCH_FOLDER": str(folder)}
            server.outcome(agent.launch("id -u", uid=12345, gid=54321, frame_name=name, environment=environment))
    finally:
        closed.rmdir()
        own.rmdir()
    assert f"{closed}, cannot be entered on this host: Permission denied" in agent.log_of("0001-closed")
    assert f"\ncwd                  {own}\n" in agent.log_of("0001-own")
    assert "\n12345\n" in agent.log_of("0001-own")
