"""What a launch by the stream can say that a single call cannot: arguments, wrapper, folder, secrets, limits."""

from __future__ import annotations

import ctypes
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from agent_farm import AgentProcess, eventually, run_frame
from stream_server import OpenStream, StreamServer, run_order

from rqd.supervisor import program, stand_in

pytestmark = pytest.mark.slow

OK = grpc.StatusCode.OK.value[0]
LOG_PARTS_THAT_LEAVE = ("..", ".", "", "/tmp", "b/../../c")
INVALID = grpc.StatusCode.INVALID_ARGUMENT.value[0]
PYTHON = shlex.quote(sys.executable)

WITH_STAND_IN = (
    "import runpy; from rqd import supervisor; supervisor.program = supervisor.stand_in;"
    " runpy.run_module('rqd', run_name='__main__', alter_sys=True)"
)


class Host:
    """An agent with a stream, and what it says of its runs."""

    def __init__(self, server: StreamServer, agent: AgentProcess) -> None:
        self.server, self.agent = server, agent
        self.stream: OpenStream = server.stream()

    def order(self, command: str = "", **fields: Any) -> Any:
        """A launch; anything in it can be given."""
        return run_order(run_frame(command, self.agent.logs), **fields)

    def taken(self, command: str = "", **fields: Any) -> str:
        """Launch a run, and return its id once it was taken."""
        order = self.order(command, **fields)
        (number,) = self.stream.launch(order)
        assert self.stream.answer(number) == (OK, "")
        return str(order.run_id)

    def ended(self, command: str = "", **fields: Any) -> Any:
        """Launch a run, and return its outcome."""
        return self.outcome(self.taken(command, **fields))

    def outcome(self, run_id: str) -> Any:
        """The outcome of a run, with attributes at hand."""
        return self.server.streamed_outcome(run_id)

    def output(self) -> str:
        """What stands in the log between head and foot."""
        return self.agent.log_of().split("=" * 59 + "\n")[2].strip()


@pytest.fixture(scope="module", params=[program, stand_in], ids=["compiled", "stand-in"])
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One for each kind of supervisor."""
    if request.param is program and program() == stand_in():
        pytest.skip("it was not compiled here")
    server = StreamServer().start()
    agent = AgentProcess(tmp_path_factory.mktemp("agent"), server, "--kill-grace-seconds", "0.5")
    if request.param is stand_in:
        agent.words[1:3] = ["-c", WITH_STAND_IN]
    yield Host(server, agent.start())
    agent.destroy()
    server.stop()


def said(outcome: Any) -> tuple[int, int, str]:
    """Exit status, signal and cause."""
    return outcome.exit_status, outcome.exit_signal, outcome.frame.attributes["cuefarm.cause"]


def test_arguments_reach_a_program_as_they_are(host: Host) -> None:
    """No shell sees them, and the program is found in PATH."""
    assert said(host.ended(arguments=["printf", "%s|", "two words", "$HOME", "*", ""])) == (0, 0, "exited")
    assert host.output() == "two words|$HOME|*||"


def test_a_program_that_is_not_there_is_a_launch_that_failed(host: Host) -> None:
    """In words that name it, in the log too; the farm is not at fault."""
    outcome = host.ended(arguments=["is-not-there", "--frame", "1"])
    assert said(outcome) == (256, 0, "launch_failed")
    words = "is-not-there cannot be started: No such file or directory"
    assert outcome.frame.attributes["cuefarm.message"] == words
    assert f"message             {words}" in host.agent.log_of()


def test_a_wrapper_stands_before_the_command(host: Host) -> None:
    """Before arguments and before a text for the shell."""
    host.ended(arguments=["printenv", "WRAPPED"], wrapper=["env", "WRAPPED=by a wrapper"])
    assert host.output() == "by a wrapper"
    host.ended("echo $WRAPPED; echo $0", wrapper=["env", "WRAPPED=too"])
    assert host.output().split() == ["too", "/bin/sh"]


def test_a_frame_works_in_the_folder_that_it_is_given(host: Host, tmp_path: Path) -> None:
    """Without the variable that a shell would say it by."""
    host.ended("pwd -P", working_folder=str(tmp_path))
    assert host.output() == str(tmp_path.resolve())


def test_a_working_folder_that_is_not_there_is_a_launch_that_failed(host: Host, tmp_path: Path) -> None:
    """It does not work elsewhere instead, and says why there is no process."""
    outcome = host.ended(f"touch {tmp_path}/ran", working_folder=str(tmp_path / "missing"))
    assert said(outcome) == (256, 0, "launch_failed")
    words = f"the working folder {tmp_path}/missing cannot be entered on this host: No such file or directory"
    assert outcome.frame.attributes["cuefarm.message"] == words
    assert not (tmp_path / "ran").exists()


def test_a_log_does_not_show_what_the_launch_calls_secret(host: Host) -> None:
    """The frame has it all the same."""
    host.ended("test $LICENCE = s3cr3t", environment={"LICENCE": "s3cr3t", "OTHER": "shown"}, secrets=["LICENCE"])
    log = host.agent.log_of()
    assert "s3cr3t" not in log.replace("test $LICENCE = s3cr3t", "")
    assert "LICENCE=(not shown)" in log
    assert "OTHER=shown" in log
    assert "exitStatus          0" in log


def test_a_log_lies_below_its_root_under_its_name(host: Host, tmp_path: Path) -> None:
    """Root and path make its folder, the parts of its name the file."""
    host.ended("true", log={"root": str(tmp_path), "path": ["show", "shot"], "name": ["job", "0007-beauty"]})
    assert (tmp_path / "show/shot/job.0007-beauty.rqlog").exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shell_text": ""}, "no command"),
        ({"arguments": ["true"]}, "give one of them"),
        ({"shell_text": "", "arguments": ["", "x"]}, "no name"),
        ({"wrapper": [""]}, "no name"),
        ({"working_folder": "here"}, "not an absolute path"),
        ({"log": {"root": "/tmp"}}, "no name for its log"),
        ({"log": {"root": "tmp", "name": ["a"]}}, "not an absolute path"),
        ({"wrapper": ["a\0b"]}, "zero byte"),
        *[({"log": {"root": "/tmp", "path": [part], "name": ["a"]}}, "one folder") for part in LOG_PARTS_THAT_LEAVE],
        ({"devices": [{"kind": "gpu", "count": 1 << 31}]}, "GPUs"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_launch_that_makes_no_sense_is_refused(host: Host, fields: dict[str, Any], words: str) -> None:
    """In words, before anything is done about it."""
    (number,) = host.stream.launch(host.order("true", **fields))
    code, told = host.stream.answer(number)
    assert (code, words in told) == (INVALID, True)


# --- limits ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def limited(host: Host) -> dict[str, str]:
    """Runs that end for their limits, by name: they go on beside each other, since a supervisor looks every 5 s."""
    limits = {
        "late": {"run_seconds": 1},
        "silent": {"silence_seconds": 1},
        "changed": {"run_seconds": 300, "silence_seconds": 300},
    }
    log = {"root": str(host.agent.logs)}
    return {
        name: host.taken("exec sleep 300", limits=given, log={**log, "name": ["limited", name]})
        for name, given in limits.items()
    }


def test_limits_can_change_while_a_run_goes_on(host: Host, limited: dict[str, str]) -> None:
    """Those that came last count, and all of them."""
    run_id = limited["changed"]
    assert host.agent.pages()[run_id]["silence_ms"] == 300_000
    host.stream.limit(run_id, run_seconds=1)
    eventually(lambda: host.agent.pages()[run_id]["silence_ms"] == 0, "the new limits in the book")
    assert said(host.outcome(run_id)) == (1, 15, "timeout")


def test_a_run_beyond_its_time_is_ended_as_if_it_were_killed(host: Host, limited: dict[str, str]) -> None:
    """By its supervisor: with the process's signal, a cause and words."""
    outcome = host.outcome(limited["late"])
    assert said(outcome) == (1, 15, "timeout")
    words = "timed out: it ran longer than the 1 s that its layer allows (timeout)"
    assert outcome.frame.attributes["cuefarm.kill_message"] == words


def test_a_silent_run_is_ended_as_if_it_were_killed(host: Host, limited: dict[str, str]) -> None:
    """The same for a log that does not grow."""
    assert said(host.outcome(limited["silent"])) == (1, 15, "silent")


def test_a_run_that_holds_too_much_ends_with_the_memory_status(host: Host) -> None:
    """The status that OpenCue has for it, whatever ended the process."""
    hold = "import time; held = bytearray(80 << 20); time.sleep(60)"
    outcome = host.ended(f"exec {PYTHON} -c {shlex.quote(hold)}", limits={"memory_kib": 50 << 10})
    assert said(outcome) == (33, 0, "memory")
    assert outcome.frame.max_rss > 50 << 10


def test_limits_beyond_all_numbers_are_none(host: Host) -> None:
    """A run under them goes on, and its page can be had again."""
    most = (1 << 64) - 1
    limits = dict.fromkeys(("run_seconds", "silence_seconds", "start_seconds", "memory_kib"), most)
    assert said(host.ended("exit 3", limits=limits)) == (3, 0, "exited")


def test_new_limits_of_a_run_that_is_not_here_change_nothing(host: Host) -> None:
    """It has ended, or its launch never came."""
    host.stream.limit("nobody", run_seconds=1)
    assert said(host.ended("true")) == (0, 0, "exited")


@pytest.fixture
def hung_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that answers nothing: a file system whose server does not serve."""
    folder = tmp_path / "hung"
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        pytest.skip("no FUSE here")
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"none", str(folder).encode(), b"fuse", 0, options) != 0:
        os.close(fd)
        pytest.skip("only root may mount")
    yield folder
    os.close(fd)
    libc.umount2(str(folder).encode(), 2)


def test_a_command_that_does_not_become_a_process_is_ended(host: Host, hung_disk: Path) -> None:
    """Its program lies on a disk that hangs, with which its supervisor hangs; others run meanwhile."""
    run_id = host.taken(arguments=[str(hung_disk / "program")], limits={"start_seconds": 1})
    began = time.monotonic()
    assert said(host.ended("true", log={"root": str(host.agent.logs), "name": ["other", "1"]})) == (0, 0, "exited")
    assert time.monotonic() - began < 3
    outcome = host.outcome(run_id)
    assert said(outcome) == (286, 0, "start_limit")
    assert "did not become a process in time" in outcome.frame.attributes["cuefarm.message"]
    assert "start_limit" in host.agent.log_of()


# --- protocols -------------------------------------------------------------------------------------------------------


def test_an_older_server_is_used_by_single_calls(tmp_path: Path) -> None:
    """Its stream is left again, and not tried again soon unless the server was away: it may be another one then."""
    server = StreamServer()
    server.protocol = 0
    agent = AgentProcess(tmp_path, server.start())
    try:
        agent.start()
        words = "its stream has protocol 0, and this agent needs 1"
        eventually(lambda: words in agent.stderr_path.read_text(), "the agent to say so")
        assert server.outcome(agent.launch("sleep 1.5; exit 3")).exit_status == 3
        assert (server.streamed, len(server.streams)) == ([], 1)
        server.stop()
        eventually(lambda: "report not answered" in agent.stderr_path.read_text(), "the agent to miss it")
        server.protocol = 1
        server.start()
        number = server.stream(2).launch(run_frame("exit 4", agent.logs))[0]
        assert server.stream(2).answer(number) == (OK, "")
    finally:
        agent.destroy()
        server.stop()


def test_a_hello_says_which_protocol_the_agent_speaks(host: Host) -> None:
    """So that a server can tell those apart that would not understand it."""
    assert host.stream.hello.protocol == 1
