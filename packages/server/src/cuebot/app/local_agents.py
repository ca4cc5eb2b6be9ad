"""Agents that `cuefarm up` runs on its own machine: started, taken over after a crash, ended with the farm."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable

import psutil

from cuebot.app.data_folder import DataFolder, ProcessFacts

ORPHAN_EXIT_SECONDS = 600
"""A local agent without a server ends itself when it has been idle so long."""


def ensure(folder: DataFolder, count: int, *, log_level: str) -> dict[str, ProcessFacts]:
    """Have `count` agents run: those of an earlier server go on, missing ones are started."""
    running = folder.running_agents()
    names = _names(count)
    for name in names:
        if name not in running:
            running[name] = _start(folder, name, count, log_level)
    return {name: running[name] for name in names}


def _names(count: int) -> list[str]:
    host = socket.gethostname().split(".")[0]
    return [host] if count == 1 else [f"{host}-{number}" for number in range(1, count + 1)]


def _start(folder: DataFolder, name: str, count: int, log_level: str) -> ProcessFacts:
    command = [
        sys.executable,
        "-m",
        "rqd",
        "--name",
        name,
        "--server-file",
        str(folder.server_file),
        "--token-file",
        str(folder.token_file),
        "--spool",
        str(folder.agent_spool(name)),
        "--port",
        "0",
        "--orphan-exit-after",
        str(ORPHAN_EXIT_SECONDS),
        "--log-level",
        log_level,
    ]
    if count > 1:  # they share this machine
        memory = psutil.virtual_memory().total
        command += ["--cores", f"{(os.cpu_count() or 1) / count:g}", "--memory-gb", f"{memory / 2**30 / count:.3f}"]
    log = folder.run / f"agent-{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=folder.path,
        )
    return ProcessFacts.of(process.pid)


def stop(agents: Iterable[ProcessFacts], patience_s: float) -> list[ProcessFacts]:
    """End agents with SIGTERM and wait. Returns those that still run."""
    left = [agent for agent in agents if agent.alive()]
    for agent in left:
        os.kill(agent.pid, signal.SIGTERM)
    return wait_ended(left, patience_s)


def wait_ended(agents: Iterable[ProcessFacts], patience_s: float) -> list[ProcessFacts]:
    """Wait until processes have ended. Returns those that still run."""
    deadline = time.monotonic() + patience_s
    left = list(agents)
    while left and time.monotonic() < deadline:
        _reap()
        left = [agent for agent in left if agent.alive()]
        if left:
            time.sleep(0.02)
    return left


def _reap() -> None:
    """Collect ended children, so that they are not zombies."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
