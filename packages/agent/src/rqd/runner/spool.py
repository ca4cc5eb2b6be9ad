"""The runner's books on disk: one file a run, which outlives the runner.

A run's file has up to four lines of JSON: the run as accepted, the process as started, the outcome, and that the server
has it. The run's id then goes to the file `forgotten`, so that a launch that arrives late (sent again by a server that
did not hear our answer) is not run a second time; its file serves the next run. Files are used again and not deleted
because ext4 does not take a deleted file's inode again for seconds, and looks through all of these for each new one:
with hundreds of runs a second that cost more than starting the processes.

An hour is counted by a clock that nobody can set, which begins anew with each boot; so the file `forgotten` has no
times, and what an earlier runner left in it is remembered for another hour.

Nothing is fsynced: the files have to survive the runner, not the machine. After a power cut no frame runs any more, and
the server learns that from the boot time.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
import uuid
from collections import OrderedDict
from typing import Any, Callable, Optional

REMEMBER_SECONDS = 3600
REMEMBER_RUNS_MAX = 200_000
FREE_FILES_MAX = 256
NEW = ".new"
"""The end of a file's name that is being written and then gets its own."""

Record = dict[str, Any]

_encode = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make an encoder a line


class SpoolInUse(Exception):
    """Another agent works on this spool."""


class StoredRun:
    """What a run's file says."""

    def __init__(self, lines: list[Record]) -> None:
        self.accepted: Record = lines[0]
        self.started: Optional[Record] = next((line for line in lines if "pid" in line), None)
        self.outcome: Optional[Record] = next((line for line in lines if "cause" in line), None)


def has_unsettled_runs(folder: str) -> bool:
    """Say whether a spool has runs that have not ended, or whose outcome the server does not have; locks nothing."""
    runs = os.path.join(folder, "runs")
    try:
        names = os.listdir(runs)
    except OSError:
        return False
    return any(_is_unsettled(_lines_of(os.path.join(runs, name))) for name in names if not name.endswith(NEW))


class Spool:
    """A folder that one runner owns."""

    def __init__(self, folder: str, boot_seconds: Callable[[], float]) -> None:
        self.folder = folder
        self._boot_seconds = boot_seconds
        self._runs = os.path.join(folder, "runs")
        os.makedirs(self._runs, mode=0o700, exist_ok=True)
        if os.stat(folder).st_mode & 0o777 != 0o700:
            os.chmod(folder, 0o700)
        self._lock_fd = self._lock()
        self._runs_at_start = os.stat(self._runs)
        self._paths: dict[str, str] = {}
        self._free: list[str] = []
        self._count = 0
        self._session = f"{int(time.time())}-{os.getpid()}"  # no file of an earlier runner has such a name
        self.instance = self._instance()
        self._forgotten: OrderedDict[str, float] = OrderedDict()
        self._forgotten_lines = 0
        self._forgotten_fd = self._load_forgotten()

    def is_there(self) -> bool:
        """Say whether the folder still is the one that we locked, and was not deleted under us."""
        try:
            is_ours = os.path.samestat(os.stat(os.path.join(self.folder, "lock")), os.fstat(self._lock_fd))
            return is_ours and os.path.samestat(os.stat(self._runs), self._runs_at_start)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True  # its disk does not answer, which may pass

    def accept(self, run_id: str, record: Record) -> None:
        """Note that this run is ours from now on; raises OSError where it cannot be written."""
        path = self._free.pop() if self._free else self._new_path()
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write(fd, _line(record))
        except OSError:
            self._free.append(path)
            raise
        finally:
            os.close(fd)
        self._paths[run_id] = path

    def append(self, run_id: str, record: Record) -> None:
        """Add a line to a run's file; raises OSError where it cannot be written.

        The three lines of a run nearly always share the one disk block that `accept` took, so a full disk seldom
        reaches this.
        """
        fd = os.open(self._paths[run_id], os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            _write(fd, _line(record))
        finally:
            os.close(fd)

    def write_again(self, run_id: str, records: list[Record]) -> None:
        """Write a run's file anew, of which a line is missing or torn; raises OSError where that cannot be done."""
        path = self._paths[run_id]
        fd = os.open(path + NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write(fd, b"".join(_line(record) for record in records))
        except OSError:
            os.unlink(path + NEW)
            raise
        finally:
            os.close(fd)
        os.replace(path + NEW, path)

    def forget(self, run_id: str) -> None:
        """Drop a run that the server has on its own disk, and remember its id for an hour; raises OSError."""
        self._forgotten[run_id] = self._boot_seconds()
        with contextlib.suppress(OSError):  # the server does not launch again what it has the end of
            os.write(self._forgotten_fd, f"{run_id}\n".encode())
            self._forgotten_lines += 1
        try:
            self.append(run_id, {"forgotten": True})
        except OSError:
            os.truncate(self._paths[run_id], 0)  # says the same, and needs no room
        path = self._paths.pop(run_id)
        if len(self._free) < FREE_FILES_MAX:
            self._free.append(path)
        else:
            os.unlink(path)
        self._expire_forgotten()

    def has_forgotten(self, run_id: str) -> bool:
        """Say whether this run ended here within the last hour."""
        forgotten_at = self._forgotten.get(run_id)
        return forgotten_at is not None and self._boot_seconds() - forgotten_at < REMEMBER_SECONDS

    def boot_time(self, boot_id: str) -> int:
        """When this boot of the machine was, in seconds since 1970: as it looked to the first agent of the boot.

        It is only computed once, because the clock that it is read off may be set, and a later time would look to the
        server like another boot, in which no run of before goes on.
        """
        path = os.path.join(self.folder, "boot")
        try:
            with open(path, encoding="ascii") as file:
                known_id, _, seconds = file.read().strip().partition(" ")
            if known_id == boot_id and seconds.isdigit():
                return int(seconds)
        except (FileNotFoundError, ValueError):
            pass  # a new spool, or one whose disk was full when it was new
        booted_at = max(0, int(time.time() - self._boot_seconds()))
        # On a full disk this runner knows it all the same.
        with contextlib.suppress(OSError), open(path, "w", encoding="ascii") as file:
            file.write(f"{boot_id} {booted_at}\n")
        return booted_at

    def note_watched(self, record: Record) -> None:
        """Keep what is known at a moment at which all runs are watched; raises OSError where it cannot be written."""
        path = os.path.join(self.folder, "watched")
        with open(path + NEW, "wb") as file:
            file.write(_line(record))
        os.replace(path + NEW, path)

    def watched(self) -> Record:
        """What was kept last; empty where nothing was."""
        try:
            with open(os.path.join(self.folder, "watched"), encoding="utf-8") as file:
                return next(iter(_whole_lines(file.read())), {})
        except (OSError, ValueError):
            return {}

    def load(self) -> dict[str, StoredRun]:
        """Read the files that an earlier runner left behind."""
        found = {}
        for name in os.listdir(self._runs):
            path = os.path.join(self._runs, name)
            lines = [] if name.endswith(NEW) else _lines_of(path)
            if not _is_unsettled(lines):
                with contextlib.suppress(OSError):  # a disk that takes nothing any more
                    os.unlink(path)
                continue
            run_id = lines[0]["run_id"]
            self._paths[run_id] = path
            found[run_id] = StoredRun(lines)
        return found

    def _new_path(self) -> str:
        self._count += 1
        return os.path.join(self._runs, f"{self._session}-{self._count}.jsonl")

    def _lock(self) -> int:
        path = os.path.join(self.folder, "lock")
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            if problem.errno != errno.EROFS:
                raise
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # what an earlier runner left is ended all the same
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise SpoolInUse(
                f"an agent already works on {self.folder}: process {pid}. Stop it, or give this one another --spool"
            ) from None
        with contextlib.suppress(OSError):
            # In place, as far as it can be: on a full disk a new block might not be had.
            os.ftruncate(fd, os.pwrite(fd, f"{os.getpid()}\n".encode(), 0))
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
                now = self._boot_seconds()
                for line in file:
                    if words := line.split():
                        self._forgotten[words[-1]] = now  # before the id, older agents wrote the time of day
        except FileNotFoundError:
            pass
        return self._rewrite_forgotten()

    def _expire_forgotten(self) -> None:
        oldest_wanted = self._boot_seconds() - REMEMBER_SECONDS
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
        oldest_wanted = self._boot_seconds() - REMEMBER_SECONDS
        self._forgotten = OrderedDict(
            (run_id, stamp) for run_id, stamp in self._forgotten.items() if stamp >= oldest_wanted
        )
        with contextlib.suppress(OSError):  # a full disk: the longer file serves as well
            with open(path + NEW, "w", encoding="ascii", errors="replace") as file:
                file.writelines(f"{run_id}\n" for run_id in self._forgotten)
            os.replace(path + NEW, path)
        self._forgotten_lines = len(self._forgotten)
        try:
            return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            if problem.errno != errno.EROFS:
                raise
            return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)


def _line(record: Record) -> bytes:
    return _encode(record).encode() + b"\n"


def _write(fd: int, data: bytes) -> None:
    """Write all of it; raises OSError, also where only a part found room."""
    if os.write(fd, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _lines_of(path: str) -> list[Record]:
    """Parse a run's file; a file that is gone has none."""
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8", errors="replace") as file:
        return _whole_lines(file.read())
    return []


def _is_unsettled(lines: list[Record]) -> bool:
    """Without a whole line the runner died before it could have answered the launch; else the last line decides."""
    return bool(lines) and lines[0].get("run_id") is not None and "forgotten" not in lines[-1]


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
