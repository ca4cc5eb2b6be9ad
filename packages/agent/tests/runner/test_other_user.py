"""Frames of `--become-job-user`: they have their user's rights and no others, and never root's."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import grpc
import psutil
import pytest
from agent_farm import AgentProcess, FakeServer, eventually, processes_with, stands_still

MakeAgent = Callable[..., AgentProcess]
STRANGER = 23_457

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder into which every user may look: only the modes of what lies there keep anybody out."""
    folder = Path(tempfile.mkdtemp(prefix="cuefarm-user-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def agent(make_agent: MakeAgent, open_folder: Path) -> AgentProcess:
    """An agent that runs each frame as its job's user."""
    return make_agent("--become-job-user", folder=open_folder)


def said(server: FakeServer, agent: AgentProcess, command: str, **fields: Any) -> list[str]:
    """What a frame prints."""
    run_id = agent.launch(command, frame_name="0001-said", **fields)
    server.outcome(run_id)
    log = agent.log_of("0001-said")
    return log.split("=" * 59 + "\n")[2].strip().splitlines()


@pytest.mark.parametrize(("options", "expected"), [((), 0), (("--become-job-user",), STRANGER)])
def test_a_frame_runs_as_the_job_user_only_where_that_was_asked(
    server: FakeServer, make_agent: MakeAgent, options: tuple[str, ...], expected: int
) -> None:
    """Without --become-job-user the request's uid changes nothing; with it, the process has it and owns its log.

    The log's header has the ids of the process.
    """
    agent = make_agent(*options)
    command = "echo uid=$(id -u) gid=$(id -g) groups=$(id -G)"
    server.outcome(agent.launch(command, uid=STRANGER, gid=54321))
    text = agent.log_of()
    group = 54321 if expected else os.getegid()
    assert f"\nuid={expected} gid={group} " in text
    assert f"\nuid{expected:>{len(str(expected)) + 18}}\ngid{group:>{len(str(group)) + 18}}\n" in text
    assert (agent.logs / "job.0001-layer.rqlog").stat().st_uid == expected
    if expected:
        assert "groups=54321\n" in text


def test_a_user_with_an_account_has_its_groups_and_home(server: FakeServer, agent: AgentProcess) -> None:
    """Real, effective and saved ids are the user's, with the groups of the account, its home and the agent's umask."""
    account = pwd.getpwnam("nobody")
    groups = sorted(os.getgrouplist(account.pw_name, account.pw_gid))
    command = "grep -E '^(Uid|Gid|Groups):' /proc/self/status; echo home=$HOME user=$USER; umask"
    uids, gids, mine, home, umask = said(server, agent, command, uid=account.pw_uid, user_name="nobody")
    assert uids.split()[1:] == [str(account.pw_uid)] * 4
    assert gids.split()[1:] == [str(account.pw_gid)] * 4
    assert sorted(int(group) for group in mine.split()[1:]) == groups
    assert home == f"home={account.pw_dir} user=nobody"
    assert int(umask, 8) == _umask()


def _umask() -> int:
    before = os.umask(0o022)
    os.umask(before)
    return before


def test_a_user_without_an_account_has_no_groups_of_anybodys(server: FakeServer, agent: AgentProcess) -> None:
    """Not the agent's either, and a program that is given by its path gets the same rights as the shell."""
    for command in ("cat /proc/self/status", "/bin/cat /proc/self/status"):
        rows = dict(line.split(":", 1) for line in said(server, agent, command, uid=STRANGER))
        assert rows["Uid"].split() == rows["Gid"].split() == [str(STRANGER)] * 4
        assert set(rows["Groups"].split()) <= {str(STRANGER)}
        assert int(rows["CapEff"], 16) == 0


def test_a_frame_reads_neither_token_nor_spool_nor_what_others_keep(
    server: FakeServer, agent: AgentProcess, open_folder: Path
) -> None:
    """Nothing of the agent's own, no file of mode 0600 of another user's, and no way into its processes' memory."""
    token = open_folder / "token"
    token.chmod(0o600)
    server.outcome(agent.launch("echo mine", frame_name="0001-other", uid=STRANGER + 1))
    others = agent.logs / "job.0001-other.rqlog"
    others.chmod(0o600)
    wanted = [token, *agent.spool.iterdir(), others]
    wanted += [Path(f"/proc/{agent.runner_pid}/environ"), Path(f"/proc/{agent.link_pid}/mem")]
    assert len(wanted) > 7
    tries = "; ".join(f"cat '{path}' >/dev/null 2>&1 && echo read {path}" for path in wanted)
    tries += "; for what in environ mem fd/3; do cat /proc/$PPID/$what >/dev/null 2>&1 && echo read $what; done"
    kill = f"kill -9 {agent.runner_pid} {agent.link_pid} $PPID"
    command = f"{tries}; ls {agent.spool} 2>&1 | tail -1; {kill}; echo over"
    lines = said(server, agent, command, uid=STRANGER)
    assert not [line for line in lines if line.startswith("read ")], lines
    assert lines[-1] == "over"
    assert "Permission denied" in lines[0]
    assert agent.process.poll() is None


@pytest.mark.parametrize("uid", [None, 0, -1, -(1 << 31)])
def test_no_frame_becomes_root(agent: AgentProcess, uid: int | None) -> None:
    """Not without a uid, whatever its user is called, and not with root's or one that is none."""
    fields = {} if uid is None else {"uid": uid}
    for name in ("root", "anna"):
        with pytest.raises(grpc.RpcError) as refused:
            agent.launch("touch /tmp/was-root", user_name=name, **fields)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert ("has no uid" if uid is None else f"uid {uid}: frames do not run as root") in refused.value.details()


def test_a_job_of_a_user_called_root_has_the_uid_that_it_gives(server: FakeServer, agent: AgentProcess) -> None:
    """A name is never looked up to become somebody."""
    assert said(server, agent, "id -u", uid=STRANGER, gid=0, user_name="root") == [str(STRANGER)]
    assert said(server, agent, "id -G", uid=STRANGER, gid=0, user_name="root") == [str(STRANGER)]


def test_a_frame_of_another_user_is_killed_with_all_that_is_its(server: FakeServer, agent: AgentProcess) -> None:
    """Also what ignores SIGTERM and has left its session."""
    run_id = agent.launch("trap '' TERM; setsid sleep 4331 & sleep 4331", uid=STRANGER)
    eventually(lambda: len(processes_with("sleep 4331")) >= 2, "the frame's processes")
    assert {process.uids().real for process in processes_with("sleep 4331")} == {STRANGER}
    agent.kill(run_id=run_id)
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "killed"
    assert processes_with("sleep 4331") == []


def test_a_frame_of_another_user_is_suspended_and_goes_on(server: FakeServer, make_agent: MakeAgent) -> None:
    """The lease holds for it as for any other."""
    agent = make_agent("--become-job-user", "--lease-seconds", "1")
    run_id = agent.launch("/bin/sleep 4332", uid=STRANGER)
    process, *_ = eventually(lambda: processes_with("sleep 4332"), "the frame")
    server.stop()
    eventually(lambda: stands_still(process), "the frame is suspended")
    server.start()
    eventually(lambda: not stands_still(process), "the frame goes on")
    assert process.uids().real == STRANGER
    agent.kill(run_id=run_id)
    server.outcome(run_id)


def test_a_frame_of_another_user_goes_on_under_the_next_runner(server: FakeServer, agent: AgentProcess) -> None:
    """And what is left of it when its supervisor is killed too is ended, its strays too."""
    run_id = agent.launch("setsid sleep 4333 & sleep 4333", uid=STRANGER)
    eventually(lambda: len(processes_with("sleep 4333")) >= 2, "the frame's processes")
    with contextlib.suppress(psutil.NoSuchProcess):
        agent.kill_runner()
    eventually(lambda: server.state_of(run_id) == "running", "the new runner has it")
    agent.supervisor_of(run_id).kill()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "runner_lost"
    assert processes_with("sleep 4333") == []
