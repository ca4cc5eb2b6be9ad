"""One execution of a frame, as the runner knows it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from typing import Any, Optional

from rqd.platform import Memory, Process, Traces
from rqd.runner.log_name import shortened
from rqd.runner.spool import StoredRun

UID_MAX = (1 << 31) - 1
"""What a launch can carry; the kernel takes its largest number, which would be -1, for "leave it as it is"."""

RUN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")

# What the spool and every report need of a launch; the command and the environment are needed once.
_IDENTITY = ("run_id", "frame_id", "frame_name", "job_id", "job_name", "layer_id", "core_units", "gpus")


class Refusal(Exception):
    """The run did not and will not run. `code` is the name of a gRPC status."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


class Termination:
    """Why and how a run is being ended."""

    def __init__(self, cause: str, words: str, kill_at: float) -> None:
        self.cause = cause
        self.words = words
        self.kill_at = kill_at  # monotonic: when SIGKILL follows
        self.last_signal = 0


class Run:
    """Where one run stands. Only `Runs` changes it."""

    def __init__(self, identity: Mapping[str, Any], log_path: str, start_ms: int) -> None:
        self.identity = {key: identity[key] for key in _IDENTITY}
        self.run_id: str = identity["run_id"]
        self.frame_id: str = identity["frame_id"]
        self.log_path = log_path
        self.log_fd: Optional[int] = None
        self.output_begins_at = 0
        self.shortened_log_name = shortened(log_path, identity["job_name"], identity["frame_name"])
        self.start_ms = start_ms
        self.started_monotonic = time.monotonic()
        self.launch: Optional[Mapping[str, Any]] = None  # until it is started
        self.process: Optional[Process] = None
        self.is_lost = False  # its runner died: its processes are nobody's children
        self.remains: list[Process] = []  # and these are they
        self.traces: Optional[Traces] = None  # by which they are known; none after another boot
        self.leader_has_exited = False
        self._suspended_at: Optional[float] = None  # monotonic
        self._suspended_before = 0.0  # seconds
        self.termination: Optional[Termination] = None
        self.memory = Memory(0, 0)
        self.max_memory = Memory(0, 0)
        self.outcome: Optional[dict[str, Any]] = None

    @property
    def is_suspended(self) -> bool:
        """It stands still until a server confirms it."""
        return self._suspended_at is not None

    @is_suspended.setter
    def is_suspended(self, suspended: bool) -> None:
        if self._suspended_at is not None:
            self._suspended_before += time.monotonic() - self._suspended_at
        self._suspended_at = time.monotonic() if suspended else None

    def _ran_ms(self) -> int:
        """How long it has run, without the time for which it was suspended: time-outs count by this."""
        if self.process is None:
            return 0
        until = time.monotonic() if self._suspended_at is None else self._suspended_at
        return int((until - self.started_monotonic - self._suspended_before) * 1000)

    @property
    def state(self) -> str:
        """The word for `cuefarm.state` in a report."""
        if self.outcome is not None:
            return "ended"
        return "suspended" if self.is_suspended else "running"

    def measured(self, memory: Memory) -> None:
        """Take in a new measurement."""
        self.memory = memory
        self.max_memory = Memory(
            max(memory.rss_kb, self.max_memory.rss_kb), max(memory.vsize_kb, self.max_memory.vsize_kb)
        )

    def stored(self, boot_id: str) -> dict[str, Any]:
        """What the spool keeps of it from the start."""
        return {**self.identity, "log_path": self.log_path, "start_ms": self.start_ms, "boot_id": boot_id}

    def started(self) -> dict[str, Any]:
        """What the spool keeps of it once it has a process."""
        assert self.process is not None, "it was started"
        return {"pid": self.process.pid, "start_ticks": self.process.start_ticks, "start_ms": self.start_ms}

    def described(self) -> dict[str, Any]:
        """What the link reports of it."""
        return {
            **self.identity,
            "state": self.state,
            "start_ms": self.start_ms,
            "rss_kb": self.memory.rss_kb,
            "vsize_kb": self.memory.vsize_kb,
            "max_rss_kb": self.outcome["max_rss_kb"] if self.outcome else self.max_memory.rss_kb,
            "max_vsize_kb": self.max_memory.vsize_kb,
            "log_written_s": self._log_written_seconds(),
            "ran_ms": self._ran_ms(),
            "outcome": self.outcome,
            "log_name": self.shortened_log_name,
        }

    def log_file(self) -> Optional[tuple[int, int]]:
        """The device and inode of its log, if that is open."""
        if self.log_fd is None:
            return None
        status = os.fstat(self.log_fd)
        return status.st_dev, status.st_ino

    def _log_written_seconds(self) -> int:
        """When the log last grew, in seconds since 1970; 0 where that cannot be told. Time-outs on silence use it."""
        try:
            return int((os.stat(self.log_path) if self.log_fd is None else os.fstat(self.log_fd)).st_mtime)
        except OSError:
            return 0


def run_from(stored: StoredRun) -> Run:
    """A run that an earlier runner stored; raises KeyError or TypeError where it is none."""
    accepted, started = stored.accepted, stored.started
    run = Run(accepted, accepted["log_path"], (started or accepted)["start_ms"])
    run.started_monotonic -= max(0.0, time.time() - run.start_ms / 1000)
    if started is not None:
        run.process = Process(started["pid"], started["start_ticks"])
    run.outcome = stored.outcome
    return run


def check_launch(launch: Mapping[str, Any]) -> None:
    """Refuse what makes no sense, before anything is done about it."""
    if not RUN_ID.fullmatch(launch["run_id"]):
        raise Refusal("INVALID_ARGUMENT", f"resource_id {launch['run_id']!r} is not an id; give a fresh UUID a run")
    if not launch["frame_id"]:
        raise Refusal("INVALID_ARGUMENT", f"run {launch['run_id']} has no frame_id")
    if not launch["command"].strip():
        raise Refusal("INVALID_ARGUMENT", f"frame {launch['frame_name']} has no command")
    if launch["core_units"] <= 0:
        raise Refusal(
            "INVALID_ARGUMENT", f"num_cores {launch['core_units']} of frame {launch['frame_name']} is not positive"
        )
    if not launch["log_dir"].startswith("/"):
        raise Refusal("INVALID_ARGUMENT", f"log_dir {launch['log_dir']!r} is not an absolute path on this host")
    if launch["uid"] is not None and not 0 < launch["uid"] <= UID_MAX:
        words = f"uid {launch['uid']}: frames do not run as root, and users have numbers from 1 to {UID_MAX}"
        raise Refusal("INVALID_ARGUMENT", words)
    texts = [launch["command"], launch["log_dir"], launch["user_name"], launch["show"], launch["shot"]]
    texts += [launch["job_name"], launch["frame_name"], *launch["environment"], *launch["environment"].values()]
    if any("\0" in text for text in texts):
        raise Refusal(
            "INVALID_ARGUMENT", f"frame {launch['frame_name']}: a zero byte in the command, a name or a variable"
        )
    for name in launch["environment"]:
        if not name or "=" in name:
            raise Refusal("INVALID_ARGUMENT", f"{name!r} cannot be the name of an environment variable")
