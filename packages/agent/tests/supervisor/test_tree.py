"""A run's whole tree under its supervisor: what is left of it, what it holds, and what cannot be ended."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hanging_disk import HangingDisk

from rqd.supervisor import book

from .test_supervisor import SECOND_NS, Supervise, boot_ns, state_of, supervise, wait_for, written_pid

__all__ = ["supervise"]

PYTHON = shlex.quote(sys.executable)
MB = 1 << 20


def python(source: str) -> str:
    """A command that runs this."""
    return f"exec {PYTHON} -c {shlex.quote(source)}"


@pytest.fixture
def hanging_disk(tmp_path: Path) -> Iterator[HangingDisk]:
    """A disk on which everything hangs until it is let go."""
    disk = HangingDisk(tmp_path / "hanging")
    yield disk
    disk.let_go()


# --- what is left ----------------------------------------------------------------------------------------------------


def test_the_foot_names_what_was_left_behind(supervise: Supervise) -> None:
    """A few by pid and name, and how many more there were."""
    run = supervise("for i in 1 2 3 4 5 6; do sleep 300 & done; sleep 0.2")
    page = run.ended()
    assert page["left_behind"] == 6
    assert re.fullmatch(r"(\d+ \(sleep\), ){3}\d+ \(sleep\) and 2 more", page["left_names"])
    assert f"leftBehind          6 left behind, ended: {page['left_names']}\n" in run.output()


def test_what_cannot_be_ended_is_told_of_and_keeps_its_run_alive(
    supervise: Supervise, hanging_disk: HangingDisk, tmp_path: Path
) -> None:
    """A process that waits in the kernel for a disk; when the disk lets go of it the run ends, and its foot says so."""
    disk = tmp_path / "hanging" / "scene"
    run = supervise(f"echo $$ > {tmp_path}/pid; read line < {disk}", unkillable_ns=SECOND_NS // 5)
    pid = written_pid(tmp_path / "pid")
    hanging_disk.await_victim()
    run.order(book.ORDER_END, grace_ms=0)
    wait_for(lambda: run.page["unkillable"] == 1, what="it to be told of")
    assert run.page["left_names"] == f"{pid} (sh)"
    assert (run.page["phase"], state_of(pid)) == (book.ENDING, "D")
    hanging_disk.let_go()
    page = run.ended()
    assert (page["end_cause"], page["unkillable"]) == ("killed", 0)
    assert re.search(rf"^unkillable +\d+ s after SIGKILL: {pid} \(sh\)$", run.output(), re.MULTILINE)


# --- its log ---------------------------------------------------------------------------------------------------------


def test_a_log_without_end_is_cut_and_its_run_ended(supervise: Supervise) -> None:
    """It is no longer than it may be, and a foot with words."""
    run = supervise("yes", log_max_bytes=4 * MB, sample_ns=60 * SECOND_NS)
    assert wait_for(lambda: run.page["end_cause"], seconds=1.5) == "log_limit"  # long before the first sample
    page = run.ended()
    assert page["end_words"].endswith("more than the 4 MB that it may (rqd's --log-max-mb on this host)")
    assert page["run_ms"] < 5_000
    assert 4 * MB < run.log.stat().st_size < 4 * MB + 4_096
    assert run.output().endswith("=\n")
    assert page["output_ends_at"] == 4 * MB


def test_a_log_that_is_long_enough_is_left_alone(supervise: Supervise) -> None:
    """Up to the bound."""
    page = supervise("yes | head -c 4000000; sleep 0.3", log_max_bytes=4_000_000).ended()
    assert page["end_cause"] == "exited"


# --- its memory ------------------------------------------------------------------------------------------------------

HELD = {
    "a file in /dev/shm that is open": "f = open('/dev/shm/NAME', 'wb'); f.write(bytes(80 << 20)); f.flush()",
    "one that was unlinked": (
        "f = open('/dev/shm/NAME', 'wb'); os.unlink('/dev/shm/NAME'); f.write(bytes(80 << 20)); f.flush()"
    ),
    "one that is mapped as well": (
        "f = open('/dev/shm/NAME', 'w+b'); f.truncate(80 << 20); m = mmap.mmap(f.fileno(), 0); m.write(bytes(80 << 20))"
    ),
    "memory without a name": "fd = os.memfd_create('NAME'); os.write(fd, bytes(80 << 20))",
    "one that two processes have open": (
        "f = open('/dev/shm/NAME', 'wb'); f.write(bytes(80 << 20)); f.flush(); os.fork()"
    ),
}


@pytest.mark.parametrize("what", HELD)
def test_files_in_memory_count_once(supervise: Supervise, what: str) -> None:
    """What nobody has mapped too, as long as a process of the run has it open."""
    name = f"cuefarm-{uuid.uuid4()}"
    source = HELD[what].replace("NAME", name)
    try:
        run = supervise(python(f"import mmap, os, time\n{source}\nprint('held', flush=True)\ntime.sleep(60)"))
        wait_for(lambda: "held" in run.output())
        wait_for(lambda: run.page["rss_kb"] > 80 << 10, what="it to be counted")
        run.order(book.ORDER_END)
        assert 80 << 10 < run.ended()["rss_max_kb"] < 130 << 10
    finally:
        Path("/dev/shm", name).unlink(missing_ok=True)


def test_a_file_in_memory_that_is_closed_counts_no_more(supervise: Supervise) -> None:
    """Nobody can tell whose it is."""
    name = f"cuefarm-{uuid.uuid4()}"
    hold = f"f = open('/dev/shm/{name}', 'wb'); f.write(bytes(80 << 20)); f.flush()"
    try:
        run = supervise(python(f"import time\n{hold}\ntime.sleep(0.5)\nf.close()\ntime.sleep(60)"))
        wait_for(lambda: run.page["rss_kb"] > 80 << 10)
        wait_for(lambda: run.page["rss_kb"] < 40 << 10)
    finally:
        Path("/dev/shm", name).unlink(missing_ok=True)


def test_what_is_swapped_out_counts(supervise: Supervise) -> None:
    """A process whose memory the kernel has put on a disk holds it all the same."""
    if Path("/proc/swaps").read_text().count("\n") < 2:
        pytest.skip("this machine has no swap")
    source = "import mmap, time\nm = mmap.mmap(-1, 60 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
    source += "m.write(b'x' * (60 << 20))\nm.madvise(21)\nprint('out', flush=True)\ntime.sleep(60)"  # MADV_PAGEOUT
    run = supervise(python(source))
    wait_for(lambda: "out" in run.output())
    status = Path(f"/proc/{wait_for(lambda: run.page['leader_pid'])}/status").read_text()
    assert int(re.findall(r"VmSwap:\s+(\d+)", status)[0]) > 30 << 10
    seen = run.page["order_done"]
    wait_for(lambda: run.page["rss_kb"] > 60 << 10)
    assert seen == 0


# --- the kernel's choice ---------------------------------------------------------------------------------------------


@pytest.fixture
def tight_group() -> Iterator[Path]:
    """A control group whose processes have 100 MB together; the kernel ends one of them when that is not enough."""
    version_1, version_2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    top, limit = (version_1, "memory.limit_in_bytes") if version_1.is_dir() else (version_2, "memory.max")
    group = top / f"cuefarm-{uuid.uuid4()}"
    try:
        group.mkdir()
        (group / limit).write_text(str(100 * MB))
    except OSError:
        if group.is_dir():
            group.rmdir()
        pytest.skip("no control group with a limit can be made here")
    yield group
    for pid in (group / "cgroup.procs").read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    wait_for(lambda: not (group / "cgroup.procs").read_text(), what="the group to be empty")
    group.rmdir()


def oom_kills() -> int:
    """Of this machine since its boot."""
    return int(re.findall(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)[0])


GROW = "held = []\nwhile True: held.append(bytearray(4 << 20))"


@pytest.mark.proof  # the kernel's count is the whole machine's: other tests' killed frames would seem to lack memory
def test_a_run_that_the_kernel_ends_for_want_of_memory_ends_with_that_cause(
    supervise: Supervise, tight_group: Path
) -> None:
    """The kernel's count has risen since the runner looked last."""
    counted = {"oom_kills": oom_kills(), "oom_kills_at_ns": boot_ns(), "sample_ns": SECOND_NS}
    run = supervise(f"echo $$ > {tight_group}/cgroup.procs; {python(GROW)}", **counted)
    page = run.ended()
    assert (page["end_cause"], page["exit_signal"]) == ("memory", signal.SIGKILL)
    assert "killMessage         it was killed while the kernel ended processes for want of memory\n" in run.output()


@pytest.mark.parametrize("known", ["the count", "nothing", "a count of long ago"])
def test_a_run_that_somebody_kills_is_not_said_to_have_lacked_memory(supervise: Supervise, known: str) -> None:
    """Without a rise of the kernel's count, or without a count of a moment ago."""
    at_ns = {"the count": boot_ns(), "nothing": 0, "a count of long ago": boot_ns() - 60 * SECOND_NS}[known]
    counted = oom_kills() if known == "the count" else -1 % 2**64 if known == "nothing" else 0
    page = supervise("kill -9 $$", oom_kills=counted, oom_kills_at_ns=at_ns).ended()
    assert (page["end_cause"], page["exit_signal"]) == ("exited", signal.SIGKILL)


@pytest.mark.proof  # the kernel's count is the whole machine's: other tests' killed frames would seem to lack memory
def test_the_kernel_ends_the_frame_and_not_what_is_larger_without_its_score(
    supervise: Supervise, tight_group: Path
) -> None:
    """An agent that holds more than its frame is still not the first to go."""
    source = "input(); held = bytearray(b'x') * (60 << 20); print('held', flush=True); input()"
    agent = subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert agent.stdin is not None
        assert agent.stdout is not None
        (tight_group / "cgroup.procs").write_text(str(agent.pid))  # what it held before would not count there
        agent.stdin.write(b"\n")
        agent.stdin.flush()
        agent.stdout.readline()
        counted = {"oom_kills": oom_kills(), "oom_kills_at_ns": boot_ns(), "sample_ns": SECOND_NS}
        run = supervise(f"echo $$ > {tight_group}/cgroup.procs; {python(GROW)}", oom_score_adj=300, **counted)
        assert run.ended()["end_cause"] == "memory"
        assert agent.poll() is None
    finally:
        agent.kill()
        agent.communicate()


# --- a control group, as a second net --------------------------------------------------------------------------------


@pytest.fixture
def group_folder() -> Iterator[Path]:
    """A folder in which runs get control groups of their own; nothing is left in it."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    top = next((Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"), None)
    if top is None:
        pytest.skip("no control groups of version 2 here")
    folder = top / f"cuefarm-test-{uuid.uuid4()}"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("no control group can be made here")
    yield folder
    folder.rmdir()


def test_a_run_that_goes_on_has_a_control_group(supervise: Supervise, group_folder: Path, tmp_path: Path) -> None:
    """Everything of it is in there, also what it starts later, and the group goes with it."""
    daemon = f"env -i setsid sh -c 'echo $$ > {tmp_path}/PID; exec sleep 300'"
    command = f"({daemon} &) ; sleep 0.7; ({daemon.replace('PID', 'later')} &) ; sleep 300".replace("PID", "first")
    run = supervise(command, group_folder=str(group_folder))
    pids = {written_pid(tmp_path / "first"), written_pid(tmp_path / "later"), run.page["leader_pid"]}
    group = Path(run.page["group"])
    assert group.parent == group_folder
    wait_for(lambda: pids <= {int(pid) for pid in (group / "cgroup.procs").read_text().split()})
    assert run.pid not in {int(pid) for pid in (group / "cgroup.procs").read_text().split()}
    run.order(book.ORDER_END, grace_ms=0)
    run.ended()
    assert not group.exists()


CHAINS = """
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int main(void) {
    time_t until = time(NULL) + 4;
    for (int line = 0; line < 8; line++)
        if (fork() == 0)
            for (;;) {
                usleep(400);
                if (time(NULL) >= until || fork() != 0)
                    _exit(0);
            }
    sleep(6);
}
"""


def test_what_makes_orphans_quickly_does_not_keep_its_supervisor_from_its_work(
    supervise: Supervise, group_folder: Path, tmp_path: Path
) -> None:
    """While it moves them to the group they are collected, and it goes on looking after the run."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    (tmp_path / "chains.c").write_text(CHAINS)
    subprocess.run([compiler, "-o", str(tmp_path / "chains"), str(tmp_path / "chains.c")], check=True)
    run = supervise(f"exec {tmp_path}/chains", group_folder=str(group_folder), sample_ns=SECOND_NS // 2)
    wait_for(lambda: run.page["group"])
    oldest_ns = own_gap_ns = 0
    looked_ns = boot_ns()
    while run.page["phase"] == book.RUNNING:
        now_ns = boot_ns()
        own_gap_ns, looked_ns = max(own_gap_ns, now_ns - looked_ns), now_ns
        oldest_ns = max(oldest_ns, now_ns - run.page["alive_ns"])
        time.sleep(0.01)
    run.ended()
    assert oldest_ns < 1.5 * SECOND_NS + 3 * own_gap_ns  # a busy machine holds up us as well


def test_a_short_run_has_no_control_group(supervise: Supervise, group_folder: Path) -> None:
    """Making one costs as much as the run itself."""
    assert supervise("true", group_folder=str(group_folder), sample_ns=5 * SECOND_NS).ended()["group"] == ""
    assert [path for path in group_folder.iterdir() if path.is_dir()] == []


def test_a_run_needs_no_control_group(supervise: Supervise, tmp_path: Path) -> None:
    """Where none can be made it goes on without."""
    run = supervise("sleep 0.4; exit 3", group_folder=str(tmp_path / "nowhere"))
    assert run.ended()["exit_status"] == 3
