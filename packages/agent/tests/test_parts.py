"""The runner's parts by themselves."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rqd import log, options
from rqd.__main__ import main
from rqd.link.messages import frame_info
from rqd.runner.capacity import Capacity
from rqd.runner.command import direct_arguments
from rqd.runner.lease import Lease
from rqd.runner.loop import Loop
from rqd.runner.spool import Spool, SpoolInUse

_TEXTS = ("run_id", "job_id", "job_name", "frame_id", "frame_name", "layer_id", "state", "stuck", "log_name")
_MEASURED = ("rss_kb", "max_rss_kb", "vsize_kb", "max_vsize_kb", "log_written_s", "ran_ms")
_NUMBERS = ("core_units", "gpus", "start_ms", *_MEASURED)


class FakeClock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def set_clock(monkeypatch: pytest.MonkeyPatch, by_seconds: float) -> None:
    """Set the time of day that the spool sees."""
    now = time.time() + by_seconds
    monkeypatch.setattr("rqd.runner.spool.time.time", lambda: now)


def test_the_runner_needs_nothing_but_the_standard_library() -> None:
    """No import of the runner's brings in grpc, protobuf or psutil."""
    code = "import rqd.runner.agent, rqd.platform.linux, sys; print({m.split('.')[0] for m in sys.modules})"
    modules = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert not {"grpc", "google", "psutil", "opencue_proto", "asyncio"} & set(eval(modules))


def test_forgotten_runs_are_remembered_for_an_hour(tmp_path: Path) -> None:
    """A new runner on the spool knows them too, and none of them for longer."""
    spool = Spool(str(tmp_path), time.monotonic)
    spool.forget("run-1")
    spool.close()
    clock = FakeClock()
    again = Spool(str(tmp_path), clock)
    assert again.has_forgotten("run-1")
    clock.now += 3601
    assert not again.has_forgotten("run-1")


def test_a_clock_that_is_set_makes_the_spool_forget_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was acknowledged a moment ago is remembered, whatever the time of day has become."""
    spool = Spool(str(tmp_path), time.monotonic)
    spool.forget("run-1")
    set_clock(monkeypatch, by_seconds=86_400)
    spool.forget("run-2")
    assert spool.has_forgotten("run-1")


def test_a_boot_has_one_time_whatever_becomes_of_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later agent of the same boot says the same, after the clock was set; another boot is a later one."""
    spool = Spool(str(tmp_path), time.monotonic)
    first = spool.boot_time("boot-1")
    assert abs(time.time() - time.monotonic() - first) < 2
    set_clock(monkeypatch, by_seconds=3600)
    assert spool.boot_time("boot-1") == first
    assert spool.boot_time("boot-2") > first + 3590


def test_a_spool_has_one_owner_and_one_instance(tmp_path: Path) -> None:
    """A second one is refused with the pid of the first; the instance outlives both."""
    spool = Spool(str(tmp_path), time.monotonic)
    with pytest.raises(SpoolInUse, match=f"process {os.getpid()}"):
        Spool(str(tmp_path), time.monotonic)
    spool.close()
    assert Spool(str(tmp_path), time.monotonic).instance == spool.instance


def test_a_lease_counts_from_the_sending_of_an_answered_report() -> None:
    """A late answer renews it only as far as its report is old, and an older one not at all."""
    lease = Lease(300, now=1000)
    lease.renew(sent_at=1100)
    lease.renew(sent_at=1050)
    assert not lease.has_lapsed(1399)
    assert lease.has_lapsed(1400)


def test_cores_are_booked_locked_and_released() -> None:
    """Idle is what is neither booked nor locked, and never negative."""
    capacity = Capacity(core_units=400, memory_kb=1048576)
    capacity.book("a", 300, 1000)
    capacity.lock(200)
    assert capacity.idle_units == 0
    assert capacity.refusal(100, 0) == "100 core units asked, 0 idle (400 in all, 300 booked, 200 locked)"
    capacity.unlock(200)
    capacity.release("a")
    capacity.release("a")
    assert capacity.refusal(400, 1048576) is None


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("/usr/bin/render -s 1 --out=/a/b.%04d.exr", ["/usr/bin/render", "-s", "1", "--out=/a/b.%04d.exr"]),
        ("render -s 1", []),
        ("/usr/bin/render $FRAME", []),
        ("/usr/bin/render 'a b'", []),
        ("/usr/bin/render; true", []),
        ("/usr/bin/render *.exr", []),
        ("/usr/bin/render ~/x", []),
        ("/usr/bin/render\ntrue", []),
    ],
)
def test_only_what_the_shell_would_not_change_runs_without_it(command: str, words: list[str]) -> None:
    """A program by its path with plain words needs no shell; anything else gets one."""
    assert direct_arguments(command) == words


def test_a_message_stays_one_line_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A frame's name cannot forge a line of the agent's messages."""
    log.warning("run ended", frame="0001-x\n2026 error forged")
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert 'frame="0001-x\\\\n2026 error forged"' in written


def test_numbers_that_are_too_large_for_a_report_are_cut() -> None:
    """One run that says odd things of itself does not cost the reports of all others."""
    told = frame_info({**dict.fromkeys(_TEXTS, ""), **dict.fromkeys(_NUMBERS, (1 << 64) - 1), "outcome": None})
    assert (told.num_gpus, told.rss) == ((1 << 31) - 1, (1 << 63) - 1)


def test_timers_run_in_order_unless_they_are_cancelled() -> None:
    """The loop calls what is due, the earliest first."""
    loop, called = Loop(), []
    loop.call_later(0.02, lambda: called.append("second"))
    loop.call_later(0.01, lambda: called.append("first"))
    loop.call_later(0.0, lambda: called.append("never")).cancel()
    while len(called) < 2:
        loop.turn(wait=True)
    assert called == ["first", "second"]


def test_a_socket_that_was_just_forgotten_calls_nobody() -> None:
    """Of two that are ready together, the first one's call may end the other."""
    loop, called = Loop(), []
    pairs = [socket.socketpair() for _ in range(2)]

    def end_both(_: int) -> None:
        called.append("one")
        for ours, _theirs in pairs:
            loop.forget(ours)
            ours.close()

    for ours, theirs in pairs:
        loop.watch(ours, end_both)
        theirs.send(b"!")
    loop.turn(wait=True)
    assert called == ["one"]
    for _, theirs in pairs:
        theirs.close()


@pytest.mark.parametrize(
    "words",
    [
        ["--server", "nowhere"],
        ["--port", "70000"],
        ["--lease-seconds", "-1"],
        ["--server", "a:1", "--server-file", "f"],
    ],
)
def test_options_that_make_no_sense_end_with_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the option, and the status is 2."""
    with pytest.raises(SystemExit) as ending:
        options.parse(words)
    assert ending.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_a_spool_in_no_home_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A user without account and home, as in a container, is told what to give; no folder called ~ is made."""
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(SystemExit):
        options.parse(["--token-file", "/t", "--spool", "~/spool"])
    assert "--spool: ~/spool names no home folder here; give the folder itself, or set HOME" in capsys.readouterr().err


def test_another_operating_system_gets_a_clear_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The agent says that it runs on Linux only, and what can stand there instead."""
    monkeypatch.setattr(sys, "platform", "win32")
    assert main(["--token-file", "/t", "--run-as-root"]) == 1
    assert "does not run frames on win32 yet" in capsys.readouterr().err
