"""Reading /proc: one system call a fact, because some of this runs for every frame."""

from __future__ import annotations

import os
from typing import NamedTuple, Optional

from rqd.platform.port import RUN_ID_VARIABLE

_RUN_ID = RUN_ID_VARIABLE.encode() + b"="
_DEAD = (b"Z", b"X")


class Stat(NamedTuple):
    """What /proc/PID/stat says of a process at one moment."""

    is_dead: bool
    is_stopped: bool
    parent: int
    group: int
    session: int
    start_ticks: int


def read(path: str) -> bytes:
    """Read a file of /proc; empty where the process is gone or is none of ours."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # a third of the cost of a file object
    except OSError:
        return b""
    chunks = []
    try:
        while chunk := os.read(fd, 65536):
            chunks.append(chunk)
    except OSError:
        return b""
    finally:
        os.close(fd)
    return b"".join(chunks)


def number_after(data: bytes, label: bytes) -> int:
    """The number that follows a label; 0 where there is none."""
    words = data.partition(label)[2].split(None, 1)
    return int(words[0]) if words else 0


def all_pids() -> list[int]:
    """Every process that there is."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def stat(pid: int) -> Optional[Stat]:
    """Say what a process is; nothing where there is none. A command's name may hold blanks and brackets."""
    data = read(f"/proc/{pid}/stat")
    fields = data[data.rfind(b")") + 2 :].split(None, 20)
    if len(fields) < 20:
        return None
    state, parent, group, session = fields[:4]
    return Stat(state in _DEAD, state in b"Tt", int(parent), int(group), int(session), int(fields[19]))


def start_ticks(pid: int) -> Optional[int]:
    """When a process started, in ticks since the boot."""
    found = stat(pid)
    return found.start_ticks if found is not None else None


def children(pid: int) -> Optional[list[int]]:
    """The children of a process with one thread, dead ones too; None where this kernel does not tell.

    Complete where the process is ourselves: none of our children can vanish while we read.
    """
    try:
        fd = os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        data = b""
        while chunk := os.read(fd, 65536):
            data += chunk
    finally:
        os.close(fd)
    return [int(word) for word in data.split()]


def run_id(pid: int) -> str:
    """The run's id in a process's environment, as it was when the program began; empty where there is none."""
    environment = read(f"/proc/{pid}/environ")
    at = 0 if environment.startswith(_RUN_ID) else environment.find(b"\0" + _RUN_ID) + 1
    if at == 0 and not environment.startswith(_RUN_ID):
        return ""
    return environment[at + len(_RUN_ID) :].partition(b"\0")[0].decode("ascii", "replace")


def outputs(pid: int) -> list[tuple[int, int]]:
    """The files (device and inode) that are a process's standard output and standard error."""
    found = []
    for fd in (1, 2):
        try:
            status = os.stat(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        found.append((status.st_dev, status.st_ino))
    return found
