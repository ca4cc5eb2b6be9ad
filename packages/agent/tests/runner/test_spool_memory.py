"""What a spool remembers, and whose it is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rqd.runner.spool import Spool, SpoolInUse


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
