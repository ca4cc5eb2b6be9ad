"""One execution of a frame, as the runner knows it."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from typing import Any, Optional

from rqd.platform import Process, Traces
from rqd.runner.log_name import shortened
from rqd.supervisor.book import ORDER_END, TOLD, Page

UID_MAX = (1 << 31) - 1
"""What a launch can carry; the kernel takes its largest number, which would be -1, for "leave it as it is"."""

UNKILLABLE_SECONDS = 10.0
"""What is there so long after its SIGKILL waits in the kernel, for a disk above all, and is told of."""

GPUS_MAX = (1 << 31) - 1
"""What a report can say."""

RUN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")

# What the spool and every report need of a launch; the command and the environment are needed once.
_NAMES = ("run_id", "frame_id", "frame_name", "job_id", "job_name", "layer_id")
_IDENTITY = (*_NAMES, "core_units", "memory_kb", "gpus", "log_parts")


class Refusal(Exception):
    """The run did not and will not run. `code` is the name of a gRPC status."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Run:
    """Where one run stands. Its page in the book says most; only `Runs` changes the rest."""

    def __init__(
        self, identity: Mapping[str, Any], log_path: str, accepted_ms: int, page: Page, start_until_s: float = 0.0
    ) -> None:
        self.identity = {key: identity[key] for key in _IDENTITY}
        self.run_id: str = identity["run_id"]
        self.frame_id: str = identity["frame_id"]
        self.log_path = log_path
        self.log_fd: Optional[int] = None
        self.shortened_log_name = shortened(log_path, *identity["log_parts"])
        self.accepted_ms = accepted_ms
        self.start_until_s = start_until_s
        """Until when, in seconds since the boot, its command must be a process; 0: whenever."""
        self.page = page
        self.launch: Optional[Mapping[str, Any]] = None  # until it is started
        self.supervisor: Optional[int] = None  # its pid
        self.supervised_at = 0.0  # seconds since the boot
        self.to_end_since = 0.0  # the same: when it was told to have its run end
        self.silent_since = 0.0  # the same: of its last sign of life when it was last woken
        self.watch_fd: Optional[int] = None  # of a supervisor that is not our child
        self.is_lost = False  # its supervisor is gone without a word
        self.is_late = False  # because its command did not become a process in time
        self.lost_at = 0.0  # by time.monotonic()
        self.orphans: list[Process] = []  # and these are what it left
        self.is_told_stuck = False
        self.outcome: Optional[dict[str, Any]] = None

    @property
    def is_suspended(self) -> bool:
        """It stands still until a server confirms it."""
        return bool(self.page["suspended"]) and self.outcome is None

    @property
    def is_to_end(self) -> bool:
        """Its supervisor was told to end it: nothing else is wanted of it any more."""
        return bool(self.page["order"] == ORDER_END)

    @property
    def start_ms(self) -> int:
        """When its command was started; when it was accepted where it was not."""
        return int(self.page["start_ms"]) or self.accepted_ms

    @property
    def state(self) -> str:
        """The word for `cuefarm.state` in a report."""
        if self.outcome is not None:
            return "ended"
        return "suspended" if self.is_suspended else "running"

    def ran_ms(self) -> int:
        """How long it has run, without the time for which it was suspended: time-outs count by this."""
        page = self.page
        if self.outcome is not None or self.is_suspended or not page["alive_ns"]:
            return int(page["run_ms"])
        since_ms = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - page["alive_ns"]) // 1_000_000
        return int(page["run_ms"]) + max(0, since_ms) if self.supervisor is not None else int(page["run_ms"])

    def stuck(self) -> str:
        """What of it does not end although it was killed, in words; empty where there is no such thing.

        Until it is gone the run has not ended, and keeps its cores and its memory.
        """
        if self.outcome is not None:
            return ""
        count, names = self.page["unkillable"], self.page["left_names"]
        if self.is_lost and time.monotonic() - self.lost_at > UNKILLABLE_SECONDS:
            count, names = len(self.orphans), ", ".join(str(process.pid) for process in self.orphans[:4])
        return f"still there after SIGKILL ({count}): {names}" if count else ""

    def described(self) -> dict[str, Any]:
        """What the link reports of it."""
        page = self.page
        return {
            **self.identity,
            "state": self.state,
            "start_ms": self.start_ms,
            "rss_kb": page["rss_kb"],
            "vsize_kb": page["virtual_kb"],
            "max_rss_kb": self.outcome["max_rss_kb"] if self.outcome else page["rss_max_kb"],
            "max_vsize_kb": page["virtual_max_kb"],
            "log_written_s": page["log_written_ms"] // 1000,
            "ran_ms": self.ran_ms(),
            "stuck": self.stuck(),
            "outcome": self.outcome,
            "log_name": self.shortened_log_name,
        }

    def traces(self) -> Traces:
        """By what its processes are known when its supervisor is gone."""
        numbers = self.page["members"]
        pairs = (numbers[at : at + 2] for at in range(0, len(numbers), 2))
        members = frozenset(Process(pid, ticks) for ticks, pid in pairs if pid)
        return Traces(self._log_file(), members, self.page["group"])

    def _log_file(self) -> Optional[tuple[int, int]]:
        if self.log_fd is None:
            return None
        status = os.fstat(self.log_fd)
        return status.st_dev, status.st_ino


def record_of(run: Run, boot_id: str) -> str:
    """What the book keeps of a run from the start."""
    kept = {**run.identity, "log_path": run.log_path, "accepted_ms": run.accepted_ms, "boot_id": boot_id}
    kept["start_until_s"] = run.start_until_s
    return json.dumps(kept, separators=(",", ":"))


def run_from(page: Page) -> tuple[Run, str]:
    """The run that an earlier runner accepted, and in which boot; raises ValueError, KeyError or TypeError."""
    record = json.loads(page["record"])
    run = Run(record, record["log_path"], record["accepted_ms"], page, record["start_until_s"])
    if page["phase"] == TOLD:
        run.outcome = json.loads(page["outcome"])
    return run, record["boot_id"]


def unreadable_run(page: Page) -> Run:
    """What can be said of a run whose record is damaged: its id, and how it ends. Raises ValueError without an id."""
    if not RUN_ID.fullmatch(page["run_id"]):
        raise ValueError(f"{page['run_id']!r} is no id")
    identity = {**dict.fromkeys(_NAMES, ""), "run_id": page["run_id"], "log_parts": ["", ""]}
    return Run({**identity, "core_units": 0, "memory_kb": 0, "gpus": 0}, "", 0, page)


def check_launch(launch: Mapping[str, Any]) -> None:
    """Refuse what makes no sense, before anything is done about it."""
    if not RUN_ID.fullmatch(launch["run_id"]):
        raise Refusal("INVALID_ARGUMENT", f"resource_id {launch['run_id']!r} is not an id; give a fresh UUID a run")
    if not launch["frame_id"]:
        raise Refusal("INVALID_ARGUMENT", f"run {launch['run_id']} has no frame_id")
    _check_command(launch)
    if launch["core_units"] <= 0:
        raise Refusal(
            "INVALID_ARGUMENT", f"num_cores {launch['core_units']} of frame {launch['frame_name']} is not positive"
        )
    if launch["gpus"] > GPUS_MAX:
        detail = f"frame {launch['frame_name']} wants {launch['gpus']} GPUs, which no host has"
        raise Refusal("INVALID_ARGUMENT", detail)
    if not launch["log_dir"].startswith("/"):
        raise Refusal("INVALID_ARGUMENT", f"log_dir {launch['log_dir']!r} is not an absolute path on this host")
    for part in launch["log_path"]:
        if part in ("", ".", "..") or "/" in part:
            detail = f"part {part!r} of the path of run {launch['run_id']}'s log is not the name of one folder"
            raise Refusal("INVALID_ARGUMENT", detail)
    if not any(launch["log_parts"]):
        raise Refusal("INVALID_ARGUMENT", f"run {launch['run_id']} has no name for its log")
    if launch["uid"] is not None and not 0 < launch["uid"] <= UID_MAX:
        detail = f"uid {launch['uid']}: frames do not run as root, and users have numbers from 1 to {UID_MAX}"
        raise Refusal("INVALID_ARGUMENT", detail)
    _check_texts(launch)


def _check_texts(launch: Mapping[str, Any]) -> None:
    texts = [launch["shell_text"], *launch["arguments"], *launch["wrapper"], launch["working_folder"]]
    texts += [launch["log_dir"], *launch["log_path"], *launch["log_parts"], launch["user_name"]]
    texts += [
        launch["show"],
        launch["shot"],
        launch["job_name"],
        launch["frame_name"],
        *launch["environment"],
        *launch["environment"].values(),
    ]
    if any("\0" in text for text in texts):
        raise Refusal(
            "INVALID_ARGUMENT", f"frame {launch['frame_name']}: a zero byte in the command, a name or a variable"
        )
    for name in launch["environment"]:
        if not name or "=" in name:
            raise Refusal("INVALID_ARGUMENT", f"{name!r} cannot be the name of an environment variable")


def _check_command(launch: Mapping[str, Any]) -> None:
    text, arguments, wrapper = launch["shell_text"], launch["arguments"], launch["wrapper"]
    if not text.strip() and not arguments:
        raise Refusal("INVALID_ARGUMENT", f"frame {launch['frame_name']} has no command")
    if text and arguments:
        detail = "both a text for the shell and arguments; give one of them"
        raise Refusal("INVALID_ARGUMENT", f"frame {launch['frame_name']} has {detail}")
    if any(command and not command[0] for command in (arguments, wrapper)):
        raise Refusal("INVALID_ARGUMENT", f"frame {launch['frame_name']}: the program to start has no name")
    folder = launch["working_folder"]
    if folder and not folder.startswith("/"):
        raise Refusal("INVALID_ARGUMENT", f"working folder {folder!r} is not an absolute path on this host")
