"""A run's supervisor by itself: real processes, no runner and no server."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from rqd.supervisor import book, program, stand_in
from rqd.supervisor.book import Book, Page

SECOND_NS = 1_000_000_000
PYTHON = shlex.quote(sys.executable)
C_LIBRARY_SIGNALS = 0b11 << 31
"""32 and 33, which glibc keeps for itself, and has ignored in what `posix_spawn` starts."""


class Supervised:
    """A run under a supervisor that this process started."""

    def __init__(self, supervisor: list[str], folder: Path, command: str, arguments: list[str], **fields: Any) -> None:
        variables = fields.pop("variables", {})
        before = fields.pop("before", [])  # what becomes the supervisor
        self.log = folder / "frame.rqlog"
        self._book = Book.open(str(folder / "book"))
        self.head, self.page = self._book.head, self._book.take("run-1")
        self.head["host_name"] = "node1"
        self.head["sample_ns"] = SECOND_NS // 10
        self.page["kill_grace_ms"] = 500
        self.page["phase"] = book.PREPARED
        for name, value in fields.items():
            (self.head if name in book.HEAD_PLACES else self.page)[name] = value
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        words = [*before, *supervisor, str(self.page.number), command, *arguments]
        self.pid = os.posix_spawn(
            words[0],
            words,
            {"PATH": os.environ["PATH"], "CUEFARM_RUN_ID": "run-1", **variables},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
                (os.POSIX_SPAWN_DUP2, self._book.fd, 3),
            ],
            setsigmask=signal.valid_signals(),  # from its first moment on
        )
        os.close(log)
        self.is_collected = False

    def ended(self, seconds: float = 15) -> Page:
        """The run's page, once the supervisor has gone."""
        wait_for(self._has_gone, seconds, "the supervisor to end")
        return self.page

    def _has_gone(self) -> bool:
        if not self.is_collected:
            self.is_collected = os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return self.is_collected

    def order(self, order: int, grace_ms: int = 500, cause: str = "killed", words: str = "") -> None:
        """What a runner wants."""
        self.page["order"], self.page["order_grace_ms"] = order, grace_ms
        self.page["order_cause"], self.page["order_words"] = cause, words
        self.page["order_number"] = self.page["order_number"] + 1
        os.kill(self.pid, signal.SIGUSR1)

    def output(self) -> str:
        """The log so far."""
        return self.log.read_text()

    def destroy(self) -> None:
        """Leave nothing."""
        if not self._has_gone():
            below = descendants(self.pid)
            os.kill(self.pid, signal.SIGKILL)
            for pid in below:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self._book.close()


Supervise = Callable[..., Supervised]


@pytest.fixture(params=[program, stand_in], ids=["compiled", "stand-in"])
def supervise(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Supervise]:
    """Starts runs; nothing of them is left after the test."""
    supervisor = request.param()
    if request.param is program and supervisor == stand_in():
        pytest.skip("it was not compiled here")
    made: list[Supervised] = []

    def start(command: str, *arguments: str, **fields: Any) -> Supervised:
        folder = tmp_path / str(len(made))
        folder.mkdir(exist_ok=True)
        made.append(Supervised(supervisor, folder, command, list(arguments), **fields))
        return made[-1]

    yield start
    for run in made:
        run.destroy()


def wait_for(condition: Callable[[], Any], seconds: float = 10, what: str = "that") -> Any:
    """The first true answer; fails after the time."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)
    return answer


def descendants(pid: int) -> list[int]:
    """Every process below another."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(name)] = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
    found, new = [], [pid]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def state_of(pid: int) -> str:
    """R, S, T …; nothing for a process that is gone or dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
    return "" if state in "ZX" else state


def written_pid(path: Path) -> int:
    """The pid that a frame wrote to a file."""
    return int(wait_for(lambda: path.exists() and path.read_text().strip(), what=str(path)))


def boot_ns() -> int:
    """The clock of leases."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


# --- how a command ends ----------------------------------------------------------------------------------------------


def test_the_exit_status_is_in_the_book_before_the_supervisor_ends(supervise: Supervise) -> None:
    """With times, use, and a cause."""
    page = supervise("echo hello; sleep 0.2; exit 3").ended()
    assert page["phase"] == book.ENDED
    assert (page["exit_status"], page["exit_signal"], page["end_cause"]) == (3, 0, "exited")
    assert 200 <= page["run_ms"] < 5_000
    assert page["end_ms"] - page["start_ms"] >= 200


def test_the_log_has_output_and_then_a_foot(supervise: Supervise) -> None:
    """In the words that OpenCue's readers look for."""
    run = supervise("echo hello; echo problem >&2; exit 3")
    page = run.ended()
    output, _, foot = run.output().partition("=" * 59)
    assert output == "hello\nproblem\n\n"
    rows = dict(re.findall(r"^(\S+) +(.*)$", foot, re.MULTILINE))
    assert (rows["exitStatus"], rows["exitSignal"], rows["cause"], rows["renderhost"]) == ("3", "0", "exited", "node1")
    assert time.strptime(rows["endTime"])
    assert int(rows["pid"]) == page["leader_pid"] > 1
    assert float(rows["utime"]) >= 0


def test_the_foot_of_a_log_has_the_time_of_its_agent(supervise: Supervise) -> None:
    """And not that of its frame's time zone."""
    run = supervise("exit 3", utc_offset_s=7200, variables={"TZ": "EST5"})
    ended = time.asctime(time.gmtime(run.ended()["end_ms"] // 1000 + 7200))
    assert ended in run.output()


@pytest.mark.parametrize("supervise", [program], ids=["compiled"], indirect=True)  # Python opens it when it starts
def test_a_time_zone_that_cannot_be_read_does_not_hold_up_a_supervisor(supervise: Supervise, tmp_path: Path) -> None:
    """The file that a frame calls its time zone is not opened for it."""
    os.mkfifo(tmp_path / "zone")
    assert supervise("exit 3", variables={"TZ": f":{tmp_path}/zone"}).ended()["exit_status"] == 3


def test_a_run_has_ended_when_all_about_its_end_is_written(supervise: Supervise, tmp_path: Path) -> None:
    """Nobody reads half of it: the phase is the last word, and a log that takes no foot yet holds it up."""
    folder = tmp_path / "0"
    folder.mkdir()
    os.mkfifo(folder / "frame.rqlog")
    reader = os.open(folder / "frame.rqlog", os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    run = supervise("head -c 4096 /dev/zero; exit 3")
    wait_for(lambda: run.page["exit_status"] == 3, what="the exit status in the book")
    assert run.page["phase"] != book.ENDED
    os.read(reader, 4096)
    assert run.ended()["phase"] == book.ENDED
    os.close(reader)


def test_what_was_not_started_has_ended_when_its_log_says_so(supervise: Supervise, tmp_path: Path) -> None:
    """Nobody reads half of that either."""
    folder = tmp_path / "0"
    folder.mkdir()
    os.mkfifo(folder / "frame.rqlog")
    reader = os.open(folder / "frame.rqlog", os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    writer = os.open(folder / "frame.rqlog", os.O_WRONLY)
    os.write(writer, bytes(4096))
    run = supervise("", "is-not-there")
    wait_for(lambda: run.page["exit_status"] == 1, what="the end in the book")
    time.sleep(0.3)
    assert run.page["phase"] != book.ENDED
    os.read(reader, 4096)
    assert run.ended()["phase"] == book.ENDED
    os.close(writer)
    os.close(reader)


def test_a_signal_that_ends_the_command_is_known(supervise: Supervise) -> None:
    """As the kernel tells it."""
    page = supervise("kill -SEGV $$").ended()
    assert (page["exit_status"], page["exit_signal"], page["end_cause"]) == (1, signal.SIGSEGV, "exited")


def test_a_program_is_started_without_a_shell_where_it_is_named(supervise: Supervise) -> None:
    """And by the shell where it cannot be."""
    run = supervise("/bin/echo no", "/bin/echo", "one", "two words")
    run.ended()
    assert run.output().startswith("one two words\n")
    other = supervise("echo by the shell", "/is/not/there")
    assert other.ended()["exit_status"] == 0
    assert other.output().startswith("by the shell\n")


def test_an_empty_command_wants_no_shell(supervise: Supervise) -> None:
    """The program is found in PATH; where it is none, there is no process, and that is the frame's own doing."""
    run = supervise("", "printf", "%s", "$HOME *")
    run.ended()
    assert run.output().startswith("$HOME *\n")
    other = supervise("", "is-not-there")
    page = other.ended()
    assert (page["end_cause"], page["start_errno"]) == ("launch_failed", errno.ENOENT)
    assert page["end_words"] == "is-not-there cannot be started: No such file or directory"
    assert supervise("", "/etc/passwd").ended()["start_errno"] == errno.EACCES


def test_the_processor_time_of_everything_counts(supervise: Supervise) -> None:
    """Also of what left its session and its parent."""
    burn = "import time\nt = time.process_time()\nwhile time.process_time() - t < 0.3: pass"
    page = supervise(f"(setsid {PYTHON} -c {shlex.quote(burn)} &) ; sleep 2").ended()
    assert 300_000 <= page["user_us"] + page["system_us"] < 3_000_000


def test_a_frame_begins_with_signals_as_they_are_by_default(supervise: Supervise) -> None:
    """Whatever its agent blocks or ignores."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = supervise("grep -E 'SigBlk|SigIgn' /proc/self/status")
        run.ended()
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    masks = {name: int(mask, 16) & ~C_LIBRARY_SIGNALS for name, mask in re.findall(r"(\w+):\t(\w+)", run.output())}
    assert masks == {"SigBlk": 0, "SigIgn": 0}


def test_a_frame_has_a_session_of_its_own_and_no_descriptor_but_its_outputs(supervise: Supervise) -> None:
    """The book is not the frame's."""
    run = supervise(
        f"{PYTHON} -c 'import os; print(os.getsid(0) == os.getppid() or os.getsid(0) == os.getpid())'; ls /proc/self/fd"
    )
    run.ended()
    first, *descriptors = run.output().split("\n\n")[0].split()
    assert first == "True"
    assert set(descriptors) <= {"0", "1", "2", "3"}  # the third is what ls reads
    with_program = supervise("x", "/bin/readlink", "/proc/self/fd/3")
    assert with_program.ended()["exit_status"] == 1


def test_the_kernel_would_rather_end_a_frame_than_its_agent(supervise: Supervise) -> None:
    """Its score is above its supervisor's."""
    run = supervise("cat /proc/self/oom_score_adj; sleep 0.3", oom_score_adj=300)
    own = Path(f"/proc/{run.pid}/oom_score_adj").read_text()
    run.ended()
    assert run.output().startswith("300\n")
    assert int(own) < 300


def test_what_cannot_be_started_says_why(supervise: Supervise) -> None:
    """The frame has no process then, and its log says so too."""
    if os.geteuid() != 0:
        pytest.skip("only root may ask for another user")
    run = supervise("true", become_user=1, uid=20_001, group_count=1_000)
    page = run.ended()
    assert (page["phase"], page["end_cause"]) == (book.ENDED, "host_fault")
    assert page["start_errno"] == errno.EINVAL
    assert "host_fault" in run.output()
    assert page["end_words"] in run.output()


def test_a_frame_gets_the_rights_of_its_user(supervise: Supervise) -> None:
    """Number, group and groups."""
    if os.geteuid() != 0:
        pytest.skip("only root may give a frame another user")
    run = supervise(
        "id -u; id -g; id -G", become_user=1, uid=20_001, gid=20_002, group_count=2, groups=(20_002, 20_003)
    )
    run.ended()
    assert run.output().split()[:4] == ["20001", "20002", "20002", "20003"]


# --- what leaves -----------------------------------------------------------------------------------------------------

LEAVERS = {
    "a child in the background": "sleep 300 & echo $! > PID",
    "a daemon": "setsid sh -c 'echo $$ > PID; exec sleep 300' & sleep 0.3",
    "an orphan's orphan": "(setsid sh -c '(setsid sh -c \"echo \\$\\$ > PID; exec sleep 300\" &)' &); sleep 0.5",
    "one without an environment": "env -i /bin/sh -c 'echo $$ > PID; exec sleep 300' & sleep 0.3",
    "one that ignores SIGTERM": "sh -c 'trap \"\" TERM; echo $$ > PID; while :; do sleep 0.1; done' & sleep 0.3",
}


@pytest.mark.parametrize("leaver", LEAVERS)
def test_nothing_outlives_the_end_of_its_run(supervise: Supervise, tmp_path: Path, leaver: str) -> None:
    """What is left when the command has ended is counted, given a grace, and ended."""
    run = supervise(LEAVERS[leaver].replace("PID", str(tmp_path / "pid")) + "; exit 4")
    page = run.ended()
    assert (page["exit_status"], page["end_cause"]) == (4, "exited")
    assert page["left_behind"] >= 1
    assert state_of(written_pid(tmp_path / "pid")) == ""
    assert re.search(r"^leftBehind +\d", run.output(), re.MULTILINE)


@pytest.mark.parametrize("leaver", LEAVERS)
def test_nothing_outlives_a_kill(supervise: Supervise, tmp_path: Path, leaver: str) -> None:
    """Wherever it went."""
    run = supervise(LEAVERS[leaver].replace("PID", str(tmp_path / "pid")) + "; sleep 300")
    pid = written_pid(tmp_path / "pid")
    run.order(book.ORDER_END, grace_ms=300, words="by ann")
    page = run.ended()
    assert (page["end_cause"], page["end_words"]) == ("killed", "by ann")
    assert page["exit_signal"] in (signal.SIGTERM, signal.SIGKILL)
    assert state_of(pid) == ""


def test_a_fork_bomb_ends(supervise: Supervise) -> None:
    """Processes that start new ones as fast as they can, each in a session of its own."""
    bomb = (
        "import os, time\n"
        "end = time.time() + 60\n"
        "while time.time() < end:\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork():\n"
        "            os._exit(0)\n"
        "    else:\n"
        "        os.wait()\n"
        "        os._exit(0)\n"
    )
    run = supervise(f"exec {PYTHON} -c {shlex.quote(bomb)}; ")
    time.sleep(1)
    run.order(book.ORDER_END, grace_ms=0)
    assert run.ended()["phase"] == book.ENDED


def test_a_command_may_end_by_itself_in_its_grace(supervise: Supervise, tmp_path: Path) -> None:
    """It is asked first."""
    run = supervise(f"trap 'echo saved > {tmp_path}/saved; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    wait_for(lambda: "ready" in run.output())
    run.order(book.ORDER_END, grace_ms=5_000)
    page = run.ended()
    assert (page["end_cause"], page["exit_status"], page["exit_signal"]) == ("killed", 1, signal.SIGTERM)
    assert (tmp_path / "saved").exists()


def test_who_asks_again_with_more_patience_postpones_nothing(supervise: Supervise) -> None:
    """The end that was told first is the latest."""
    run = supervise("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    wait_for(lambda: "ready" in run.output())
    run.order(book.ORDER_END, grace_ms=700)
    wait_for(lambda: run.page["phase"] == book.ENDING)
    run.order(book.ORDER_END, grace_ms=60_000)
    assert run.ended(10)["exit_signal"] == signal.SIGKILL


def test_what_ended_by_itself_before_an_order_keeps_its_own_end(supervise: Supervise) -> None:
    """An order that comes late changes nothing."""
    run = supervise("exit 7")
    time.sleep(0.3)
    run.page["order"], run.page["order_number"] = book.ORDER_END, 1
    assert (run.ended()["exit_status"], run.page["end_cause"]) == (7, "exited")


@pytest.mark.parametrize("meanwhile", ["an order", "the end of its lease"])
def test_what_ended_before_its_supervisor_looked_keeps_its_own_end(supervise: Supervise, meanwhile: str) -> None:
    """Also where it left something behind, and an order or the end of the lease is seen at the same look."""
    run = supervise("(setsid sleep 300 &); sleep 0.3; exit 0")
    leader = wait_for(lambda: run.page["leader_pid"])
    wait_for(lambda: len(descendants(run.pid)) > 1)
    os.kill(run.pid, signal.SIGSTOP)
    wait_for(lambda: state_of(leader) == "", what="the command to end")
    if meanwhile == "an order":
        run.order(book.ORDER_END, cause="shutdown")
    else:
        run.head["policy"], run.head["lease_until_ns"] = book.KILL, boot_ns() - 1
    os.kill(run.pid, signal.SIGCONT)
    page = run.ended()
    assert (page["end_cause"], page["exit_status"], page["exit_signal"]) == ("exited", 0, 0)


WITH_ITS_PID = """
import ctypes, os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
leader = int(sys.argv[1])
while os.path.exists(f"/proc/{leader}"):
    time.sleep(0.01)
pid = (ctypes.c_int * 1)(leader)
wanted = (ctypes.c_uint64 * 11)(0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(pid), 1, 0)
if os.fork() == 0:
    made = ctypes.CDLL(None, use_errno=True).syscall(435, wanted, ctypes.sizeof(wanted))  # clone3
    if made:
        print("made" if made > 0 else "cannot", flush=True)
    time.sleep(0.1 if made else 0.3)
    os._exit(0)
os.wait()
time.sleep(0.5)
"""


def test_a_process_that_gets_the_commands_pid_is_not_the_command(supervise: Supervise, tmp_path: Path) -> None:
    """How the command ended is what counts."""
    (tmp_path / "again.py").write_text(WITH_ITS_PID)
    run = supervise(f"setsid {PYTHON} {tmp_path}/again.py $$ & sleep 0.5; exit 3", kill_grace_ms=5_000)
    assert run.ended()["exit_status"] == 3
    if "made" not in run.output():
        pytest.skip("no process can be given a pid here")


def test_a_supervisor_that_comes_late_leaves_the_page_to_its_new_run(supervise: Supervise) -> None:
    """Its own run was given up meanwhile."""
    run = supervise("echo ran", variables={"CUEFARM_RUN_ID": "run-0"})
    assert run.ended()["phase"] == book.PREPARED
    assert run.output() == ""


def test_a_supervisor_that_comes_late_leaves_a_page_that_was_given_back(supervise: Supervise) -> None:
    """Whatever it held."""
    run = supervise("echo ran", phase=book.TOLD)
    assert run.ended()["phase"] == book.TOLD
    assert run.output() == ""


def test_an_order_that_is_being_written_is_none_yet(supervise: Supervise) -> None:
    """Its kind is the last word but its number."""
    run = supervise("exec sleep 300")
    wait_for(lambda: run.page["leader_pid"])
    run.page["order_number"], looked_ns = 1, run.page["alive_ns"]
    wait_for(lambda: run.page["alive_ns"] > looked_ns)
    assert run.page["order_done"] == 0
    run.order(book.ORDER_END, cause="shutdown")
    assert run.ended()["end_cause"] == "shutdown"


@pytest.mark.parametrize("when", ["stands still", "ends"])
def test_a_supervisor_that_cannot_find_its_run_ends_with_its_command(supervise: Supervise, when: str) -> None:
    """For want of descriptors; it never says that the run stood still, and its runner goes after the rest."""
    run = supervise("exec sleep 300", policy=book.SUSPEND)
    leader = wait_for(lambda: run.page["leader_pid"])
    resource.prlimit(run.pid, resource.RLIMIT_NOFILE, (0, 0))
    if when == "ends":
        run.order(book.ORDER_END)
    else:
        run.head["lease_until_ns"] = 1
    assert run.ended()["phase"] != book.ENDED
    wait_for(lambda: state_of(leader) == "", what="the command to end")
    assert run.output() == ""


def test_the_death_of_its_supervisor_ends_the_command(supervise: Supervise) -> None:
    """Without appeal; what the command started is left to whoever is the next reaper above."""
    run = supervise("exec sleep 300")
    leader = wait_for(lambda: run.page["leader_pid"])
    os.kill(run.pid, signal.SIGKILL)
    wait_for(lambda: state_of(leader) == "", what="the command to end")


def test_the_death_of_its_supervisor_ends_a_command_with_another_users_rights(supervise: Supervise) -> None:
    """To take those rights takes back what was asked of the kernel before."""
    if os.geteuid() != 0:
        pytest.skip("only root may give a frame another user")
    run = supervise("exec sleep 300", become_user=1, uid=20_001, gid=20_002)
    leader = wait_for(lambda: run.page["leader_pid"])
    wait_for(lambda: os.stat(f"/proc/{leader}").st_uid == 20_001)
    os.kill(run.pid, signal.SIGKILL)
    wait_for(lambda: state_of(leader) == "", what="the command to end")


def test_who_belongs_to_a_run_is_in_the_book(supervise: Supervise, tmp_path: Path) -> None:
    """For whoever has to find them when their supervisor was killed: each a pid and when it started."""
    run = supervise(f"env -i setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 300' & sleep 300")
    pid = written_pid(tmp_path / "pid")
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])

    def members() -> set[tuple[int, int]]:
        numbers = run.page["members"]
        return set(zip(numbers[1::2], numbers[::2], strict=True))

    wait_for(lambda: (pid, ticks) in members())
    assert run.page["leader_pid"] in {one for one, _ in members()}


def test_signals_that_a_service_manager_sends_do_not_end_a_supervisor(supervise: Supervise) -> None:
    """It takes orders from its runner only, and goes on without it."""
    run = supervise("sleep 1; exit 5")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        os.kill(run.pid, number)
    assert run.ended()["exit_status"] == 5


@pytest.mark.parametrize(
    ("command", "cause"),
    [
        ("exec sleep 300", "shutdown"),
        ("trap 'sleep 0.3; exit 3' TERM; echo ready; while :; do sleep 0.05; done", "shutdown"),
        ("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done", "exited"),
    ],
    ids=["dies", "fails", "succeeds"],
)
@pytest.mark.parametrize("first", ["supervisor", "frame"])
def test_a_run_that_is_stopped_with_everything_has_not_failed(
    supervise: Supervise, command: str, cause: str, first: str
) -> None:
    """Whoever stops a machine or a service signals supervisors as well, in whichever order."""
    run = supervise(command)
    wait_for(lambda: run.page["leader_pid"] and ("ready" in run.output() or "ready" not in command))
    pids = [run.pid, run.page["leader_pid"]]
    for pid in pids if first == "supervisor" else reversed(pids):
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.2)
    assert run.ended()["end_cause"] == cause
    assert f"cause               {cause}\n" in run.output()


@pytest.mark.parametrize(("told_ago_ns", "cause"), [(SECOND_NS, "shutdown"), (60 * SECOND_NS, "exited")])
def test_a_frame_that_is_signalled_when_its_agent_was_has_not_failed(
    supervise: Supervise, told_ago_ns: int, cause: str
) -> None:
    """Also where its supervisor was spared; long after that a signal is the frame's own affair."""
    page = supervise("kill -TERM $$", told_to_stop_ns=boot_ns() - told_ago_ns).ended()
    assert (page["end_cause"], page["exit_signal"]) == (cause, signal.SIGTERM)


def test_a_frame_that_signals_its_parent_has_stopped_nothing(supervise: Supervise) -> None:
    """It fails as any other; or it would be run again for ever."""
    page = supervise("kill -TERM $PPID; exit 3").ended()
    assert (page["end_cause"], page["exit_status"]) == ("exited", 3)


def test_a_frame_that_writes_another_sender_into_its_signal_has_stopped_nothing(supervise: Supervise) -> None:
    """Only the kernel says who sent a signal."""
    forge = (
        "import ctypes, os, signal\n"
        "told = (ctypes.c_int * 32)(signal.SIGTERM, 0, -1, 0, 1, 0)\n"  # SI_QUEUE, of process 1
        "number = {'x86_64': 129, 'aarch64': 138}[os.uname().machine]\n"  # rt_sigqueueinfo
        "print('sent', ctypes.CDLL(None).syscall(number, os.getppid(), signal.SIGTERM, told), flush=True)\n"
        "os._exit(7)\n"
    )
    run = supervise(f"exec {PYTHON} -c {shlex.quote(forge)}")
    page = run.ended()
    assert "sent 0" in run.output()
    assert (page["end_cause"], page["exit_status"]) == ("exited", 7)


# --- lease and orders ------------------------------------------------------------------------------------------------


def test_a_run_stands_still_when_its_lease_is_over(supervise: Supervise, tmp_path: Path) -> None:
    """By the supervisor's own clock, everything of it, also what left its session; and goes on when it is told to."""
    command = f"(setsid sh -c 'echo $$ > {tmp_path}/pid; while :; do sleep 0.05; done' &); while :; do sleep 0.05; done"
    run = supervise(command, policy=book.SUSPEND, lease_until_ns=boot_ns() + SECOND_NS)
    pid = written_pid(tmp_path / "pid")
    leader = run.page["leader_pid"]
    assert not run.page["suspended"]
    wait_for(lambda: run.page["suspended"] and state_of(pid) == "T" and state_of(leader) == "T")
    run.head["lease_until_ns"] = boot_ns() + 60 * SECOND_NS
    time.sleep(0.5)
    assert run.page["suspended"]  # a lease that comes back is no order to go on: the frame may run elsewhere
    run.order(book.ORDER_RESUME)
    wait_for(lambda: not run.page["suspended"] and state_of(pid) != "T" and state_of(leader) != "T")


def test_a_renewed_lease_lets_a_run_go_on(supervise: Supervise) -> None:
    """It never notices."""
    run = supervise("sleep 1.2; exit 0", policy=book.SUSPEND, lease_until_ns=boot_ns() + SECOND_NS // 2)
    for _ in range(15):
        run.head["lease_until_ns"] = boot_ns() + SECOND_NS // 2
        time.sleep(0.1)
    assert run.ended()["run_ms"] < 5_000
    assert run.page["exit_status"] == 0


def test_a_run_may_be_ended_when_its_lease_is_over(supervise: Supervise) -> None:
    """Where the host's policy is to kill."""
    run = supervise("exec sleep 300", policy=book.KILL, lease_until_ns=boot_ns() + SECOND_NS // 2)
    assert run.ended()["end_cause"] == "lease"


@pytest.mark.parametrize("began", ["an order", "its command's end"])
def test_no_grace_lasts_beyond_the_lease(supervise: Supervise, began: str) -> None:
    """The frame may soon run elsewhere: what is being ended then has no more time."""
    stubborn = "trap '' TERM; while :; do sleep 0.05; done"
    command = f"({stubborn}) & sleep 0.2" if began == "its command's end" else f"echo ready; {stubborn}"
    run = supervise(command, policy=book.SUSPEND, lease_until_ns=boot_ns() + 60 * SECOND_NS, kill_grace_ms=90_000)
    if began == "an order":
        wait_for(lambda: "ready" in run.output())
        run.order(book.ORDER_END, grace_ms=90_000)
    wait_for(lambda: run.page["phase"] == book.ENDING)
    run.head["lease_until_ns"] = boot_ns()
    assert run.ended()["end_cause"] == ("killed" if began == "an order" else "exited")


def test_what_is_ended_for_its_lease_has_ten_seconds_at_most(supervise: Supervise) -> None:
    """However long its grace would be: servers wait for a minute."""
    run = supervise("trap '' TERM; echo ready; while :; do sleep 0.05; done", policy=book.KILL, kill_grace_ms=90_000)
    wait_for(lambda: "ready" in run.output())
    run.head["lease_until_ns"] = boot_ns() - 9 * SECOND_NS
    wait_for(lambda: run.page["phase"] == book.ENDING)
    assert (run.ended(5)["end_cause"], run.page["exit_signal"]) == ("lease", signal.SIGKILL)


def test_a_run_that_nobody_comes_back_for_is_ended(supervise: Supervise) -> None:
    """It has stood still for longer than that makes sense."""
    run = supervise("exec sleep 300", policy=book.SUSPEND, lease_until_ns=boot_ns() + 1, standing_ns=SECOND_NS // 2)
    assert (run.ended()["end_cause"], run.page["exit_signal"]) == ("lease", signal.SIGKILL)


def test_how_long_a_run_had_run_before_it_stood_still_is_no_reason_to_end_it(supervise: Supervise) -> None:
    """Only how long it stands still."""
    run = supervise("exec sleep 300", policy=book.SUSPEND, standing_ns=SECOND_NS)
    wait_for(lambda: run.page["run_ms"] > 1_200)
    run.head["lease_until_ns"] = 1
    wait_for(lambda: run.page["suspended"])
    time.sleep(0.5)
    assert run.page["phase"] == book.RUNNING
    assert run.ended()["end_cause"] == "lease"


def test_what_stands_still_does_so_whoever_wakes_it(supervise: Supervise) -> None:
    """Until it is told to go on: at each look it is stopped again, also where the lease has come back."""
    run = supervise("while :; do sleep 0.05; done", policy=book.SUSPEND, lease_until_ns=boot_ns() + SECOND_NS // 2)
    wait_for(lambda: run.page["suspended"] and state_of(run.page["leader_pid"]) == "T")
    run.head["lease_until_ns"] = boot_ns() + 60 * SECOND_NS
    time.sleep(0.3)
    os.kill(run.page["leader_pid"], signal.SIGCONT)
    wait_for(lambda: state_of(run.page["leader_pid"]) == "T", 3, "it to stand still again")


def test_a_lease_goes_on_while_the_machine_sleeps(supervise: Supervise) -> None:
    """It is counted by a clock that does so: here in a time namespace, where that one is ahead of all others."""
    ahead = shutil.which("unshare")
    words = [ahead or "", "--time", "--boottime", "1000"]
    if ahead is None or subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no time namespace can be made here")
    lease_until_ns = boot_ns() + 1_001 * SECOND_NS
    run = supervise("exec sleep 300", before=words, policy=book.SUSPEND, lease_until_ns=lease_until_ns)
    wait_for(lambda: run.page["suspended"], 5, "the lease to be over")
    assert boot_ns() + 1_000 * SECOND_NS >= lease_until_ns


def test_a_run_without_a_lease_goes_on(supervise: Supervise) -> None:
    """Where the host's policy is to continue."""
    run = supervise("sleep 1; exit 6", policy=book.CONTINUE, lease_until_ns=1)
    assert run.ended()["exit_status"] == 6


def test_what_stands_still_is_ended_at_once(supervise: Supervise, tmp_path: Path) -> None:
    """It may run elsewhere by now, so it gets no chance to write anything."""
    run = supervise(f"trap 'echo saved > {tmp_path}/saved' TERM; echo ready; while :; do sleep 0.05; done")
    wait_for(lambda: "ready" in run.output())
    run.order(book.ORDER_SUSPEND)
    wait_for(lambda: run.page["suspended"])
    run.order(book.ORDER_END, grace_ms=60_000)
    assert run.ended(5)["exit_signal"] == signal.SIGKILL
    assert not (tmp_path / "saved").exists()


def test_standing_still_does_not_count_as_running(supervise: Supervise) -> None:
    """Neither in what is told nor for the time limit."""
    run = supervise("sleep 0.8; exit 0", timeout_ms=2_000)
    wait_for(lambda: run.page["leader_pid"])
    run.order(book.ORDER_SUSPEND)
    time.sleep(2.5)
    run.order(book.ORDER_RESUME)
    page = run.ended()
    assert (page["end_cause"], page["exit_status"]) == ("exited", 0)
    assert page["run_ms"] < 2_000


def test_standing_still_does_not_count_as_running_where_it_never_goes_on(supervise: Supervise) -> None:
    """What is billed ends where it was suspended."""
    run = supervise("exec sleep 300")
    wait_for(lambda: run.page["leader_pid"])
    run.order(book.ORDER_SUSPEND)
    wait_for(lambda: run.page["suspended"])
    time.sleep(2)
    run.order(book.ORDER_END)
    assert run.ended()["run_ms"] < 1_500


# --- limits ----------------------------------------------------------------------------------------------------------


def test_a_run_that_lasts_too_long_is_ended(supervise: Supervise) -> None:
    """Without a runner or a server."""
    page = supervise("while :; do echo still here; sleep 0.1; done", timeout_ms=600).ended()
    assert page["end_cause"] == "timeout"
    assert page["end_words"] == "timed out: it ran longer than the 0 s that its layer allows (timeout)"


def test_a_run_that_falls_silent_is_ended(supervise: Supervise) -> None:
    """Its log has not grown; one that goes on writing is left alone."""
    assert supervise("sleep 300", silence_ms=700).ended()["end_cause"] == "silent"
    talking = supervise("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo $i; sleep 0.1; done", silence_ms=700)
    assert talking.ended()["end_cause"] == "exited"


def test_a_pause_before_the_log_last_grew_excuses_no_silence_after_it(supervise: Supervise) -> None:
    """Nor does a pause count as silence itself."""
    run = supervise("sleep 0.5; echo one; exec sleep 300", silence_ms=1_500)
    wait_for(lambda: run.page["leader_pid"])
    run.order(book.ORDER_SUSPEND)
    time.sleep(2)
    assert run.page["phase"] == book.RUNNING
    run.order(book.ORDER_RESUME)
    assert run.ended(3.5)["end_cause"] == "silent"
    assert run.page["run_ms"] < 3_500


def test_limits_may_change_while_a_run_goes_on(supervise: Supervise) -> None:
    """What stands in the book at a look is what counts then."""
    run = supervise("exec sleep 300", timeout_ms=300_000)
    wait_for(lambda: run.page["leader_pid"])
    run.page["timeout_ms"] = 100
    assert run.ended()["end_cause"] == "timeout"


def test_what_a_run_has_run_is_told_as_it_goes(supervise: Supervise) -> None:
    """With the supervisor's last look, and not counting on while it stands still."""
    run = supervise("exec sleep 300")
    wait_for(lambda: run.page["run_ms"] > 300)
    run.order(book.ORDER_SUSPEND)
    wait_for(lambda: run.page["suspended"])
    told = run.page["run_ms"]
    looked_ns = run.page["alive_ns"]
    wait_for(lambda: run.page["alive_ns"] > looked_ns + SECOND_NS // 2)
    assert run.page["run_ms"] - told < 50


HOLD = "import time; held = bytearray(MB << 20); print('held', flush=True); time.sleep(30)"


def test_a_run_that_holds_too_much_memory_is_ended(supervise: Supervise) -> None:
    """Everything of it together, also what left."""
    hold = shlex.quote(HOLD.replace("MB", "60"))
    run = supervise(f"(setsid {PYTHON} -c {hold} &); {PYTHON} -c {hold}", memory_max_kb=100 << 10)
    page = run.ended(20)
    assert page["end_cause"] == "memory"
    assert page["rss_max_kb"] > 100 << 10
    assert "exitStatus          33\nexitSignal          0\ncause               memory\n" in run.output()
    assert page["end_words"].endswith("MB, more than the 100 MB that it may")


def test_shared_memory_counts_once(supervise: Supervise) -> None:
    """Processes that share their pages hold no more than one of them and a little, once all have them."""
    share = (
        "import mmap, os, time\n"
        "m = mmap.mmap(-1, 100 << 20); m.write(b'x' * (100 << 20))\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0: break\n"
        "sum(m[i] for i in range(0, 100 << 20, 4096)); print('has them', flush=True); time.sleep(60)\n"
    )
    run = supervise(f"exec {PYTHON} -c {shlex.quote(share)}")
    wait_for(lambda: run.output().count("has them") == 4, 30)
    wait_for(lambda: 100 << 10 <= run.page["rss_kb"] < 150 << 10)
    looked_ns = run.page["alive_ns"]
    wait_for(lambda: run.page["alive_ns"] > looked_ns + SECOND_NS // 2)
    assert 100 << 10 <= run.page["rss_kb"] < 150 << 10


def test_pages_that_become_shared_while_they_are_counted_end_no_run(supervise: Supervise) -> None:
    """A look between may count them more than once; what seems to hold too much is measured where it stands."""
    share = (
        "import mmap, os, time\n"
        "m = mmap.mmap(-1, 60 << 20)\n"
        "for _ in range(60): m.write(b'x' * (1 << 20))\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0: break\n"
        "until = time.monotonic() + 4\n"
        "while time.monotonic() < until:\n"
        "    m.madvise(mmap.MADV_DONTNEED); sum(m[i] for i in range(0, 60 << 20, 4096)); time.sleep(0.6)\n"
    )
    page = supervise(
        f"exec {PYTHON} -c {shlex.quote(share)}", memory_max_kb=100 << 10, sample_ns=SECOND_NS // 20
    ).ended()
    assert page["end_cause"] == "exited", page["end_words"]


def test_memory_of_a_run_that_was_too_short_to_be_measured_is_what_the_kernel_says(supervise: Supervise) -> None:
    """Its largest process, without what its agent held when it started it."""
    ballast = bytearray(80 << 20)
    page = supervise("exec true", sample_ns=60 * SECOND_NS).ended()
    assert page["largest_kb"] < 20 << 10  # 0 where that cannot be told from what its supervisor holds
    del ballast


def test_a_child_that_has_its_parents_memory_holds_nothing_more(supervise: Supervise, tmp_path: Path) -> None:
    """Between vfork and exec, which may take long where it waits for a slow disk."""
    os.mkfifo(tmp_path / "slow")
    spawn = (
        "import os\n"
        "held = bytearray(100 << 20)\n"
        f"wait = [(os.POSIX_SPAWN_OPEN, 0, '{tmp_path}/slow', os.O_RDONLY, 0)]\n"
        "os.waitpid(os.posix_spawn('/bin/true', ['true'], {}, file_actions=wait), 0)\n"
    )
    run = supervise(f"exec {PYTHON} -c {shlex.quote(spawn)}", memory_max_kb=150 << 10, sample_ns=SECOND_NS // 20)
    wait_for(lambda: len(descendants(run.pid)) == 2 or run.page["phase"] >= book.ENDING)
    looked_ns = run.page["alive_ns"]
    wait_for(lambda: run.page["alive_ns"] > looked_ns + SECOND_NS // 2 or run.page["phase"] >= book.ENDING)
    with contextlib.suppress(OSError):
        os.close(os.open(tmp_path / "slow", os.O_WRONLY | os.O_NONBLOCK))
    page = run.ended()
    assert (page["end_cause"], page["exit_status"]) == ("exited", 0), page["end_words"]
    assert 100 << 10 < page["rss_max_kb"] < 150 << 10


# --- the program itself ----------------------------------------------------------------------------------------------


def test_both_sides_agree_where_each_field_of_the_book_lies(tmp_path: Path) -> None:
    """The compiler's view of `book.h` is the table in `book.py`."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    lines = [f'F(struct head, {name}, "{name}")' for name in book.HEAD_PLACES]
    lines += [f'F(struct run, {name}, "{name}")' for name in book.RUN_PLACES]
    source = tmp_path / "places.c"
    source.write_text(
        '#include <stdio.h>\n#include <stddef.h>\n#include "book.h"\n'
        "#define F(type, field, name) \\\n"
        '    printf("%s %zu %zu\\n", name, offsetof(type, field), sizeof(((type *)0)->field));\n'
        "int main(void) {\n" + "\n".join(lines) + '\nprintf("%zu\\n", sizeof(struct run)); return 0; }\n'
    )
    folder = Path(book.__file__).parent / "program"
    subprocess.run([compiler, "-I", str(folder), "-o", str(tmp_path / "places"), str(source)], check=True)
    *said, size = subprocess.run([str(tmp_path / "places")], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )[:-1]
    places = [*book.HEAD_PLACES.items(), *book.RUN_PLACES.items()]
    assert said == [f"{name} {at} {form.size}" for name, (at, form) in places]
    assert int(size) <= book.PAGE_BYTES


def test_nobody_reads_a_number_that_was_not_written(tmp_path: Path) -> None:
    """Also while it is written: it is the one of before or the new one."""
    pages = Book.open(str(tmp_path / "book"))
    pages.head["lease_until_ns"] = SECOND_NS
    writer = os.fork()
    while writer == 0:
        pages.head["lease_until_ns"] = SECOND_NS
    seen = {pages.head["lease_until_ns"] for _ in range(1_000_000)}
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    pages.close()
    assert seen == {SECOND_NS}


def test_a_supervisor_is_small(supervise: Supervise) -> None:
    """A host has one for each of its runs."""
    run = supervise("sleep 0.5")
    wait_for(lambda: run.page["leader_pid"])
    if "stand_in.py" in Path(f"/proc/{run.pid}/cmdline").read_text():
        pytest.skip("the stand-in is a Python process")
    resident = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{run.pid}/status").read_text())
    assert resident is not None
    assert int(resident[1]) <= 1_024
