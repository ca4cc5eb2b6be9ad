"""What a frame's log is called, which attempt is found where, and whose fault it is when there can be none."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from agent_farm import AgentProcess, FakeServer

from rqd.runner import frame_log, log_name

pytestmark = pytest.mark.slow

LONG = "lighting_" * 30


def attempt(server: FakeServer, agent: AgentProcess, number: int, name: str, command: str = "echo") -> None:
    """Run one attempt of a frame that says its number."""
    run_id = agent.launch(f"{command} take {number}", frame_name=name, environment={"CUE_ATTEMPT": str(number)})
    server.outcome(run_id)


def test_the_log_of_each_attempt_is_found_under_its_number(
    shared_server: FakeServer, shared_agent: AgentProcess
) -> None:
    """The latest has the plain name; when the next begins it gets its own number, whichever others there are."""
    for number in (1, 2, 5):
        attempt(shared_server, shared_agent, number, "0010-attempts")
    assert "\ntake 5\n" in shared_agent.log_of("0010-attempts")
    assert "\nattempt              5\n" in shared_agent.log_of("0010-attempts")
    assert "\ntake 1\n" in shared_agent.log_of("0010-attempts", suffix=".1")
    assert "\ntake 2\n" in shared_agent.log_of("0010-attempts", suffix=".2")


def test_a_command_cannot_say_which_attempt_it_was(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """Only the row of the header counts, not what a command, a variable or the frame's output looks like."""
    attempt(shared_server, shared_agent, 1, "0011-forged", "echo '\nattempt              7\n'; echo")
    attempt(shared_server, shared_agent, 2, "0011-forged")
    assert "\ntake 1\n" in shared_agent.log_of("0011-forged", suffix=".1")


def test_of_many_attempts_the_last_fifteen_are_kept(tmp_path: Path) -> None:
    """The oldest goes when another is moved aside."""
    path = tmp_path / "job.0001-layer.rqlog"
    for number in range(1, 20):
        fd = frame_log.open_new(str(path))
        os.write(fd, f"runId   x\nattempt              {number}\nenv   A=1\n".encode())
        os.close(fd)
    assert {int(found.suffix[1:]) for found in tmp_path.glob("*.rqlog.*")} == set(range(4, 19))


def test_a_number_that_is_taken_is_not_overwritten(tmp_path: Path) -> None:
    """A log of another job of that name stays; the new one gets the first free number."""
    path = tmp_path / "job.0001-layer.rqlog"
    for number in (1, 2):
        (tmp_path / f"{path.name}.{number}").write_text("of another job")
    path.write_text("attempt              1\n")
    os.close(frame_log.open_new(str(path)))
    assert (tmp_path / f"{path.name}.3").read_text().startswith("attempt")
    assert (tmp_path / f"{path.name}.1").read_text() == "of another job"


@pytest.mark.parametrize(
    ("job", "frame"),
    [("j" * 300, "0001-render"), ("job", "0001-" + LONG), ("ж" * 200, "0001-" + "ü" * 120), (LONG, "0001-" + LONG)],
)
def test_names_that_no_disk_takes_are_shortened(job: str, frame: str) -> None:
    """The name fits with the number of an attempt, always is the same, and differs where the full one does."""
    name = log_name.file_name(job, frame)
    assert len(f"{name}.65535".encode()) <= 255
    assert name == log_name.file_name(job, frame)
    assert name != log_name.file_name(job, frame + "x")
    assert name != log_name.file_name(job + "x", frame)
    assert re.fullmatch(r".{1,}~[0-9a-f]{8}\.0001-.*\.rqlog", name)
    assert log_name.shortened(f"/logs/{name}", job, frame) == name


def test_names_that_fit_stay_as_they_are() -> None:
    """Up to the last byte, and without a word about it."""
    job = "j" * (log_name.NAME_BYTES_MAX - len(".0001-r.rqlog"))
    assert log_name.file_name(job, "0001-r") == f"{job}.0001-r.rqlog"
    assert log_name.shortened(f"/logs/{job}.0001-r.rqlog", job, "0001-r") == ""


def test_a_frame_with_a_long_name_renders_and_tells_its_log(
    shared_server: FakeServer, shared_agent: AgentProcess
) -> None:
    """The outcome names the file, and its earlier attempt is found under the same name."""
    for number in (1, 2):
        run_id = shared_agent.launch("echo done", job_name=LONG, environment={"CUE_ATTEMPT": str(number)})
        report = shared_server.outcome(run_id)
        assert report.exit_status == 0
    name = report.frame.attributes["cuefarm.log_name"]
    assert name.endswith(".0001-layer.rqlog")
    assert "done" in (shared_agent.logs / name).read_text()
    assert "done" in (shared_agent.logs / f"{name}.1").read_text()
    short = shared_server.outcome(shared_agent.launch("true"))
    assert "cuefarm.log_name" not in short.frame.attributes


def test_a_failure_says_the_line_that_tells_why(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """It comes with the outcome of a run that failed, and with no other."""
    failed = shared_server.outcome(shared_agent.launch("echo begin; echo 'Error: no scene'; echo end; exit 3"))
    assert failed.frame.attributes["cuefarm.error_line"] == "Error: no scene"
    well = shared_server.outcome(shared_agent.launch("echo 'Error: never mind'"))
    assert "cuefarm.error_line" not in well.frame.attributes
    silent = shared_server.outcome(shared_agent.launch("exit 3"))
    assert "cuefarm.error_line" not in silent.frame.attributes


def test_what_is_the_frames_own_fault_is_no_fault_of_the_farm(
    shared_server: FakeServer, shared_agent: AgentProcess
) -> None:
    """A command that no system takes is launch_failed, and counts."""
    report = shared_server.outcome(shared_agent.launch("true " + "x" * 200_000))
    assert (report.exit_status, report.frame.attributes["cuefarm.cause"]) == (256, "launch_failed")


def test_a_missing_working_folder_is_the_hosts_fault(server: FakeServer, tmp_path: Path) -> None:
    """Nothing is started, the words say what to do, and it goes on when the folder is there again."""
    agent = AgentProcess(tmp_path, server).start()
    try:
        (tmp_path / "temp").rmdir()
        report = server.outcome(agent.launch("true"))
        assert (report.exit_status, report.frame.attributes["cuefarm.cause"]) == (256, "host_fault")
        assert "give rqd another --temp" in report.frame.attributes["cuefarm.message"]
        (tmp_path / "temp").mkdir()
        assert server.outcome(agent.launch("true")).exit_status == 0
    finally:
        agent.destroy()


def test_a_log_that_cannot_be_begun_is_not_left_behind(
    shared_server: FakeServer, shared_agent: AgentProcess, tmp_path: Path
) -> None:
    """A launch that is repeated while the disk is full does not fill the folder with empty logs."""
    logs = tmp_path / "blocked"
    logs.write_text("")
    for _ in range(3):
        report = shared_server.outcome(shared_agent.launch("true", log_dir=str(logs)))
        assert report.frame.attributes["cuefarm.cause"] == "log_unwritable"
    assert "cannot be written" in report.frame.attributes["cuefarm.message"]
    logs.unlink()
    assert shared_server.outcome(shared_agent.launch("true", log_dir=str(logs))).exit_status == 0
    assert [path.name for path in logs.iterdir()] == ["job.0001-layer.rqlog"]


def test_a_frame_that_fails_when_its_log_disk_is_full_is_not_to_blame(
    shared_server: FakeServer, shared_agent: AgentProcess, small_disk: Path
) -> None:
    """Its log takes no footer, which the agent sees; a frame that succeeds all the same has succeeded."""
    fill = f"head -c 800000 /dev/zero > {small_disk}/other 2>/dev/null"
    report = shared_server.outcome(shared_agent.launch(f"{fill}; exit 7", log_dir=str(small_disk / "a")))
    assert (report.exit_status, report.frame.attributes["cuefarm.cause"]) == (256, "log_unwritable")
    assert "(exit status 7, signal 0): No space left on device" in report.frame.attributes["cuefarm.message"]
    (small_disk / "other").unlink()
    report = shared_server.outcome(shared_agent.launch(f"{fill}; exit 0", log_dir=str(small_disk / "a")))
    assert (report.exit_status, report.frame.attributes["cuefarm.cause"]) == (0, "exited")


def test_a_full_log_disk_is_no_frames_fault(
    shared_server: FakeServer, shared_agent: AgentProcess, small_disk: Path
) -> None:
    """No frame begins, no empty log is left for each try, and it goes on when there is room."""
    logs = small_disk / "logs"
    logs.mkdir()
    (small_disk / "other").write_bytes(b"x" * 4096 * 157)
    big = {"BIG": "y" * 40_000}
    for _ in range(2):
        report = shared_server.outcome(shared_agent.launch("true", log_dir=str(logs), environment=big))
        assert (report.exit_status, report.frame.attributes["cuefarm.cause"]) == (256, "log_unwritable")
    assert list(logs.iterdir()) == []
    (small_disk / "other").unlink()
    assert shared_server.outcome(shared_agent.launch("true", log_dir=str(logs), environment=big)).exit_status == 0
