"""The runner's books on disk: one file a run, which outlives the runner.

A run's file has up to three lines of JSON: the run as accepted, the process as started, the outcome. It is deleted
when the server has the outcome, and the run's id goes to the file `forgotten`, so that a launch that arrives late (sent
again by a server that did not hear our answer) is not run a second time.

Nothing is fsynced: the files have to survive the runner, not the machine. After a power cut no frame runs any more, and
the server learns that from the boot time.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
from collections import OrderedDict
from typing import Any, Optional

REMEMBER_SECONDS = 3600
REMEMBER_RUNS_MAX = 200_000

Record = dict[str, Any]


class SpoolInUse(Exception):
    """Another agent works on this spool."""


class StoredRun:
    """What a run's file says."""

    def __init__(self, lines: list[Record]) -> None:
        self.accepted: Record = lines[0]
        self.started: Optional[Record] = next((line for line in lines if "pid" in line), None)
        self.outcome: Optional[Record] = next((line for line in lines if "cause" in line), None)


class Spool:
    """A folder that one runner owns."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._runs = os.path.join(folder, "runs")
        os.makedirs(self._runs, mode=0o700, exist_ok=True)
        os.chmod(folder, 0o700)
        self._lock_fd = self._lock()
        self.instance = self._instance()
        self._forgotten: OrderedDict[str, float] = OrderedDict()
        self._forgotten_lines = 0
        self._forgotten_fd = self._load_forgotten()

    def accept(self, run_id: str, record: Record) -> None:
        """Note that this run is ours from now on; raises OSError where it cannot be written."""
        fd = os.open(self._path(run_id), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, _line(record))
        except OSError:
            os.unlink(self._path(run_id))
            raise
        finally:
            os.close(fd)

    def append(self, run_id: str, record: Record) -> None:
        """Add a line to a run's file; raises OSError where it cannot be written.

        The three lines of a run nearly always share the one disk block that `accept` took, so a full disk seldom
        reaches this.
        """
        fd = os.open(self._path(run_id), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            os.write(fd, _line(record))
        finally:
            os.close(fd)

    def forget(self, run_id: str) -> None:
        """Drop a run that the server has on its own disk, and remember its id for an hour."""
        self._forgotten[run_id] = time.time()
        os.write(self._forgotten_fd, f"{int(time.time())} {run_id}\n".encode())
        self._forgotten_lines += 1
        os.unlink(self._path(run_id))
        self._expire_forgotten()

    def has_forgotten(self, run_id: str) -> bool:
        """Say whether this run ended here within the last hour."""
        forgotten_at = self._forgotten.get(run_id)
        return forgotten_at is not None and time.time() - forgotten_at < REMEMBER_SECONDS

    def load(self) -> dict[str, StoredRun]:
        """Read the files that an earlier runner left behind."""
        found = {}
        for run_id in os.listdir(self._runs):
            with open(self._path(run_id), encoding="utf-8", errors="replace") as file:
                lines = _whole_lines(file.read())
            if lines:
                found[run_id] = StoredRun(lines)
            else:
                os.unlink(self._path(run_id))  # the runner died before it could have answered the launch
        return found

    def _path(self, run_id: str) -> str:
        return os.path.join(self._runs, run_id)

    def _lock(self) -> int:
        fd = os.open(os.path.join(self.folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise SpoolInUse(
                f"an agent already works on {self.folder}: process {pid}. Stop it, or give this one another --spool"
            ) from None
        os.ftruncate(fd, 0)
        os.write(fd, f"{os.getpid()}\n".encode())
        return fd

    def _instance(self) -> str:
        path = os.path.join(self.folder, "instance")
        try:
            with open(path, encoding="ascii") as file:
                return str(uuid.UUID(file.read().strip()))
        except (FileNotFoundError, ValueError):
            pass  # a new spool, or one whose disk was full when it was new
        instance = str(uuid.uuid4())
        with open(path, "w", encoding="ascii") as file:
            file.write(instance + "\n")
        return instance

    def _load_forgotten(self) -> int:
        path = os.path.join(self.folder, "forgotten")
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    stamp, _, run_id = line.strip().partition(" ")
                    if stamp.isdigit() and run_id:
                        self._forgotten[run_id] = float(stamp)
        except FileNotFoundError:
            pass
        return self._rewrite_forgotten()

    def _expire_forgotten(self) -> None:
        oldest_wanted = time.time() - REMEMBER_SECONDS
        while self._forgotten:
            run_id, stamp = next(iter(self._forgotten.items()))
            if stamp >= oldest_wanted and len(self._forgotten) <= REMEMBER_RUNS_MAX:
                break
            del self._forgotten[run_id]
        if self._forgotten_lines > 2 * len(self._forgotten) + 1000:
            os.close(self._forgotten_fd)
            self._forgotten_fd = self._rewrite_forgotten()

    def _rewrite_forgotten(self) -> int:
        path = os.path.join(self.folder, "forgotten")
        oldest_wanted = time.time() - REMEMBER_SECONDS
        self._forgotten = OrderedDict(
            (run_id, stamp) for run_id, stamp in self._forgotten.items() if stamp >= oldest_wanted
        )
        with open(path + ".new", "w", encoding="ascii", errors="replace") as file:
            file.writelines(f"{int(stamp)} {run_id}\n" for run_id, stamp in self._forgotten.items())
        os.replace(path + ".new", path)
        self._forgotten_lines = len(self._forgotten)
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)


def _line(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _whole_lines(text: str) -> list[Record]:
    """Parse the lines that were written to their end; a full disk or a power cut can tear the last one."""
    lines = []
    for line in text.split("\n"):
        try:
            record = json.loads(line)
        except ValueError:
            break
        if not isinstance(record, dict):
            break
        lines.append(record)
    return lines
