"""What one frame's run looks like from the server's side."""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from pathlib import Path

import grpc
import pytest
from agent_farm import TOKEN, AgentProcess, FakeServer, eventually, processes_with
from opencue_proto import rqd_pb2

pytestmark = pytest.mark.slow


def test_a_frame_that_succeeds_is_reported_with_what_was_launched(
    shared_server: FakeServer, shared_agent: AgentProcess
) -> None:
    """The outcome repeats the ids of the launch, and says 0."""
    run_id = shared_agent.launch("true", frame_id="frame-7", job_id="job-7", layer_id="layer-7", num_cores=200)
    report = shared_server.outcome(run_id)
    assert (report.exit_status, report.exit_signal) == (0, 0)
    assert (report.frame.frame_id, report.frame.job_id, report.frame.layer_id) == ("frame-7", "job-7", "layer-7")
    assert report.frame.num_cores == 200
    assert report.frame.attributes["cuefarm.cause"] == "exited"
    assert report.frame.attributes["cuefarm.state"] == "ended"
    assert report.host.name == "host-a"


@pytest.mark.parametrize(
    ("command", "status", "number"),
    [
        ("exit 3", 3, 0),
        ("kill -SEGV $$", 1, 11),
        ("kill -9 $$", 1, 9),
        ("/nowhere/program", 127, 0),
        ("exit 255", 255, 0),
    ],
)
def test_exit_status_and_signal_are_exact(
    shared_server: FakeServer, shared_agent: AgentProcess, command: str, status: int, number: int
) -> None:
    """A signalled process reports status 1 and the signal; any other its own status."""
    report = shared_server.outcome(shared_agent.launch(command))
    assert (report.exit_status, report.exit_signal) == (status, number)


def test_a_program_without_a_shell_keeps_its_signal(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """A plain program's fatal signal is not hidden in a shell's 128 + n."""
    script = shared_agent.folder / "suicide.py"
    script.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGABRT)\n")
    report = shared_server.outcome(shared_agent.launch(f"{sys.executable} {script}"))
    assert (report.exit_status, report.exit_signal) == (1, signal.SIGABRT)


def test_a_script_without_a_first_line_runs(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """What the kernel will not execute goes to the shell, as in a terminal."""
    script = shared_agent.folder / "plain_script"
    script.write_text("exit 5\n")
    script.chmod(0o755)
    assert shared_server.outcome(shared_agent.launch(str(script))).exit_status == 5


def test_run_time_and_peak_memory_are_measured(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """The outcome says how long it took and how much the session held at most."""
    command = f"{sys.executable} -c 'import time; block = bytearray(80_000_000); time.sleep(0.3)'"
    report = shared_server.outcome(shared_agent.launch(command))
    assert 80_000 < report.frame.max_rss < 200_000
    assert 300 <= int(report.frame.attributes["cuefarm.run_ms"]) < 10_000


def test_the_frame_finds_the_farm_in_its_environment(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """The base is there, the request's variables win, PATH is appended, and nothing of the agent's own leaks."""
    run_id = shared_agent.launch(
        "env; pwd",
        frame_name="0002-env",
        environment={"PATH": "/studio/bin", "CUE_THREADS": "7", "shot": "override", "GREETING": "a b"},
    )
    shared_server.outcome(run_id)
    output = shared_agent.log_of("0002-env").split("=" * 59)[2].splitlines()
    found = dict(line.split("=", 1) for line in output if "=" in line)
    assert found["PATH"].endswith(":/studio/bin")
    assert found["PATH"].startswith("/usr/local/bin:")
    assert (found["CUE_THREADS"], found["shot"], found["GREETING"]) == ("7", "override", "a b")
    assert (found["show"], found["frame"], found["zframe"], found["jobid"]) == (
        "testing",
        "0002-env",
        "0002-env",
        "job",
    )
    assert (found["USER"], found["LOGNAME"], found["jobhost"], found["mcp"]) == ("anna", "anna", "host-a", "1")
    assert found["logfile"] == str(shared_agent.logs / "job.0002-env.rqlog")
    assert found["CUEFARM_RUN_ID"] == run_id
    assert str(shared_agent.folder / "temp") in output
    assert "hunter2" not in str(found)
    assert TOKEN not in str(found)


def test_the_log_has_a_header_and_a_footer(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """The header names command and run, the footer how it ended, in columns of 21 and 20."""
    run_id = shared_agent.launch("echo out; echo err >&2; exit 4", frame_name="0003-log", environment={"CUE_JOB": "j"})
    shared_server.outcome(run_id)
    text = shared_agent.log_of("0003-log")
    rule, lines = "=" * 59, text.splitlines()
    assert lines[0] == rule
    assert lines[1].startswith("RenderQ JobSpec      ")
    assert "command              echo out; echo err >&2; exit 4" in lines
    assert f"runId                {run_id}" in lines
    assert "env                  CUE_JOB=j" in lines
    assert lines.index("out") < lines.index("err") < lines.index("RenderQ Job Complete")
    assert "exitStatus          4" in lines
    assert "exitSignal          0" in lines
    assert "cause               exited" in lines
    assert lines[-1] == rule
    assert (shared_agent.logs / "job.0003-log.rqlog").stat().st_mode & 0o777 == 0o644


def test_earlier_logs_are_kept_up_to_fifteen(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """Without a word about attempts each new run moves the last log to the first free number; the oldest goes."""
    for number in range(18):
        shared_server.outcome(shared_agent.launch(f"echo take {number}", frame_name="0004-rotate"))
    assert "\ntake 17\n" in shared_agent.log_of("0004-rotate")
    assert "\ntake 2\n" in shared_agent.log_of("0004-rotate", suffix=".1")
    assert "\ntake 16\n" in shared_agent.log_of("0004-rotate", suffix=".15")
    assert not (shared_agent.logs / "job.0004-rotate.rqlog.16").exists()


def test_a_log_folder_that_cannot_be_made_fails_the_launch(
    shared_server: FakeServer, shared_agent: AgentProcess
) -> None:
    """The outcome is log_unwritable with 256, which charges no frame, and its words name the log."""
    blocked = shared_agent.folder / "a-file"
    blocked.write_text("")
    report = shared_server.outcome(shared_agent.launch("true", log_dir=str(blocked / "logs")))
    assert (report.exit_status, report.frame.attributes["cuefarm.cause"]) == (256, "log_unwritable")
    assert str(blocked) in report.frame.attributes["cuefarm.message"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_frame_whose_output_meets_a_full_disk_still_has_an_outcome(
    shared_server: FakeServer, shared_agent: AgentProcess
) -> None:
    """Writing fails in the frame, not in the agent."""
    report = shared_server.outcome(shared_agent.launch("exec >/dev/full; echo lost || exit 9"))
    assert report.exit_status == 9


def test_hostile_names_stay_inside_of_the_log_folder(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """Slashes and dots in job and frame names cannot lead out of log_dir."""
    run_id = shared_agent.launch("true", job_name="../../escape", frame_name="../x\n/y")
    assert shared_server.outcome(run_id).exit_status == 0
    assert (shared_agent.logs / ".._.._escape..._x__y.rqlog").exists()
    assert not list(Path(shared_agent.folder).glob("*escape*"))


def test_a_link_in_place_of_the_log_is_not_written_through(
    shared_server: FakeServer, shared_agent: AgentProcess
) -> None:
    """Whoever may write into the log folder cannot make the agent overwrite a file elsewhere."""
    victim = shared_agent.folder / "victim"
    victim.write_text("precious")
    shared_agent.logs.mkdir(exist_ok=True)
    (shared_agent.logs / "job.0005-link.rqlog").symlink_to(victim)
    shared_server.outcome(shared_agent.launch("echo overwritten", frame_name="0005-link"))
    assert victim.read_text() == "precious"


def test_a_kill_reaches_a_stubborn_tree(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """Processes that ignore SIGTERM, in other groups of the session too, are gone before the outcome comes."""
    marker = f"stubborn-{uuid.uuid4()}"
    script = shared_agent.folder / "stubborn.py"
    script.write_text(
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.fork() == 0:\n"
        "    os.setpgid(0, 0)\n"
        "    if os.fork() != 0: os._exit(0)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    run_id = shared_agent.launch(f"{sys.executable} {script} {marker}", frame_id=marker)
    eventually(lambda: len(processes_with(marker)) == 2, "the tree stands")
    shared_agent.kill(frame_id=marker, message="enough")
    report = shared_server.outcome(run_id)
    assert processes_with(marker) == []
    assert (report.exit_status, report.exit_signal) == (1, signal.SIGKILL)
    assert report.frame.attributes["cuefarm.cause"] == "killed"
    assert report.frame.attributes["cuefarm.kill_message"] == "enough"


def test_a_kill_of_a_frame_that_cleans_up_is_still_a_kill(
    shared_server: FakeServer, shared_agent: AgentProcess
) -> None:
    """A frame that ends with 0 on SIGTERM did not succeed."""
    run_id = shared_agent.launch("trap 'exit 0' TERM; touch started; while :; do sleep 0.05; done", frame_id="clean")
    eventually((shared_agent.folder / "temp" / "started").exists, "the frame runs")
    shared_agent.kill(run_id=run_id)
    report = shared_server.outcome(run_id)
    assert (report.exit_status, report.exit_signal) == (1, signal.SIGTERM)


def test_what_a_frame_leaves_behind_is_ended_first(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """A finished frame's background processes hold no cores that the next one gets; its own status stays."""
    marker = f"left-{uuid.uuid4()}"
    run_id = shared_agent.launch(f"sh -c 'sleep 60; : {marker}' & exit 6")
    assert shared_server.outcome(run_id).exit_status == 6
    assert processes_with(marker) == []


def test_a_launch_is_idempotent(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """The same run is started once, while it runs, when it has ended, and when the server has acknowledged it."""
    run_id = str(uuid.uuid4())
    count = shared_agent.folder / f"count-{run_id}"
    for _ in range(2):
        shared_agent.launch(f"echo x >> {count}; sleep 0.2", resource_id=run_id, frame_id="once")
    shared_server.outcome(run_id)
    eventually(lambda: run_id in (shared_agent.spool / "forgotten").read_text(), "the agent forgets it")
    shared_agent.launch(f"echo x >> {count}", resource_id=run_id, frame_id="once")
    time.sleep(0.2)
    assert count.read_text() == "x\n"
    assert len(shared_server.completions_of(run_id)) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"num_cores": 0}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"num_cores": 900}, grpc.StatusCode.RESOURCE_EXHAUSTED),
        ({"environment": {"CUE_MEMORY": str(10**10)}}, grpc.StatusCode.RESOURCE_EXHAUSTED),
        ({"resource_id": "../../etc/passwd"}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"frame_id": ""}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"log_dir": "relative/logs"}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"uid": 0}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"environment": {"A=B": "c"}}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"job_name": "zero\0byte"}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_nonsense_and_too_much_are_refused(
    shared_agent: AgentProcess, fields: dict[str, object], code: grpc.StatusCode
) -> None:
    """A launch that cannot be is refused with a status that says so, and nothing runs."""
    assert shared_agent.launch_refused("true", **fields) == code


def test_an_empty_command_is_refused(shared_agent: AgentProcess) -> None:
    """There is nothing to run in it."""
    assert shared_agent.launch_refused(" ") == grpc.StatusCode.INVALID_ARGUMENT


def test_a_second_run_of_a_frame_waits_for_the_end_of_the_first(
    shared_server: FakeServer, shared_agent: AgentProcess
) -> None:
    """Two runs of one frame never write the same files at once."""
    run_id = shared_agent.launch("sleep 30", frame_id="twice")
    assert shared_agent.launch_refused("true", frame_id="twice") == grpc.StatusCode.ABORTED
    shared_agent.kill(frame_id="twice")
    shared_server.outcome(run_id)
    assert shared_server.outcome(shared_agent.launch("true", frame_id="twice")).exit_status == 0


def test_locked_cores_are_not_given_away(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """A lock refuses launches and shows in the next report; unlocking takes it back, and both can be repeated."""
    shared_agent.call("LockAll", rqd_pb2.RqdStaticLockAllRequest())
    shared_agent.call("LockAll", rqd_pb2.RqdStaticLockAllRequest())
    assert shared_agent.launch_refused("true") == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert shared_server.next_report().core_info.locked_cores == 800
    shared_agent.call("UnlockAll", rqd_pb2.RqdStaticUnlockAllRequest())
    assert shared_server.outcome(shared_agent.launch("true")).exit_status == 0


@pytest.mark.parametrize("token", [None, "wrong"])
def test_a_caller_without_the_token_is_refused(shared_agent: AgentProcess, token: str) -> None:
    """Nobody else on the machine can run commands through the agent."""
    assert shared_agent.launch_refused("true", token=token) == grpc.StatusCode.UNAUTHENTICATED


def test_the_agent_sends_the_token(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """Every call to the server carries it."""
    shared_server.outcome(shared_agent.launch("true"))
    assert shared_server.tokens == {TOKEN}
    assert None not in shared_server.host_names  # a server that refuses the token can say whose it is


def test_the_status_of_a_running_frame_can_be_asked(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """It is described while it runs, and NOT_FOUND afterwards."""
    run_id = shared_agent.launch("sleep 30", frame_id="asked")
    request = rqd_pb2.RqdStaticGetRunningFrameStatusRequest(frame_id="asked")
    info = shared_agent.call("GetRunningFrameStatus", request).running_frame_info
    assert (info.resource_id, info.attributes["cuefarm.state"]) == (run_id, "running")
    shared_agent.kill(frame_id="asked")
    shared_server.outcome(run_id)
    with pytest.raises(grpc.RpcError) as refusal:
        shared_agent.call("GetRunningFrameStatus", request)
    assert refusal.value.code() == grpc.StatusCode.NOT_FOUND


def test_killing_what_does_not_run_is_not_found(shared_agent: AgentProcess) -> None:
    """A kill that names a run ends that run only, never another of the same frame."""
    run_id = shared_agent.launch("sleep 30", frame_id="other")
    with pytest.raises(grpc.RpcError) as refusal:
        shared_agent.kill(frame_id="other", run_id=str(uuid.uuid4()))
    assert refusal.value.code() == grpc.StatusCode.NOT_FOUND
    shared_agent.kill(run_id=run_id)


def test_the_host_describes_itself(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """Reports carry cores, memory, disk, tags and what the protocol's page lists."""
    host = shared_server.next_report().host
    assert host.num_procs * host.cores_per_proc == 800
    assert host.total_mem > 0
    assert 0 < host.free_mcp <= host.total_mcp
    assert {"64bit", "gpu", os.uname().release} <= set(host.tags)
    assert any(tag.startswith("rqdv-") for tag in host.tags)
    assert host.facility == "local"
    assert host.attributes["SP_OS"] == "linux"
    assert host.attributes["cuefarm.lease_seconds"] == "300"
    assert uuid.UUID(host.attributes["cuefarm.instance"])
    assert (shared_agent.spool / "address").read_text().strip() == host.attributes["cuefarm.address"]


def test_reports_list_what_runs(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """A run is listed as running with its memory until its outcome is acknowledged, and then no more."""
    run_id = shared_agent.launch(f"{sys.executable} -c 'import time; time.sleep(30)'")

    def listed() -> bool:
        return any(f.resource_id == run_id and f.rss > 1000 and f.start_time for f in shared_server.reports[-1].frames)

    eventually(listed, "the run is reported with its memory")
    assert shared_server.state_of(run_id) == "running"
    shared_agent.kill(run_id=run_id)
    shared_server.outcome(run_id)
    shared_server.next_report()
    assert shared_server.state_of(run_id) == ""


@pytest.mark.parametrize(
    ("method", "request_type"),
    [("NimbyOn", "RqdStaticNimbyOnRequest"), ("NimbyOff", "RqdStaticNimbyOffRequest")],
)
def test_what_the_agent_cannot_do_says_so(shared_agent: AgentProcess, method: str, request_type: str) -> None:
    """UNIMPLEMENTED comes with advice."""
    with pytest.raises(grpc.RpcError) as refusal:
        shared_agent.call(method, getattr(rqd_pb2, request_type)())
    assert refusal.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "this agent does not" in refusal.value.details()


def test_an_order_for_another_agent_is_refused(shared_agent: AgentProcess) -> None:
    """Two agents may answer under one host's name: one takes no launch and no kill that names the other's spool."""
    metadata = (("cuefarm-token", TOKEN), ("cuefarm-instance", "another-spool"))
    kill = rqd_pb2.RqdStaticKillRunningFrameRequest(frame_id="frame-7", message="killed")
    launch = rqd_pb2.RqdStaticLaunchFrameRequest()
    for method, request in (("LaunchFrame", launch), ("KillRunningFrame", kill)):
        with pytest.raises(grpc.RpcError) as caught:
            getattr(shared_agent.stub, method)(request, metadata=metadata, timeout=10)
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert "two share a name" in caught.value.details()
