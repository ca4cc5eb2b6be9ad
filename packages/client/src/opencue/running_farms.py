"""The farms that a user runs on this machine: servers write themselves down, clients that were told nothing look here.

A server keeps one small file for as long as it runs, in a folder that only its user can enter: `cuefarm/farms` under
$XDG_RUNTIME_DIR, or ~/.cache where there is none. A file counts only while the process that it names runs (a process
is its id and its start time), and only where folder and file belong to the user who asks.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

DEFAULT_ADDRESS = "localhost:8443"
_FILE_BYTES_MAX = 65_536
_LOOK_SECONDS = 0.5


class RunningFarm(NamedTuple):
    """A server of this user on this machine."""

    address: str
    """HOST:PORT of its gRPC."""
    place: str
    """Its folder, or its database: what a person knows it by."""
    pid: int
    token_file: str = ""
    """Where its token lies; empty where it does not say."""
    http: str = ""
    """HOST:PORT of its HTTP; empty where it does not say."""


def found() -> list[RunningFarm]:
    """List this user's farms that run on this machine, the oldest process first."""
    farms = {}
    for folder in _folders():
        if not _is_ours_alone(folder):
            continue
        for path in folder.glob("*.json"):
            farm = _read(path)
            if farm is not None:
                farms[farm.pid] = farm
    return [farms[pid] for pid in sorted(farms)]


@contextlib.contextmanager
def announced(address: str, place: str, token_file: str = "", http: str = "") -> Iterator[None]:
    """Let this process be found as a farm, as long as the block runs. Where no file can be written it is not found."""
    path = None
    with contextlib.suppress(OSError):
        path = _write(address, place, token_file, http)
    try:
        yield
    finally:
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()


def is_default(address: str) -> bool:
    """Whether clients go to this address when they are told nothing."""
    host, _, port = address.rpartition(":")
    return port == DEFAULT_ADDRESS.rpartition(":")[2] and host in ("localhost", "127.0.0.1", "[::1]")


def something_listens(address: str) -> bool:
    """Whether anything takes connections there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _LOOK_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True


# --- the files -----------------------------------------------------------------------------------------------------


def _folders() -> list[Path]:
    """Where files may lie, the best place first. A login and a service of one user may have different ones."""
    if os.name != "posix":
        return []  # no server runs there
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return [Path(base) / "cuefarm" / "farms" for base in (runtime, cache) if base and os.path.isabs(base)]


def _write(address: str, place: str, token_file: str, http: str) -> Optional[Path]:
    pid = os.getpid()
    host = socket.gethostname()
    facts: dict[str, Any] = {"grpc": address, "http": http, "place": place, "token_file": token_file}
    facts |= {"pid": pid, "started": _started(pid)}
    for folder in _folders():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_ours_alone(folder):
                continue
            _drop_stale(folder, host)
            path = folder / f"{host}-{pid}.json"
            fresh = path.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(facts, file)
            fresh.replace(path)
            return path
        except OSError:
            continue
    return None


def _read(path: Path) -> Optional[RunningFarm]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        facts = os.fstat(fd)
        if facts.st_uid != os.geteuid() or not stat.S_ISREG(facts.st_mode):
            return None
        try:
            content = json.loads(file.read(_FILE_BYTES_MAX))
            token_file = str(content.get("token_file", ""))
            place, http = str(content["place"]), str(content.get("http", ""))
            farm = RunningFarm(str(content["grpc"]), place, int(content["pid"]), token_file, http)
            started = content["started"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
    now = _started(farm.pid)
    return farm if now is not None and started == now else None


def _drop_stale(folder: Path, host: str) -> None:
    """Remove what killed servers of this machine have left; a home folder may be shared with other machines."""
    for path in folder.glob(f"{glob.escape(host)}-*.json"):
        if _read(path) is None:
            with contextlib.suppress(OSError):
                path.unlink()


def _is_ours_alone(folder: Path) -> bool:
    """A folder of this user (no link to another) into which nobody else can write."""
    try:
        facts = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o022


def _started(pid: int) -> Optional[str]:
    """When a process was started, in whatever unit its system counts; None where it does not run or none is known."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return f"{boot} {fields[19]}" if len(fields) > 19 and fields[0] not in "ZX" else None
