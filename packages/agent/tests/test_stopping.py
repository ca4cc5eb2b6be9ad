"""Two ways to stop an agent: with its frames, or without them; and to start it anew in place."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Callable

import grpc
import psutil
import pytest
from agent_farm import (
    LEASE_SECONDS,
    PATIENCE_SECONDS,
    AgentProcess,
    FakeServer,
    eventually,
    processes_with,
    stands_still,
)
from opencue_proto import host_pb2, rqd_pb2

from rqd import control, whereabouts
from rqd.control import DONE, NOT_DONE, NOT_RUNNING
from rqd.supervisor import book

MakeAgent = Callable[..., AgentProcess]
UNCHARGED = (286, "shutdown")


def told(server: FakeServer, run_id: str) -> tuple[int, str]:
    """How the server is told that a run ended, always alike: exit status and cause."""
    server.outcome(run_id)
    (answer,) = {
        (report.exit_status, report.frame.attributes["cuefarm.cause"]) for report in server.completions_of(run_id)
    }
    return answer


def waiting_frame(agent: AgentProcess, end: str = "exit 9") -> tuple[str, psutil.Process]:
    """A frame that goes on until its agent's folder has the file `go`, and its process."""
    marker = f"frame-{uuid.uuid4()}"
    run_id = agent.launch(f"while [ ! -e {agent.folder}/go ]; do sleep 0.02; done; {end}; : {marker}")
    return run_id, eventually(lambda: processes_with(marker), "the frame runs")[0]


def says_ready(agent: AgentProcess) -> bool:
    """Whether the frame has set itself up."""
    return (agent.logs / "job.0001-layer.rqlog").exists() and "\nready\n" in agent.log_of()


def goes_on(process: psutil.Process) -> bool:
    """Whether a process has not ended."""
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def rqd(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command `rqd`."""
    return subprocess.run(
        [sys.executable, "-m", "rqd", *words], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


# --- with its frames -------------------------------------------------------------------------------------------------


def test_ctrl_c_ends_frames_delivers_outcomes_and_then_the_agent(server: FakeServer, make_agent: MakeAgent) -> None:
    """Frames come back as `shutdown`, uncharged; nothing is left, and the exit status is 0."""
    agent = make_agent()
    marker = f"shutdown-{uuid.uuid4()}"
    run_id = agent.launch(f"trap '' TERM; sleep 60; : {marker}")
    eventually(lambda: processes_with(marker), "the frame runs")
    link_pid = agent.link_pid
    assert agent.stop() == 0
    assert told(server, run_id) == UNCHARGED
    assert processes_with(marker) == []
    assert not psutil.pid_exists(link_pid)
    assert server.reports[-1].host.state == host_pb2.DOWN  # nobody should launch here any more


def test_a_second_ctrl_c_leaves_frames_no_time(server: FakeServer, make_agent: MakeAgent) -> None:
    """They are killed at once."""
    agent = make_agent("--kill-grace-seconds", "60")
    marker = f"hurry-{uuid.uuid4()}"
    run_id = agent.launch(f"trap '' TERM; while :; do sleep 0.05; done; : {marker}")
    eventually(lambda: processes_with(marker), "the frame runs")
    os.kill(agent.runner_pid, signal.SIGINT)
    eventually(lambda: agent.pages()[run_id]["phase"] == book.ENDING, "it is being ended")
    began = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - began < 10
    assert processes_with(marker) == []


@pytest.mark.parametrize("hears", [True, False])
def test_a_hurried_agent_tells_how_frames_ended_or_names_them(
    server: FakeServer, make_agent: MakeAgent, hears: bool
) -> None:
    """A server that answers has heard it; one that does not is told by the next agent, and the log says whose ends."""
    agent = make_agent("--kill-grace-seconds", "60")
    run_id = agent.launch("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    eventually(lambda: says_ready(agent), "it runs")
    if not hears:
        server.refuse_completions_with = grpc.StatusCode.UNAVAILABLE
    os.kill(agent.runner_pid, signal.SIGINT)
    eventually(lambda: agent.pages()[run_id]["phase"] == book.ENDING, "it is being ended")
    assert agent.stop() == 0
    said = agent.stderr_path.read_text()
    assert ("the server has not heard that frames ended" in said) is not hears
    assert bool(server.completions_of(run_id)) is hears
    if not hears:
        assert 'count=1 frames="job/0001-layer"' in said or "count=1 frames=job/0001-layer" in said


def test_rqd_stop_ends_all_and_says_what_it_does(server: FakeServer, make_agent: MakeAgent) -> None:
    """It returns when nothing runs any more, and finds nothing the next time."""
    agent = make_agent()
    run_id, frame = waiting_frame(agent)
    spool = str(agent.spool)
    stopped = rqd("stop", "--spool", spool)
    assert stopped.returncode == DONE, stopped.stderr
    assert f"agent host-a (process {agent.process.pid}) ends, and 1 frame with it" in stopped.stdout
    assert agent.process.wait(1) == 0
    assert not goes_on(frame)
    assert told(server, run_id) == UNCHARGED
    again = rqd("stop", "--spool", spool, "--json")
    assert again.returncode == NOT_RUNNING
    assert json.loads(again.stdout)["done"] is False
    assert "no agent runs on" in json.loads(again.stdout)["words"]


def test_rqd_stop_finds_an_agent_by_the_name_of_its_host(make_agent: MakeAgent, tmp_path: Path) -> None:
    """And leaves the others of the machine alone."""
    name = f"host-{uuid.uuid4()}"
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    agent, other = make_agent("--name", name, folder=tmp_path / "a"), make_agent(folder=tmp_path / "b")
    stopped = rqd("stop", "--name", name, "--json")
    assert stopped.returncode == DONE
    assert json.loads(stopped.stdout)["host"] == name
    assert agent.process.wait(1) == 0
    assert other.process.poll() is None
    assert rqd("stop", "--name", name).returncode == NOT_RUNNING


def test_rqd_stop_gives_up_after_its_time(make_agent: MakeAgent) -> None:
    """The agent goes on ending."""
    agent = make_agent("--kill-grace-seconds", "60")
    agent.launch("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    eventually(lambda: says_ready(agent), "it runs")
    stopped = rqd("stop", "--spool", str(agent.spool), "--timeout", "0.5")
    assert stopped.returncode == NOT_DONE
    assert "--timeout" in stopped.stderr
    agent.stop()


def test_a_pid_that_was_used_again_is_not_stopped(make_agent: MakeAgent) -> None:
    """Whoever has the pid that a dead agent has noted is left alone."""
    agent = make_agent()
    agent.stop()
    with subprocess.Popen(["sleep", "60"]) as bystander:
        (agent.spool / "lock").write_text(f"{bystander.pid}\n")
        assert rqd("stop", "--spool", str(agent.spool)).returncode == NOT_RUNNING
        assert bystander.poll() is None
        bystander.kill()


def test_rqd_stop_finds_an_agent_whose_spool_was_deleted(make_agent: MakeAgent) -> None:
    """By its spool's former path as by its host's name."""
    for word in ("--name", "--spool"):
        name = f"host-{uuid.uuid4()}"
        agent = make_agent("--name", name)
        _, frame = waiting_frame(agent)
        shutil.rmtree(agent.spool)
        which = (word, name if word == "--name" else str(agent.spool))
        stopped = rqd("stop", *which)
        assert stopped.returncode == DONE, stopped.stderr
        assert f"(process {agent.process.pid}) ends, and 1 frame with it" in stopped.stdout
        assert not goes_on(frame)
        agent.process.wait(PATIENCE_SECONDS)


def test_an_agent_that_nobody_has_collected_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process had open is root's when it has ended; that does not make it another user's."""

    def hidden(path: str) -> list[str]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(whereabouts.os, "listdir", hidden)
    monkeypatch.setattr(whereabouts, "agents_of_deleted_spools", list)
    with subprocess.Popen(["sleep", "60"]) as ended:
        (tmp_path / "lock").write_text(f"{ended.pid}\n")
        with pytest.raises(PermissionError):
            whereabouts.agent_of(str(tmp_path))
        ended.kill()
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert whereabouts.agent_of(str(tmp_path)) is None


def test_rqd_stop_by_name_says_that_another_users_agent_may_be_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it is called, only that user and root can see."""
    monkeypatch.setattr(whereabouts, "are_there_others", lambda: True)
    assert control.main(["stop", "--name", f"host-{uuid.uuid4()}"]) == NOT_RUNNING
    assert "no agent of yours called" in capsys.readouterr().err


def test_rqd_stop_ends_frames_that_a_dead_agent_left(server: FakeServer, make_agent: MakeAgent) -> None:
    """Without an agent and without a server; the next agent tells how they ended."""
    agent = make_agent()
    run_id, frame = waiting_frame(agent)
    lost, orphan = waiting_frame_of_a_dead_supervisor(agent)
    agent.kill_whole()
    agent.supervisor_of(lost).kill()
    server.stop()
    stopped = rqd("stop", "--spool", str(agent.spool), "--json")
    assert stopped.returncode == DONE, stopped.stderr
    assert json.loads(stopped.stdout)["frames"] == 2
    assert not goes_on(frame)
    assert not goes_on(orphan)
    server.start()
    agent.start()
    assert told(server, run_id) == UNCHARGED
    assert told(server, lost) == (301, "runner_lost")


def test_rqd_stop_does_not_take_a_spool_from_somebody_whom_it_cannot_see(make_agent: MakeAgent) -> None:
    """An agent in a container has another pid there."""
    agent = make_agent()
    _, frame = waiting_frame(agent)
    (agent.spool / "lock").write_text("1\n")
    stopped = rqd("stop", "--spool", str(agent.spool), "--timeout", "0.5")
    assert stopped.returncode == NOT_DONE
    assert "is the agent in a container?" in stopped.stderr
    assert goes_on(frame)
    (agent.spool / "lock").write_text(f"{agent.process.pid}\n")


def test_rqd_stop_and_restart_count_what_an_agent_took_over(server: FakeServer, make_agent: MakeAgent) -> None:
    """From another spool. There nothing is done or announced: who has these frames now is told."""
    agent = make_agent()
    old, new = agent.spool, agent.folder / "other"
    run_id, frame = waiting_frame(agent)
    agent.leave()
    agent.words[agent.words.index("--spool") + 1] = str(new)
    agent.spool = new
    agent.start()
    for action in ("stop", "restart"):
        elsewhere = rqd(action, "--spool", str(old))
        assert (elsewhere.returncode, elsewhere.stdout) == (NOT_DONE, "")
        assert f"process {agent.process.pid} on {new} has taken its 1 frame over" in elsewhere.stderr
        assert f"rqd {action} --spool {new}" in elsewhere.stderr
    restarted = rqd("restart", "--spool", str(new))
    assert "starts anew; 1 frame goes on" in restarted.stdout
    assert "is the agent anew, 1 frame goes on" in restarted.stdout
    assert goes_on(frame)
    stopped = rqd("stop", "--spool", str(new))
    assert "ends, and 1 frame with it" in stopped.stdout
    assert told(server, run_id) == UNCHARGED


def test_an_agent_that_is_started_where_another_took_all_over_is_refused(make_agent: MakeAgent, tmp_path: Path) -> None:
    """It says that the spool's frames are another agent's now."""
    agent = make_agent()
    waiting_frame(agent)
    agent.leave()
    words, agent.spool = list(agent.words), agent.folder / "other"
    agent.words[agent.words.index("--spool") + 1] = str(agent.spool)
    agent.start()
    again = subprocess.run(words, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert again.returncode == 1
    assert f"an agent on another spool has taken over the frames of {tmp_path}/spool" in again.stderr


@pytest.mark.parametrize("has_agent", [True, False])
def test_rqd_stop_says_what_the_server_has_not_heard(
    server: FakeServer, make_agent: MakeAgent, has_agent: bool
) -> None:
    """Frames count as running there until somebody tells it, so it is said who can; whoever heard all hears nothing."""
    agent = make_agent()
    run_id, _ = waiting_frame(agent)
    if not has_agent:
        agent.leave()
    server.stop()
    stopped = rqd("stop", "--spool", str(agent.spool))
    assert stopped.returncode == DONE, stopped.stderr
    last = stopped.stdout.splitlines()[-1]
    assert "the server has not heard of 1 end:" in last
    assert f"`rqd --only-recover --spool {agent.spool}`" in last
    server.start()
    agent.words.append("--only-recover")
    agent.begin()
    assert agent.process.wait(PATIENCE_SECONDS) == 0
    assert told(server, run_id) == UNCHARGED
    agent.words.remove("--only-recover")
    agent.start()
    waiting_frame(agent)
    heard = json.loads(rqd("stop", "--spool", str(agent.spool), "--json").stdout)
    assert (heard["untold"], "advice" in heard) == (0, False)


def test_rqd_stop_says_who_starts_the_agent_again(make_agent: MakeAgent) -> None:
    """And how work is kept off instead."""
    agent = make_agent("--kept-by", "cuefarm up --data farm")
    last = rqd("stop", "--spool", str(agent.spool)).stdout.splitlines()[-1]
    assert last.startswith("cuefarm up --data farm starts it again")
    assert "`cueadmin -lock host-a`" in last


def waiting_frame_of_a_dead_supervisor(agent: AgentProcess) -> tuple[str, psutil.Process]:
    """A frame, and a process of it that outlives its supervisor."""
    marker = f"orphan-{uuid.uuid4()}"
    run_id = agent.launch(f"setsid sh -c 'while :; do sleep 0.02; done; : {marker}' & wait", frame_name="0002-layer")
    inner = eventually(lambda: [p for p in processes_with(marker) if len(p.cmdline()) == 3], "it runs")
    return run_id, max(inner, key=lambda process: process.pid)


# --- without its frames ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_frames_go_on_when_a_service_manager_ends_their_agent(
    server: FakeServer, make_agent: MakeAgent, number: signal.Signals
) -> None:
    """The agent says that it leaves and what goes on; the next one takes all over: none is lost, or starts twice."""
    agent = make_agent()
    count = agent.folder / "count"
    run_id, frame = waiting_frame(agent, f"echo x >> {count}; exit 9")
    ends_meanwhile = agent.launch(
        f"while [ ! -e {agent.folder}/left ]; do sleep 0.02; done; exit 7", frame_name="0002-layer"
    )
    eventually(lambda: agent.pages()[ends_meanwhile]["phase"] == book.RUNNING, "it runs")
    os.kill(agent.runner_pid, number)
    assert agent.process.wait(PATIENCE_SECONDS) == 0
    goodbye = server.reports[-1]
    assert goodbye.host.state == host_pb2.DOWN
    states = {running.resource_id: running.attributes["cuefarm.state"] for running in goodbye.frames}
    assert states == {run_id: "running", ends_meanwhile: "running"}
    (agent.folder / "left").touch()
    eventually(lambda: agent.pages()[ends_meanwhile]["phase"] == book.ENDED, "it ended while there was no agent")
    assert goes_on(frame)
    assert server.completions_of(run_id) == []
    agent.start()
    eventually(lambda: server.state_of(run_id) == "running", "the next agent reports it")
    (agent.folder / "go").touch()
    assert told(server, run_id) == (9, "exited")
    assert told(server, ends_meanwhile) == (7, "exited")
    assert count.read_text() == "x\n"


def test_what_was_not_started_when_the_agent_left_waits_again(server: FakeServer, make_agent: MakeAgent) -> None:
    """Whatever was accepted at that moment is started, or told as uncharged: never neither."""
    agent = make_agent()
    runs = [agent.launch("exit 5", frame_name=f"{n:04d}-layer", num_cores=10) for n in range(40)]
    agent.leave()
    agent.start()
    assert {told(server, run_id) for run_id in runs} <= {(5, "exited"), UNCHARGED}


def test_an_agent_that_leaves_can_still_be_stopped(server: FakeServer, make_agent: MakeAgent) -> None:
    """While it waits for a server that does not hear its goodbye."""
    agent = make_agent()
    run_id, frame = waiting_frame(agent)
    server.stop()
    os.kill(agent.runner_pid, signal.SIGTERM)
    eventually(lambda: "frames go on without an agent" in agent.stderr_path.read_text(), "it leaves")
    assert rqd("stop", "--spool", str(agent.spool)).returncode == DONE
    assert not goes_on(frame)
    server.start()
    agent.start()
    assert told(server, run_id) == UNCHARGED


@pytest.mark.parametrize("is_wrong", ["no token", "empty token", "no such address"])
def test_an_agent_that_cannot_start_leaves_frames_to_the_next(
    server: FakeServer, make_agent: MakeAgent, is_wrong: str
) -> None:
    """It ends with a status for a person, who mends it; what it had taken over goes on meanwhile."""
    agent = make_agent()
    run_id, frame = waiting_frame(agent)
    agent.leave()
    token = (agent.folder / "token").read_text()
    words = ["--bind", "192.0.2.1"] if is_wrong == "no such address" else []
    if is_wrong != "no such address":
        (agent.folder / "token").unlink() if is_wrong == "no token" else (agent.folder / "token").write_text("")
    assert subprocess.run([*agent.words, *words], timeout=PATIENCE_SECONDS, check=False).returncode == 78
    assert goes_on(frame)
    (agent.folder / "token").write_text(token)
    agent.start()
    eventually(lambda: server.state_of(run_id) == "running", "the next agent reports it")
    (agent.folder / "go").touch()
    assert told(server, run_id) == (9, "exited")


# --- when everything is stopped --------------------------------------------------------------------------------------


def signal_all_of(agent: AgentProcess, frame: psutil.Process, *numbers: signal.Signals) -> None:
    """What a service manager does to all processes of a service (systemd's KillMode=control-group)."""
    supervisors = [agent.supervisor_of(run_id).pid for run_id in agent.pages()]
    for number in numbers:
        for pid in [agent.runner_pid, agent.link_pid, *supervisors, frame.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@pytest.mark.parametrize("dies", ["at once", "late, with a status of its own"])
def test_signals_to_everything_are_charged_to_nobody(server: FakeServer, make_agent: MakeAgent, dies: str) -> None:
    """Frames die of the shutdown, some when their agent is gone; the next agent knows that it was one."""
    agent = make_agent()
    marker = f"everything-{uuid.uuid4()}"
    trap = "" if dies == "at once" else "trap 'sleep 1.5; exit 3' TERM; "
    run_id = agent.launch(f"{trap}echo ready; while :; do sleep 0.05; done; : {marker}")
    frame, *_ = eventually(lambda: says_ready(agent) and processes_with(marker), "the frame runs")
    signal_all_of(agent, frame, signal.SIGTERM, signal.SIGHUP)
    assert agent.process.wait(PATIENCE_SECONDS) == 0
    eventually(lambda: not processes_with(marker), "the frame has died")
    agent.start()
    assert told(server, run_id) == UNCHARGED


@pytest.mark.parametrize("first", ["agent", "frame"])
def test_a_frame_that_is_stopped_with_its_agent_is_charged_to_nobody(
    server: FakeServer, make_agent: MakeAgent, first: str
) -> None:
    """Also where its supervisor was spared, in whichever order; a frame that is signalled alone fails."""
    agent = make_agent()
    marker = f"first-{uuid.uuid4()}"
    run_id = agent.launch(f"sleep 60; : {marker}")
    frame, *_ = eventually(lambda: processes_with(marker), "the frame runs")
    if first == "frame":
        os.killpg(frame.pid, signal.SIGTERM)
        time.sleep(0.2)
        agent.leave()
    else:
        agent.leave()
        os.killpg(frame.pid, signal.SIGTERM)
    eventually(lambda: agent.pages().get(run_id, {"phase": book.ENDED})["phase"] >= book.ENDED, "its end is known")
    agent.start()
    assert told(server, run_id) == UNCHARGED
    alone = agent.launch("kill -TERM $$")
    assert told(server, alone) == (1, "exited")
    assert server.outcome(alone).exit_signal == signal.SIGTERM


def test_a_machine_that_was_shut_down_charges_no_frame(server: FakeServer, make_agent: MakeAgent) -> None:
    """The agent had left, then everything was signalled, and the next agent is one of another boot."""
    agent = make_agent()
    run_id, frame = waiting_frame(agent)
    agent.leave()
    supervisor = agent.supervisor_of(run_id)
    for process in (supervisor, frame):
        process.send_signal(signal.SIGTERM)
    eventually(lambda: agent.pages()[run_id]["phase"] == book.ENDED, "its end is known")
    data = (agent.spool / "book").read_bytes()
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    (agent.spool / "book").write_bytes(data.replace(boot_id, b"0" * len(boot_id)))
    agent.start()
    assert told(server, run_id) == UNCHARGED


# --- anew, in place --------------------------------------------------------------------------------------------------


def test_rqd_restart_keeps_the_process_and_the_frames(server: FakeServer, make_agent: MakeAgent) -> None:
    """The same command line, port and pid; what ended meanwhile and what goes on are both told once."""
    agent = make_agent()
    port = (agent.spool / "address").read_text().strip().rpartition(":")[2]
    agent.stop()
    agent.words += ["--port", port]
    agent.start()
    run_id, frame = waiting_frame(agent)
    pid, link_pid = agent.process.pid, agent.link_pid
    for _ in range(2):
        restarted = rqd("restart", "--spool", str(agent.spool))
        assert restarted.returncode == DONE, restarted.stderr + agent.stderr_path.read_text()
        assert f"process {pid} is the agent anew, 1 frame goes on" in restarted.stdout
    assert agent.runner_pid == pid
    assert agent.process.poll() is None
    assert agent.link_pid != link_pid
    assert goes_on(frame)
    eventually(lambda: server.state_of(run_id) == "running", "it reports the frame")
    (agent.folder / "go").touch()
    assert told(server, run_id) == (9, "exited")
    assert told(server, agent.launch("exit 4")) == (4, "exited")
    assert (agent.spool / "address").read_text().strip().endswith(f":{port}")


def test_a_restart_ends_no_frame_for_the_loss_of_another(server: FakeServer, make_agent: MakeAgent) -> None:
    """Supervisors are children of the process that starts anew, as orphans of a supervisor that was killed are."""
    agent = make_agent()
    lost, orphan = waiting_frame_of_a_dead_supervisor(agent)
    run_id, frame = waiting_frame(agent)
    os.kill(agent.runner_pid, signal.SIGSTOP)
    agent.supervisor_of(lost).kill()
    os.kill(agent.runner_pid, signal.SIGUSR2)
    os.kill(agent.runner_pid, signal.SIGCONT)
    assert told(server, lost) == (301, "runner_lost")
    assert not goes_on(orphan)
    assert goes_on(frame)
    (agent.folder / "go").touch()
    assert told(server, run_id) == (9, "exited")


def test_rqd_restart_says_that_frames_are_kept_while_they_stand_still(
    server: FakeServer, make_agent: MakeAgent
) -> None:
    """No server answers, and they are suspended: they are so under the agent anew."""
    agent = make_agent("--lease-seconds", LEASE_SECONDS)
    _, frame = waiting_frame(agent)
    server.stop()
    over_at = time.monotonic() + float(LEASE_SECONDS)  # an answer that is still under way grants no more than this
    eventually(lambda: time.monotonic() > over_at and stands_still(frame), "the frame is suspended")
    restarted = rqd("restart", "--spool", str(agent.spool))
    assert "starts anew; 1 frame is kept, suspended until a server answers" in restarted.stdout
    assert "is the agent anew, 1 frame is kept, suspended until a server answers" in restarted.stdout
    assert stands_still(frame)
    server.start()
    eventually(lambda: not stands_still(frame), "it goes on")


def test_rqd_restart_without_an_agent_says_what_goes_on(make_agent: MakeAgent) -> None:
    """With a status of its own."""
    agent = make_agent()
    waiting_frame(agent)
    agent.leave()
    restarted = rqd("restart", "--spool", str(agent.spool))
    assert restarted.returncode == NOT_RUNNING
    assert "1 frame of an agent that is gone goes on" in restarted.stderr


def test_rqd_restart_begins_a_deleted_spool_again(server: FakeServer, make_agent: MakeAgent) -> None:
    """The agent takes work again under the same name, what runs goes on, and what it said of this is true."""
    agent = make_agent()
    run_id, frame = waiting_frame(agent)
    pid = agent.process.pid
    shutil.rmtree(agent.spool)
    advice = f"rqd restart --spool {agent.spool}"
    eventually(lambda: advice in server.reports[-1].host.attributes["cuefarm.closed"], "the farm is told what to do")
    assert advice in agent.stderr_path.read_text()
    boots = len(server.boots)
    restarted = rqd(*advice.split()[1:])
    assert restarted.returncode == DONE, restarted.stderr + agent.stderr_path.read_text()
    assert "its spool was deleted, and is begun again" in restarted.stdout
    assert f"process {pid} is the agent anew, 1 frame goes on" in restarted.stdout
    agent.await_boot(boots)
    assert goes_on(frame)
    assert told(server, agent.launch("exit 4", frame_name="0002-layer")) == (4, "exited")
    (agent.folder / "go").touch()
    assert told(server, run_id) == (9, "exited")
    assert agent.process.poll() is None


def test_a_restart_loses_no_end_with_a_deleted_spool(server: FakeServer, make_agent: MakeAgent) -> None:
    """While the server has not heard how a frame ended, nobody else knows it."""
    server.refuse_completions_with = grpc.StatusCode.UNAVAILABLE
    agent = make_agent()
    run_id = agent.launch("exit 4")
    eventually(lambda: server.state_of(run_id) == "ended", "the frame's end")
    shutil.rmtree(agent.spool)
    restarted = rqd("restart", "--spool", str(agent.spool))
    assert restarted.returncode == NOT_DONE
    assert "its spool was deleted, and the server has not heard yet how 1 of its frames ended" in restarted.stderr
    server.refuse_completions_with = None
    assert told(server, run_id) == (4, "exited")


@pytest.mark.parametrize("by", ["command", "server"])
def test_a_restart_that_would_fail_is_refused_in_place(make_agent: MakeAgent, by: str) -> None:
    """Without its token file no agent could start, so the one that runs goes on, and says why."""
    agent = make_agent()
    _, frame = waiting_frame(agent)
    (agent.folder / "token").rename(agent.folder / "token.x")
    if by == "command":
        restarted = rqd("restart", "--spool", str(agent.spool))
        assert restarted.returncode == NOT_DONE
        why = restarted.stderr
    else:
        with pytest.raises(grpc.RpcError) as refused:
            agent.call("RestartRqdNow", rqd_pb2.RqdStaticRestartNowRequest())
        why = str(refused.value.details())
    assert f"there is no token file {agent.folder}/token" in why
    assert (agent.process.poll(), goes_on(frame)) == (None, True)
    (agent.folder / "token.x").rename(agent.folder / "token")
    assert rqd("restart", "--spool", str(agent.spool)).returncode == DONE


def test_the_server_can_restart_an_agent(server: FakeServer, make_agent: MakeAgent) -> None:
    """RestartRqdNow keeps frames; RestartRqdIdle waits for the last of them, and takes no other meanwhile."""
    agent = make_agent()
    run_id, frame = waiting_frame(agent)
    pid, boots = agent.runner_pid, len(server.boots)
    agent.call("RestartRqdNow", rqd_pb2.RqdStaticRestartNowRequest())
    agent.await_boot(boots)
    assert (agent.runner_pid, goes_on(frame)) == (pid, True)
    boots = len(server.boots)
    agent.call("RestartRqdIdle", rqd_pb2.RqdStaticRestartIdleRequest())
    agent.launch_refused("true")
    assert len(server.boots) == boots
    (agent.folder / "go").touch()
    agent.await_boot(boots)
    assert told(server, run_id) == (9, "exited")
    assert told(server, agent.launch("exit 2")) == (2, "exited")
    assert agent.runner_pid == pid
