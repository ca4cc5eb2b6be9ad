"""A terminal in which the commands of a page are typed as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil

END = "--- the end of a command, with status"
PATIENCE_SECONDS = 60.0


class Terminal:
    """One shell in a folder of its own, with our commands on its PATH; `theirs` on a page is `ours` here."""

    def __init__(self, folder: Path, here: dict[str, str], environment: dict[str, str] | None = None) -> None:
        self.folder, self.here = folder, here
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CUEBOT_", "CUEFARM_"))}
        kept["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}"
        self.shell = subprocess.Popen(
            [shutil.which("bash") or "bash", "--norc", "--noprofile"],
            cwd=folder,
            env={**kept, "HOME": str(folder), **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def type(self, line: str) -> tuple[int, str]:
        """Type a line; its exit status and what it printed. A server that it starts is waited for."""
        for theirs, ours in self.here.items():
            line = line.replace(theirs, ours)
        log = self.folder / "serve.log"
        starts_a_server = line.endswith(f"> {log.name} 2>&1 &")
        if starts_a_server:
            log.write_text("")
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.write(f"{line}\nstatus=$?; echo; echo '{END}' $status\n")
        self.shell.stdin.flush()
        told: list[str] = []
        for came in self.shell.stdout:
            if came.startswith(END):
                break
            told.append(came)
        else:
            raise AssertionError(f"the shell ended at {line!r}: {''.join(told)}")
        if starts_a_server:
            _wait_for_server(log)
        return int(came.removeprefix(END)), "".join(told)

    def close(self) -> None:
        """End the shell and whatever it started."""
        started = psutil.Process(self.shell.pid).children(recursive=True)
        self.shell.kill()
        self.shell.wait(10)
        for process in started:
            try:
                process.terminate()
            except psutil.NoSuchProcess:
                continue
        for process in psutil.wait_procs(started, timeout=20)[1]:
            process.kill()


def _wait_for_server(log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "cuefarm serves" not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def dialogue(block: str) -> list[tuple[str, list[str]]]:
    """The commands of a block, each with the lines that it prints."""
    told: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            told.append((line[2:], []))
        elif line:
            told[-1][1].append(line)
    return told


def missing(lines: list[str], words: str) -> list[str]:
    """The lines of a page that did not come, in their order; `…` stands for anything."""
    came = [" ".join(line.split()) for line in words.splitlines()]
    left = []
    for line in lines:
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")))
        at = next((number for number, text in enumerate(came) if pattern.fullmatch(text)), None)
        if at is None:
            left.append(line)
        else:
            came = came[at + 1 :]
    return left
