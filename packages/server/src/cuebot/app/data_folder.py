"""The folder that one farm lives in: its database, token, logs, and who runs it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from cuebot.app import file_modes, token_file


class FolderInUse(RuntimeError):
    """Another server runs on this folder."""


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """A process that cannot be mistaken for a later one with the same pid."""

    pid: int
    started: float
    """Seconds since the epoch, as the operating system says."""

    @classmethod
    def of(cls, pid: int) -> ProcessFacts:
        """The facts of a running process. Raises psutil.NoSuchProcess."""
        return cls(pid, psutil.Process(pid).create_time())

    def alive(self) -> bool:
        """This very process runs (and is no zombie)."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1.0
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        return False


class DataFolder:
    """Paths within a farm's folder, and what is kept in its small files."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.run = self.path / "run"
        self.logs = self.path / "logs"
        self.database = self.path / "farm.sqlite"
        self.token_file = self.path / "token"
        self.server_file = self.run / "server.json"

    def create(self, group: int | None = None) -> None:
        """Make the folder where it is missing, its owner's alone; or let a group read it. Raises GroupUnusable."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        folders = (self.path, self.run, self.logs)
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
        if group is not None:
            file_modes.share_folders(folders, group)
            self.share_files(group)

    def share_files(self, group: int) -> None:
        """Let a group read the files that are here, but the token. Raises GroupUnusable."""
        logs = (path for path in self.run.iterdir() if path.is_file() and not path.is_symlink())
        file_modes.share_files((*file_modes.sqlite_files(self.database), *logs), group)

    def problem(self, error: OSError) -> str:
        """What it means that this folder could not be used, and what to do."""
        place = error.filename or self.path
        return (
            f"the folder {self.path} cannot be used: {place}: {error.strerror or error}; make it writable, free some"
            " space, or use another folder with --data DIR"
        )

    def lock(self) -> IO[str]:
        """Hold the folder until the file is closed or the process ends. Raises FolderInUse with the holder's pid."""
        path = self.run / "server.lock"
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise FolderInUse(
                f"a farm runs on {self.path} already (pid {holder}); stop it with `kill {holder}`, or use another"
                " folder with --data DIR"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file

    def token(self) -> str:
        """The installation's token, made on first use and readable by its owner only. Raises TokenUnusable."""
        if not self.token_file.exists():
            fresh = self.token_file.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            token_file.make(fresh)
            fresh.rename(self.token_file)
        return token_file.read(self.token_file)

    def announce(self, *, grpc: str, http: str, agents: Sequence[str] = ()) -> None:
        """Write down where the server listens, and the agents that it keeps running: agents and tools look there."""
        facts = {"grpc": grpc, "http": http, "agents": list(agents), **asdict(ProcessFacts.of(os.getpid()))}
        _write(self.server_file, facts)

    def announced(self) -> dict[str, Any] | None:
        """Where the last server listened, if it still runs."""
        facts = _read(self.server_file)
        if facts and ProcessFacts(facts["pid"], facts["started"]).alive():
            return facts
        return None

    def last_addresses(self) -> tuple[str, str] | None:
        """gRPC and HTTP address of the last server, running or not."""
        facts = _read(self.server_file)
        return (facts["grpc"], facts["http"]) if facts else None

    def agent_spool(self, name: str) -> Path:
        """The spool folder of a local agent, which also records its process."""
        return self.run / f"agent-{name}"

    def running_agents(self) -> dict[str, ProcessFacts]:
        """Local agents that run, by name.

        The agent itself keeps its pid in its spool, because another process carries on after its runner died.
        """
        found = {}
        for lock in sorted(self.run.glob("agent-*/lock")):
            with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
                process = psutil.Process(int(lock.read_text()))
                if str(lock.parent) in process.cmdline():
                    found[lock.parent.name.removeprefix("agent-")] = ProcessFacts.of(process.pid)
        return {name: process for name, process in found.items() if process.alive()}


def _write(path: Path, facts: dict[str, Any]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(facts))
    fresh.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and {"pid", "started"} <= facts.keys() else None
